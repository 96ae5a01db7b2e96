//! A simulated account with security groups, and a configuration.

use chrono::{DateTime, Utc};
use lamplighter_local_aws::{Call, LocalAws, SecurityGroup, SecurityGroupRule, World};
use serde_json::Value;

use crate::harness::{Lamplighter, Ran, serve};

/// The account.
pub const ACCOUNT: &str = "123456789012";
/// Its home region.
pub const REGION: &str = "eu-west-1";

/// An empty account.
pub fn world() -> World {
    let now: DateTime<Utc> = "2026-11-16T10:00:00Z".parse().expect("a time");
    World::new(ACCOUNT, now).verified_identity("ops@example.com")
}

/// A group whose inbound rules are `(protocol, from, to, source)`; the ids of its rules are made of its own.
pub fn group(id: &str, rules: &[(&str, i32, i32, &str)]) -> SecurityGroup {
    let digits = id.trim_start_matches("sg-");
    let rules = rules.iter().enumerate();
    rules.fold(
        SecurityGroup::new(id, &format!("group-{digits}")),
        |group, (number, (protocol, from, to, source))| {
            let rule = format!("sgr-{digits}{number}");
            group.rule(SecurityGroupRule::ingress(
                &rule, protocol, *from, *to, source,
            ))
        },
    )
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
            config: String::new(),
        }
    }

    /// An account with these groups in its home region.
    pub fn with(groups: impl IntoIterator<Item = SecurityGroup>) -> Self {
        Self::of(groups.into_iter().fold(world(), |world, group| {
            world.security_group(ACCOUNT, REGION, group)
        }))
    }

    /// With these lines in `[audit-security-groups]`, or whole sections after it.
    pub fn config(mut self, lines: &str) -> Self {
        self.config = format!("[audit-security-groups]\n{lines}\n");
        self
    }

    /// The same with everything that is needed to revoke.
    pub fn revoking(self, lines: &str) -> Self {
        self.config(&format!(
            "mode = \"apply\"\nremediate = \"revoke\"\n{lines}"
        ))
    }

    /// `lamplighter ARGS`, ready to run.
    pub fn program<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Lamplighter {
        Lamplighter::new(args).on(&self.aws).config(&self.config)
    }

    /// One run in the configured mode, with its record as JSON.
    pub fn round(&self) -> Ran {
        self.program(["run", "audit-security-groups", "--format", "json"])
            .run()
    }

    /// The same with the groups that passed.
    pub fn whole_round(&self) -> Ran {
        self.program(["run", "audit-security-groups", "--format", "json", "--all"])
            .run()
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

    /// The ids of a group's rules.
    pub fn rules_of(&self, group: &str) -> Vec<String> {
        self.aws.with(|world| {
            let group = world
                .find_security_group(ACCOUNT, REGION, group)
                .expect("it is there");
            group.rules.keys().cloned().collect()
        })
    }

    /// Edits a rule, as its owner does.
    pub fn edit(&self, group: &str, rule: &str, edit: impl FnOnce(&mut SecurityGroupRule)) {
        self.aws.with(|world| {
            let group = world
                .security_group_mut(ACCOUNT, REGION, group)
                .expect("it is there");
            edit(group.rules.get_mut(rule).expect("it has this rule"));
        });
    }
}

/// The rows of a list in a run.
pub fn rows<'a>(run: &'a Value, list: &str) -> &'a [Value] {
    run[list].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Every finding in one line, in the order of the groups.
pub fn verdicts(run: &Value) -> String {
    let mut lines: Vec<String> = rows(run, "findings")
        .iter()
        .map(|row| {
            let word = |key: &str| row[key].as_str().unwrap_or("-").to_owned();
            let group = word("resource")
                .rsplit('/')
                .next()
                .unwrap_or("?")
                .to_owned();
            format!(
                "{group} {} {} {}: {}\n",
                word("verdict"),
                word("severity"),
                word("rule"),
                word("message")
            )
        })
        .collect();
    lines.sort();
    lines.concat()
}

/// Every action and what is left alone, in one line each.
pub fn deeds(run: &Value) -> String {
    let word = |row: &Value, key: &str| row[key].as_str().unwrap_or("-").to_owned();
    let name = |row: &Value| {
        word(row, "resource")
            .rsplit('/')
            .next()
            .unwrap_or("?")
            .to_owned()
    };
    let mut text = String::new();
    for row in rows(run, "actions") {
        text.push_str(&format!(
            "{} {} {}: {}\n",
            name(row),
            word(row, "action"),
            word(row, "outcome"),
            word(row, "reason")
        ));
    }
    for row in rows(run, "skipped") {
        text.push_str(&format!("{} skipped: {}\n", name(row), word(row, "reason")));
    }
    for row in rows(run, "errors") {
        text.push_str(&format!(
            "error {}: {}\n",
            word(row, "scope"),
            word(row, "message")
        ));
    }
    text
}
