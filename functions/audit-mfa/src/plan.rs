//! Decides, for each user: pass, accuse, warn, act, or take back.

use chrono::{DateTime, Utc};
use lamplighter_core::{Finding, MarkRule, Plan, Population, Resource, Severity, Verdict, mark};
use lamplighter_shell::warning;

use crate::action::{Action, Target};
use crate::root;
use crate::rules::{Remedy, Rules};
use crate::user::{AccountView, Admin, Console, Inventory, User};

/// A user who can sign in to the console without MFA, whether or not that ever happened.
pub const CONSOLE_RULE: &str = "console-user-without-mfa";

/// The same for an administrator.
pub const ADMIN_RULE: &str = "admin-without-mfa";

/// An administrator whose only MFA is an app.
pub const VIRTUAL_RULE: &str = "virtual-mfa-for-admin";

/// The tag that remembers the deadline. Its presence means that the user was warned.
pub const MARK: &str = "lamplighter:deny-after";

/// The inline policy that denies everything but enrolling.
pub const DENIAL: &str = "lamplighter-deny-until-mfa";

/// Decides what to say and do about every user, and about the root user.
pub fn plan(inventory: &Inventory, rules: &Rules, now: DateTime<Utc>) -> Plan<Action> {
    let mut plan = Plan::default();
    for account in &inventory.accounts {
        plan.notes.push(age(account, now));
        root::judge(account, &mut plan);
        for user in &account.users {
            judge(account, user, rules, &mut plan);
            if let Some(remedy) = rules.remedy {
                let is_own = inventory.own.contains(&user.arn);
                act(account, user, remedy, is_own, rules, now, &mut plan);
            }
        }
        let count =
            |wanted: fn(&User) -> bool| account.users.iter().filter(|user| wanted(user)).count();
        plan.populations.push(Population {
            account: account.id.clone(),
            of: "console users",
            read: count(|user| matches!(user.console, Console::WithMfa | Console::WithoutMfa)),
            offending: count(|user| user.console == Console::WithoutMfa),
        });
    }
    plan
}

/// How old the report is, for people: what happened since shows in the next one.
fn age(account: &AccountView, now: DateTime<Utc>) -> String {
    let made = account.report_generated_at;
    let minutes = (now - made).num_minutes().max(0);
    format!(
        "account {}: the credential report is of {}, {minutes} min old; whom it accuses was checked live",
        account.id,
        minute(made)
    )
}

fn judge(account: &AccountView, user: &User, rules: &Rules, plan: &mut Plan<Action>) {
    let resource = account.resource(user);
    let name = &user.name;
    match &user.console {
        Console::NoPassword => plan.not_applicable(
            CONSOLE_RULE,
            &resource,
            format!("User `{name}` has no password, and so no console."),
        ),
        Console::WithMfa => {
            plan.pass(CONSOLE_RULE, &resource, format!("User `{name}` has MFA."));
            if rules.virtual_mfa_for_admin {
                judge_devices(account, user, &resource, plan);
            }
        }
        Console::WithoutMfa => {
            let message = format!("User `{name}` can sign in to the console without MFA.");
            plan.find(accuse(
                account,
                user,
                CONSOLE_RULE,
                Severity::High,
                &resource,
                message,
            ));
            match &user.admin {
                Admin::By(policy) => {
                    let message = format!(
                        "User `{name}` is an administrator by {policy}, and can sign in without MFA."
                    );
                    plan.find(
                        accuse(
                            account,
                            user,
                            ADMIN_RULE,
                            Severity::Critical,
                            &resource,
                            message,
                        )
                        .evidence("admin_by", policy.clone()),
                    );
                }
                Admin::Unknown(why) => {
                    let message = format!(
                        "Whether user `{name}` is an administrator could not be told: {why}."
                    );
                    plan.find(unknown(
                        account,
                        ADMIN_RULE,
                        Severity::Critical,
                        &resource,
                        message,
                    ));
                }
                Admin::No | Admin::NotAsked => plan.not_applicable(
                    ADMIN_RULE,
                    &resource,
                    format!("User `{name}` is no administrator."),
                ),
            }
        }
        Console::Unknown(why) => {
            let message =
                format!("Whether user `{name}` can sign in without MFA could not be told: {why}.");
            plan.find(unknown(
                account,
                CONSOLE_RULE,
                Severity::High,
                &resource,
                message,
            ));
        }
    }
}

