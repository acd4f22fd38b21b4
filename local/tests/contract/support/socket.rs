use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message, http};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async, connect_async};

use super::{From, User, check_answer, check_frame, direct_message};

/// How long any event may take before a test fails: far more than it ever takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(20);

/// Frames that come on their own time: tests that are not about them never see them.
const IN_PASSING: [&str; 3] = ["delivered", "online_users", "presence_change"];

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;
type Response = http::Response<Option<Vec<u8>>>;

/// A client's WebSocket.
pub struct Socket {
    stream: Stream,
}

impl Socket {
    /// Opens a socket.
    ///
    /// # Errors
    /// What the server answered instead.
    pub async fn open(url: &str) -> Result<Self, Error> {
        Self::open_with(url).await
    }

    /// Opens a socket with a request of its own: one with headers, for example.
    ///
    /// # Errors
    /// What the server answered instead.
    pub async fn open_with(request: impl IntoClientRequest + Unpin) -> Result<Self, Error> {
        let handshake = timeout(DEADLINE, connect_async(request)).await;
        Self::after(handshake.expect("a handshake in time"))
    }

    /// Opens a socket on a connection that is there.
    ///
    /// # Errors
    /// What the server answered instead.
    pub async fn open_on(connection: TcpStream, url: &str) -> Result<Self, Error> {
        let handshake = client_async(url, MaybeTlsStream::Plain(connection));
        Self::after(timeout(DEADLINE, handshake).await.expect("a handshake in time"))
    }

    fn after(handshake: Result<(Stream, Response), Error>) -> Result<Self, Error> {
        let answer = match &handshake {
            Ok((_, answer)) => Some(answer),
            Err(Error::Http(answer)) => Some(&**answer),
            Err(_) => None,
        };
        if let Some(answer) = answer {
            let body = answer.body().as_deref().unwrap_or_default();
            check_answer(&Method::GET, "/ws", answer.status(), answer.headers(), body).unwrap();
        }
        handshake.map(|(stream, _)| Self { stream })
    }

    /// Sends a frame, if the socket is still open.
    pub async fn try_send(&mut self, frame: &Value) {
        // What a closed socket says is read by `try_next`.
        let _ = self.stream.send(Message::text(frame.to_string())).await;
    }

    /// The next frame but those in passing; `None` when the socket is closed.
    pub async fn try_next(&mut self) -> Option<Value> {
        loop {
            let frame = self.try_next_of_all().await?;
            if !IN_PASSING.iter().any(|kind| frame["type"] == *kind) {
                return Some(frame);
            }
        }
    }

    /// The next frame whatever it is; `None` when the socket is closed.
    async fn try_next_of_all(&mut self) -> Option<Value> {
        match self.next_message().await? {
            Message::Text(text) => Some(serde_json::from_str(&text).unwrap()),
            _ => None,
        }
    }

    /// Sends a frame.
    pub async fn send(&mut self, frame: &Value) {
        self.send_text(&frame.to_string()).await;
    }

    /// Sends a text that need not be a frame of the contract.
    pub async fn send_text(&mut self, text: &str) {
        self.send_message(Message::text(text)).await;
    }

    /// Sends any WebSocket message.
    pub async fn send_message(&mut self, message: Message) {
        self.stream.send(message).await.unwrap();
    }

    /// The next frame but those in passing.
    pub async fn next(&mut self) -> Value {
        self.try_next().await.expect("a text frame before the socket ends")
    }

    /// The next frame of this type; all before it are dropped.
    pub async fn next_of(&mut self, kind: &str) -> Value {
        let frames = self.take_all_until(|frame| frame["type"] == kind).await;
        frames.into_iter().next_back().unwrap()
    }

    /// The frames up to the first that `is_last`, that one and those in passing included.
    pub async fn take_all_until(&mut self, is_last: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut frames = Vec::new();
        loop {
            let frame = self.try_next_of_all().await;
            frames.push(frame.unwrap_or_else(|| panic!("the socket ended after {frames:?}")));
            if frames.last().is_some_and(&is_last) {
                return frames;
            }
        }
    }

    /// The next `count` frames.
    pub async fn take(&mut self, count: usize) -> Vec<Value> {
        let mut frames = Vec::with_capacity(count);
        for _ in 0..count {
            frames.push(self.next().await);
        }
        frames
    }

    /// The frames up to the first that `is_last`, that one included.
    pub async fn take_until(&mut self, is_last: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut frames = Vec::new();
        loop {
            frames.push(self.next().await);
            if frames.last().is_some_and(&is_last) {
                return frames;
            }
        }
    }

    /// The next message that is no protocol ping or pong; `None` when the connection has ended.
    pub async fn next_message(&mut self) -> Option<Message> {
        loop {
            match timeout(DEADLINE, self.stream.next()).await.expect("a message in time") {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(message)) => {
                    check(&message);
                    return Some(message);
                }
                Some(Err(_)) | None => return None,
            }
        }
    }

    /// Asserts that nothing came in before the answer to a ping sent now.
    pub async fn expect_nothing(&mut self) {
        self.send(&json!({"type": "ping"})).await;
        assert_eq!(self.next().await, json!({"type": "pong"}));
    }

    /// Sends a message to `to` and returns its acknowledgement. Where the rate limit refuses it, waits and tries again.
    pub async fn say(&mut self, to: &User, content: &str) -> Value {
        let frame = direct_message(to, content);
        check_frame(From::Client, &frame).unwrap();
        loop {
            self.send(&frame).await;
            let answer = self.next().await;
            if answer["code"] != "rate_limited" {
                assert_eq!(answer["type"], "direct_message", "{answer}");
                assert_eq!(answer["content"], content);
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(answer["retry_after_ms"].as_u64().unwrap())).await;
        }
    }

    /// Closes the socket from the client's side and waits for the end.
    pub async fn close(mut self) {
        self.stream.close(None).await.unwrap();
        while self.next_message().await.is_some() {}
    }

    /// Cuts the connection without a close frame.
    pub fn cut(self) {
        drop(self.stream);
    }
}

/// Holds a text of the server's against the document of all frames.
fn check(message: &Message) {
    if let Message::Text(text) = message {
        check_frame(From::Server, &serde_json::from_str(text).unwrap()).unwrap();
    }
}

/// The code of the close frame that ends the socket, after whatever frames are left.
pub async fn close_code(socket: &mut Socket) -> Option<u16> {
    while let Some(message) = socket.next_message().await {
        if let Message::Close(frame) = message {
            return frame.map(|frame| frame.code.into());
        }
    }
    None
}
