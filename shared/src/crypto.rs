//! Passwords and tokens.

mod passwords;
mod tokens;

pub use passwords::Passwords;
pub use tokens::{JwtSecret, Tokens};
