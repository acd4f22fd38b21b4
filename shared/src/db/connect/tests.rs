//! What a URL means as a whole; each of its two forms, and TLS, is tested beside its own module.

use std::time::Duration;

use super::*;
use proptest::prelude::*;

fn parse(url: &str) -> Endpoint {
    Endpoint::parse(url).unwrap()
}

fn refusal(url: &str) -> String {
    Endpoint::parse(url).unwrap_err().to_string()
}

#[test]
fn both_forms_of_a_url_mean_the_same() {
    let url = parse("postgres://ann:p%40ss%20word@db.example:6432/chat?connect_timeout=9");
    let pairs = parse(r"host=db.example port=6432 user=ann password='p@ss word' dbname = chat connect_timeout=9");
    assert_eq!(url.config(), pairs.config());
    assert_eq!(url.config().get_password(), Some(b"p@ss word".as_slice()));
    assert_eq!(url.config().get_connect_timeout(), Some(&Duration::from_secs(9)));
}

#[test]
fn what_the_url_leaves_open_has_a_default() {
    let endpoint = parse("postgres://db.example");
    let config = endpoint.config();
    assert_eq!(config.get_connect_timeout(), Some(&Duration::from_secs(5)));
    assert_eq!(config.get_application_name(), Some("confab"));
    assert!(config.get_keepalives());
    assert_eq!(config.get_ssl_mode(), SslMode::Prefer);
}

#[test]
fn an_explicit_value_beats_a_default() {
    let endpoint = parse("postgres://db.example?application_name=psql&keepalives=0");
    assert_eq!(endpoint.config().get_application_name(), Some("psql"));
    assert!(!endpoint.config().get_keepalives());
}

#[test]
fn an_empty_value_is_none() {
    for url in [
        "host=db dbname='' connect_timeout=''",
        "postgres://:@db/?dbname=&connect_timeout=",
    ] {
        assert_eq!(parse(url).config(), parse("host=db").config(), "{url}");
    }
}

#[test]
fn a_unix_socket_carries_no_tls_in_any_mode() {
    for url in [
        "postgres://ann@%2Frun%2Fpostgresql/chat?sslmode=verify-full",
        "postgres:///chat?host=%2Frun%2Fpostgresql&user=ann&sslmode=require",
        "postgres:///chat?host=/run/postgresql&user=ann",
        "host=/run/postgresql user=ann dbname=chat sslmode=verify-full",
    ] {
        let endpoint = parse(url);
        assert_eq!(
            endpoint.config().get_hosts(),
            [Host::Unix("/run/postgresql".into())],
            "{url}"
        );
        assert_eq!(endpoint.config().get_ssl_mode(), SslMode::Disable, "{url}");
        assert_eq!(endpoint.config().get_dbname(), Some("chat"), "{url}");
    }
}

#[test]
fn an_address_serves_as_the_name_to_verify() {
    let endpoint = parse("hostaddr=10.0.0.7,::1 user=ann");
    assert_eq!(
        endpoint.config().get_hosts(),
        [Host::Tcp("10.0.0.7".into()), Host::Tcp("::1".into())]
    );
}

#[test]
fn a_url_without_a_host_is_refused() {
    for url in [
        "",
        "postgres://",
        "postgres:///chat",
        "user=ann",
        "postgres://ann@:5432/chat",
    ] {
        assert!(matches!(Endpoint::parse(url), Err(EndpointError::NoHost)), "{url}");
    }
}

#[test]
fn a_refusal_names_the_parameter_its_value_and_what_to_write() {
    for (url, expected) in [
        ("host=db port=http", "`port` is `http`: numbers from 1 to 65535"),
        ("postgres://db?keepalives=on", "`keepalives` is `on`: 0 or 1"),
        (
            "postgres://db?sslmode=full",
            "`sslmode` is `full`: disable, allow, prefer",
        ),
        (
            "postgres://ann:secret@db?pgbouncer=true",
            "unknown parameter `pgbouncer`",
        ),
        ("host=db host=other", "`host` is given twice"),
        ("postgres://ann@db?user=bob", "`user` is given twice"),
    ] {
        let refusal = refusal(url);
        assert!(refusal.contains(expected), "{url}: {refusal}");
    }
}

#[test]
fn a_password_that_was_not_encoded_is_not_shown() {
    for url in [
        "postgres://ann:hush",
        "postgres://ann:hush/hush@db/chat",
        "postgres://ann:hush?hush=1@db/chat",
        "postgres://ann:hush@hush@db/chat",
        "postgres://ann:hush%zz@db/chat",
        "postgres://db/chat?password=hush&hush=1",
        "postgres://db/chat?password=&hush=1",
        "postgres//ann:hush@db/chat?x=1",
        "mysql://ann:hush@db/chat?x=1",
        "host=db password=my hush",
        "host=db password=my hush=1",
        "host=db password='hush",
        "host=db password=hush password=hush",
    ] {
        let error = Endpoint::parse(url).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hush"), "{url}: {error:?}");
    }
}

proptest! {
    #[test]
    fn parsing_never_panics(text in any::<String>(), tail in any::<String>()) {
        let _ = Endpoint::parse(&text);
        let _ = Endpoint::parse(&format!("postgres://{tail}"));
        let _ = Endpoint::parse(&format!("host={tail}"));
    }

    #[test]
    fn nothing_printed_contains_the_password(
        before in "\\PC{0,4}",
        after in "\\PC{0,8}",
        tail in "[a-z=&/@?%': ]{0,12}",
    ) {
        let password = format!("{before}hush{after}");
        for url in [
            format!("postgres://ann:{password}@db/chat{tail}"),
            format!("postgres://db/chat?password={password}{tail}"),
            format!("host=db password={password} {tail}"),
        ] {
            let printed = match Endpoint::parse(&url) {
                Ok(endpoint) => format!("{endpoint:?}"),
                Err(error) => format!("{error} {error:?}"),
            };
            prop_assert!(!printed.contains("hush"), "{url}: {printed}");
        }
    }

    #[test]
    fn an_encoded_password_arrives_as_it_was(password in "[^\0]{1,24}") {
        let encoded = password.bytes().fold(String::new(), |text, byte| format!("{text}%{byte:02X}"));
        let quoted = password.replace('\\', r"\\").replace('\'', r"\'");
        for url in [
            format!("postgres://ann:{encoded}@db/chat"),
            format!("postgres://db/chat?user=ann&password={encoded}"),
            format!("host=db dbname=chat user=ann password='{quoted}'"),
        ] {
            let endpoint = parse(&url);
            prop_assert_eq!(endpoint.config().get_password(), Some(password.as_bytes()));
        }
    }
}
