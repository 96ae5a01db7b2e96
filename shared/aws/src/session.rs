//! The credentials of one run, and the accounts and regions it looks at.

use std::sync::Arc;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_smithy_runtime_api::client::identity::SharedIdentityCache;
use chrono::{DateTime, Utc};
use futures::StreamExt;
use futures::stream;
use lamplighter_config::{Aws as AwsConfig, Secret};
use lamplighter_core::{Coverage, Error, Progress, Result};

use crate::environment::Variables;
use crate::places::Slice;
use crate::regions::{self, Wanted};
use crate::sts::{self, AssumedRole};

/// The longest wait between two attempts of one call.
const MAX_BACKOFF: Duration = Duration::from_secs(10);

/// The defaults of the SDK that the adapters were written for.
pub(crate) fn behavior() -> BehaviorVersion {
    BehaviorVersion::v2026_01_12()
}

/// What the command line says about reaching AWS. The SDK's own variables work beside it.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// `--endpoint-url`: every service is called here instead.
    pub endpoint_url: Option<String>,
    /// `--profile`.
    pub profile: Option<String>,
    /// Use the made-up keys of the simulated account, and nothing that is on this machine: no profile, no variable.
    pub is_simulated: bool,
}

/// The SDK, set up once for a process: one connection pool, one set of base credentials.
#[derive(Clone)]
pub struct Aws {
    base: SdkConfig,
    config: AwsConfig,
}

impl Aws {
    /// Reads the environment and the profile. Makes no call.
    pub async fn load(options: &Options, config: &AwsConfig) -> Result<Self> {
        let mut loader = aws_config::defaults(behavior())
            .app_name(app_name()?)
            .retry_config(retries(config))
            .timeout_config(timeouts(config));
        if let Some(url) = &options.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        if let Some(profile) = &options.profile {
            loader = loader.profile_name(profile);
        }
        if options.is_simulated {
            let nothing = EnvConfigFiles::builder()
                .with_contents(EnvConfigFileKind::Config, "")
                .build();
            loader = loader
                .profile_files(nothing)
                .credentials_provider(Credentials::new(
                    "AKIASIMULATED0000000",
                    "simulated",
                    None,
                    None,
                    "simulated",
                ))
                .region(Region::new("eu-west-1"));
        }
        Ok(Self::of(loader.load().await, config))
    }

    /// Reads the environment of a Lambda. Makes no call.
    pub fn of_lambda(variables: Variables, config: &AwsConfig) -> Result<Self> {
        let base = variables
            .builder(behavior())?
            .app_name(app_name()?)
            .retry_config(retries(config))
            .timeout_config(timeouts(config))
            .build();
        Ok(Self::of(base, config))
    }

    fn of(mut base: SdkConfig, config: &AwsConfig) -> Self {
        if base.region().is_none()
            && let Some(region) = config.regions.iter().find(|region| *region != regions::ALL)
        {
            base = base
                .into_builder()
                .region(Region::new(region.clone()))
                .build();
        }
        Self {
            base,
            config: config.clone(),
        }
    }

    /// The process's own credentials, before any role is assumed.
    pub(crate) fn base(&self) -> &SdkConfig {
        &self.base
    }

    /// Opens the session of one run: finds out whose credentials these are, after assuming `role` where there is one.
    pub async fn session(
        &self,
        run_id: &str,
        role: Option<&str>,
        progress: Arc<Progress>,
        now: DateTime<Utc>,
    ) -> Result<Session> {
        let session_name = format!("lamplighter-{run_id}");
        let mut base = self.base.clone();
        if base.region().is_none() {
            return Err(Error::config("no AWS region is known").hint(
                "set `[aws] regions`, `--region`, `AWS_REGION`, or a region in the profile",
            ));
        }
        if let Some(role) = role {
            base = assume(&base, role, None, &session_name);
        }
        let caller = sts::caller(&base)
            .await
            .map_err(|error| by_role(role, error))?;
        let mut accounts = Vec::new();
        for account in &self.config.accounts {
            let external_id = account.external_id.as_ref().map(Secret::expose);
            let config = assume(&base, &account.role, external_id, &session_name);
            accounts.push(AccountSession {
                id: account.id.clone(),
                partition: caller.partition.clone(),
                config,
                regions: self.config.regions_of(account).to_vec(),
                role: Some(account.role.clone()),
            });
        }
        if accounts.is_empty() {
            accounts.push(AccountSession {
                id: caller.account.clone(),
                partition: caller.partition.clone(),
                config: base.clone(),
                regions: self.config.regions.clone(),
                role: None,
            });
        }
        Ok(Session {
            origin: self.base.clone(),
            base,
            caller,
            accounts,
            concurrency: self.config.concurrency as usize,
            progress,
            opened_at: now,
            slice: Slice::default(),
        })
    }
}

