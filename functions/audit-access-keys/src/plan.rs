//! Decides, for each key: pass, accuse, warn, switch off, or take the mark away.

use chrono::{DateTime, Utc};
use lamplighter_core::{Finding, MarkRule, Plan, Population, Resource, Severity, Verdict, mark};
use lamplighter_shell::warning;

use crate::action::{Action, Target};
use crate::key::{AccountView, Inventory, Key, Keys, LastUsed, RootKeys, User};
use crate::rules::Rules;

/// An active key that is too old.
pub const AGE_RULE: &str = "key-older-than";

/// An active key that nobody has used for long.
pub const UNUSED_RULE: &str = "key-unused-for";

/// An active key that nobody ever used.
pub const NEVER_RULE: &str = "key-never-used";

/// A user with two active keys, for longer than a rotation takes.
pub const TWO_RULE: &str = "two-active-keys";

/// The root user has an access key that can be used.
pub const ROOT_RULE: &str = "root-access-key-active";

/// The tag that remembers the deadline of a key is this and the key's id.
pub const MARK: &str = "lamplighter:deactivate-after:";

/// Decides what to say and do about every key.
pub fn plan(inventory: &Inventory, rules: &Rules, now: DateTime<Utc>) -> Plan<Action> {
    let mut plan = Plan::default();
    for account in &inventory.accounts {
        let mut judge = Judge {
            account,
            inventory,
            rules,
            now,
            offending: 0,
            active: 0,
            plan: &mut plan,
        };
        judge.age_of_report();
        judge.root();
        for user in &account.users {
            judge.user(user);
        }
        let (read, offending) = (judge.active, judge.offending);
        plan.populations.push(Population {
            account: account.id.clone(),
            of: "active access keys",
            read,
            offending,
        });
    }
    plan
}

struct Judge<'a> {
    account: &'a AccountView,
    inventory: &'a Inventory,
    rules: &'a Rules,
    now: DateTime<Utc>,
    offending: usize,
    active: usize,
    plan: &'a mut Plan<Action>,
}

/// What speaks against a key.
struct Charge {
    reasons: Vec<String>,
    is_too_old: bool,
}

