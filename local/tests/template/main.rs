//! `template.yaml` held against the packages, the routes and itself: what sam and cfn-lint don't see.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod apis;
mod environment;
mod functions;
mod logs;
mod migration;
mod packages;
mod references;
mod roles;
mod template;

use template::Template;

/// All that is wrong with a template, as sentences.
fn faults(source: &str) -> Vec<String> {
    let template = Template::parse(source);
    [
        references::faults(&template),
        functions::faults(&template),
        environment::faults(&template),
        roles::faults(&template),
        logs::faults(&template),
        apis::faults(&template),
        migration::faults(&template),
    ]
    .concat()
}

fn real() -> String {
    std::fs::read_to_string(packages::root().join("template.yaml")).unwrap()
}

#[test]
fn the_template_goes_with_the_packages_the_routes_and_itself() {
    let faults = faults(&real());
    assert!(faults.is_empty(), "{faults:#?}");
}

/// Each row breaks the template in one place, and names what must be said of it.
#[test]
fn what_is_wrong_with_a_template_is_found() {
    for (right, wrong, fault) in [
        (
            "!GetAtt WsMessageFunction.Arn",
            "!GetAtt WsMessageFunctionn.Arn",
            "WsMessageFunctionn",
        ),
        (
            "Value: !Ref LoginFunction",
            "Value: !Ref LoginFunctions",
            "LoginFunctions",
        ),
        (
            "!GetAtt RegisterLogs.Arn",
            "!GetAtt RegisterLogs.Name",
            "RegisterLogs.Name",
        ),
        (
            "${DatabaseSecret}:SecretString:url",
            "${DatabaseSecrets}:SecretString:url",
            "DatabaseSecrets",
        ),
        (
            "!If [InVpc, [!Ref NetworkPolicy]",
            "!If [InVPC, [!Ref NetworkPolicy]",
            "InVPC",
        ),
        ("    Condition: HasAlarmEmail", "    Condition: HasAlarm", "HasAlarm"),
        ("rust-cargolambda", "rust-cargo-lambda", "BuildMethod"),
        ("Runtime: provided.al2023", "Runtime: provided.al2032", "Runtime"),
        ("Handler: bootstrap", "Handler: main", "Handler"),
        (
            "Architectures: [!Ref Architecture]",
            "Architectures: [arm64]",
            "Architectures",
        ),
        (
            "CodeUri: functions/history",
            "CodeUri: functions/profile",
            "functions/history",
        ),
        ("    DependsOn: Migration\n", "", "Migration"),
        (
            "Role: !GetAtt LoginRole.Arn",
            "Role: !GetAtt MessagesRole.Arn",
            "LoginFunction",
        ),
        (
            "LogGroup: !Ref LoginLogs",
            "LogGroup: !Ref RegisterLogs",
            "LoginFunction",
        ),
        (
            "RetentionInDays: !Ref LogRetentionDays",
            "DataProtectionPolicy: {}",
            "RetentionInDays",
        ),
        ("${AWS::StackName}-login", "${AWS::StackName}-register", "-login"),
        (
            "          WEBSOCKET_CALLBACK_URL: !Sub https",
            "          WEBSOCKET_URL: !Sub https",
            "WEBSOCKET_CALLBACK_URL",
        ),
        (
            "AWS_LAMBDA_HTTP_IGNORE_STAGE_IN_PATH: 'true'",
            "STAGE: ws",
            "AWS_LAMBDA_HTTP_IGNORE_STAGE_IN_PATH",
        ),
        (
            "{{resolve:secretsmanager:${JwtSecret}:SecretString}}",
            "${JwtSecret}",
            "JWT_SECRET",
        ),
        (
            "${WebSocketApi}/ws/POST/@connections/*",
            "${WebSocketApi}/ws/*/@connections/*",
            "ManageConnections",
        ),
        (
            "${WebSocketApi}/ws/POST/@connections/*",
            "*/ws/POST/@connections/*",
            "ManageConnections",
        ),
        ("[logs:CreateLogStream, logs:PutLogEvents]", "[logs:*]", "logs:*"),
        (
            "\"status\":\"$context.status\"",
            "\"query\":\"$context.identity.apiKey\"",
            "$context.identity.apiKey",
        ),
        (
            "Type: AWS::Serverless::WebSocketApi",
            "Type: AWS::ApiGatewayV2::Api",
            "AWS::ApiGatewayV2::Api",
        ),
        (
            "            Path: /users/me\n",
            "            Path: /users/you\n",
            "/users/you",
        ),
        (
            "ThrottlingRateLimit: !Ref HttpRate",
            "DetailedMetricsEnabled: true",
            "ThrottlingRateLimit",
        ),
        ("DataTraceEnabled: false", "DataTraceEnabled: true", "DataTraceEnabled"),
        ("    Timeout: 28", "    Timeout: 29", "Timeout"),
        (
            "      ServiceTimeout: 960",
            "      ServiceTimeout: 900",
            "ServiceTimeout",
        ),
        ("      MigrationsHash: ", "      MigrationsHash: 0", "MigrationsHash"),
        ("MetricName: Errors", "MetricName: Invocations", "alarm"),
    ] {
        let real = real();
        assert!(real.contains(right), "{right} is not in the template any more");
        let found = faults(&real.replace(right, wrong));
        assert!(
            found.iter().any(|found| found.contains(fault)),
            "{right} -> {wrong}: no fault names {fault}: {found:#?}"
        );
    }
}
