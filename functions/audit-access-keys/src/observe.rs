//! Reads one credential report for each account, and lists the keys of those it accuses.
//!
//! Two to five calls for any number of users; for each accused one a call for the list, and one for each key whose use
//! is in question. With `remediate`, one call for each thousand users more: marks of keys that were mended meanwhile
//! are on nobody's list of accused.
//!
//! What the report calls `last_rotated` is when a key was created *or last switched on or off*. A key that was switched
//! within `max_age_days` is therefore not seen to be older by the report; what is listed is judged by its creation.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use lamplighter_aws::iam::credential_report::{Answer, KeySlot, Row};
use lamplighter_aws::iam::{AccountReading, Details, Reader};
use lamplighter_aws::{AccountSession, Session};
use lamplighter_core::{Function, Observed, Plan, Result, chain};

use crate::action::Action;
use crate::key::{AccountView, Inventory, Key, Keys, LastUsed, RootKeys, User};
use crate::plan::MARK;
use crate::rules::Rules;

/// The function, with the session it reads through.
pub struct AuditAccessKeys {
    session: Arc<Session>,
}

impl AuditAccessKeys {
    /// A function that reads through `session`. Its clients can only read.
    pub fn new(session: Arc<Session>) -> Self {
        Self { session }
    }
}

impl Function for AuditAccessKeys {
    const NAME: &'static str = "audit-access-keys";
    type Event = ();
    type Rules = Rules;
    type Inventory = Inventory;
    type Action = Action;

    async fn observe(&self, _event: &(), rules: &Rules) -> Result<Observed<Inventory>> {
        let mut inventory = Inventory::default();
        if rules.deactivates {
            let own = self.session.own().await?;
            inventory.own_arns = own.arns;
            inventory.own_keys = own.access_keys;
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
    let details = match rules.deactivates {
        false => None,
        true => match reader.details().await {
            Ok(details) => Some(details),
            Err(error) => {
                wrong.insert(chain(&error.context("cannot read the users' tags")));
                None
            }
        },
    };
    let look = Look {
        reader: &reader,
        details: details.as_ref(),
        rules,
        // The report is up to four hours old when it is judged: whom it will accuse by then is asked too.
        now: report.generated_at + Duration::hours(12),
    };
    let work: Vec<_> = report.rows.iter().map(|row| look.user(row)).collect();
    let users = session.concurrently(work).await;
    for user in &users {
        match &user.keys {
            Keys::Unknown(why, _) => {
                wrong.insert(why.clone());
            }
            Keys::Listed(keys) => {
                wrong.extend(keys.iter().filter_map(|key| match &key.last_used {
                    LastUsed::Unknown(why) => Some(why.clone()),
                    _ => None,
                }))
            }
            Keys::Fine(_) => {}
        }
    }
    let root = root_keys(&reader, report.root.as_ref()).await;
    if let RootKeys::Unknown(why) = &root {
        wrong.insert(why.clone());
    }
    Ok(AccountReading {
        inspected: users.len(),
        wrong,
        view: AccountView {
            id: account.id.clone(),
            partition: account.partition.clone(),
            report_generated_at: report.generated_at,
            users,
            root,
        },
    })
}

/// What the report says is asked again only where it accuses.
async fn root_keys(reader: &Reader, row: Option<&Row>) -> RootKeys {
    let Some(row) = row else {
        return RootKeys::Unknown("the credential report has no row for the root user".to_owned());
    };
    if !row.keys.iter().any(is_active) {
        return RootKeys::None;
    }
    match reader.root_summary().await {
        Ok(summary) if summary.has_keys == Some(false) => RootKeys::None,
        Ok(_) => RootKeys::Active,
        Err(error) => RootKeys::Unknown(chain(&error)),
    }
}

/// What is not understood counts as active.
fn is_active(slot: &KeySlot) -> bool {
    matches!(slot.active, Answer::Yes | Answer::Unknown)
}

/// How users are looked at.
struct Look<'a> {
    reader: &'a Reader,
    details: Option<&'a Details>,
    rules: &'a Rules,
    now: DateTime<Utc>,
}

impl Look<'_> {
    /// One user: by the report where it accuses no key, live where it does.
    async fn user(&self, row: &Row) -> User {
        let marks = self.marks(&row.user);
        let is_marked = marks.as_ref().is_some_and(|(marks, _)| !marks.is_empty());
        let active = row.keys.iter().filter(|slot| is_active(slot)).count();
        let is_accused = row.has_more_keys || is_marked || self.accuses(row);
        let keys = match is_accused {
            false => Keys::Fine(active),
            // Boxed, because most users never need it, and there is one of these futures for each of them.
            true => Box::pin(self.list(row, active)).await,
        };
        User {
            name: row.user.clone(),
            arn: row.arn.clone(),
            keys,
            marks,
        }
    }

    fn accuses(&self, row: &Row) -> bool {
        let active = || row.keys.iter().filter(|slot| is_active(slot));
        let is_old = |slot: &KeySlot| {
            slot.rotated_at
                .is_none_or(|time| self.rules.is_too_old(time, self.now))
        };
        let younger = active().filter_map(|slot| slot.rotated_at).max();
        let are_two = active().count() > 1
            && younger.is_none_or(|time| self.rules.is_two_for_too_long(time, self.now));
        are_two || active().any(|slot| is_old(slot) || self.may_be_unused(slot))
    }

    fn may_be_unused(&self, slot: &KeySlot) -> bool {
        match (slot.last_used, slot.rotated_at) {
            (Some(used), _) => self.rules.is_unused(used, self.now),
            (None, Some(created)) => self.rules.should_be_used(created, self.now),
            (None, None) => true,
        }
    }

    async fn list(&self, row: &Row, active: usize) -> Keys {
        let listed = match self.reader.access_keys(&row.user).await {
            Ok(listed) => listed.unwrap_or_default(),
            Err(error) => return Keys::Unknown(chain(&error), active),
        };
        // The report does not say which of its places is which key.
        let asks_for_use = row.has_more_keys
            || row
                .keys
                .iter()
                .any(|slot| is_active(slot) && self.may_be_unused(slot));
        let mut keys = Vec::with_capacity(listed.len());
        for key in listed {
            let last_used = match asks_for_use && key.is_active {
                false => LastUsed::NotAsked,
                true => match self.reader.last_used(&key.id).await {
                    Ok(Some(time)) => LastUsed::At(time),
                    Ok(None) => LastUsed::Never,
                    Err(error) => LastUsed::Unknown(chain(&error)),
                },
            };
            keys.push(Key {
                id: key.id,
                is_active: key.is_active,
                created_at: key.created_at,
                last_used,
            });
        }
        Keys::Listed(keys)
    }

    fn marks(&self, user: &str) -> Option<(BTreeMap<String, String>, Vec<String>)> {
        let detail = self.details?.users.get(user)?;
        let marks = detail
            .tags
            .iter()
            .filter_map(|(key, value)| Some((key.strip_prefix(MARK)?.to_owned(), value.clone())));
        let owners = self.rules.owner_tags.iter();
        let owners = owners.filter_map(|key| detail.tag(key)).map(str::to_owned);
        Some((marks.collect(), owners.collect()))
    }
}
