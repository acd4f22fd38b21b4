//! Which connection a path is about.

use percent_encoding::percent_decode_str;
use shared::domain::ConnectionId;

const CONNECTIONS: &str = "/@connections/";

/// The connection in a path below the stage's: `/@connections/{id}`, any part of which may be percent-encoded. `None` is
/// another path.
///
/// The Rust SDK and boto3 send `=` as `%3D`; people at a shell also send `@` as `%40`, as API Gateway's guide tells them to.
pub(super) fn connection(path: &str) -> Option<ConnectionId> {
    let path = percent_decode_str(path).decode_utf8().ok()?;
    let id = path.strip_prefix(CONNECTIONS)?;
    (!id.is_empty()).then(|| ConnectionId::new(id))
}

#[cfg(test)]
mod tests {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    use super::*;

    fn id_in(path: &str) -> Option<String> {
        connection(path).map(|id| id.to_string())
    }

    #[test]
    fn an_id_is_found_however_it_is_encoded() {
        for path in [
            "/@connections/L0SM9cOFvHcCIhw=",
            "/@connections/L0SM9cOFvHcCIhw%3D",
            "/@connections/L0SM9cOFvHcCIhw%3d",
            "/%40connections/L0SM9cOFvHcCIhw%3D",
            "/%40%63%6fnnections/%4c0SM9cOFvHcCIhw=",
            "%2F%40connections%2FL0SM9cOFvHcCIhw%3D",
        ] {
            assert_eq!(id_in(path).as_deref(), Some("L0SM9cOFvHcCIhw="), "{path}");
        }
    }

    #[test]
    fn other_paths_are_about_no_connection() {
        for path in [
            "",
            "/",
            "/@connections",
            "/@connections/",
            "/connections/x",
            "/x/@connections/x",
            "/@connections/%ff",
        ] {
            assert_eq!(id_in(path), None, "{path}");
        }
    }

    proptest! {
        #[test]
        fn whatever_an_id_is_its_encoded_form_is_that_id(id in "\\PC+") {
            let path = format!("/@connections/{}", utf8_percent_encode(&id, NON_ALPHANUMERIC));
            prop_assert_eq!(id_in(&path), Some(id));
        }

        #[test]
        fn no_path_is_too_odd(path in ".*") {
            connection(&path);
        }
    }
}
