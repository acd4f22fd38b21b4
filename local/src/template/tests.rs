//! Templates good and bad.

use super::*;

const REAL: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../template.yaml"));

const SMALL: &str = r"
Parameters:
  Origins: {Type: CommaDelimitedList, Default: 'https://a.example, https://b.example'}
Globals:
  Function:
    Timeout: 9
    Environment: {Variables: {SHARED: !Ref Secret, LEVEL: info}}
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      CorsConfiguration: {AllowOrigins: !Ref Origins, AllowMethods: [GET], MaxAge: 60}
  Sockets:
    Type: AWS::Serverless::WebSocketApi
    Properties:
      RouteSelectionExpression: $request.body.type
      Routes:
        $connect: {FunctionArn: !GetAtt One.Arn}
        $default: {FunctionArn: !Sub '${Two.Arn}'}
        other: {FunctionArn: {Fn::GetAtt: [Two, Arn]}}
  One:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/one/
      Timeout: 4
      Environment: {Variables: {LEVEL: debug, COUNT: 3}}
      Events:
        Get: {Type: HttpApi, Properties: {Method: get, Path: '/things/{id}'}}
        Rest: {Type: HttpApi}
        Nightly: {Type: Schedule, Properties: {Schedule: rate(1 day)}}
  Two:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: two}
";

fn error_of(source: &str) -> String {
    Template::parse(source).expect_err("a broken template").to_string()
}

#[test]
fn the_real_template_lists_every_route_of_the_contract() {
    let template = Template::parse(REAL).expect("template.yaml");
    let routes: Vec<String> = template
        .http_routes
        .iter()
        .map(|route| format!("{} {} {}", route.method, route.path, route.function))
        .collect();
    for expected in [
        "POST /auth/register register",
        "POST /auth/login login",
        "GET /users/me profile",
        "PUT /users/me/update profile",
        "GET /chats/{userId} history",
        "PATCH /messages/{id} messages",
        "PUT /messages/{id} messages",
        "DELETE /messages/{id} messages",
        "DELETE /messages/{id}/delete messages",
        "POST /messages/{id}/delete messages",
    ] {
        assert!(routes.iter().any(|route| route == expected), "{expected} in {routes:?}");
    }
    assert_eq!(template.websocket.stage_name, "ws");
    assert_eq!(template.websocket.route_selection_expression, "$request.body.type");
    assert_eq!(template.websocket.routes["$connect"].function, "ws-connect");
    assert_eq!(template.websocket.routes["$disconnect"].function, "ws-disconnect");
    assert_eq!(template.websocket.routes["$default"].function, "ws-message");
}

#[test]
fn the_real_template_gives_secrets_only_to_functions_that_need_them() {
    let template = Template::parse(REAL).expect("template.yaml");
    let holders = |variable: &str| -> Vec<&str> {
        let with = template
            .functions
            .iter()
            .filter(|f| f.environment.contains_key(variable));
        let mut names: Vec<_> = with.map(|function| function.name.as_str()).collect();
        names.sort_unstable();
        names
    };
    assert_eq!(
        holders("JWT_SECRET"),
        ["conversations", "history", "login", "messages", "profile", "ws-connect"]
    );
    assert_eq!(
        holders("WEBSOCKET_CALLBACK_URL"),
        ["conversations", "messages", "ws-connect", "ws-disconnect", "ws-message"]
    );
    assert_eq!(holders("DATABASE_URL").len(), template.functions.len());
}

#[test]
fn the_real_template_exposes_the_contracts_headers() {
    let cors = Template::parse(REAL).expect("template.yaml").cors.expect("CORS");
    assert_eq!(cors.allow_origins, ["*"]);
    for header in ["Link", "Retry-After", "RateLimit-Remaining", "WWW-Authenticate"] {
        assert!(cors.expose_headers.iter().any(|exposed| exposed == header), "{header}");
    }
}

#[test]
fn globals_and_defaults_apply_where_a_function_is_silent() {
    let template = Template::parse(SMALL).expect("a template");
    let [one, two] = template.functions.as_slice() else {
        panic!("two functions in {:?}", template.functions);
    };
    assert_eq!((one.name.as_str(), one.timeout), ("one", Duration::from_secs(4)));
    assert_eq!((two.name.as_str(), two.timeout), ("two", Duration::from_secs(9)));
    assert_eq!(one.environment["LEVEL"].as_deref(), Some("debug"));
    assert_eq!(one.environment["COUNT"].as_deref(), Some("3"));
    assert_eq!(one.environment["SHARED"], None, "an intrinsic has no literal value");
    assert_eq!(two.environment["LEVEL"].as_deref(), Some("info"));
}