fn app_name() -> Result<AppName> {
    AppName::new("lamplighter")
        .map_err(|error| Error::permanent("cannot name the program").caused_by(error))
}

/// Adaptive: the fan-out over accounts and regions meets EC2's request limits with a client-side rate.
fn retries(config: &AwsConfig) -> RetryConfig {
    RetryConfig::adaptive()
        .with_max_attempts(config.max_attempts)
        .with_max_backoff(MAX_BACKOFF)
}

/// The SDK's default is no timeout but the one for connecting: a stalled answer would hang the run.
fn timeouts(config: &AwsConfig) -> TimeoutConfig {
    let attempt = Duration::from_secs(u64::from(config.attempt_timeout_secs));
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3).min(attempt))
        .operation_attempt_timeout(attempt)
        .operation_timeout(attempt * (config.max_attempts + 1))
        .build()
}

/// The same configuration with the credentials of `role`. The session name carries the run id, so that CloudTrail
/// shows which run made a call. Nothing is called before the first use.
fn assume(
    base: &SdkConfig,
    role: &str,
    external_id: Option<&str>,
    session_name: &str,
) -> SdkConfig {
    let provider = AssumedRole::new(base, role, external_id, session_name);
    // An identity cache of its own: the base's would hand out the base's credentials.
    let cache: SharedIdentityCache = aws_config::identity::IdentityCache::lazy().build();
    base.to_builder()
        .credentials_provider(SharedCredentialsProvider::new(provider))
        .identity_cache(cache)
        .build()
}

/// The SDK assumes a role within the first call made with it, so an error of that call may be one of `sts:AssumeRole`.
fn by_role(role: Option<&str>, error: Error) -> Error {
    match role {
        Some(role) => error.context(format!("cannot work by `sts:AssumeRole` as `{role}`")),
        None => error,
    }
}

/// Whose credentials these are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The 12-digit account id.
    pub account: String,
    /// The ARN of the user or the assumed role.
    pub arn: String,
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
}

/// What a run is, as IAM sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Own {
    /// The ARNs of the caller, and of the user or role that assumed its role.
    pub arns: Vec<String>,
    /// The ids of the access keys it signs with.
    pub access_keys: Vec<String>,
}

/// The credentials of one run.
pub struct Session {
    /// The credentials before any role was assumed.
    origin: SdkConfig,
    base: SdkConfig,
    caller: Caller,
    accounts: Vec<AccountSession>,
    concurrency: usize,
    progress: Arc<Progress>,
    opened_at: DateTime<Utc>,
    pub(crate) slice: Slice,
}

impl Session {
    /// Whose credentials these are.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Everything that this run is, as IAM sees it: what acts on users must leave these alone.
    pub async fn own(&self) -> Result<Own> {
        let mut own = Own {
            arns: vec![self.caller.arn.clone()],
            access_keys: vec![],
        };
        // Whoever assumed the role is no less the caller: without it the next run could not begin.
        let origin = sts::caller(&self.origin).await?;
        if !own.arns.contains(&origin.arn) {
            own.arns.push(origin.arn);
        }
        for config in [&self.origin, &self.base] {
            if let Some(provider) = config.credentials_provider() {
                let credentials = provider.provide_credentials().await.map_err(|error| {
                    Error::permanent("cannot tell which access key this run uses").caused_by(error)
                })?;
                own.access_keys.push(credentials.access_key_id().to_owned());
            }
        }
        Ok(own)
    }

    /// The accounts of this run.
    pub fn accounts(&self) -> &[AccountSession] {
        &self.accounts
    }

    /// The caller's own account: where mail is sent from and state is kept.
    pub(crate) fn base(&self) -> &SdkConfig {
        &self.base
    }

    /// Does the work of several scopes at once, under the configured bound, and answers in the order of the scopes.
    pub async fn concurrently<T>(&self, work: Vec<impl Future<Output = T>>) -> Vec<T> {
        stream::iter(work)
            .buffered(self.concurrency)
            .collect()
            .await
    }

    /// When the run began: for reading no more than what can matter by then. What is decided is decided by the plan's
    /// own time.
    pub fn opened_at(&self) -> DateTime<Utc> {
        self.opened_at
    }

    /// How far the run has come.
    pub fn progress(&self) -> &Arc<Progress> {
        &self.progress
    }

