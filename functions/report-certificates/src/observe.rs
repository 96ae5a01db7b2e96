//! Looks everywhere: IAM, ACM, files, endpoints.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use lamplighter_aws::{Session, threads};
use lamplighter_core::{Error, Function, NoAction, Observed, Plan, Result, chain};
use lamplighter_shell::secret;

use crate::cloud::{self, Reading};
use crate::endpoints::{Manner, Tls, meet};
use crate::files;
use crate::inventory::Inventory;
use crate::rules::Rules;
use crate::trust::Roots;

/// The function, with the session it reads through.
pub struct ReportCertificates {
    session: Arc<Session>,
}

impl ReportCertificates {
    /// A function that reads through `session`. Its clients can only read.
    pub fn new(session: Arc<Session>) -> Self {
        Self { session }
    }

    async fn read_acm(&self, rules: &Rules, observed: &mut Observed<Inventory>) {
        let scopes = self.session.scopes().await;
        let work: Vec<_> = scopes
            .scopes
            .iter()
            .map(|scope| {
                let read = cloud::read_acm(scope, rules.warn_days, &self.session);
                (format!("{}/acm", scope.name()), read)
            })
            .collect();
        observed.coverage.extend(scopes.unreadable);
        observed.inventory.notes.extend(scopes.notes);
        for reading in self.session.in_places(work).await {
            add(observed, reading);
        }
    }

    async fn read_iam(&self, observed: &mut Observed<Inventory>) {
        let accounts = self.session.accounts();
        self.session.progress().expect_scopes(accounts.len());
        let work: Vec<_> = accounts
            .iter()
            .map(|account| {
                let read = cloud::read_iam(account, &self.session);
                (format!("{}/iam", account.id), read)
            })
            .collect();
        for reading in self.session.in_places(work).await {
            add(observed, reading);
        }
    }

    async fn read_files(&self, rules: &Rules, observed: &mut Observed<Inventory>) -> Result<()> {
        let work = vec![("files".to_owned(), self.files(rules))];
        for reading in self.session.in_places(work).await {
            let reading = reading?;
            self.session.progress().saw(reading.sightings.len());
            add(observed, reading);
        }
        Ok(())
    }

    async fn files(&self, rules: &Rules) -> Result<Reading> {
        let account = self.account();
        let patterns = rules.files.clone();
        let passwords: Vec<_> = rules
            .file_passwords
            .iter()
            .map(|(pattern, source)| {
                let password = secret::resolve(source).map_err(|error| chain(&error));
                (pattern.clone(), password)
            })
            .collect();
        threads::run(move || files::read(&patterns, &passwords, &account))
            .await
            .map_err(|error| Error::permanent("reading files has failed").caused_by(error))
    }

    async fn meet_endpoints(
        &self,
        rules: &Rules,
        observed: &mut Observed<Inventory>,
    ) -> Result<()> {
        let tls = Tls::new()?;
        let roots = threads::run(Roots::of_this_machine)
            .await
            .map_err(|error| {
                Error::permanent("reading trusted roots has failed").caused_by(error)
            })?;
        let account = self.account();
        let manner = Manner {
            kind: rules.endpoint_addresses,
            timeout: Duration::from_secs(u64::from(rules.endpoint_timeout_secs)),
            roots: &roots,
            now: self.session.opened_at(),
            account: &account,
            tls: &tls,
        };
        self.session.progress().expect_scopes(rules.endpoints.len());
        let work: Vec<_> = rules
            .endpoints
            .iter()
            .map(|endpoint| (format!("endpoint {endpoint:?}"), meet(endpoint, &manner)))
            .collect();
        for met in self.session.in_places(work).await {
            observed.inventory.served.extend(met.served);
            add(observed, met.reading);
        }
        Ok(())
    }

    /// Files and endpoints belong to no account: their rows carry the caller's.
    fn account(&self) -> Arc<str> {
        self.session.caller().account.as_str().into()
    }
}

impl Function for ReportCertificates {
    const NAME: &'static str = "report-certificates";
    type Event = ();
    type Rules = Rules;
    type Inventory = Inventory;
    type Action = NoAction;

    async fn observe(&self, _event: &(), rules: &Rules) -> Result<Observed<Inventory>> {
        let mut observed = Observed {
            inventory: Inventory::default(),
            coverage: vec![],
            errors: vec![],
        };
        if rules.iam {
            self.read_iam(&mut observed).await;
        }
        if rules.acm {
            self.read_acm(rules, &mut observed).await;
        }
        if !rules.files.is_empty() {
            self.read_files(rules, &mut observed).await?;
        }
        if !rules.endpoints.is_empty() {
            self.meet_endpoints(rules, &mut observed).await?;
        }
        cloud::share(&mut observed.inventory.sightings);
        Ok(observed)
    }

    fn plan(inventory: &Inventory, rules: &Rules, now: DateTime<Utc>) -> Plan<NoAction> {
        crate::plan::plan(inventory, rules, now)
    }
}

fn add(observed: &mut Observed<Inventory>, reading: Reading) {
    observed.inventory.sightings.extend(reading.sightings);
    observed.coverage.extend(reading.coverage);
    observed.errors.extend(reading.errors);
}
