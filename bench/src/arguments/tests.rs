use super::*;

fn parse(arguments: &str) -> Arguments {
    Arguments::try_parse_from(["bench"].into_iter().chain(arguments.split_whitespace())).unwrap()
}

#[test]
fn the_websocket_api_is_below_the_base_unless_it_is_given() {
    assert_eq!(parse("--base http://example.com/").target().ws, "ws://example.com/ws");
    assert_eq!(
        parse("--ws ws://example.com/stage").target().ws,
        "ws://example.com/stage"
    );
}

#[test]
fn a_rate_beyond_what_the_users_may_send_is_refused_up_front() {
    let error = parse("--users 20 --rate 201").check().unwrap_err();
    assert!(error.contains("--rate 201") && error.contains("20 users"), "{error}");
    parse("--users 20 --rate 200").check().unwrap();
    parse("--users 20 --rate 201 --send-limit 0").check().unwrap();
    parse("--group 10 --rate 101").check().unwrap_err();
    parse("--ping 1").check().unwrap();
}

#[test]
fn a_url_without_a_scheme_or_with_tls_is_refused() {
    for arguments in [
        "--base localhost:8080",
        "--base https://example.com",
        "--ws wss://example.com",
    ] {
        parse(arguments).check().unwrap_err();
    }
}

#[test]
fn users_write_in_pairs() {
    parse("--users 3 --rate 1").check().unwrap_err();
    parse("--users 0 --rate 1").check().unwrap_err();
}

#[test]
fn idle_sockets_are_spread_over_users() {
    let arguments = parse("--idle 10000");
    assert_eq!(arguments.measurement(), Measurement::Idle(10_000, 25));
    assert_eq!(arguments.accounts(), 400);
}

#[test]
fn one_thing_is_measured_at_a_time() {
    for arguments in [
        "--idle 1 --ping 1",
        "--group 2 --mixed",
        "--idle 5 --find-knee",
        "--rate 0",
        "--rate NaN",
        "--secs inf",
        "--warm-up=-1",
        "--bytes 4",
    ] {
        let words = ["bench"].into_iter().chain(arguments.split_whitespace());
        assert!(Arguments::try_parse_from(words).is_err(), "{arguments}");
    }
}
