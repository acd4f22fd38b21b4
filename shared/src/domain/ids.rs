use std::fmt;

use serde::Serialize;
use uuid::Uuid;

use super::Invalid;

/// Defines a newtype over [`Uuid`], so that one kind of id is never taken for another.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id: version 7, so that rows made one after the other lie side by side in their index.
            #[must_use]
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }

            /// Reads the hyphenated form, in any case.
            ///
            /// # Errors
            /// [`Invalid`] for anything else.
            pub fn parse(text: &str) -> Result<Self, Invalid> {
                parse_hyphenated(text).map(Self)
            }

            /// The id as the database has it.
            #[must_use]
            pub fn as_uuid(&self) -> &Uuid {
                &self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(
    /// A user.
    UserId
);
id!(
    /// A message.
    MessageId
);
id!(
    /// A conversation, direct or a group.
    ConversationId
);
id!(
    /// What names a conversation to one of its users: its id, or that of the other user of a direct one.
    ConversationRef
);

/// The length of `67e55044-10b1-426f-9247-bb680e5fe0c8`. The other forms that [`Uuid`] reads (simple, braced, URN) are not
/// part of the contract.
const HYPHENATED_LENGTH: usize = uuid::fmt::Hyphenated::LENGTH;

fn parse_hyphenated(text: &str) -> Result<Uuid, Invalid> {
    if text.len() != HYPHENATED_LENGTH {
        return Err(not_a_uuid());
    }
    Uuid::try_parse(text).map_err(|_| not_a_uuid())
}

fn not_a_uuid() -> Invalid {
    Invalid::new("must be a UUID such as 67e55044-10b1-426f-9247-bb680e5fe0c8")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_id_is_read_in_any_case_and_written_in_lower_case() {
        let id = UserId::parse("67E55044-10B1-426F-9247-BB680E5FE0C8").unwrap();
        assert_eq!(id.to_string(), "67e55044-10b1-426f-9247-bb680e5fe0c8");
    }

    #[test]
    fn other_spellings_of_a_uuid_are_refused() {
        for text in [
            "",
            "67e5504410b1426f9247bb680e5fe0c8",
            "{67e55044-10b1-426f-9247-bb680e5fe0c8}",
            "urn:uuid:67e55044-10b1-426f-9247-bb680e5fe0c8",
            "67e55044-10b1-426f-9247-bb680e5fe0cg",
            " 7e55044-10b1-426f-9247-bb680e5fe0c8",
        ] {
            assert!(UserId::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn new_ids_are_of_version_7() {
        assert_eq!(MessageId::generate().as_uuid().get_version_num(), 7);
    }

    proptest! {
        #[test]
        fn any_text_is_an_id_or_refused(text in ".{0,40}") {
            if let Ok(id) = ConversationId::parse(&text) {
                prop_assert_eq!(id.to_string(), text.to_lowercase());
            }
        }

        #[test]
        fn what_is_written_is_read_again(bits: u128) {
            let id = UserId::from(Uuid::from_u128(bits));
            prop_assert_eq!(UserId::parse(&id.to_string()), Ok(id));
        }
    }
}
