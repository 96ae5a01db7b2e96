//! STS: who am I, and assuming roles, perhaps in other accounts.
//!
//! A role either may be assumed by everybody or asks for an external id; trust policies are not evaluated.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, SecondsFormat, Utc};

use crate::service::{Ask, Operation, QueryProtocol, Refusal, Route, Service, reads, route_query};
use crate::wire::{AwsError, Request, Response, Xml};
use crate::world::World;

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// No signature is verified.
const SECRET: &str = "local-aws-verifies-no-signatures";

const OPERATIONS: &[Operation] = &[
    reads("AssumeRole", assume_role),
    reads("GetCallerIdentity", get_caller_identity),
];

pub(crate) struct Sts;

/// Roles, and the sessions that were given out.
#[derive(Debug, Default)]
pub(crate) struct StsState {
    /// By ARN; with the external id that is asked for.
    roles: BTreeMap<String, Option<String>>,
    /// By access key.
    sessions: BTreeMap<String, Session>,
}

/// Credentials that `AssumeRole` gave out.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) account: String,
    /// The role's ARN.
    pub(crate) role: String,
    /// The session's ARN.
    pub(crate) arn: String,
    pub(crate) user_id: String,
    pub(crate) token: String,
    pub(crate) expires_at: DateTime<Utc>,
}

impl World {
    /// Adds a role that may be assumed, by those who know the external id if there is one; and its account.
    pub fn assumable_role(mut self, arn: &str, external_id: Option<&str>) -> World {
        if let Some(account) = arn.split(':').nth(4) {
            self = self.account(account);
        }
        self.sts
            .roles
            .insert(arn.to_owned(), external_id.map(str::to_owned));
        self
    }

    /// The environment of a process that works as this role, as Lambda gives it to a function: for an hour.
    pub fn role_environment(&mut self, role: &str) -> Vec<(&'static str, String)> {
        let expires_at = self.now() + Duration::hours(1);
        let (access_key, token) = self.begin_session(role, "lambda", expires_at);
        vec![
            ("AWS_ACCESS_KEY_ID", access_key),
            ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
            ("AWS_SESSION_TOKEN", token),
        ]
    }

    /// Gives out credentials: the access key and the token of the session.
    fn begin_session(
        &mut self,
        role: &str,
        name: &str,
        expires_at: DateTime<Utc>,
    ) -> (String, String) {
        let account = role.split(':').nth(4).unwrap_or_default().to_owned();
        let role_name = role.rsplit('/').next().unwrap_or_default();
        let number = self.sts.sessions.len() + 1;
        let access_key = format!("ASIALOCALAWS{number:08}");
        let session = Session {
            arn: format!("arn:aws:sts::{account}:assumed-role/{role_name}/{name}"),
            account,
            role: role.to_owned(),
            user_id: format!("AROALOCALAWS00000001:{name}"),
            token: format!("local-aws-session-{number}"),
            expires_at,
        };
        let token = session.token.clone();
        self.sts.sessions.insert(access_key.clone(), session);
        (access_key, token)
    }

    pub(crate) fn session(&self, access_key: &str) -> Option<&Session> {
        self.sts.sessions.get(access_key)
    }
}

const QUERY: QueryProtocol = QueryProtocol {
    namespace: NAMESPACE,
    version: "2011-06-15",
    denied: "AccessDenied",
    broken: "InternalFailure",
};

impl Service for Sts {
    fn name(&self) -> &'static str {
        "sts"
    }

    fn route(&self, request: &Request) -> Route {
        route_query(OPERATIONS, &["RoleArn"], request)
    }

    fn refusal(&self, refusal: &Refusal) -> AwsError {
        QUERY.refusal(refusal)
    }

    fn error(&self, error: &AwsError, request_id: &str) -> Response {
        QUERY.write(error, request_id)
    }
}

fn result(action: &str, ask: &Ask<'_>, inside: impl FnOnce(&mut Xml)) -> Response {
    QUERY.result(action, ask, inside)
}

fn get_caller_identity(_: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    Ok(result("GetCallerIdentity", ask, |xml| {
        xml.leaf("Arn", &ask.caller.principal)
            .leaf("UserId", &ask.caller.user_id)
            .leaf("Account", &ask.caller.account);
    }))
}

fn assume_role(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let params = &ask.request.form;
    let arn = params.get("RoleArn").unwrap_or_default();
    let session = params.get("RoleSessionName").unwrap_or_default();
    let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || "_+=,.@-".contains(letter);
    if !(2..=64).contains(&session.len()) || !session.chars().all(is_allowed) {
        return Err(invalid(&format!(
            "1 validation error detected: Value '{session}' at 'roleSessionName' failed to satisfy constraint: \
             Member must satisfy regular expression pattern: [\\w+=,.@-]*"
        )));
    }
    let seconds = lifetime(ask)?;
    let may = world.sts.roles.get(arn).is_some_and(|external_id| {
        external_id.is_none() || external_id.as_deref() == params.get("ExternalId")
    });
    if !may {
        // A role that does not exist is answered like one that may not be assumed.
        let message = format!(
            "User: {} is not authorized to perform: sts:AssumeRole on resource: {arn}",
            ask.caller.principal
        );
        return Err(AwsError::new(403, "AccessDenied", message));
    }
    let expires_at = world.now() + Duration::seconds(seconds);
    let (access_key, _) = world.begin_session(arn, session, expires_at);
    let Some(given) = world.session(&access_key) else {
        return Err(AwsError::new(500, "InternalFailure", "the session is lost"));
    };
    Ok(result("AssumeRole", ask, |xml| {
        xml.node("Credentials", |xml| {
            xml.leaf("AccessKeyId", &access_key)
                .leaf("SecretAccessKey", SECRET)
                .leaf("SessionToken", &given.token)
                .leaf(
                    "Expiration",
                    given.expires_at.to_rfc3339_opts(SecondsFormat::Secs, true),
                );
        });
        xml.node("AssumedRoleUser", |xml| {
            xml.leaf("AssumedRoleId", &given.user_id)
                .leaf("Arn", &given.arn);
        });
    }))
}

