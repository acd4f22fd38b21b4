//! `limit`, `before` and `Link`.

use super::{NOBODY, ask, delete, pluck, write};
use crate::support::{Answer, TestServer, User};
use reqwest::Method;

/// 2024-01-15T10:00:00Z
const SECOND: i64 = 1_705_312_800;

/// Has messages stored at other times than now: `(id, milliseconds after SECOND)`.
async fn backdate(server: &TestServer, times: impl Iterator<Item = (&String, i64)>) {
    let sql = server.sql().await;
    for (id, milliseconds) in times {
        let update = format!(
            "update messages set created_at = to_timestamp({SECOND}) + interval '{milliseconds} ms' where id = '{id}'"
        );
        assert_eq!(sql.execute(&update, &[]).await.unwrap(), 1);
    }
}

/// The target of `Link: <…>; rel="next"`.
fn next(answer: &Answer) -> Option<String> {
    let link = answer.header("link")?;
    let target = link
        .strip_prefix('<')
        .and_then(|link| link.strip_suffix(">; rel=\"next\""));
    Some(target.unwrap_or_else(|| panic!("{link}")).to_owned())
}

/// The ids of all pages from `path` on, following `Link`.
async fn follow(server: &TestServer, user: &User, path: &str) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut path = Some(path.to_owned());
    while let Some(here) = path {
        let answer = Answer::to(user.request(server, Method::GET, &here)).await;
        let page = answer.ok();
        pages.push(pluck(&page, "id").into_iter().map(str::to_owned).collect());
        path = next(&answer);
    }
    pages
}

#[tokio::test]
async fn a_page_has_20_items_unless_a_limit_from_1_to_100_is_given() {
    let server = TestServer::start().await;
    let (bob, eve) = (server.user("bob").await, server.user("eve").await);
    write(&server, &bob, &eve, &["x"; 101]).await;
    server.refill().await;
    for (query, count) in [
        ("", 20),
        ("?limit=1", 1),
        ("?limit=99", 99),
        ("?limit=100", 100),
        ("?limit=101", 100),
        ("?limit=99999999999999999999999", 100),
        // An empty value counts as absent.
        ("?limit=", 20),
        ("?limit", 20),
        ("?limit=&before=", 20),
        ("?other=1&limit=2", 2),
    ] {
        let answer = ask(&server, &eve, &bob.id, query).await;
        assert_eq!(answer.ok().as_array().unwrap().len(), count, "{query}");
        assert!(answer.headers.contains_key("link"), "{query}");
    }
    for limit in ["0", "-1", "abc", "1.5", "%2B5", "%20", "1e1", "%00", "null", "%D9%A3"] {
        ask(&server, &eve, &bob.id, &format!("?limit={limit}"))
            .await
            .refuses(&["limit"]);
    }
    ask(&server, &eve, &bob.id, "?limit=0&before=x")
        .await
        .refuses(&["limit", "before"]);
}

#[tokio::test]
async fn a_time_shows_what_was_stored_before_that_second() {
    let server = TestServer::start().await;
    let (bob, eve) = (server.user("bob").await, server.user("eve").await);
    let ids = write(&server, &bob, &eve, &["0", "1", "2", "3", "4"]).await;
    backdate(&server, ids.iter().zip([0, 999, 1000, 1001, 3000])).await;
    for (seconds, expected) in [
        (0, ""),
        (SECOND, ""),
        (SECOND + 1, "10"),
        (SECOND + 2, "3210"),
        (SECOND + 3, "3210"),
        (SECOND + 4, "43210"),
        (253_402_300_799, "43210"),
    ] {
        let page = ask(&server, &eve, &bob.id, &format!("?before={seconds}")).await.ok();
        assert_eq!(pluck(&page, "content").concat(), expected, "{seconds}");
    }
}

#[tokio::test]
async fn a_message_shows_what_stands_right_before_it_and_a_deleted_one_too() {
    let server = TestServer::start().await;
    let (bob, eve) = (server.user("bob").await, server.user("eve").await);
    let ids = write(&server, &bob, &eve, &["0", "1", "2", "3"]).await;
    delete(&server, &bob, &ids[2]).await;
    for (cursor, expected) in [(0, ""), (1, "0"), (2, "10"), (3, "10")] {
        let page = ask(&server, &eve, &bob.id, &format!("?before={}", ids[cursor]))
            .await
            .ok();
        assert_eq!(pluck(&page, "content").concat(), expected);
    }
}

#[tokio::test]
async fn what_is_no_message_of_the_conversation_is_no_cursor() {
    let server = TestServer::start().await;
    let (bob, eve, dan) = (
        server.user("bob").await,
        server.user("eve").await,
        server.user("dan").await,
    );
    write(&server, &bob, &eve, &["here"]).await;
    let elsewhere = write(&server, &bob, &dan, &["there"]).await;
    for before in [
        NOBODY,
        &elsewhere[0],
        &bob.id,
        "x",
        "-1",
        "1.5",
        "%20",
        "253402300800",
        "1705312800000",
        "99999999999999999999999",
        "67e5504410b1426f9247bb680e5fe0c8",
    ] {
        ask(&server, &bob, &eve.id, &format!("?before={before}"))
            .await
            .refuses(&["before"]);
    }
}

#[tokio::test]
async fn following_the_links_skips_and_repeats_nothing_within_one_second() {
    let server = TestServer::start().await;
    let (bob, eve) = (server.user("bob").await, server.user("eve").await);
    let mut ids = write(&server, &bob, &eve, &["x"; 30]).await;
    backdate(&server, ids.iter().map(|id| (id, 500))).await;
    for deleted in [29, 22, 21, 8, 7, 6, 0] {
        delete(&server, &bob, &ids.remove(deleted)).await;
    }
    ids.reverse();
    server.refill().await;
    for limit in [1, 4, 22, 23, 24] {
        let pages = follow(&server, &eve, &format!("/chats/{}?limit={limit}", bob.id)).await;
        let expected: Vec<Vec<String>> = ids.chunks(limit).map(<[String]>::to_vec).collect();
        assert_eq!(pages, expected, "{limit}");
    }
    let from_time = follow(
        &server,
        &eve,
        &format!("/chats/{}?limit=10&before={}", bob.id, SECOND + 1),
    )
    .await;
    assert_eq!(from_time.concat(), ids);
}

#[tokio::test]
async fn what_is_written_or_deleted_meanwhile_does_not_shift_the_pages() {
    let server = TestServer::start().await;
    let (bob, eve) = (server.user("bob").await, server.user("eve").await);
    let ids = write(&server, &bob, &eve, &["0", "1", "2", "3", "4"]).await;
    let first = ask(&server, &eve, &bob.id, "?limit=2").await;
    assert_eq!(pluck(&first.ok(), "content").concat(), "43");
    write(&server, &eve, &bob, &["5", "6"]).await;
    // The last message of the first page is where the second one starts.
    delete(&server, &bob, &ids[3]).await;
    delete(&server, &bob, &ids[1]).await;
    let rest = follow(&server, &eve, &next(&first).unwrap()).await;
    assert_eq!(rest.concat(), [&*ids[2], &ids[0]]);
}
