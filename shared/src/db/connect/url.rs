//! libpq's second form: `postgres://user:password@host:port,host:port/name?key=value`.

use super::EndpointError;
use super::parameters::Parameters;

pub(super) fn strip_scheme(text: &str) -> Option<&str> {
    text.strip_prefix("postgres://")
        .or_else(|| text.strip_prefix("postgresql://"))
}

/// Reads what follows the scheme.
pub(super) fn parse(rest: &str) -> Result<Parameters, EndpointError> {
    let (user, rest) = split_user(rest)?;
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (hosts, database) = place.split_once('/').unwrap_or((place, ""));
    let mut parameters = Parameters::default();
    // The query comes first: what follows a `password` in it may be a piece of that, what follows the one before the host
    // may not, and only there an unknown name is shown.
    add_query(&mut parameters, query)?;
    add_user(&mut parameters, user)?;
    add_hosts(&mut parameters, hosts)?;
    add_part(&mut parameters, "dbname", database)?;
    Ok(parameters)
}

/// Where user and password end decides what is secret, so a URL that can be read in two ways is refused.
fn split_user(rest: &str) -> Result<(&str, &str), EndpointError> {
    match rest.rsplit_once('@') {
        None => Ok(("", rest)),
        Some((user, _)) if user.contains(['@', '/', '?']) => Err(EndpointError::Malformed(
            "only one `@` may be in it, the one before the host, and no `/` or `?` before that; in a password or another \
             value write `%40`, `%2F`, `%3F`",
        )),
        Some(both) => Ok(both),
    }
}

fn add_query(parameters: &mut Parameters, query: &str) -> Result<(), EndpointError> {
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair
            .split_once('=')
            .ok_or(EndpointError::Malformed("after `?` there is a parameter without `=`"))?;
        add(parameters, name, value)?;
    }
    Ok(())
}

fn add_user(parameters: &mut Parameters, user: &str) -> Result<(), EndpointError> {
    let (user, password) = user.split_once(':').unwrap_or((user, ""));
    add_part(parameters, "user", user)?;
    add_part(parameters, "password", password)
}

fn add_hosts(parameters: &mut Parameters, hosts: &str) -> Result<(), EndpointError> {
    let (names, ports): (Vec<_>, Vec<_>) = hosts.split(',').map(split_port).unzip();
    // What stands there in a URL without `@` may be a password, so that it is not shown as the value of `port` would be.
    if !ports.iter().all(|port| port.is_empty() || port.parse::<u16>().is_ok()) {
        return Err(EndpointError::Malformed(
            "after the host's `:` a port number is expected (user and password come before an `@`, an IPv6 address is \
             written in brackets)",
        ));
    }
    add_part(parameters, "host", &names.join(","))?;
    if ports.iter().all(|port| port.is_empty()) {
        return Ok(());
    }
    add(parameters, "port", &ports.join(","))
}

/// `host`, `host:port`, `[address]` or `[address]:port`.
fn split_port(host: &str) -> (&str, &str) {
    let (name, port) = match host.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        Some((address, port)) => (address, port),
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    (name, port.strip_prefix(':').unwrap_or(port))
}

/// Adds what stands before the `?`, where every part may be missing.
fn add_part(parameters: &mut Parameters, name: &str, encoded: &str) -> Result<(), EndpointError> {
    if encoded.is_empty() {
        Ok(())
    } else {
        add(parameters, name, encoded)
    }
}

fn add(parameters: &mut Parameters, name: &str, encoded: &str) -> Result<(), EndpointError> {
    let name = parameters.expect_new(name)?;
    let value = decode(encoded).ok_or(EndpointError::Encoding { name: name.text })?;
    parameters.add(name, value);
    Ok(())
}

/// None if a `%` encodes no byte, or NUL (which the protocol can't carry), or the result is not UTF-8.
fn decode(encoded: &str) -> Option<String> {
    let mut bytes = encoded.bytes();
    let mut decoded = Vec::with_capacity(encoded.len());
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' {
            decode_byte(bytes.next()?, bytes.next()?)?
        } else {
            byte
        });
    }
    String::from_utf8(decoded).ok()
}

fn decode_byte(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(high)? << 4 | digit(low)?).filter(|byte| *byte != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value_of(name: &str, rest: &str) -> Option<String> {
        parse(rest).unwrap().take(name)
    }

    #[test]
    fn several_hosts_keep_their_ports() {
        let rest = "ann@one:1,[::1]:2,three/chat";
        assert_eq!(value_of("host", rest).as_deref(), Some("one,::1,three"));
        assert_eq!(value_of("port", rest).as_deref(), Some("1,2,"));
    }

    #[test]
    fn a_port_in_the_query_serves_hosts_without_one() {
        assert_eq!(value_of("port", "one,two/chat?port=7").as_deref(), Some("7"));
    }

    #[test]
    fn every_part_may_be_encoded() {
        let rest = "a%3Ab:%2F%3a@%2Frun%2Fpg/my%20chat?options=-c%20x%3d1";
        assert_eq!(value_of("user", rest).as_deref(), Some("a:b"));
        assert_eq!(value_of("password", rest).as_deref(), Some("/:"));
        assert_eq!(value_of("host", rest).as_deref(), Some("/run/pg"));
        assert_eq!(value_of("dbname", rest).as_deref(), Some("my chat"));
        assert_eq!(value_of("options", rest).as_deref(), Some("-c x=1"));
    }

    #[test]
    fn what_encodes_nothing_is_refused() {
        for password in ["%", "%4", "%zz", "%00", "%ff", "%+1"] {
            let refusal = parse(&format!("ann:{password}@db")).err();
            assert!(
                matches!(refusal, Some(EndpointError::Encoding { name: "password" })),
                "{password}"
            );
        }
    }
}
