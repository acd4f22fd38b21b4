//! A user's device: it sends what is due, and reads what comes, each whatever the other waits for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::accounts::Account;
use crate::extra::{Extra, Extras};
use crate::frame::{Address, Send};
use crate::run::Run;
use crate::socket::{self, Reader, Socket, Writer};

/// How long the end of a socket is waited for.
const CLOSING: Duration = Duration::from_secs(2);

/// What is due.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Due {
    /// A message, by its number.
    Message(usize),
    /// Something beside the messages, which was due at that moment.
    Extra(Extra, Instant),
}

/// What all clients of a run have in common.
#[derive(Debug)]
pub(crate) struct Setting {
    pub(crate) run: Run,
    pub(crate) ws: String,
    pub(crate) accounts: Vec<Account>,
    /// The group, where it isn't pairs.
    pub(crate) group: Option<String>,
    /// Of a message's content.
    pub(crate) bytes: usize,
    pub(crate) client_id: bool,
    /// Whether there is more than messages.
    pub(crate) mixed: bool,
    pub(crate) extras: Extras,
}

impl Setting {
    fn frame(&self, message: usize) -> String {
        let partner = self.run.audience.partner(self.run.audience.sender(message));
        let address = match &self.group {
            Some(group) => Address::Conversation(group),
            None => Address::User(&self.accounts[partner].id),
        };
        let content = self.run.id.content(message, self.bytes);
        let client_id = self.client_id.then(|| self.run.id.tag(message));
        Send::new(address, &content, client_id.as_deref()).text()
    }
}

/// Why a client stopped writing.
#[derive(Debug, Clone, Copy)]
enum Pause {
    /// Nothing more will be due.
    End,
    /// It is to connect anew, since that moment.
    Reconnect(Instant),
}

/// A user's device.
#[derive(Debug)]
pub(crate) struct Client {
    setting: Arc<Setting>,
    user: usize,
    due: UnboundedReceiver<Due>,
    last_sent: Option<usize>,
}

impl Client {
    pub(crate) fn new(setting: Arc<Setting>, user: usize, due: UnboundedReceiver<Due>) -> Self {
        Self {
            setting,
            user,
            due,
            last_sent: None,
        }
    }

    /// Does what is due until there is nothing more, then closes the socket.
    pub(crate) async fn live(mut self, mut socket: Socket) {
        loop {
            let (mut writer, reader) = socket.split();
            let closing = Arc::new(AtomicBool::new(false));
            // As a set it ends with this client.
            let mut reading = JoinSet::new();
            reading.spawn(read(Arc::clone(&self.setting), self.user, reader, Arc::clone(&closing)));
            let pause = self.write(&mut writer).await;
            if matches!(pause, Pause::Reconnect(_)) {
                self.await_acknowledgement().await;
            }
            closing.store(true, Ordering::Relaxed);
            // Whether the other side still listens changes nothing.
            let _ = timeout(CLOSING, writer.close()).await;
            let _ = timeout(CLOSING, reading.join_next()).await;
            let Pause::Reconnect(since) = pause else { return };
            socket = match socket::open(&self.setting.ws, &self.setting.accounts[self.user].token).await {
                Ok(socket) => socket,
                Err(refused) => {
                    self.setting.run.book().ledger.failed(&refused.code());
                    return self.send_nothing().await;
                }
            };
            self.setting.extras.record(Extra::Reconnect, since.elapsed());
        }
    }

    async fn write(&mut self, writer: &mut Writer) -> Pause {
        while let Some(due) = self.due.recv().await {
            match due {
                Due::Message(message) => self.send(writer, message).await,
                Due::Extra(Extra::Reconnect, at) => return Pause::Reconnect(at),
                Due::Extra(extra, at) => self.setting.extras.start(&self.setting, self.user, extra, at),
            }
        }
        Pause::End
    }

    async fn send(&mut self, writer: &mut Writer, message: usize) {
        let run = &self.setting.run;
        {
            let mut book = run.book();
            if book.users[self.user]
                .sends_paused
                .is_some_and(|until| Instant::now() < until)
            {
                // The server said when it would take a message again.
                return book.ledger.not_sent(message, "held_back");
            }
            book.ledger.sent(message);
        }
        match writer.send(Message::text(self.setting.frame(message))).await {
            Ok(()) => run.written(message),
            Err(_closed) => run.book().ledger.not_sent(message, "socket_closed"),
        }
        self.last_sent = Some(message);
    }

    /// A socket that is closed before the acknowledgement comes would never bring it.
    async fn await_acknowledgement(&self) {
        let acknowledged = async {
            while let Some(message) = self.last_sent
                && self.setting.run.book().ledger.awaits_echo(message)
            {
                sleep(Duration::from_millis(2)).await;
            }
        };
        let _ = timeout(CLOSING, acknowledged).await;
    }

    /// Without a socket: what is due fails.
    async fn send_nothing(&mut self) {
        while let Some(due) = self.due.recv().await {
            if let Due::Message(message) = due {
                self.setting.run.book().ledger.not_sent(message, "socket_closed");
            }
        }
    }
}

/// Reads until the socket ends; that it does before it should is an error.
async fn read(setting: Arc<Setting>, user: usize, mut reader: Reader, closing: Arc<AtomicBool>) {
    let mut end = "socket_ended".to_owned();
    while let Some(frame) = reader.next().await {
        match frame {
            Ok(Message::Text(text)) => setting.run.frame(user, &text),
            Ok(Message::Close(close)) => {
                end = close.map_or_else(
                    || "closed".to_owned(),
                    |close| format!("closed {}", u16::from(close.code)),
                );
            }
            Ok(_) | Err(Error::ConnectionClosed) => {}
            Err(_broken) => break,
        }
    }
    if !closing.load(Ordering::Relaxed) {
        setting.run.book().ledger.failed(&end);
    }
}
