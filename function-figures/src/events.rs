//! What each function is given, and what has to come of it.

use std::fmt::Display;

use lambda_emulator::Answer;
use serde_json::{Value, json};
use shared::db::migrate::fingerprint;
use uuid::Uuid;

use crate::Failure;
use crate::aws::Aws;
use crate::people::{CONTENT, Company, PASSWORD, Person, new_name};

/// An event with what a client of this company asks most often of the function.
pub(crate) fn event(function: &str, company: &Company, aws: &Aws) -> Result<Value, Failure> {
    let Company {
        sender,
        receiver,
        absent,
        message,
    } = company;
    Ok(match function {
        "register" => {
            let name = new_name();
            let body = json!({"username": name, "email": format!("{name}@example.com"), "password": PASSWORD});
            Call::to("POST /auth/register").with(&body).event()
        }
        "login" => {
            let body = json!({"email": sender.email, "password": PASSWORD});
            Call::to("POST /auth/login").with(&body).event()
        }
        "profile" => Call::to("GET /users/me").by(sender).event(),
        "history" => Call::to("GET /chats/{userId}")
            .at("userId", &receiver.id)
            .by(sender)
            .event(),
        "messages" => {
            let body = json!({"content": CONTENT.to_uppercase() + "!"});
            Call::to("PATCH /messages/{id}")
                .at("id", message)
                .by(sender)
                .with(&body)
                .event()
        }
        "conversations" => Call::to("GET /conversations").by(sender).event(),
        "ws-connect" => connect(absent),
        "ws-message" => {
            let frame = json!({
                "type": "direct_message", "to": receiver.id, "content": CONTENT, "client_id": Uuid::new_v4(),
            });
            frame_of(sender, &frame)
        }
        "ws-disconnect" => disconnect(absent),
        "migrate" => migrate(aws),
        other => return Err(format!("no event is known for the function {other}").into()),
    })
}

/// Whether the function expects the absent user to be connected.
pub(crate) fn needs_connection(function: &str) -> bool {
    function == "ws-disconnect"
}

/// How many frames are posted at least.
fn expected_posts(function: &str) -> usize {
    match function {
        // Sender and receiver.
        "messages" => 2,
        // The same, and each is told that it was delivered. What was missed, who is online, that all is sent; and a contact is told.
        "ws-message" | "ws-connect" => 4,
        // A contact.
        "ws-disconnect" => 1,
        _ => 0,
    }
}

/// Whether an invocation did what it was for, with all that follows its answer.
pub(crate) fn check(function: &str, answer: &Answer, aws: &Aws) -> Result<(), Failure> {
    let text = String::from_utf8_lossy(&answer.payload);
    let told = serde_json::from_slice(&answer.payload).unwrap_or(Value::Null);
    let verdict = aws.take_verdict();
    let is_right = if function == "migrate" {
        verdict.as_ref().is_some_and(|verdict| verdict["Status"] == "SUCCESS")
    } else {
        told["statusCode"].as_u64().is_some_and(|status| status / 100 == 2)
    };
    if answer.is_error || !is_right {
        let verdict = verdict.unwrap_or_default();
        return Err(format!("{function} answered {text} {verdict}: --logs shows what it logs").into());
    }
    let (posts, expected) = (aws.take_posts(), expected_posts(function));
    if posts < expected {
        return Err(format!("{function} posted {posts} frames, not {expected}: --logs shows what it logs").into());
    }
    Ok(())
}

/// A call of the HTTP API.
struct Call {
    route: &'static str,
    parameter: Option<(&'static str, String)>,
    headers: Value,
    body: Option<String>,
}

impl Call {
    /// To a route of the template, method and path.
    fn to(route: &'static str) -> Self {
        Self {
            route,
            parameter: None,
            headers: json!({"content-type": "application/json", "user-agent": "function-figures"}),
            body: None,
        }
    }

    /// With this segment of the path.
    fn at(mut self, name: &'static str, value: &impl Display) -> Self {
        self.parameter = Some((name, value.to_string()));
        self
    }

    fn by(mut self, caller: &Person) -> Self {
        self.headers["authorization"] = format!("Bearer {}", caller.token).into();
        self
    }

    fn with(mut self, body: &Value) -> Self {
        self.body = Some(body.to_string());
        self
    }

    /// In payload format 2.0.
    fn event(self) -> Value {
        let (method, template) = self.route.split_once(' ').unwrap_or(("GET", self.route));
        let path = match &self.parameter {
            Some((name, value)) => template.replace(&format!("{{{name}}}"), value),
            None => template.to_owned(),
        };
        json!({
            "version": "2.0", "routeKey": self.route, "rawPath": path, "rawQueryString": "", "headers": self.headers,
            "pathParameters": self.parameter.map(|(name, value)| json!({name: value})),
            "requestContext": {
                "accountId": "123456789012", "apiId": "figures", "domainName": "figures.example", "domainPrefix": "figures",
                "http": {
                    "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": source(),
                    "userAgent": "function-figures",
                },
                "requestId": Uuid::new_v4(), "routeKey": self.route, "stage": "$default",
                "time": "16/Mar/2025:00:46:22 +0000", "timeEpoch": 1_742_085_982_123_i64,
            },
            "body": self.body,
            "isBase64Encoded": false,
        })
    }
}

fn connect(person: &Person) -> Value {
    let mut event = websocket(person, "$connect", "CONNECT");
    event["headers"] = json!({"Host": "figures.example"});
    event["multiValueHeaders"] = json!({"Host": ["figures.example"]});
    event["queryStringParameters"] = json!({"token": person.token});
    event["multiValueQueryStringParameters"] = json!({"token": [person.token]});
    event
}

fn frame_of(person: &Person, frame: &Value) -> Value {
    let mut event = websocket(person, "$default", "MESSAGE");
    event["requestContext"]["messageId"] = "Ab1=".into();
    event["body"] = frame.to_string().into();
    event
}

fn disconnect(person: &Person) -> Value {
    let mut event = websocket(person, "$disconnect", "DISCONNECT");
    event["requestContext"]["disconnectStatusCode"] = 1001.into();
    event["requestContext"]["disconnectReason"] = "".into();
    event
}

fn websocket(person: &Person, route: &str, kind: &str) -> Value {
    let request_id = Uuid::new_v4();
    json!({
        "requestContext": {
            "routeKey": route, "eventType": kind, "extendedRequestId": request_id, "requestId": request_id,
            "requestTime": "16/Mar/2025:00:46:22 +0000", "requestTimeEpoch": 1_742_085_982_123_i64, "messageDirection": "IN",
            "stage": "ws", "connectedAt": 1_742_085_982_123_i64, "identity": {"sourceIp": source()},
            "domainName": "figures.example", "connectionId": person.connection.as_str(), "apiId": "figures",
        },
        "isBase64Encoded": false,
    })
}

fn migrate(aws: &Aws) -> Value {
    json!({
        "RequestType": "Create", "RequestId": Uuid::new_v4(), "ResponseURL": aws.response_url(),
        "StackId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/confab/6f4a0b70",
        "ResourceType": "Custom::Migration", "LogicalResourceId": "Migration",
        "ResourceProperties": {"ServiceToken": "arn:aws:lambda:eu-central-1:123456789012:function:migrate", "MigrationsHash": fingerprint()},
    })
}

/// An address that has met no rate limit yet, of those set aside for measurements (RFC 2544).
fn source() -> String {
    let id = Uuid::new_v4();
    let [.., third, fourth] = *id.as_bytes();
    format!("198.18.{third}.{fourth}")
}
