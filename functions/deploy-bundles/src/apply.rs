//! Deploys, or lets wait. Everything is read again right before, and judged by the same rule as in the plan.
//!
//! CodeDeploy has no token that makes a second request harmless. So after an answer that was lost it is asked what was
//! deployed since the bundle was written, and only then asked again.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use lamplighter_aws::Session;
use lamplighter_aws::codedeploy::{Created, Writer};
use lamplighter_aws::state::{StateReader, StateWriter};
use lamplighter_core::{Apply, Error, ErrorKind, Outcome, Result, chain};
use tracing::{info, warn};

use crate::action::{Action, Subject};
use crate::bundle::{SCHEMA, Waiting};
use crate::look::Place;
use crate::rules::Options;
use crate::standing::{Standing, judge};

/// How often a deployment is asked for while answers are lost.
const ATTEMPTS: u32 = 4;

/// How often what waits is written while others write it too.
const WRITES: u32 = 6;

/// Applies. Built only for that.
pub struct Deployer {
    session: Arc<Session>,
    reader: StateReader,
    writer: StateWriter,
}

impl Deployer {
    /// An applier on `session` that lets bundles wait in this state.
    pub fn new(session: Arc<Session>, writer: StateWriter) -> Self {
        let reader = writer.reader();
        Self {
            session,
            reader,
            writer,
        }
    }
}

impl Apply<Action> for Deployer {
    async fn apply(&self, actions: &[Action]) -> Vec<Outcome> {
        self.session.progress().expect_actions(actions.len());
        let work: Vec<_> = actions.iter().map(|action| self.act(action)).collect();
        self.session.concurrently(work).await
    }
}

/// How a bundle came to wait, or did not.
enum Wait {
    /// It waits.
    Waits,
    /// A newer one waits, at this place.
    Newer(String),
}

impl Deployer {
    async fn act(&self, action: &Action) -> Outcome {
        let outcome = match action {
            Action::Deploy {
                subject,
                options,
                since,
                ..
            } => self.deploy(subject, options, *since).await,
            Action::Wait {
                subject,
                options,
                behind,
                since,
            } => {
                let waits = self.wait(subject, options, Some(behind), *since).await;
                waits.map(|waits| match waits {
                    Wait::Waits => Outcome::Done,
                    Wait::Newer(url) => Outcome::Vetoed(format!("a newer one waits: {url}")),
                })
            }
            Action::Forget { subject, tag, .. } => {
                let removed = self.remove(subject, tag).await;
                removed.map(|is_removed| match is_removed {
                    true => Outcome::Done,
                    false => Outcome::Vanished,
                })
            }
        };
        self.session.progress().acted(1);
        outcome.unwrap_or_else(|error| match error.kind() {
            // CodeDeploy or S3 refuses the request itself: the next one would be no better.
            ErrorKind::Permanent => Outcome::Rejected(chain(&error)),
            _ => Outcome::Failed(chain(&error)),
        })
    }

