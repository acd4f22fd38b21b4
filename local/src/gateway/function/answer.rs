//! What a function's answer in JSON means.

use aws_lambda_events::apigw::{ApiGatewayProxyResponse, ApiGatewayV2httpResponse};
use serde_json::{Value, json};

use super::FunctionError;

/// The members of an answer that API Gateway looks at behind a WebSocket route.
const WEBSOCKET_MEMBERS: [&str; 5] = ["statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"];

/// Reads a function's answer the way API Gateway does for payload format 2.0: what has no `statusCode` is itself the
/// body of a `200` in JSON, but for a string, whose text is.
pub(super) fn http_response_of(payload: Value) -> Result<ApiGatewayV2httpResponse, FunctionError> {
    let mut response = match payload {
        Value::Object(response) if response.contains_key("statusCode") => response,
        Value::String(text) => return Ok(inferred_response(text)),
        body => return Ok(inferred_response(body.to_string())),
    };
    // The type has no default for it, the format does.
    response.entry("cookies").or_insert_with(|| json!([]));
    serde_json::from_value(Value::Object(response)).map_err(|error| malformed(&error))
}

/// Reads a function's answer to an event of a WebSocket API: an object with a `statusCode`, of which other members are ignored.
pub(super) fn websocket_response_of(payload: Value) -> Result<ApiGatewayProxyResponse, FunctionError> {
    let mut response = match payload {
        Value::Object(response) if response.contains_key("statusCode") => response,
        _ => return Err(FunctionError::Malformed("it has no statusCode".to_owned())),
    };
    response.retain(|name, value| WEBSOCKET_MEMBERS.contains(&name.as_str()) && !value.is_null());
    serde_json::from_value(Value::Object(response)).map_err(|error| malformed(&error))
}

fn inferred_response(body: String) -> ApiGatewayV2httpResponse {
    let mut response = ApiGatewayV2httpResponse::default();
    response.status_code = 200;
    response.headers.insert(
        http::header::CONTENT_TYPE,
        http::HeaderValue::from_static("application/json"),
    );
    response.body = Some(lambda_http::Body::Text(body));
    response
}

pub(super) fn malformed(error: &serde_json::Error) -> FunctionError {
    FunctionError::Malformed(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_without_a_status_is_200_json() {
        for (payload, body) in [
            (json!({"a": 1}), "{\"a\":1}"),
            (json!({"body": "x"}), "{\"body\":\"x\"}"),
            (json!([1, "a"]), "[1,\"a\"]"),
            (json!("text"), "text"),
            (json!(1.5), "1.5"),
            (json!(null), "null"),
        ] {
            let response = http_response_of(payload).expect("an answer");
            assert_eq!(response.status_code, 200, "{body}");
            assert_eq!(response.headers["content-type"], "application/json", "{body}");
            assert_eq!(response.body, Some(lambda_http::Body::Text(body.to_owned())));
        }
    }

    #[test]
    fn an_answer_with_a_status_is_taken_as_it_is() {
        let payload = json!({"statusCode": 201, "headers": {"x-a": "b"}, "body": "c", "cookies": ["d=e"]});
        let response = http_response_of(payload).expect("an answer");
        assert_eq!((response.status_code, response.cookies), (201, vec!["d=e".to_owned()]));
        let bare = http_response_of(json!({"statusCode": 204})).expect("an answer");
        assert_eq!((bare.status_code, bare.body), (204, None));
    }

    #[test]
    fn an_answer_of_a_wrong_shape_is_a_function_error() {
        let error = http_response_of(json!({"statusCode": "many"})).expect_err("a malformed answer");
        assert!(matches!(error, FunctionError::Malformed(_)), "{error}");
    }

    #[test]
    fn behind_a_websocket_only_the_known_members_count() {
        let payload = json!({"statusCode": 200, "headers": null, "body": null, "cookies": 1, "more": {}});
        let response = websocket_response_of(payload).expect("an answer");
        assert_eq!((response.status_code, response.body), (200, None));
    }

    #[test]
    fn behind_a_websocket_an_answer_without_a_status_is_malformed() {
        for payload in [
            json!(null),
            json!("ok"),
            json!({}),
            json!({"body": "x"}),
            json!({"statusCode": "many"}),
        ] {
            let error = websocket_response_of(payload).expect_err("a malformed answer");
            assert!(matches!(error, FunctionError::Malformed(_)), "{error}");
        }
    }
}
