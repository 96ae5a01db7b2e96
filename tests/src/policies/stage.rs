//! A function under its own policy: the role, the policy as it is printed, and what became of the calls.

use std::cell::RefCell;
use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use lamplighter_local_aws::{LocalAws, Permission, World};
use serde_json::{Value, json};

use crate::harness::{Lamplighter, serve};
use crate::runtime_api::{Answer, Lambda};

/// Where the programs run.
pub const ACCOUNT: &str = "111122223333";
/// Another account, which they look at too.
pub const OTHER: &str = "444455556666";
pub const REGION: &str = "eu-west-1";
pub const STATE: &str = "acme-lamplighter";
pub const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:lamplighter";
/// The role that the program works as, and those by which it looks at accounts. All have the same policy.
const ROLES: [&str; 3] = [
    "arn:aws:iam::111122223333:role/lamplighter-under-test",
    "arn:aws:iam::111122223333:role/lamplighter-target",
    "arn:aws:iam::444455556666:role/lamplighter-target",
];

/// A function, a configuration, and what it is put through.
pub struct Case {
    pub function: &'static str,
    pub name: &'static str,
    pub mode: &'static str,
    /// Lines of the function's section, and sections after it.
    pub lines: &'static str,
    pub plays: Vec<Play>,
}

/// What happens in a world.
#[derive(Clone, Copy)]
pub struct Play {
    pub world: fn() -> World,
    pub steps: fn(&Stage<'_>),
}

/// The time, to the second: credentials that the simulated STS gives out are valid by the machine's clock.
pub fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(Utc::now().timestamp(), 0).expect("a time of this age")
}

/// Both accounts with what every function's configuration names.
pub fn world() -> World {
    World::new(ACCOUNT, now())
        .account(OTHER)
        .regions(&[REGION, "eu-central-1", "eu-west-2", "us-east-1"])
        .bucket(ACCOUNT, REGION, STATE)
        .topic(TOPIC)
        .verified_identity("example.com")
        .assumable_role(ROLES[0], None)
        .assumable_role(ROLES[1], None)
        .assumable_role(ROLES[2], Some("acme-lamplighter"))
}

impl Case {
    fn config(&self) -> String {
        let Self {
            function,
            mode,
            lines,
            ..
        } = self;
        let [role, own, other] = ROLES;
        // What a call costs when it is denied: nothing, since that is not tried again.
        format!(
            r#"
[aws]
regions = ["{REGION}"]
attempt_timeout_secs = 5
[[aws.accounts]]
id = "{ACCOUNT}"
role = "{own}"
[[aws.accounts]]
id = "{OTHER}"
role = "{other}"
external_id = "acme-lamplighter"
[state]
url = "s3://{STATE}/state"
[report]
from = "Lamplighter <lamplighter@example.com>"
to = ["security@example.com"]
mail = "always"
topic = "{TOPIC}"
[{function}]
mode = "{mode}"
role = "{role}"
{lines}
"#
        )
    }

    /// The policy as it is printed for this configuration.
    pub fn policy(&self) -> Policy {
        let printed = Lamplighter::new(["policy", self.function])
            .config(&self.config())
            .run()
            .code(0)
            .json();
        Policy(printed)
    }
}

/// A policy document.
pub struct Policy(Value);

/// What one statement of it allows.
pub struct Allowed {
    pub sid: String,
    pub actions: Vec<String>,
    pub resources: Vec<String>,
}

impl Policy {
    pub fn statements(&self) -> Vec<Allowed> {
        let texts = |value: &Value| -> Vec<String> {
            let list = value.as_array().expect("a list").iter();
            list.map(|text| text.as_str().expect("a text").to_owned())
                .collect()
        };
        let statements = self.0["Statement"].as_array().expect("statements").iter();
        statements
            .map(|statement| Allowed {
                sid: statement["Sid"].as_str().expect("a Sid").to_owned(),
                actions: texts(&statement["Action"]),
                resources: texts(&statement["Resource"]),
            })
            .collect()
    }

    /// The same without one action of one statement.
    pub fn without(&self, sid: &str, action: &str) -> Policy {
        let mut less = self.0.clone();
        let statements = less["Statement"].as_array_mut().expect("statements");
        for statement in statements.iter_mut() {
            if statement["Sid"] == sid {
                let actions = statement["Action"].as_array_mut().expect("actions");
                actions.retain(|one| one != action);
            }
        }
        statements.retain(|one| one["Action"] != json!([]));
        Policy(less)
    }
}

impl Play {
    /// Plays it under a policy that must be enough.
    pub fn perform(&self, case: &Case, policy: &Policy) -> Performance {
        self.play(case, policy, true)
    }

    /// Plays it whatever comes of it.
    pub fn perform_anyway(&self, case: &Case, policy: &Policy) -> Performance {
        self.play(case, policy, false)
    }

    fn play(&self, case: &Case, policy: &Policy, is_whole: bool) -> Performance {
        let text = policy.0.to_string();
        let world = ROLES.iter().fold((self.world)(), |world, role| {
            world.identity_policy(role, &text)
        });
        let stage = Stage {
            aws: serve(world),
            case,
            is_whole,
            ended: RefCell::default(),
        };
        (self.steps)(&stage);
        Performance {
            play: *self,
            permissions: stage
                .aws
                .calls()
                .into_iter()
                // It asks for the bucket's region, which S3 tells those as well whom it refuses.
                .filter(|call| call.action != "HeadBucket" || call.denied().is_none())
                .flat_map(|call| call.permissions)
                .collect(),
            ended: stage.ended.into_inner(),
        }
    }
}