    async fn deploy(
        &self,
        subject: &Subject,
        options: &Options,
        since: DateTime<Utc>,
    ) -> Result<Outcome> {
        let Subject { target, bundle, .. } = subject;
        let place = Place::new(&self.session, Some(&target.region));
        let writer = Writer::new(&self.session, &target.region);
        let key = target.pending_key();
        if let Some(found) = self.reader.pending::<Waiting>(&key).await?
            && bundle.is_older(&found.document.bundle)
        {
            let url = found.document.bundle.revision.url();
            return Ok(Outcome::Vetoed(format!("a newer one waits: {url}")));
        }
        if place.head(&bundle.revision).await?.is_none() {
            return Ok(Outcome::Vanished);
        }
        let order = options.order(bundle.description());
        let mut lost = None;
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                tokio::time::sleep(Duration::from_millis(100) * 4_u32.pow(attempt)).await;
            }
            let Some((group, history)) = place.standing(target, bundle).await? else {
                return Ok(Outcome::Rejected(format!(
                    "there is no application or deployment group `{target}` in {} any more",
                    target.region
                )));
            };
            match judge(bundle, &group, &history) {
                Standing::Free => {}
                Standing::Deployed(id) => {
                    self.clear(subject, &key).await;
                    // Ours, if an answer was lost just now; else somebody was faster.
                    return Ok(match lost {
                        Some(_) => Outcome::Done,
                        None => Outcome::Vetoed(format!("{id} has deployed it")),
                    });
                }
                Standing::Older(id, url) => {
                    return Ok(Outcome::Vetoed(format!(
                        "{id} has deployed a newer one: {url}"
                    )));
                }
                Standing::Busy(behind) => {
                    return self.put_off(subject, options, &behind, since).await;
                }
            }
            let (application, name) = (&target.application, &target.group);
            match writer
                .create(application, name, &bundle.revision, &order)
                .await
            {
                Ok(Created::Deployment(id)) => {
                    info!(deployment = id, target = %target, bundle = bundle.revision.url(), "a deployment was made");
                    self.clear(subject, &key).await;
                    return Ok(Outcome::Done);
                }
                // Somebody was faster by a moment, or we were, and the answer was lost. The next look tells which.
                Ok(Created::Busy(behind)) => {
                    lost = lost.or(Some(Error::transient(format!(
                        "`{target}` is busy with {}",
                        behind.as_deref().unwrap_or("another deployment")
                    ))));
                    let Some((group, history)) = place.standing(target, bundle).await? else {
                        continue;
                    };
                    // The group does not say yet what keeps it busy: the message did.
                    if judge(bundle, &group, &history) == Standing::Free {
                        let behind = behind.as_deref().unwrap_or("another deployment");
                        return self.put_off(subject, options, behind, since).await;
                    }
                }
                Err(error) if error.kind() == ErrorKind::Transient => lost = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(lost.unwrap_or_else(|| Error::transient("no deployment could be made")))
    }

    /// The group is busy: the bundle waits for its turn.
    async fn put_off(
        &self,
        subject: &Subject,
        options: &Options,
        behind: &str,
        since: DateTime<Utc>,
    ) -> Result<Outcome> {
        let waits = self.wait(subject, options, Some(behind), since).await?;
        Ok(Outcome::Vetoed(match waits {
            Wait::Waits => format!("the group is busy with {behind}: it waits for its turn"),
            Wait::Newer(url) => format!("the group is busy, and a newer one waits: {url}"),
        }))
    }

    /// Lets a bundle wait, unless a newer one does.
    async fn wait(
        &self,
        subject: &Subject,
        options: &Options,
        behind: Option<&str>,
        since: DateTime<Utc>,
    ) -> Result<Wait> {
        let key = subject.target.pending_key();
        let waiting = Waiting {
            schema: SCHEMA.to_owned(),
            target: subject.target.clone(),
            bundle: subject.bundle.clone(),
            options: options.clone(),
            behind: behind.map(str::to_owned),
            since,
        };
        for attempt in 0..WRITES {
            tokio::time::sleep(Duration::from_millis(50) * attempt).await;
            let there = self.reader.pending::<Waiting>(&key).await?;
            if let Some(there) = &there {
                let other = &there.document.bundle;
                if subject.bundle.revision.is_same(&other.revision) {
                    return Ok(Wait::Waits);
                }
                if subject.bundle.is_older(other) {
                    return Ok(Wait::Newer(other.revision.url()));
                }
            }
            let tag = there.as_ref().map(|there| there.tag.as_str());
            if self.writer.put_pending(&key, &waiting, tag).await? {
                return Ok(Wait::Waits);
            }
        }
        Err(Error::transient(format!(
            "cannot let `{}` wait: others write `{key}` in the state all the time",
            subject.bundle.revision.url()
        )))
    }

    /// Takes away what waits, if it is still what was seen.
    async fn remove(&self, subject: &Subject, tag: &str) -> Result<bool> {
        self.writer
            .remove_pending(&subject.target.pending_key(), tag)
            .await
    }

    /// Takes away what waits for a group that has been given this bundle, or an older one. Where that fails the next
    /// round finds that it was deployed.
    async fn clear(&self, subject: &Subject, key: &str) {
        let cleared = async {
            let Some(there) = self.reader.pending::<Waiting>(key).await? else {
                return Ok(());
            };
            let other = &there.document.bundle;
            let is_over =
                subject.bundle.revision.is_same(&other.revision) || other.is_older(&subject.bundle);
            if is_over {
                self.writer.remove_pending(key, &there.tag).await?;
            }
            Ok::<_, Error>(())
        };
        if let Err(error) = cleared.await {
            warn!(
                error = chain(&error),
                key, "what waited is left in the state"
            );
        }
    }
}
