//! Its start, its end, and what it says when it can't start.

use futures_util::{SinkExt, StreamExt};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::product::{DEADLINE, Folder, Product, http_client, local, postgres_runs, run, stderr};

#[tokio::test]
async fn sigterm_closes_sockets_with_1001_and_stops_postgres_in_order() {
    let folder = Folder::new("sigterm");
    let mut product = Product::start(&folder).await;
    product.register("ada").await;
    let mut socket = product.connect("ada").await;
    assert!(postgres_runs(&folder));
    product.signal(Signal::SIGTERM);
    let close = loop {
        match timeout(DEADLINE, socket.next()).await.expect("a close in time") {
            Some(Ok(Message::Close(frame))) => break frame.expect("a close frame with a code"),
            Some(Ok(_)) => {}
            other => panic!("expected a close frame, got {other:?}"),
        }
    };
    assert_eq!(u16::from(close.code), 1001);
    let _ = socket.close(None).await;
    assert!(product.end().await.success());
    assert!(!postgres_runs(&folder));
}

#[tokio::test]
async fn after_kill_9_the_next_run_takes_over_and_has_every_message() {
    let folder = Folder::new("kill9");
    let mut product = Product::start(&folder).await;
    product.register("ada").await;
    let mut socket = product.connect("ada").await;
    product.register("bob").await;
    let credentials = json!({"email": "bob@example.com", "password": "correct horse"});
    let token = product.post("/auth/login", &credentials).await["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let me = http_client()
        .get(format!("http://{}/users/me", product.address))
        .bearer_auth(&token);
    let me: Value = me.send().await.unwrap().json().await.unwrap();
    let frame = json!({"type": "direct_message", "to": me["id"], "content": "kept"});
    socket.send(Message::text(frame.to_string())).await.unwrap();
    while next_frame(&mut socket).await["content"] != "kept" {}
    product.signal(Signal::SIGKILL);
    product.end().await;
    assert!(postgres_runs(&folder), "nobody was left to stop it");

    let mut product = Product::start(&folder).await;
    let mut socket = product.connect("bob").await;
    while next_frame(&mut socket).await["content"] != "kept" {}
    product.signal(Signal::SIGINT);
    assert!(product.end().await.success());
    assert!(!postgres_runs(&folder));
}

async fn next_frame(socket: &mut WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>) -> Value {
    loop {
        let message = timeout(DEADLINE, socket.next())
            .await
            .expect("a frame in time")
            .unwrap()
            .unwrap();
        if let Message::Text(text) = message {
            return serde_json::from_str(&text).unwrap();
        }
    }
}

#[tokio::test]
async fn a_second_run_on_the_same_folder_says_that_one_runs() {
    let folder = Folder::new("second");
    let mut product = Product::start(&folder).await;
    let mut second = local(&folder);
    // The port is taken too, but that is not what stands in the way.
    second.env("PORT", product.address.rsplit_once(':').unwrap().1);
    let output = run(second).await;
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(
        said.contains("error:") && said.contains(&folder.0.display().to_string()),
        "{said}"
    );
    product.signal(Signal::SIGTERM);
    assert!(product.end().await.success());
}

#[tokio::test]
async fn a_port_that_is_in_use_is_named() {
    let folder = Folder::new("port");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let mut command = local(&folder);
    command.env("PORT", address.port().to_string());
    let output = run(command).await;
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains(&address.to_string()) && said.contains("PORT"), "{said}");
}

#[tokio::test]
async fn all_faulty_settings_are_named_at_once_and_no_secret_is_shown() {
    let folder = Folder::new("settings");
    let mut command = local(&folder);
    command
        .env("DATABASE_URL", "postgres://me:hunter2@localhost/x?sslmode=perhaps")
        .env("JWT_SECRET", "tooshort")
        .env("DATABASE_STATEMENTS", "named");
    let output = run(command).await;
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    for name in ["DATABASE_URL", "JWT_SECRET", "DATABASE_STATEMENTS"] {
        assert!(said.contains(name), "{name} is missing in: {said}");
    }
    assert!(!said.contains("hunter2") && !said.contains("tooshort"), "{said}");
}

#[tokio::test]
async fn migrate_brings_the_schema_up_to_date_and_ends() {
    let folder = Folder::new("migrate");
    for _ in 0..2 {
        let mut command = local(&folder);
        command.arg("migrate");
        let output = run(command).await;
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(!postgres_runs(&folder));
    }
}