/// A world in which a function runs under its policy.
pub struct Stage<'a> {
    pub aws: LocalAws,
    case: &'a Case,
    is_whole: bool,
    ended: RefCell<Vec<(i64, String)>>,
}

impl Stage<'_> {
    /// `lamplighter run FUNCTION`; with its whole policy it ends with this code.
    #[track_caller]
    pub fn run(&self, code: i32) {
        self.program(code, &["run", self.case.function, "--format", "json"], None);
    }

    /// The same with an event.
    #[track_caller]
    pub fn event(&self, code: i32, event: &Value) {
        let args = ["run", self.case.function, "--format", "json"];
        self.program(code, &args, Some(event));
    }

    /// `lamplighter ARGS` at the world's time; with the whole policy it ends with this code.
    #[track_caller]
    pub fn program(&self, code: i32, args: &[&str], event: Option<&Value>) {
        let mut program = Lamplighter::new(args.iter().copied())
            .on(&self.aws)
            .config(&self.case.config());
        if args[0] == "run" {
            program = program.args(["--now", self.aws.now().to_rfc3339().as_str()]);
        }
        if let Some(event) = event {
            let path = program.folder().join("event.json");
            std::fs::write(&path, event.to_string()).expect("the event is written");
            program = program.arg("--event").arg(path);
        }
        let mut ran = program.run();
        if self.is_whole {
            ran = ran.code(code);
        }
        let text = format!("{}\n{}", ran.stdout, ran.stderr);
        let code = ran.code.map_or(-1, i64::from);
        self.ended.borrow_mut().push((code, text));
    }

    /// The function as a Lambda, called by the schedule for a slot.
    pub fn slot(&self) {
        let slot = self.aws.now().to_rfc3339();
        let event = json!({
            "metadata": {"source": "scheduler", "trigger": "schedule", "slot": slot}, "data": {}
        });
        self.lambda(&event);
    }

    /// The function as a Lambda, which answers.
    pub fn lambda(&self, event: &Value) {
        let config = self.case.config();
        let lambda = Lambda::start(self.case.function, &self.aws, &config, &[]);
        let answer = lambda.invoke(event);
        lambda.end();
        self.answered(answer);
    }

    /// `lamplighter replay` of what is in quarantine, if there is anything.
    #[track_caller]
    pub fn replay(&self, code: i32) {
        let folder = format!("state/quarantine/{}/", self.case.function);
        let kept = self.aws.with(|world| {
            let mut objects = world.objects(STATE).into_iter();
            let found = objects.find(|(key, _)| key.starts_with(&folder));
            found.map(|(_, object)| object.body.clone())
        });
        let Some(kept) = kept else {
            assert!(!self.is_whole, "nothing is in quarantine");
            return;
        };
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("record.json");
        std::fs::write(&path, kept).expect("the record is written");
        let path = path.to_str().expect("a path in UTF-8");
        self.program(code, &["replay", path], None);
    }

    /// Something of the function is in quarantine, from a time when it was in apply mode.
    pub fn quarantined(&self) {
        let function = self.case.function;
        let record = json!({
            "schema": "lamplighter/quarantine/v1", "function": function, "subject": "s3://x/y",
            "reason": "it was damaged", "run_id": "01", "at": self.aws.now(), "payload": {}
        });
        let key = format!("state/quarantine/{function}/0123456789abcdef0123456789abcdef.json");
        let body = record.to_string();
        self.aws
            .with(|world| world.store_object(STATE, &key, body.as_bytes()));
    }

    /// Takes an answer of the Lambda into account.
    pub fn answered(&self, answer: Answer) {
        let (code, text) = match answer {
            // An event's answer has no code.
            Answer::Response(answer) => (answer["code"].as_i64().unwrap_or(0), answer.to_string()),
            Answer::Error(_, body) => (1, body.to_string()),
            ended @ (Answer::TimedOut | Answer::Exited) => (1, format!("{ended:?}")),
        };
        if self.is_whole {
            assert_eq!(code, 0, "{text}");
        }
        self.ended.borrow_mut().push((code, text));
    }

    /// The configuration, for programs that are run in another way.
    pub fn config(&self) -> String {
        self.case.config()
    }
}

/// What became of a play.
pub struct Performance {
    pub play: Play,
    permissions: Vec<Permission>,
    /// Each program's code and all that it said.
    ended: Vec<(i64, String)>,
}

impl Performance {
    pub fn must_have_been_allowed(&self, case: &Case) {
        let denied: BTreeSet<String> = self
            .permissions
            .iter()
            .filter(|one| one.is_denied)
            .map(|one| format!("{} on {}", one.action, one.resource))
            .collect();
        assert!(
            denied.is_empty(),
            "{}: {} in {} mode lacks {denied:#?}\n{}",
            case.function,
            case.name,
            case.mode,
            self.text()
        );
        assert!(
            !self.text().contains("not allowed to call"),
            "{}",
            self.text()
        );
    }

    /// Whether something was allowed by this statement alone.
    pub fn needs(&self, sid: &str, action: &str) -> bool {
        self.uses(sid, |one| one.action == action && one.allowed_by.len() == 1)
    }

    /// Whether this statement allowed something of this kind.
    pub fn uses(&self, sid: &str, is_it: impl Fn(&Permission) -> bool) -> bool {
        self.permissions
            .iter()
            .any(|one| one.allowed_by.iter().any(|by| by == sid) && is_it(one))
    }

    pub fn text(&self) -> String {
        let texts = self.ended.iter().map(|(_, text)| text.as_str());
        texts.collect::<Vec<_>>().join("\n")
    }

    pub fn codes(&self) -> Vec<i64> {
        self.ended.iter().map(|(code, _)| *code).collect()
    }
}
