//! Users who write to each other: new ones for each invocation, so that no rate limit is met, and each invocation finds the same.

use std::sync::Arc;

use shared::SystemClock;
use shared::crypto::{JwtSecret, Passwords, Tokens};
use shared::db::connect::Endpoint;
use shared::db::deliveries::{self, Mark};
use shared::db::messages::{self, NewMessage};
use shared::db::{Database, DatabaseConfig, Statements, connections, users};
use shared::domain::{ConnectionId, Content, Destination, Email, Message, MessageId, Password, UserId, Username};
use uuid::Uuid;

use crate::Failure;

/// What the functions sign tokens with.
pub(crate) const JWT_SECRET: &str = "a secret for measurements, 32 bytes or more";

/// Everybody's.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// 64 bytes.
pub(crate) const CONTENT: &str = "0123456701234567012345670123456701234567012345670123456701234567";

/// How many messages sender and receiver have in their history.
const MESSAGES: usize = 8;

/// Connections that a user may have.
const MAX_CONNECTIONS: u16 = 32;

/// A user.
pub(crate) struct Person {
    pub(crate) id: UserId,
    pub(crate) email: String,
    pub(crate) token: String,
    pub(crate) connection: ConnectionId,
}

/// Those whom an invocation is about.
pub(crate) struct Company {
    /// Is connected, and has written to both others.
    pub(crate) sender: Person,
    /// Is connected.
    pub(crate) receiver: Person,
    /// Is the sender's contact, is not connected, and has missed a message.
    pub(crate) absent: Person,
    /// The sender's last message to the receiver.
    pub(crate) message: MessageId,
}

/// Where users come from.
pub(crate) struct People {
    db: Database,
    tokens: Tokens,
    password_hash: String,
}

impl People {
    pub(crate) async fn gather(database: &Endpoint) -> Result<Self, Failure> {
        let db = Database::new(&DatabaseConfig {
            endpoint: database.clone(),
            direct: database.clone(),
            statements: Statements::Unnamed,
            pool_size: 1,
            timeout: std::time::Duration::from_secs(5),
            verify_connections: false,
        })?;
        Ok(Self {
            db,
            tokens: Tokens::new(&JwtSecret::parse(JWT_SECRET)?, Arc::new(SystemClock)),
            password_hash: Passwords::new().hash(Password::parse(PASSWORD)?).await?,
        })
    }

    /// Three new users with something to read.
    pub(crate) async fn company(&self) -> Result<Company, Failure> {
        let (sender, receiver, absent) = (self.person().await?, self.person().await?, self.person().await?);
        self.connect(&sender).await?;
        self.connect(&receiver).await?;
        self.connect(&absent).await?;
        // Contacts are those who have both written to each other.
        self.send(&absent, &sender).await?;
        connections::close(&self.db, &absent.connection).await?;
        self.send(&sender, &absent).await?;
        self.send(&receiver, &sender).await?;
        let mut last = self.send(&sender, &receiver).await?;
        for _ in 2..MESSAGES {
            last = self.send(&sender, &receiver).await?;
        }
        self.note_delivered(&receiver, &last).await?;
        Ok(Company {
            sender,
            receiver,
            absent,
            message: last.id,
        })
    }

    /// Opens the person's connection.
    pub(crate) async fn connect(&self, person: &Person) -> Result<(), Failure> {
        let admission = connections::open(&self.db, &person.connection, person.id, MAX_CONNECTIONS).await?;
        admission.map(drop).ok_or_else(|| "the user is gone".into())
    }

    async fn person(&self) -> Result<Person, Failure> {
        let name = new_name();
        let email = format!("{name}@example.com");
        let id = users::insert(
            &self.db,
            &Username::parse(&name)?,
            &Email::parse(&email)?,
            &self.password_hash,
        )
        .await?;
        Ok(Person {
            id,
            email,
            token: self.tokens.issue(id)?,
            // The length and the last character of those that API Gateway gives out.
            connection: ConnectionId::new(format!("{}=", &Uuid::new_v4().simple().to_string()[..15])),
        })
    }

    async fn send(&self, from: &Person, to: &Person) -> Result<Message, Failure> {
        let new = NewMessage {
            connection: &from.connection,
            destination: Destination::User(to.id),
            content: &Content::parse(CONTENT)?,
            reply_to: None,
            client_id: None,
        };
        Ok(messages::send(&self.db, &new).await?.message)
    }

    /// The person was sent the conversation's messages up to this one, as whoever is connected has been: a gap would be closed first.
    async fn note_delivered(&self, to: &Person, last: &Message) -> Result<(), Failure> {
        let mark = Mark {
            conversation_id: last.conversation_id,
            user_id: to.id,
            seqs: 1..=last.seq,
        };
        Ok(deliveries::mark_delivered(&self.db, &[mark]).await.map(drop)?)
    }
}

/// A name that nobody has.
pub(crate) fn new_name() -> String {
    let id = Uuid::new_v4().simple().to_string();
    format!("u{}", &id[..20])
}
