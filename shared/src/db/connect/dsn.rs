//! libpq's first form: `host=localhost password='it\'s long'`.

use super::EndpointError;
use super::parameters::Parameters;

pub(super) fn parse(text: &str) -> Result<Parameters, EndpointError> {
    let mut parameters = Parameters::default();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=').ok_or(EndpointError::Malformed(
            "it is neither a URL that begins with `postgres://` nor a list of `key=value` pairs (a value with spaces is \
             written in single quotes)",
        ))?;
        let name = parameters.expect_new(name.trim_end())?;
        let (value, after) = take_value(after.trim_start())?;
        parameters.add(name, value);
        rest = after.trim_start();
    }
    Ok(parameters)
}

/// One pair, quoted so that any value survives.
pub(super) fn format(name: &str, value: &str) -> String {
    let quoted = value.replace('\\', r"\\").replace('\'', r"\'");
    format!("{name}='{quoted}' ")
}

/// A value and what follows it.
fn take_value(text: &str) -> Result<(String, &str), EndpointError> {
    let (quoted, text) = match text.strip_prefix('\'') {
        Some(inner) => (true, inner),
        None => (false, text),
    };
    let mut value = String::new();
    let mut rest = text.chars();
    loop {
        match rest.next() {
            Some('\\') => value.extend(rest.next()),
            Some('\'') if quoted => break,
            Some(character) if !quoted && character.is_whitespace() => break,
            Some(character) => value.push(character),
            None if quoted => return Err(EndpointError::Malformed("a value lacks its closing quote")),
            None => break,
        }
    }
    Ok((value, rest.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value_of(name: &str, text: &str) -> Option<String> {
        parse(text).unwrap().take(name)
    }

    #[test]
    fn a_quoted_value_may_contain_anything() {
        let text = r"host = h password = 'a b=c \' \\ d'port=1";
        assert_eq!(value_of("password", text).as_deref(), Some(r"a b=c ' \ d"));
        assert_eq!(value_of("port", text).as_deref(), Some("1"));
    }

    #[test]
    fn an_unquoted_value_ends_at_a_space_that_is_not_escaped() {
        assert_eq!(
            value_of("password", r"password=a\ b\'c host=h").as_deref(),
            Some("a b'c")
        );
    }

    #[test]
    fn what_is_formatted_reads_the_same() {
        let value = r"it's a \ 'test' ";
        assert_eq!(value_of("password", &format("password", value)).as_deref(), Some(value));
    }
}