#[test]
fn a_function_has_the_variables_of_the_template_with_what_is_set_and_no_other() {
    let template = Template::parse(SMALL).expect("a template");
    let set = BTreeMap::from([("SHARED", "set".to_owned()), ("OTHER", "unknown".to_owned())]);
    let variables = BTreeMap::from_iter(template.functions[0].variables(&set));
    assert_eq!(variables["SHARED"], "set");
    assert_eq!(variables["LEVEL"], "debug");
    assert!(!variables.contains_key("OTHER"), "{variables:?}");
    let unset = template.functions[0].variables(&BTreeMap::new());
    assert!(unset.iter().all(|(name, _)| name != "SHARED"), "{unset:?}");
}

#[test]
fn events_without_method_and_path_are_the_default_route() {
    let template = Template::parse(SMALL).expect("a template");
    let route = |method: &str, path: &str| HttpRoute {
        method: method.to_owned(),
        path: path.to_owned(),
        function: "one".to_owned(),
    };
    assert_eq!(
        template.http_routes,
        [route("GET", "/things/{id}"), route("ANY", "$default")]
    );
}

#[test]
fn targets_are_found_in_every_spelling() {
    let websocket = Template::parse(SMALL).expect("a template").websocket;
    assert_eq!(websocket.stage_name, "default");
    let targets: Vec<_> = websocket
        .routes
        .iter()
        .map(|(key, route)| (key.as_str(), route.function.as_str()))
        .collect();
    assert_eq!(targets, [("$connect", "one"), ("$default", "two"), ("other", "two")]);
}

#[test]
fn a_route_may_have_a_response_and_a_timeout_of_its_own() {
    let special = "other: {RouteResponseSelectionExpression: $default, IntegrationTimeout: 1500, ";
    let template = Template::parse(&SMALL.replace("other: {", special)).expect("a template");
    let route = |key: &str| &template.websocket.routes[key];
    assert!(route("other").has_response);
    assert_eq!(route("other").integration_timeout, Some(Duration::from_millis(1500)));
    assert!(!route("$default").has_response);
    assert_eq!(route("$default").integration_timeout, None);
    assert_eq!(
        error_of(&SMALL.replace("other: {", "other: {RouteResponseSelectionExpression: all, ")),
        "Resources.Sockets.Properties.Routes.other.RouteResponseSelectionExpression must be $default"
    );
}

#[test]
fn stages_may_have_variables() {
    let none = Template::parse(SMALL).expect("a template");
    assert!(none.http_stage_variables.is_empty() && none.websocket.stage_variables.is_empty());
    let source = SMALL
        .replace(
            "CorsConfiguration:",
            "StageVariables: {a: b, c: 1}\n      CorsConfiguration:",
        )
        .replace(
            "RouteSelectionExpression: $request",
            "StageVariables: {d: e}\n      RouteSelectionExpression: $request",
        );
    let some = Template::parse(&source).expect("a template");
    let variables = [("a", "b"), ("c", "1")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(some.http_stage_variables, variables.into());
    assert_eq!(some.websocket.stage_variables["d"], "e");
}

#[test]
fn a_parameters_default_lists_the_origins() {
    let cors = Template::parse(SMALL).expect("a template").cors.expect("CORS");
    assert_eq!(cors.allow_origins, ["https://a.example", "https://b.example"]);
    assert_eq!(cors.max_age, Some(Duration::from_mins(1)));
}

#[test]
fn faults_say_what_is_wrong_and_where() {
    assert_eq!(error_of(""), "the template is empty");
    assert!(error_of("a: [").starts_with("the template is not YAML"));
    assert_eq!(error_of("a: b"), "Resources is missing");
    assert_eq!(
        error_of("Resources: {}"),
        "the template has no resource of the type AWS::Serverless::WebSocketApi"
    );
    assert_eq!(
        error_of(&SMALL.replace("!GetAtt One.Arn", "!GetAtt Three.Arn")),
        "Resources.Sockets.Properties.Routes.$connect.FunctionArn names Three, which is no function of this template"
    );
    assert_eq!(
        error_of(&SMALL.replace("$connect: {FunctionArn: !GetAtt One.Arn}", "$connect: {}")),
        "Resources.Sockets.Properties.Routes.$connect.FunctionArn is missing"
    );
    assert_eq!(
        error_of(&SMALL.replace("!GetAtt One.Arn", "arn:aws:lambda:somewhere")),
        "Resources.Sockets.Properties.Routes.$connect.FunctionArn must be !GetAtt of a function's Arn"
    );
    assert_eq!(
        error_of(&SMALL.replace("Method: get, Path", "Path")),
        "Resources.One.Properties.Events.Get.Properties.Method is missing"
    );
    assert_eq!(
        error_of(&SMALL.replace("Timeout: 4", "Timeout: soon")),
        "Resources.One.Properties.Timeout must be a whole number"
    );
    assert_eq!(
        error_of(&SMALL.replace(
            "Rest: {Type: HttpApi}",
            "Twin: {Type: HttpApi, Properties: {Method: GET, Path: '/things/{id}'}}"
        )),
        "the route GET /things/{id} belongs to one and to one"
    );
}
