//! A socket while it is open: frames in, one after the other, and frames out.

use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::time::{Instant, Sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::WebSocketApi;
use super::closing::Closing;
use super::connection::Connection;
use super::ending::Ending;
use super::handshake::Socket;
use super::liveness::{Due, Liveness};
use crate::gateway::connections::{Outgoing, Queue};

/// How many bytes of queued frames go out with one flush: enough to spare system calls, little enough that a slow but
/// willing reader takes them within the write timeout.
const BATCH_SIZE: usize = 64 * 1024;

/// The handling of a client's message; what comes of it is a frame for the client, if there is one.
pub(super) type Handling = BoxFuture<'static, Option<String>>;

/// An open socket.
///
/// One task does everything: nothing is read while a message is being handled (which keeps the client's frames in order
/// and makes a client that floods wait), but frames are written and time passes meanwhile.
pub(super) struct Session {
    api: Arc<WebSocketApi>,
    connection: Arc<Connection>,
    socket: Socket,
    queue: Queue,
    handling: Option<Handling>,
    liveness: Liveness,
    timer: Pin<Box<Sleep>>,
    stopped: Pin<Box<WaitForCancellationFutureOwned>>,
}

/// What a session reacts to.
enum Event {
    Stopped,
    Timer,
    Handled(Option<String>),
    Outgoing(Option<Outgoing>),
    Received(Option<Result<Message, Error>>),
}

impl Session {
    /// A session that begins now.
    pub(super) fn new(api: Arc<WebSocketApi>, connection: Arc<Connection>, socket: Socket, queue: Queue) -> Self {
        let liveness = Liveness::new(&api.environment.options, Instant::now());
        Self {
            stopped: Box::pin(api.environment.stop.clone().cancelled_owned()),
            timer: Box::pin(sleep_until(liveness.next())),
            api,
            connection,
            socket,
            queue,
            handling: None,
            liveness,
        }
    }

    /// Serves the socket until it ends.
    pub(super) async fn run(&mut self) -> Ending {
        loop {
            let event = self.next_event().await;
            if let Err(ending) = self.react(event).await {
                return ending;
            }
        }
    }

    /// What is left when it has ended.
    pub(super) fn into_closing(self, ending: Ending) -> Closing {
        Closing::new(ending, self.socket, self.handling)
    }

    async fn next_event(&mut self) -> Event {
        let is_idle = self.handling.is_none();
        tokio::select! {
            () = &mut self.stopped => Event::Stopped,
            () = &mut self.timer => Event::Timer,
            answer = outcome(&mut self.handling) => Event::Handled(answer),
            outgoing = self.queue.receive() => Event::Outgoing(outgoing),
            received = self.socket.next(), if is_idle => Event::Received(received),
        }
    }

    async fn react(&mut self, event: Event) -> Result<(), Ending> {
        match event {
            Event::Stopped => Err(Ending::going_away()),
            Event::Timer => self.keep_alive().await,
            Event::Handled(answer) => self.handled(answer).await,
            Event::Outgoing(Some(outgoing)) => self.write_queued(outgoing).await,
            Event::Outgoing(None) => Err(Ending::closed()),
            Event::Received(received) => self.receive(received),
        }
    }

    fn receive(&mut self, received: Option<Result<Message, Error>>) -> Result<(), Ending> {
        let now = Instant::now();
        self.liveness.heard(now);
        let message = received
            .ok_or_else(Ending::abnormal)?
            .map_err(|error| Ending::by_read_error(&error))?;
        match message {
            Message::Text(text) => {
                self.active(now);
                self.handle(text);
                Ok(())
            }
            // The answer goes out by itself. A client that pings uses its connection.
            Message::Ping(_) => {
                self.active(now);
                Ok(())
            }
            Message::Pong(_) | Message::Frame(_) => Ok(()),
            Message::Binary(_) => Err(Ending::binary()),
            Message::Close(frame) => Err(Ending::by_client(frame)),
        }
    }

    fn handle(&mut self, text: Utf8Bytes) {
        let (api, connection) = (self.api.clone(), self.connection.clone());
        self.handling = Some(async move { api.handle_message(&connection, &text).await }.boxed());
    }

    async fn handled(&mut self, answer: Option<String>) -> Result<(), Ending> {
        self.handling = None;
        self.liveness.heard(Instant::now());
        match answer {
            Some(frame) => self.write_messages(vec![Message::text(frame)]).await,
            None => Ok(()),
        }
    }

    /// Writes what waits, up to a batch, and tells those who posted it.
    async fn write_queued(&mut self, first: Outgoing) -> Result<(), Ending> {
        let (mut batch, mut size, mut close) = (Vec::new(), 0, None);
        let mut next = Some(first);
        while let Some(outgoing) = next {
            match outgoing {
                Outgoing::Frame(frame) => {
                    size += frame.text.len();
                    batch.push(frame);
                }
                Outgoing::Close(closed) => {
                    close = Some(closed);
                    break;
                }
            }
            next = if size < BATCH_SIZE {
                self.queue.try_receive()
            } else {
                None
            };
        }
        let messages = batch.iter().map(|frame| Message::Text(frame.text.clone())).collect();
        self.write_messages(messages).await?;
        for frame in batch {
            self.queue.written(frame);
        }
        match close {
            Some(closed) => {
                // Whoever asked for it may have stopped waiting.
                let _ = closed.send(());
                Err(Ending::closed())
            }
            None => Ok(()),
        }
    }

    async fn write_messages(&mut self, messages: Vec<Message>) -> Result<(), Ending> {
        self.write(messages).await?;
        self.active(Instant::now());
        Ok(())
    }

    /// A message went through, in either direction.
    fn active(&mut self, now: Instant) {
        self.liveness.message(now);
        self.queue.active(now);
    }

    /// A ping is no use of the connection: it does not count against the idle time-out.
    async fn ping(&mut self, now: Instant) -> Result<(), Ending> {
        self.liveness.pinged(now);
        self.write(vec![Message::Ping(Bytes::new())]).await
    }

    async fn write(&mut self, messages: Vec<Message>) -> Result<(), Ending> {
        let socket = &mut self.socket;
        let writing = async {
            for message in messages {
                socket.feed(message).await?;
            }
            socket.flush().await
        };
        let limit = self.api.environment.options.write_timeout;
        match timeout(limit, writing).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Ending::abnormal()),
        }
    }

    async fn keep_alive(&mut self) -> Result<(), Ending> {
        let now = Instant::now();
        match self.liveness.due(now) {
            Some(Due::Expiry) => return Err(Ending::going_away()),
            Some(Due::Silence) if self.handling.is_none() => return Err(Ending::abnormal()),
            Some(Due::Silence) => self.liveness.heard(now),
            Some(Due::Ping) => self.ping(now).await?,
            None => {}
        }
        self.timer.as_mut().reset(self.liveness.next());
        Ok(())
    }
}

/// What comes of the message that is being handled; never, if none is.
async fn outcome(handling: &mut Option<Handling>) -> Option<String> {
    match handling {
        Some(handling) => handling.await,
        None => pending().await,
    }
}
