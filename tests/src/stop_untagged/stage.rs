//! A simulated account with a configuration: what every test of `stop-untagged` begins with, and how it looks at what
//! came of it.

use chrono::{DateTime, Duration, Utc};
use lamplighter_local_aws::{Call, Instance, LocalAws, World};
use serde_json::Value;

use crate::harness::{Lamplighter, Ran, serve};

/// The account.
pub const ACCOUNT: &str = "123456789012";
/// Its home region.
pub const REGION: &str = "eu-west-1";
/// The tag that remembers the deadline.
pub const MARK: &str = "lamplighter:stop-after";
/// The time at which a stage opens: a Monday, in working hours everywhere in Europe.
pub const MONDAY: &str = "2026-11-16T10:00:00Z";

/// A sender, somebody who hears of everything, and no mail beside the warnings.
const CONFIG: &str = r#"
[report]
from = "Lamplighter <ops@example.com>"
to = ["security@example.com"]
mail = "never"

[stop-untagged]
mode = "apply"
"#;

/// A time from its text.
pub fn at(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text)
        .expect("an RFC 3339 time")
        .with_timezone(&Utc)
}

/// A time as a mark holds it.
pub fn mark(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// An empty account with a verified sender, on Monday.
pub fn world() -> World {
    World::new(ACCOUNT, at(MONDAY)).verified_identity("ops@example.com")
}

/// An account and the configuration of the programs that are run on it.
pub struct Stage {
    /// The account.
    pub aws: LocalAws,
    config: String,
}

impl Stage {
    /// Serves `world`.
    pub fn of(world: World) -> Self {
        Self {
            aws: serve(world),
            config: CONFIG.to_owned(),
        }
    }

    /// An account with these instances in its home region.
    pub fn with(instances: impl IntoIterator<Item = Instance>) -> Self {
        Self::of(instances.into_iter().fold(world(), |world, instance| {
            world.instance(ACCOUNT, REGION, instance)
        }))
    }

    /// Adds lines to the configuration's last section, `[stop-untagged]`, or whole sections after it.
    pub fn config(mut self, lines: &str) -> Self {
        self.config.push_str(lines);
        self.config.push('\n');
        self
    }

    /// Uses another configuration altogether.
    pub fn whole_config(mut self, text: &str) -> Self {
        text.clone_into(&mut self.config);
        self
    }

    /// `lamplighter ARGS` at the account's time, ready to run.
    pub fn program<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Lamplighter {
        let now = mark(self.aws.now());
        let mut args: Vec<&str> = args.into_iter().collect();
        // After the command's name, so that a test may add arguments at the end.
        args.splice(1..1, ["--now", now.as_str()]);
        Lamplighter::new(args).on(&self.aws).config(&self.config)
    }

    /// `lamplighter ARGS`.
    pub fn lamplighter<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Ran {
        self.program(args).run()
    }

    /// One run in the configured mode, with its record as JSON.
    pub fn round(&self) -> Ran {
        self.lamplighter(["run", "stop-untagged", "--format", "json"])
    }

    /// One run that ends with 0, as a story.
    #[track_caller]
    pub fn told(&self) -> String {
        story(&self.round().code(0).json())
    }

    /// One dry run, as a story. It must have changed nothing.
    #[track_caller]
    pub fn foretold(&self) -> String {
        let before = self.changing().len();
        let ran = self
            .lamplighter(["run", "stop-untagged", "--dry-run", "--format", "json"])
            .code(0);
        assert_eq!(
            self.changing().len(),
            before,
            "a dry run has changed something"
        );
        story(&ran.json())
    }

    /// The calls so far that would change something.
    pub fn changing(&self) -> Vec<Call> {
        self.aws
            .calls()
            .into_iter()
            .filter(|call| call.changes)
            .collect()
    }

    /// How often this was called.
    pub fn count(&self, call: &str) -> usize {
        self.aws
            .calls()
            .iter()
            .filter(|seen| seen.name() == call)
            .count()
    }

    /// An instance's tag.
    pub fn tag(&self, id: &str, key: &str) -> Option<String> {
        self.aws.with(|world| {
            world
                .find_instance(ACCOUNT, REGION, id)?
                .tags
                .get(key)
                .cloned()
        })
    }

    /// An instance's mark.
    pub fn mark_of(&self, id: &str) -> Option<String> {
        self.tag(id, MARK)
    }

    /// An instance's state; `gone` if there is none.
    pub fn state(&self, id: &str) -> &'static str {
        self.aws.with(|world| {
            world
                .find_instance(ACCOUNT, REGION, id)
                .map_or("gone", |seen| seen.state.name())
        })
    }

    /// Edits an instance, as its owner does.
    pub fn edit(&self, id: &str, edit: impl FnOnce(&mut Instance)) {
        self.aws.with(|world| {
            edit(
                world
                    .instance_mut(ACCOUNT, REGION, id)
                    .expect("there is such an instance"),
            )
        });
    }

    /// Lets hours pass.
    pub fn hours_pass(&self, hours: i64) {
        self.aws.advance(Duration::hours(hours));
    }

    /// The mails that name an instance.
    pub fn mails_about(&self, id: &str) -> usize {
        self.aws
            .mails()
            .iter()
            .filter(|mail| mail.text().contains(id))
            .count()
    }
}

/// A run in lines: what was refused, done, left alone and went wrong. Times and ids of runs are left out.
pub fn story(run: &Value) -> String {
    let mut text = String::new();
    let name = |row: &Value| {
        row["resource"]
            .as_str()
            .and_then(|arn| arn.rsplit('/').next())
            .unwrap_or("?")
            .to_owned()
    };
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    text.push_str(&format!(
        "{} {}\n",
        word(&run["mode"]),
        word(&run["outcome"])
    ));
    if let Some(reason) = run["would_refuse"].as_str() {
        text.push_str(&format!("would refuse: {reason}\n"));
    }
    for row in rows(run, "actions") {
        let (action, outcome) = (word(&row["action"]), word(&row["outcome"]));
        text.push_str(&format!(
            "{action} {}: {outcome}: {}\n",
            name(row),
            word(&row["reason"])
        ));
    }
    for row in rows(run, "skipped") {
        text.push_str(&format!("skip {}: {}\n", name(row), word(&row["reason"])));
    }
    for row in rows(run, "errors") {
        text.push_str(&format!(
            "error {}: {}\n",
            word(&row["scope"]),
            word(&row["message"])
        ));
    }
    text
}

/// The rows of a list in a run.
pub fn rows<'a>(run: &'a Value, list: &str) -> &'a [Value] {
    run[list].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// What became of the action on an instance; `None` if there was none.
pub fn outcome<'a>(run: &'a Value, id: &str) -> Option<&'a str> {
    let arn_end = format!("/{id}");
    rows(run, "actions")
        .iter()
        .find(|row| {
            row["resource"]
                .as_str()
                .is_some_and(|arn| arn.ends_with(&arn_end))
        })
        .and_then(|row| row["outcome"].as_str())
}
