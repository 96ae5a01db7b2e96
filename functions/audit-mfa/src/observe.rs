//! Reads one credential report for each account, and asks live for those it accuses.
//!
//! Two to five calls for any number of users, and a few for each accused one. With a remedy configured, or the rule
//! about virtual devices, one call for each thousand users more: see [`Rules::need_details`].

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use lamplighter_aws::iam::credential_report::{Answer, Row};
use lamplighter_aws::iam::{AccountReading, Details, Reader};
use lamplighter_aws::{AccountSession, Session};
use lamplighter_core::{Function, Observed, Plan, Result, chain};

use crate::action::Action;
use crate::admin::admin_by;
use crate::plan::{DENIAL, MARK};
use crate::root;
use crate::rules::Rules;
use crate::user::{AccountView, Admin, Console, Inventory, Marks, Root, User};

/// The function, with the session it reads through.
pub struct AuditMfa {
    session: Arc<Session>,
}

impl AuditMfa {
    /// A function that reads through `session`. Its clients can only read.
    pub fn new(session: Arc<Session>) -> Self {
        Self { session }
    }
}

impl Function for AuditMfa {
    const NAME: &'static str = "audit-mfa";
    type Event = ();
    type Rules = Rules;
    type Inventory = Inventory;
    type Action = Action;

    async fn observe(&self, _event: &(), rules: &Rules) -> Result<Observed<Inventory>> {
        let mut inventory = Inventory::default();
        if rules.remedy.is_some() {
            inventory.own = self.session.own().await?.arns;
        }
        let read = |account| read_account(account, rules, &self.session);
        let observed = self.session.in_accounts(read).await;
        inventory.accounts = observed.inventory;
        Ok(Observed {
            inventory,
            coverage: observed.coverage,
            errors: observed.errors,
        })
    }

    fn plan(inventory: &Inventory, rules: &Rules, now: DateTime<Utc>) -> Plan<Action> {
        crate::plan::plan(inventory, rules, now)
    }
}

async fn read_account(
    account: &AccountSession,
    rules: &Rules,
    session: &Session,
) -> Result<AccountReading<AccountView>> {
    account.confirm().await?;
    let reader = Reader::new(account);
    let report = reader
        .credential_report(rules.report_timeout)
        .await
        .map_err(|error| error.context("cannot read the credential report"))?;
    session.progress().saw(report.rows.len());

    let mut wrong: BTreeSet<String> = BTreeSet::new();
    let details = match rules.need_details() {
        false => None,
        true => match reader.details().await {
            Ok(details) => Some(details),
            Err(error) => {
                let error = error.context("cannot read the users' tags and policies");
                wrong.insert(chain(&error));
                None
            }
        },
    };
    let look = Look {
        reader: &reader,
        details: details.as_ref(),
        rules,
    };
    let work: Vec<_> = report.rows.iter().map(|row| look.user(row)).collect();
    let mut users = session.concurrently(work).await;
    users.shrink_to_fit();
    for user in &users {
        wrong.extend(user.unknowns().map(str::to_owned));
    }

    let mut now = None;
    if report.root.as_ref().is_some_and(root::is_accused) {
        let summary = reader.root_summary().await.map_err(|error| chain(&error));
        wrong.extend(summary.as_ref().err().cloned());
        now = Some(summary);
    }
    if report.root.is_none() {
        wrong.insert("the credential report has no row for the root user".to_owned());
    }
    Ok(AccountReading {
        inspected: users.len(),
        wrong,
        view: AccountView {
            id: account.id.clone(),
            partition: account.partition.clone(),
            report_generated_at: report.generated_at,
            users,
            root: Root {
                row: report.root,
                now,
            },
        },
    })
}

/// How users are looked at.
struct Look<'a> {
    reader: &'a Reader,
    details: Option<&'a Details>,
    rules: &'a Rules,
}

impl Look<'_> {
    /// One user: by the report where it passes, live where it does not. What is asked live is boxed, because most users
    /// never need it, and there is one of these futures for each of them.
    async fn user(&self, row: &Row) -> User {
        let console = match (row.password, row.mfa) {
            (Answer::No, _) => Console::NoPassword,
            (Answer::Yes, Answer::Yes) => Console::WithMfa,
            _ => Box::pin(self.console_now(&row.user)).await,
        };
        let admin = match &console {
            Console::WithoutMfa => Box::pin(self.admin(&row.user)).await,
            Console::WithMfa if self.rules.virtual_mfa_for_admin => match self.details {
                Some(_) => Box::pin(self.admin(&row.user)).await,
                None => Admin::Unknown("the policies could not be read".to_owned()),
            },
            _ => Admin::NotAsked,
        };
        let only_virtual_mfa = match (&console, &admin) {
            (Console::WithMfa, Admin::By(_)) => Some(Box::pin(self.only_virtual(&row.user)).await),
            _ => None,
        };
        User {
            name: row.user.clone(),
            arn: row.arn.clone(),
            created_at: row.created_at,
            password_last_used: row.password_last_used,
            console,
            admin,
            only_virtual_mfa,
            marks: self.marks(&row.user),
        }
    }

    async fn console_now(&self, user: &str) -> Console {
        match self.reader.has_password(user).await {
            Ok(false) => return Console::NoPassword,
            Ok(true) => {}
            Err(error) => return Console::Unknown(chain(&error)),
        }
        match self.reader.mfa_devices(user).await {
            Ok(None) => Console::NoPassword,
            Ok(Some(devices)) if devices.is_empty() => Console::WithoutMfa,
            Ok(Some(_)) => Console::WithMfa,
            Err(error) => Console::Unknown(chain(&error)),
        }
    }

    async fn admin(&self, user: &str) -> Admin {
        let grants = match self.details {
            Some(details) => details.grants(user),
            None => match self.reader.grants(user).await {
                Ok(grants) => grants,
                Err(error) => return Admin::Unknown(chain(&error)),
            },
        };
        admin_by(&grants).map_or(Admin::No, Admin::By)
    }

    async fn only_virtual(&self, user: &str) -> Result<bool, String> {
        let devices = self.reader.mfa_devices(user).await;
        let devices = devices.map_err(|error| chain(&error))?.unwrap_or_default();
        Ok(!devices.is_empty() && devices.iter().all(|device| device.is_virtual()))
    }

    fn marks(&self, user: &str) -> Option<Marks> {
        let detail = self.details?.users.get(user)?;
        let owners = self.rules.owner_tags.iter();
        Some(Marks {
            mark: detail.tag(MARK).map(str::to_owned),
            is_denied: detail.has_inline_policy(DENIAL),
            owners: owners
                .filter_map(|key| detail.tag(key))
                .map(str::to_owned)
                .collect(),
        })
    }
}

impl User {
    /// Why something about this user could not be told.
    fn unknowns(&self) -> impl Iterator<Item = &str> {
        let console = match &self.console {
            Console::Unknown(why) => Some(why.as_str()),
            _ => None,
        };
        let admin = match &self.admin {
            Admin::Unknown(why) => Some(why.as_str()),
            _ => None,
        };
        let devices = match &self.only_virtual_mfa {
            Some(Err(why)) => Some(why.as_str()),
            _ => None,
        };
        [console, admin, devices].into_iter().flatten()
    }
}
