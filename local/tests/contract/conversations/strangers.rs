//! Who does not take part can't hold up those who do.

use serde_json::{Value, json};

use super::Group;
use super::sending::connected;
use crate::support::{User, said};

/// Every call that changes a group or a message of it.
async fn refused_calls(group: &Group, user: &User, message: &Value) -> Vec<(u16, String)> {
    let of_group = format!("/conversations/{}", group.id);
    let of_member = format!("{of_group}/members/{}", group.admin.id);
    let of_message = format!("/messages/{}", message["id"].as_str().unwrap());
    let mut refusals = Vec::new();
    for (method, path, body) in [
        ("PATCH", &of_group, json!({"name": "Mine"})),
        ("PUT", &of_member, json!({"role": "member"})),
        ("DELETE", &of_member, Value::Null),
        ("PATCH", &of_message, json!({"content": "mine"})),
        ("DELETE", &of_message, Value::Null),
    ] {
        let answer = user.call(&group.server, method, path, body).await;
        refusals.push((
            answer.status.as_u16(),
            answer.json()["code"].as_str().unwrap().to_owned(),
        ));
    }
    refusals
}

#[tokio::test]
async fn whoever_does_not_take_part_is_refused_without_waiting_for_a_lock() {
    let group = Group::start().await;
    let message = group.say(&group.owner, "one").await;
    let stranger = group.server.user("stranger").await;
    group.remove(&group.member).await;
    let mut of_stranger = connected(&group.server, &stranger).await;
    let mut of_former = connected(&group.server, &group.member).await;
    let lock = group.server.sql().await;
    let statements = format!("begin; select from conversations where id = '{}' for update", group.id);
    lock.batch_execute(&statements).await.unwrap();

    for (socket, code) in [
        (&mut of_stranger, "unknown_conversation"),
        (&mut of_former, "forbidden"),
    ] {
        socket.send(&said(&group.id, "let me in")).await;
        assert_eq!(socket.next().await["code"], code);
    }
    let [unknown, forbidden] = [(404, "unknown_conversation".to_owned()), (403, "forbidden".to_owned())];
    assert_eq!(
        refused_calls(&group, &stranger, &message).await,
        [&unknown, &unknown, &unknown, &forbidden, &forbidden].map(Clone::clone)
    );
    assert_eq!(refused_calls(&group, &group.member, &message).await, vec![forbidden; 5]);
    drop(lock);
}