fn judge_devices(account: &AccountView, user: &User, resource: &Resource, plan: &mut Plan<Action>) {
    let name = &user.name;
    let message = match (&user.admin, &user.only_virtual_mfa) {
        (Admin::By(policy), Some(Ok(true))) => {
            let message = format!(
                "User `{name}` is an administrator by {policy}, and has no MFA device but an app."
            );
            plan.find(accuse(
                account,
                user,
                VIRTUAL_RULE,
                Severity::Medium,
                resource,
                message,
            ));
            return;
        }
        (Admin::By(_), Some(Ok(false))) => {
            plan.pass(
                VIRTUAL_RULE,
                resource,
                format!("Administrator `{name}` has a device that is more than an app."),
            );
            return;
        }
        (Admin::By(_), Some(Err(why))) | (Admin::Unknown(why), _) => {
            format!("Which MFA administrator `{name}` has could not be told: {why}.")
        }
        _ => return,
    };
    plan.find(unknown(
        account,
        VIRTUAL_RULE,
        Severity::Medium,
        resource,
        message,
    ));
}

fn accuse(
    account: &AccountView,
    user: &User,
    rule: &'static str,
    severity: Severity,
    resource: &Resource,
    message: String,
) -> Finding {
    Finding::new(rule, severity, Verdict::Fail, resource, message)
        .evidence(
            "report_generated_at",
            mark::text(account.report_generated_at),
        )
        .evidence(
            "password_last_used",
            user.password_last_used.map(mark::text),
        )
        .evidence("checked_live", true)
}

fn unknown(
    account: &AccountView,
    rule: &'static str,
    severity: Severity,
    resource: &Resource,
    message: String,
) -> Finding {
    Finding::new(rule, severity, Verdict::Unknown, resource, message).evidence(
        "report_generated_at",
        mark::text(account.report_generated_at),
    )
}

/// What is done about a user.
fn act(
    account: &AccountView,
    user: &User,
    remedy: Remedy,
    is_own: bool,
    rules: &Rules,
    now: DateTime<Utc>,
    plan: &mut Plan<Action>,
) {
    let resource = account.resource(user);
    let Some(marks) = &user.marks else {
        if user.console == Console::WithoutMfa {
            plan.skip(&resource, "its tags could not be read");
        }
        return;
    };
    let target = || Target {
        user: user.name.clone(),
        arn: user.arn.clone(),
        account: account.id.clone(),
        partition: account.partition.clone(),
        created_at: user.created_at,
        mark: marks.mark.clone(),
    };
    let mended = match &user.console {
        Console::NoPassword => Some("has no password any more"),
        Console::WithMfa => Some("has MFA now"),
        Console::WithoutMfa | Console::Unknown(_) => None,
    };
    if let Some(because) = mended {
        let because = because.to_owned();
        if marks.is_denied {
            plan.act(Action::LiftDenial {
                target: target(),
                because,
            });
        } else if marks.mark.is_some() {
            plan.act(Action::Unmark {
                target: target(),
                because,
            });
        }
        return;
    }
    if let Console::Unknown(_) = user.console {
        return;
    }
    if is_own {
        plan.skip(&resource, "Lamplighter itself runs as this user");
        return;
    }
    if remedy == Remedy::DenyUntilMfa && marks.is_denied {
        match marks.mark {
            // The mark has done its work. Left on the user, it would deny again without a warning once somebody lifts
            // the denial by hand.
            Some(_) => plan.act(Action::Unmark {
                target: target(),
                because: "is denied everything but enrolling already".to_owned(),
            }),
            None => plan.skip(
                &resource,
                "is denied everything but enrolling, until it has MFA",
            ),
        }
        return;
    }
    let Some(exists_since) = user.created_at else {
        plan.skip(
            &resource,
            "the credential report does not say since when it exists",
        );
        return;
    };
    let rule = MarkRule {
        tag: MARK,
        bearer: "the user",
        exists_since,
        grace: rules.warning(),
        grace_in_words: &format!("the warning of {} days", rules.warned_days),
    };
    let because = match rule.deadline(marks.mark.as_deref(), now) {
        Err(why) => return plan.skip(&resource, why),
        Ok(_) if rules.warned_days == 0 => {
            "signs in without MFA; no warning is configured".to_owned()
        }
        Ok(None) => {
            let owners = marks.owners.iter().map(String::as_str);
            let owner = warning::owner(owners, &rules.owner_domains);
            return plan.act(Action::WarnAndMark {
                target: target(),
                recipients: owner.map_or_else(|| rules.to.clone(), |owner| vec![owner.to_owned()]),
                deny_after: now + rules.warning(),
                warned_days: rules.warned_days,
                denies: remedy == Remedy::DenyUntilMfa,
            });
        }
        Ok(Some(deadline)) if now < deadline => {
            return plan.skip(&resource, format!("warned, has until {}", minute(deadline)));
        }
        Ok(Some(deadline)) => format!(
            "signs in without MFA; warned, and the time was up at {}",
            minute(deadline)
        ),
    };
    plan.act(match remedy {
        Remedy::DeleteLoginProfile => Action::DeleteLoginProfile {
            target: target(),
            because,
        },
        Remedy::DenyUntilMfa => Action::DenyUntilMfa {
            target: target(),
            because,
        },
    });
}

pub(crate) fn minute(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
