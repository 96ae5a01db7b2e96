//! IAM of every account. It is a global service, so each account is one place.

use std::collections::BTreeSet;

use lamplighter_core::{Coverage, ErrorRow, Observed, Result, chain};

use super::scope_name;
use crate::session::{AccountSession, Session};

/// What was read of one account.
#[derive(Debug)]
pub struct AccountReading<V> {
    /// What is known of it.
    pub view: V,
    /// How many users were looked at.
    pub inspected: usize,
    /// What went wrong, each thing once: a missing permission strikes every user alike.
    pub wrong: BTreeSet<String>,
}

impl Session {
    /// Reads every account, several at once under the configured bound. Of one that cannot be read nothing is known:
    /// nobody in it is good, and nobody is bad. It is in the coverage and not in the inventory.
    pub async fn in_accounts<'a, V, W>(
        &'a self,
        read: impl Fn(&'a AccountSession) -> W,
    ) -> Observed<Vec<V>>
    where
        W: Future<Output = Result<AccountReading<V>>>,
    {
        self.progress().expect_scopes(self.accounts().len());
        let work = self.accounts().iter().map(|account| {
            let scope = scope_name(&account.id);
            let reading = read(account);
            (scope.clone(), async move { (scope, reading.await) })
        });
        let mut observed = Observed {
            inventory: vec![],
            coverage: vec![],
            errors: vec![],
        };
        for (scope, reading) in self.in_places(work.collect()).await {
            match reading {
                Ok(AccountReading {
                    view,
                    inspected,
                    wrong,
                }) => {
                    observed.inventory.push(view);
                    observed
                        .errors
                        .extend(wrong.into_iter().map(|message| ErrorRow {
                            scope: scope.clone(),
                            message,
                        }));
                    observed.coverage.push(Coverage::read(scope, inspected));
                }
                Err(error) => observed
                    .coverage
                    .push(Coverage::unreadable(scope, chain(&error))),
            }
        }
        observed
    }
}