/// How long a session lasts: 15 minutes to one hour, which is a role's maximum unless it is raised, and the most when
/// one role assumes another. <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
fn lifetime(ask: &Ask<'_>) -> Result<i64, AwsError> {
    let Some(asked) = ask.request.form.get("DurationSeconds") else {
        return Ok(3600);
    };
    match asked.parse() {
        Ok(seconds @ 900..=3600) => Ok(seconds),
        Ok(3601..=43200) if ask.caller.is_session => Err(invalid(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
        )),
        Ok(3601..=43200) => Err(invalid(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        )),
        _ => Err(invalid(&format!(
            "1 validation error detected: Value '{asked}' at 'durationSeconds' failed to satisfy constraint: \
             Member must have value between 900 and 43200"
        ))),
    }
}

fn invalid(message: &str) -> AwsError {
    AwsError::new(400, "ValidationError", message)
}

#[cfg(test)]
mod tests {
    use crate::ec2::Instance;
    use crate::testing::{REGION, Stage, body, leaves, short, world};

    const OPEN: &str = "arn:aws:iam::210987654321:role/ops/Reader";
    const CAREFUL: &str = "arn:aws:iam::210987654321:role/Careful";

    fn stage() -> Stage {
        let world = world()
            .assumable_role(OPEN, None)
            .assumable_role(CAREFUL, Some("secret"));
        Stage::new(world.instance("210987654321", REGION, Instance::new("i-9")))
    }

    fn assume(stage: &mut Stage, rest: &str) -> String {
        short(&stage.query("sts", "AssumeRole", &format!("RoleSessionName=me&{rest}")))
    }

    #[test]
    fn a_session_acts_in_the_roles_account_until_it_expires() {
        let mut stage = stage();
        let answer = stage.query(
            "sts",
            "AssumeRole",
            &format!("RoleArn={OPEN}&RoleSessionName=me"),
        );
        let text = body(&answer);
        assert_eq!(leaves(&text, "Expiration"), ["2024-10-04T01:00:00Z"]);
        stage.access_key = leaves(&text, "AccessKeyId")[0].clone();
        assert_eq!(
            (stage.access_key.get(..4), stage.access_key.len()),
            (Some("ASIA"), 20)
        );
        assert!(
            short(&stage.query("sts", "GetCallerIdentity", ""))
                .starts_with("403 InvalidClientTokenId")
        );

        stage.token = Some(leaves(&text, "SessionToken")[0].clone());
        let who = body(&stage.query("sts", "GetCallerIdentity", ""));
        assert_eq!(
            leaves(&who, "Arn"),
            ["arn:aws:sts::210987654321:assumed-role/Reader/me"]
        );
        assert_eq!(leaves(&who, "Account"), ["210987654321"]);
        let seen = body(&stage.query("ec2", "DescribeInstances", ""));
        assert_eq!(leaves(&seen, "instanceId"), ["i-9"]);
        assert!(
            assume(&mut stage, &format!("RoleArn={OPEN}&DurationSeconds=3601"))
                .contains("role chaining")
        );

        stage.wait(3600);
        assert_eq!(
            short(&stage.query("sts", "GetCallerIdentity", "")),
            "403 ExpiredToken: The security token included in the request is expired"
        );
        assert_eq!(
            stage.ec2("DescribeInstances", ""),
            "400 RequestExpired: Request has expired."
        );
    }

    #[test]
    fn roles_are_refused() {
        let mut stage = stage();
        let denied = |arn: &str| {
            format!(
                "403 AccessDenied: User: arn:aws:iam::123456789012:user/lamplighter is not authorized to perform: \
                 sts:AssumeRole on resource: {arn}"
            )
        };
        assert_eq!(
            assume(&mut stage, &format!("RoleArn={CAREFUL}")),
            denied(CAREFUL)
        );
        assert_eq!(
            assume(&mut stage, &format!("RoleArn={CAREFUL}&ExternalId=guess")),
            denied(CAREFUL)
        );
        assert_eq!(
            assume(&mut stage, &format!("RoleArn={CAREFUL}&ExternalId=secret")),
            "200"
        );
        let unknown = "arn:aws:iam::210987654321:role/None";
        assert_eq!(
            assume(&mut stage, &format!("RoleArn={unknown}")),
            denied(unknown)
        );
        for seconds in ["899", "3601", "43201", "x"] {
            let params = format!("RoleArn={OPEN}&DurationSeconds={seconds}");
            assert!(
                assume(&mut stage, &params).starts_with("400 ValidationError"),
                "{seconds}"
            );
        }
    }

    #[test]
    fn a_key_can_be_refused() {
        let mut stage = Stage::new(world().refused_key("AKIAOLD"));
        stage.access_key = "AKIAOLD".to_owned();
        assert!(
            short(&stage.query("sts", "GetCallerIdentity", ""))
                .starts_with("403 InvalidClientTokenId")
        );
        assert!(
            stage
                .ec2("DescribeInstances", "")
                .starts_with("401 AuthFailure")
        );
    }
}
