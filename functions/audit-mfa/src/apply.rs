//! Does what was planned to a user's console, within the frame of [`lamplighter_shell::user_remedy`].

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use lamplighter_aws::Own;
use lamplighter_aws::iam::{Reader, Refusal, User, Writer};
use lamplighter_core::Outcome;
use lamplighter_mail::{Notice, NoticeRow};
use lamplighter_shell::user_remedy::{Marked, Step, UserRemedy, unread};
use serde_json::json;

use crate::action::{Action, Target};
use crate::plan::{DENIAL, MARK};

/// Takes the console from users without MFA, and never from oneself.
pub struct ConsoleRemedy {
    /// Whom it leaves alone.
    pub own: Own,
}

impl UserRemedy for ConsoleRemedy {
    type Action = Action;

    const FUNCTION: &'static str = "audit-mfa";

    fn marked(action: &Action) -> Marked<'_> {
        let target = action.target();
        Marked {
            account: &target.account,
            user: &target.user,
            tag: Cow::Borrowed(MARK),
            mark: target.mark.as_deref(),
        }
    }

    fn step(action: &Action) -> Step<'_> {
        match action {
            Action::WarnAndMark {
                recipients,
                deny_after,
                warned_days,
                ..
            } => Step::Warn {
                recipients,
                deadline: *deny_after,
                days: *warned_days,
            },
            Action::Unmark { .. } => Step::Unmark,
            Action::DeleteLoginProfile { .. }
            | Action::DenyUntilMfa { .. }
            | Action::LiftDenial { .. } => Step::Act,
        }
    }

    fn is_same(action: &Action, user: &User) -> Result<(), Outcome> {
        let target = action.target();
        if user.arn != target.arn || user.created_at != target.created_at {
            return vetoed("it is another user of the same name now");
        }
        Ok(())
    }

    async fn still_holds(&self, reader: &Reader, action: &Action) -> Result<(), Outcome> {
        let Target { user, arn, .. } = action.target();
        let has_password = reader.has_password(user).await.map_err(unread)?;
        let devices = reader.mfa_devices(user).await.map_err(unread)?;
        let has_mfa = devices.is_some_and(|devices| !devices.is_empty());
        if let Action::LiftDenial { .. } = action {
            return match has_mfa || !has_password {
                true => Ok(()),
                false => vetoed("it has no MFA any more"),
            };
        }
        if self.own.arns.contains(arn) {
            return vetoed("Lamplighter itself runs as this user");
        }
        match (has_password, has_mfa) {
            (false, _) => vetoed("it has no password any more"),
            (true, true) => vetoed("it has MFA now"),
            (true, false) => Ok(()),
        }
    }

    async fn act(writer: &Writer, action: &Action) -> Result<(), Refusal> {
        let target = action.target();
        let user = &target.user;
        let taken = match action {
            // The frame warns, marks and takes marks away.
            Action::WarnAndMark { .. } | Action::Unmark { .. } => return Ok(()),
            Action::DenyUntilMfa { .. } => {
                return writer.put_user_policy(user, DENIAL, &denial(target)).await;
            }
            Action::DeleteLoginProfile { .. } => writer.delete_login_profile(user).await,
            Action::LiftDenial { .. } => writer.delete_user_policy(user, DENIAL).await,
        };
        // It was there a moment ago. Most likely an attempt took effect and its answer was lost, so that the next one
        // found nothing; in any case it is gone, and the report must have the command that restores it.
        taken.or_else(|refusal| match refusal.is_gone() {
            true => Ok(()),
            false => Err(refusal),
        })
    }

    fn notice(warned: &[(&Action, DateTime<Utc>)]) -> Notice {
        notice(warned)
    }
}

fn vetoed(why: &str) -> Result<(), Outcome> {
    Err(Outcome::Vetoed(why.to_owned()))
}

/// The inline policy: nothing without MFA but what enrolling takes, and that much is allowed, because many users may
/// not do it by any other policy. `BoolIfExists`: without `IfExists`, calls signed with an access key would not be
/// denied at all. <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_examples_iam_mfa-selfmanage.html>
fn denial(target: &Target) -> String {
    let Target {
        arn,
        account,
        partition,
        ..
    } = target;
    json!({
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "DenyAllButEnrolling",
                "Effect": "Deny",
                "NotAction": [
                    "iam:ChangePassword", "iam:CreateVirtualMFADevice", "iam:EnableMFADevice",
                    "iam:GetAccountPasswordPolicy", "iam:GetMFADevice", "iam:GetUser", "iam:ListMFADevices",
                    "iam:ListVirtualMFADevices", "iam:ResyncMFADevice", "sts:GetSessionToken"
                ],
                "Resource": "*",
                "Condition": { "BoolIfExists": { "aws:MultiFactorAuthPresent": "false" } }
            },
            {
                "Sid": "AllowEnrolling",
                "Effect": "Allow",
                "Action": [
                    "iam:ChangePassword", "iam:EnableMFADevice", "iam:GetMFADevice", "iam:GetUser",
                    "iam:ListMFADevices", "iam:ResyncMFADevice"
                ],
                "Resource": arn
            },
            {
                "Sid": "AllowMakingADevice",
                "Effect": "Allow",
                "Action": "iam:CreateVirtualMFADevice",
                "Resource": format!("arn:{partition}:iam::{account}:mfa/*")
            },
            {
                "Sid": "AllowLooking",
                "Effect": "Allow",
                "Action": ["iam:GetAccountPasswordPolicy", "iam:ListVirtualMFADevices"],
                "Resource": "*"
            }
        ]
    })
    .to_string()
}

/// What an owner reads.
fn notice(warned: &[(&Action, DateTime<Utc>)]) -> Notice {
    let denies = warned
        .iter()
        .any(|(action, _)| matches!(action, Action::WarnAndMark { denies: true, .. }));
    let consequence = Action::remedy(denies).consequence();
    let earliest = warned.iter().map(|(_, deadline)| *deadline).min();
    let earliest = earliest.unwrap_or_default().format("%Y-%m-%d %H:%M UTC");
    let what = match warned {
        [(action, _)] => format!("IAM user {} signs in", action.target().user),
        _ => format!("{} IAM users sign in", warned.len()),
    };
    Notice {
        subject: format!("{what} without MFA, and loses the console after {earliest}"),
        intro: format!(
            "{what} to the AWS console with nothing but a password. Without MFA, {consequence} at the time below."
        ),
        rows: warned
            .iter()
            .map(|(action, deadline)| {
                let Target { user, account, .. } = action.target();
                NoticeRow {
                    title: user.clone(),
                    lines: vec![
                        format!("Account {account}"),
                        format!("Has until {}", deadline.format("%Y-%m-%d %H:%M:%S UTC")),
                        "Mend it: sign in, open Security credentials in the menu under your name, and assign an MFA device"
                            .to_owned(),
                    ],
                }
            })
            .collect(),
        outro: vec![
            "As soon as there is MFA, nothing happens and the mark is taken away.".to_owned(),
            format!("The deadline stands on the user, in the tag {MARK}."),
        ],
    }
}