impl Judge<'_> {
    /// How old the report is, for people: what happened since shows in the next one.
    fn age_of_report(&mut self) {
        let made = self.account.report_generated_at;
        let minutes = (self.now - made).num_minutes().max(0);
        self.plan.notes.push(format!(
            "account {}: the credential report is of {}, {minutes} min old; whom it accuses was checked live",
            self.account.id,
            minute(made)
        ));
    }

    fn root(&mut self) {
        let resource = self.account.root();
        let id = &self.account.id;
        let finding = match &self.account.root {
            RootKeys::None => {
                let message = format!("The root user of account {id} has no active access key.");
                return self.plan.pass(ROOT_RULE, &resource, message);
            }
            RootKeys::Active => Finding::new(
                ROOT_RULE,
                Severity::Critical,
                Verdict::Fail,
                &resource,
                format!("The root user of account {id} has an active access key."),
            ),
            RootKeys::Unknown(why) => Finding::new(
                ROOT_RULE,
                Severity::Critical,
                Verdict::Unknown,
                &resource,
                format!(
                    "Whether the root user of account {id} has an access key could not be told: {why}."
                ),
            ),
        };
        let finding = self.dated(finding);
        self.plan.find(finding);
    }

    fn user(&mut self, user: &User) {
        let resource = self.account.user(user);
        let name = &user.name;
        match &user.keys {
            Keys::Fine(0) => self.plan.not_applicable(
                AGE_RULE,
                &resource,
                format!("User `{name}` has no active access key."),
            ),
            Keys::Fine(count) => {
                self.active += count;
                for (rule, what) in [(AGE_RULE, "young enough"), (UNUSED_RULE, "in use, or new")] {
                    let message = format!("The active access keys of user `{name}` are {what}.");
                    self.plan.pass(rule, &resource, message);
                }
            }
            Keys::Unknown(why, count) => {
                self.active += count;
                let message =
                    format!("The access keys of user `{name}` could not be listed: {why}.");
                let finding = Finding::new(
                    AGE_RULE,
                    Severity::Medium,
                    Verdict::Unknown,
                    &resource,
                    message,
                );
                let finding = self.dated(finding);
                self.plan.find(finding);
            }
            Keys::Listed(keys) => {
                let mut charged = Vec::new();
                for key in keys.iter().filter(|key| key.is_active) {
                    self.active += 1;
                    let charge = self.key(user, key);
                    if !charge.reasons.is_empty() {
                        self.offending += 1;
                        charged.push(key.id.as_str());
                        if self.rules.deactivates {
                            self.act(user, key, &charge);
                        }
                    }
                }
                if keys.iter().all(|key| !key.is_active) {
                    let message = format!("User `{name}` has no active access key any more.");
                    self.plan.not_applicable(AGE_RULE, &resource, message);
                }
                self.two(user, keys, &resource);
                self.unmark(user, keys, &charged);
            }
        }
    }

    /// Judges one active key by every rule, and answers what speaks against it.
    fn key(&mut self, user: &User, key: &Key) -> Charge {
        let resource = self.account.key(user, &key.id);
        let (name, id) = (&user.name, &key.id);
        let mut charge = Charge {
            reasons: vec![],
            is_too_old: false,
        };
        let age = key.created_at.map(|time| (self.now - time).num_days());
        match key
            .created_at
            .map(|time| self.rules.is_too_old(time, self.now))
        {
            Some(true) => {
                let what = format!("is {} days old", age.unwrap_or_default());
                let message = format!("Access key `{id}` of user `{name}` {what}.");
                self.accuse(user, key, AGE_RULE, Verdict::Fail, &resource, message);
                charge.reasons.push(what);
                charge.is_too_old = true;
            }
            Some(false) => {
                let message = format!("Access key `{id}` of user `{name}` is young enough.");
                self.plan.pass(AGE_RULE, &resource, message);
            }
            None => {
                let message =
                    format!("IAM does not say how old access key `{id}` of user `{name}` is.");
                self.accuse(user, key, AGE_RULE, Verdict::Unknown, &resource, message);
            }
        }
        match &key.last_used {
            LastUsed::Unknown(why) => {
                let message = format!(
                    "When access key `{id}` of user `{name}` was last used could not be told: {why}."
                );
                self.accuse(user, key, UNUSED_RULE, Verdict::Unknown, &resource, message);
            }
            LastUsed::At(time) if self.rules.is_unused(*time, self.now) => {
                let days = (self.now - *time).num_days();
                let what = format!("was not used for {days} days");
                let message = format!("Access key `{id}` of user `{name}` {what}.");
                self.accuse(user, key, UNUSED_RULE, Verdict::Fail, &resource, message);
                charge.reasons.push(what);
            }
            LastUsed::Never
                if key
                    .created_at
                    .is_some_and(|time| self.rules.should_be_used(time, self.now)) =>
            {
                let what = format!("was never used in {} days", age.unwrap_or_default());
                let message = format!("Access key `{id}` of user `{name}` {what}.");
                self.accuse(user, key, NEVER_RULE, Verdict::Fail, &resource, message);
                charge.reasons.push(what);
            }
            LastUsed::Never => {
                let message =
                    format!("Access key `{id}` of user `{name}` was never used, and is new.");
                self.plan.pass(NEVER_RULE, &resource, message);
            }
            LastUsed::At(_) | LastUsed::NotAsked => {
                let message = format!("Access key `{id}` of user `{name}` is in use.");
                self.plan.pass(UNUSED_RULE, &resource, message);
            }
        }
        charge
    }

    fn accuse(
        &mut self,
        user: &User,
        key: &Key,
        rule: &'static str,
        verdict: Verdict,
        resource: &Resource,
        message: String,
    ) {
        let last_used = match key.last_used {
            LastUsed::At(time) => Some(mark::text(time)),
            _ => None,
        };
        let finding = Finding::new(rule, Severity::Medium, verdict, resource, message)
            .evidence("access_key_id", key.id.clone())
            .evidence("user", user.name.clone())
            .evidence("created_at", key.created_at.map(mark::text))
            .evidence("last_used", last_used);
        let finding = self.dated(finding);
        self.plan.find(finding);
    }

    fn dated(&self, finding: Finding) -> Finding {
        let made = mark::text(self.account.report_generated_at);
        finding.evidence("report_generated_at", made)
    }

    /// Two active keys are right for as long as a rotation takes, counted from the younger one.
    fn two(&mut self, user: &User, keys: &[Key], resource: &Resource) {
        let active: Vec<&Key> = keys.iter().filter(|key| key.is_active).collect();
        let younger = active.iter().filter_map(|key| key.created_at).max();
        let (true, Some(younger)) = (active.len() > 1, younger) else {
            return;
        };
        let name = &user.name;
        if !self.rules.is_two_for_too_long(younger, self.now) {
            let message = format!("User `{name}` is rotating its access keys.");
            return self.plan.pass(TWO_RULE, resource, message);
        }
        let days = (self.now - younger).num_days();
        let message = format!(
            "User `{name}` has had {} active access keys for {days} days.",
            active.len()
        );
        let ids: Vec<String> = active.iter().map(|key| key.id.clone()).collect();
        let finding = Finding::new(TWO_RULE, Severity::Low, Verdict::Fail, resource, message)
            .evidence("access_key_ids", ids);
        let finding = self.dated(finding);
        self.plan.find(finding);
    }

    /// What is done about a key that is charged.
    fn act(&mut self, user: &User, key: &Key, charge: &Charge) {
        let resource = self.account.key(user, &key.id);
        let Some((marks, owners)) = &user.marks else {
            return self
                .plan
                .skip(&resource, "the user's tags could not be read");
        };
        if self.inventory.own_keys.contains(&key.id) {
            return self
                .plan
                .skip(&resource, "Lamplighter itself runs with this key");
        }
        if self.inventory.own_arns.contains(&user.arn) {
            return self
                .plan
                .skip(&resource, "Lamplighter itself runs as this user");
        }
        let Some(exists_since) = key.created_at else {
            return self
                .plan
                .skip(&resource, "IAM does not say since when it exists");
        };
        let tag = format!("{MARK}{}", key.id);
        let found = marks.get(&key.id);
        let rule = MarkRule {
            tag: &tag,
            bearer: "the key",
            exists_since,
            grace: self.rules.warning(),
            grace_in_words: &format!("the warning of {} days", self.rules.warned_days),
        };
        let target = self.target(user, key, found.cloned(), charge.is_too_old);
        let why = charge.reasons.join(" and ");
        let because = match rule.deadline(found.map(String::as_str), self.now) {
            Err(why) => return self.plan.skip(&resource, why),
            Ok(_) if self.rules.warned_days == 0 => format!("{why}; no warning is configured"),
            Ok(None) => {
                let owner =
                    warning::owner(owners.iter().map(String::as_str), &self.rules.owner_domains);
                let recipients =
                    owner.map_or_else(|| self.rules.to.clone(), |owner| vec![owner.to_owned()]);
                return self.plan.act(Action::WarnAndMark {
                    target,
                    recipients,
                    why,
                    deactivate_after: self.now + self.rules.warning(),
                    warned_days: self.rules.warned_days,
                });
            }
            Ok(Some(deadline)) if self.now < deadline => {
                let why = format!("warned, has until {}", minute(deadline));
                return self.plan.skip(&resource, why);
            }
            Ok(Some(deadline)) => {
                format!("{why}; warned, and the time was up at {}", minute(deadline))
            }
        };
        self.plan.act(Action::Deactivate { target, because });
    }

    /// Takes away the marks of keys that nothing speaks against any more, or that are gone. A mark that stays would
    /// switch its key off without a warning the next time.
    fn unmark(&mut self, user: &User, keys: &[Key], charged: &[&str]) {
        let Some((marks, _)) = &user.marks else {
            return;
        };
        for (id, mark) in marks {
            let key = keys.iter().find(|key| key.id == *id);
            let is_unknown = key.is_some_and(|key| {
                key.is_active
                    && (key.created_at.is_none() || matches!(key.last_used, LastUsed::Unknown(_)))
            });
            if is_unknown || charged.contains(&id.as_str()) {
                continue;
            }
            let because = match key {
                None => "the key is gone",
                Some(key) if !key.is_active => "the key is switched off",
                Some(_) => "nothing speaks against the key any more",
            };
            let gone = Key {
                id: id.clone(),
                is_active: false,
                created_at: None,
                last_used: LastUsed::NotAsked,
            };
            let target = self.target(user, key.unwrap_or(&gone), Some(mark.clone()), false);
            self.plan.act(Action::Unmark {
                target,
                because: because.to_owned(),
            });
        }
    }

    fn target(&self, user: &User, key: &Key, mark: Option<String>, is_too_old: bool) -> Target {
        Target {
            user: user.name.clone(),
            user_arn: user.arn.clone(),
            key: key.id.clone(),
            account: self.account.id.clone(),
            created_at: key.created_at,
            last_used: match key.last_used {
                LastUsed::At(time) => Some(time),
                _ => None,
            },
            is_too_old,
            mark,
        }
    }
}

pub(crate) fn minute(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