    /// Every account's regions that are switched on, with a word about what is left out. An account whose regions
    /// cannot be told is unreadable, never an empty list.
    pub async fn scopes(&self) -> Scopes {
        let mut found = Scopes::default();
        let accounts: Vec<_> = self.accounts.iter().map(AccountSession::scopes).collect();
        for answer in self.concurrently(accounts).await {
            found.scopes.extend(answer.scopes);
            found.unreadable.extend(answer.unreadable);
            found.notes.extend(answer.notes);
        }
        self.progress.expect_scopes(found.scopes.len());
        found
    }

    /// One account of this run, by id.
    pub fn account(&self, id: &str) -> Option<&AccountSession> {
        self.accounts.iter().find(|account| account.id == id)
    }
}

/// One account's credentials.
#[derive(Clone)]
pub struct AccountSession {
    /// The 12-digit account id.
    pub id: String,
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    config: SdkConfig,
    regions: Vec<String>,
    /// The role by which it is reached; `None` for the caller's own account.
    role: Option<String>,
}

impl AccountSession {
    /// This account in one region.
    pub fn scope(&self, region: &str) -> Scope {
        Scope {
            account: self.id.clone(),
            partition: self.partition.clone(),
            region: region.to_owned(),
            config: self
                .config
                .to_builder()
                .region(Region::new(region.to_owned()))
                .build(),
        }
    }

    /// Whether these credentials are of this account. A role in another account than the configured one would report
    /// that account under the wrong id.
    pub async fn confirm(&self) -> Result<()> {
        let Some(role) = &self.role else {
            return Ok(());
        };
        let caller = sts::caller(&self.config)
            .await
            .map_err(|error| by_role(Some(role), error))?;
        if caller.account == self.id {
            return Ok(());
        }
        Err(Error::permanent(format!(
            "its credentials are of account {}",
            caller.account
        )))
    }

    async fn scopes(&self) -> Scopes {
        if let Err(error) = self.confirm().await {
            return Scopes::unreadable(&self.id, lamplighter_core::chain(&error));
        }
        let home = self
            .config
            .region()
            .map(ToString::to_string)
            .unwrap_or_default();
        if self.regions.is_empty() {
            return Scopes {
                scopes: vec![self.scope(&home)],
                ..Scopes::default()
            };
        }
        let wanted = Wanted::from_names(&self.regions);
        match regions::enabled(&self.scope(&home), &wanted).await {
            Ok(answer) => Scopes {
                scopes: answer
                    .enabled
                    .iter()
                    .map(|region| self.scope(region))
                    .collect(),
                unreadable: answer
                    .unknown
                    .iter()
                    .map(|region| {
                        Coverage::unreadable(
                            format!("{}/{region}", self.id),
                            format!("there is no region `{region}`"),
                        )
                    })
                    .collect(),
                notes: if answer.off.is_empty() {
                    vec![]
                } else {
                    vec![format!(
                        "account {}: left out because they are not enabled: {}",
                        self.id,
                        answer.off.join(", ")
                    )]
                },
            },
            Err(error) => match wanted {
                Wanted::Named(names) if error.kind() == lamplighter_core::ErrorKind::Denied => {
                    Scopes {
                        // Which regions are on is a convenience where they are named: the reads will tell.
                        scopes: names.iter().map(|region| self.scope(region)).collect(),
                        unreadable: vec![],
                        notes: vec![format!(
                            "account {}: cannot tell which regions are enabled: {}",
                            self.id,
                            lamplighter_core::chain(&error)
                        )],
                    }
                }
                _ => Scopes::unreadable(
                    &self.id,
                    lamplighter_core::chain(&error.context("cannot list the regions")),
                ),
            },
        }
    }
}

/// One account in one region.
#[derive(Clone)]
pub struct Scope {
    /// The 12-digit account id.
    pub account: String,
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// The region's name.
    pub region: String,
    pub(crate) config: SdkConfig,
}

impl Scope {
    /// `<account>/<region>`, as coverage names it.
    pub fn name(&self) -> String {
        format!("{}/{}", self.account, self.region)
    }
}

/// What there is to read.
#[derive(Default)]
pub struct Scopes {
    /// The regions to read.
    pub scopes: Vec<Scope>,
    /// What cannot be read at all.
    pub unreadable: Vec<Coverage>,
    /// What was left out, and why.
    pub notes: Vec<String>,
}

impl Scopes {
    fn unreadable(account: &str, error: String) -> Self {
        Self {
            unreadable: vec![Coverage::unreadable(format!("{account}/regions"), error)],
            ..Self::default()
        }
    }
}
