//! What the functions are told by their environment: what the user sets, else what suits one machine, else what the template says.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use shared::Config;
use shared::config::ConfigError;

use crate::gateway::Credentials;
use crate::secret;
use crate::server::{ServerError, Settings};
use crate::template::Template;

/// Settings of the functions that the template leaves to their defaults.
const OPTIONAL: [&str; 3] = [
    "DATABASE_POOL_SIZE",
    "DATABASE_TIMEOUT_MS",
    "DATABASE_VERIFY_CONNECTIONS",
];

/// The region, which the SDK insists on. `local` is in none.
const REGION: (&str, &str) = ("AWS_REGION", "us-east-1");

/// The id and the key to sign with where nobody looks at signatures: the SDK insists on some.
const UNCHECKED: (&str, &str) = ("local", "local");

/// The functions' settings.
pub(crate) struct Environment<'a> {
    settings: &'a Settings,
    template: &'a Template,
    database_url: String,
    jwt_secret: String,
}

impl<'a> Environment<'a> {
    /// With this database, and the signing key that is set or kept in the folder.
    ///
    /// # Errors
    /// [`ServerError::Secret`] where the key can't be kept.
    pub(crate) fn new(settings: &'a Settings, template: &'a Template, database_url: &str) -> Result<Self, ServerError> {
        let jwt_secret = match settings.set("JWT_SECRET") {
            Some(secret) => secret,
            None => kept_secret(&settings.folder)?,
        };
        Ok(Self {
            settings,
            template,
            database_url: database_url.to_owned(),
            jwt_secret,
        })
    }

    /// For functions in this process.
    ///
    /// # Errors
    /// [`ConfigError`] with every wrong value.
    pub(crate) fn in_process(&self) -> Result<Config, ConfigError> {
        Config::read(&|name| {
            let suitable = || match name {
                // One pool for all functions, whose connections nobody freezes.
                "DATABASE_POOL_SIZE" => Some("16".to_owned()),
                "DATABASE_VERIFY_CONNECTIONS" => Some("false".to_owned()),
                _ => None,
            };
            self.value(name, suitable)
        })
    }

    /// For functions in processes of their own, which sign with `credentials` where signatures are looked at. Where they push to is
    /// known when the gateway listens, unless it is set.
    pub(crate) fn of_processes(&self, credentials: Option<&Credentials>) -> BTreeMap<String, String> {
        let in_template = self.template.functions.iter();
        let in_template = in_template.flat_map(|function| function.environment.keys());
        let names: BTreeSet<&str> = in_template
            .map(String::as_str)
            .chain(OPTIONAL)
            .chain([REGION.0])
            .collect();
        let suitable = |name: &str| (name == REGION.0).then(|| REGION.1.to_owned());
        let variables = names
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), self.value(name, || suitable(name))?)));
        // Not what the user's shell has: that may open an AWS account, and these variables go to a file.
        let (id, key) = credentials.map_or(UNCHECKED, |pair| (pair.access_key_id(), pair.secret_access_key()));
        let signing = [("AWS_ACCESS_KEY_ID", id), ("AWS_SECRET_ACCESS_KEY", key)];
        let signing = signing.map(|(name, value)| (name.to_owned(), value.to_owned()));
        variables.chain(signing).collect()
    }

    fn value(&self, name: &str, suitable: impl FnOnce() -> Option<String>) -> Option<String> {
        let own = || match name {
            "DATABASE_URL" => Some(self.database_url.clone()),
            "JWT_SECRET" => Some(self.jwt_secret.clone()),
            _ => suitable(),
        };
        let in_template = || {
            let mut environments = self.template.functions.iter().map(|function| &function.environment);
            environments.find_map(|variables| variables.get(name)?.clone())
        };
        self.settings.set(name).or_else(own).or_else(in_template)
    }
}

