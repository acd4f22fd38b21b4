use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use reqwest_middleware::RequestBuilder;
use serde_json::Value;

/// An answer of the REST API, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    /// Sends a request and reads its answer.
    pub async fn to(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        Self {
            status: response.status(),
            headers: response.headers().clone(),
            body: response.text().await.unwrap(),
        }
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The number in a header that must be there.
    #[track_caller]
    pub fn number(&self, name: &str) -> u64 {
        let text = self.header(name).unwrap_or_else(|| panic!("no {name}: {self:?}"));
        text.parse().unwrap()
    }

    /// The body, which must be JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The body of what must be a 200.
    #[track_caller]
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/json"));
        self.json()
    }

    /// The body of what must be this problem, in the shape that all problems have.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        let problem = self.json();
        assert_eq!(
            (self.status.as_u16(), &problem["code"]),
            (status, &code.into()),
            "{self:?}"
        );
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        let mut members: Vec<_> = problem.as_object().unwrap().keys().collect();
        members.retain(|member| *member != "errors");
        members.sort();
        assert_eq!(members, ["code", "detail", "request_id", "status", "title", "type"]);
        assert_eq!(problem["type"], "about:blank");
        assert_eq!(problem["status"], status);
        assert_eq!(problem["title"], self.status.canonical_reason().unwrap());
        assert!(!problem["detail"].as_str().unwrap().is_empty(), "{problem}");
        assert_eq!(problem["request_id"].as_str(), self.header("apigw-requestid"));
        assert_eq!(self.header("www-authenticate"), (status == 401).then_some("Bearer"));
        assert_eq!(self.headers.contains_key("retry-after"), matches!(status, 429 | 503));
        problem
    }

    /// Asserts that the answer is a 400 that names exactly these fields, each with a reason.
    #[track_caller]
    pub fn refuses(&self, fields: &[&str]) {
        let problem = self.problem(400, "invalid_field");
        assert_eq!(named_fields(&problem), fields, "{problem}");
    }
}

/// The fields that a problem names, in its order.
#[track_caller]
pub fn named_fields(problem: &Value) -> Vec<&str> {
    let errors = problem["errors"]
        .as_array()
        .unwrap_or_else(|| panic!("no errors: {problem}"));
    let name = |error: &'_ Value| {
        assert_eq!(error.as_object().unwrap().len(), 2, "{error}");
        assert!(!error["reason"].as_str().unwrap().is_empty(), "{error}");
    };
    errors.iter().for_each(name);
    errors.iter().map(|error| error["field"].as_str().unwrap()).collect()
}