fn kept_secret(folder: &Path) -> Result<String, ServerError> {
    secret::load_or_make(folder).map_err(|error| ServerError::Secret {
        folder: folder.to_owned(),
        error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = r"
Resources:
  Sockets:
    Type: AWS::Serverless::WebSocketApi
    Properties:
      StageName: ws
      RouteSelectionExpression: $request.body.type
      Routes: {$connect: {FunctionArn: !GetAtt One.Arn}}
  One:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/one
      Environment:
        Variables: {DATABASE_URL: !Ref Secret, PLAIN: '1', WEBSOCKET_CALLBACK_URL: !Sub 'https://${Sockets}/ws', REGION: !Ref Region}
  Two:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/two
      Environment: {Variables: {JWT_SECRET: !Ref Secret, DATABASE_STATEMENTS: !Ref Statements}}
";

    fn settings(variables: &[(&'static str, &'static str)]) -> Settings {
        let variables: BTreeMap<_, _> = variables.iter().copied().collect();
        Settings {
            lookup: Box::new(move |name| variables.get(name).map(ToString::to_string)),
            folder: "/nowhere".into(),
            template: "template.yaml".into(),
            lambda: None,
            require_sigv4: false,
            gateway: crate::gateway::Options::default(),
        }
    }

    fn of_processes(
        variables: &[(&'static str, &'static str)],
        credentials: Option<&Credentials>,
    ) -> BTreeMap<String, String> {
        let settings = settings(variables);
        let template = Template::parse(TEMPLATE).unwrap();
        let environment = Environment::new(&settings, &template, "postgres://here/db").unwrap();
        environment.of_processes(credentials)
    }

    #[test]
    fn processes_get_what_the_template_names_with_the_values_of_this_machine() {
        let variables = of_processes(&[("JWT_SECRET", "a key")], None);
        let expected = [
            ("AWS_ACCESS_KEY_ID", "local"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_SECRET_ACCESS_KEY", "local"),
            ("DATABASE_URL", "postgres://here/db"),
            ("JWT_SECRET", "a key"),
            ("PLAIN", "1"),
        ];
        let variables: Vec<_> = variables.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(variables, expected);
    }

    #[test]
    fn what_the_user_sets_wins_and_nothing_else_of_it_is_passed_on() {
        let variables = of_processes(
            &[
                ("JWT_SECRET", "a key"),
                ("PLAIN", "2"),
                ("DATABASE_STATEMENTS", "unnamed"),
                ("DATABASE_POOL_SIZE", "2"),
                ("AWS_REGION", "eu-west-1"),
                ("HOME", "/root"),
                ("DATABASE_TIMEOUT_MS", ""),
            ],
            None,
        );
        assert_eq!(variables["PLAIN"], "2");
        assert_eq!(variables["DATABASE_STATEMENTS"], "unnamed");
        assert_eq!(variables["DATABASE_POOL_SIZE"], "2");
        assert_eq!(variables["AWS_REGION"], "eu-west-1");
        assert!(!variables.contains_key("HOME") && !variables.contains_key("DATABASE_TIMEOUT_MS"));
    }

    #[test]
    fn the_aws_credentials_of_the_users_shell_are_not_passed_on() {
        let shell = [
            ("JWT_SECRET", "a key"),
            ("AWS_ACCESS_KEY_ID", "AKIAREAL"),
            ("AWS_SECRET_ACCESS_KEY", "opens an account"),
            ("AWS_SESSION_TOKEN", "opens it too"),
        ];
        let unchecked = of_processes(&shell, None);
        assert_eq!(unchecked["AWS_ACCESS_KEY_ID"], "local");
        assert_eq!(unchecked["AWS_SECRET_ACCESS_KEY"], "local");
        let checked = of_processes(&shell, Some(&Credentials::new("an id", "its key")));
        for variables in [unchecked, checked] {
            for (_, secret) in &shell[1..] {
                assert!(!variables.values().any(|value| value == secret), "{variables:?}");
            }
        }
    }

    #[test]
    fn where_signatures_count_processes_have_what_they_are_made_with() {
        let credentials = Credentials::new("an id", "its key");
        let variables = of_processes(&[("JWT_SECRET", "a key")], Some(&credentials));
        assert_eq!(variables["AWS_ACCESS_KEY_ID"], "an id");
        assert_eq!(variables["AWS_SECRET_ACCESS_KEY"], "its key");
    }
}
