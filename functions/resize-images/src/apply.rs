//! Applies: reads an image once, decodes it once, and stores each of its copies.

use std::sync::Arc;

use lamplighter_aws::s3::{Condition, Put, Reader, Writer};
use lamplighter_aws::{Session, threads};
use lamplighter_core::{Apply, Error, ErrorKind, Outcome, Result, chain};
use tokio::sync::Semaphore;
use tracing::info;

use crate::action::{Action, Image};
use crate::observe::region_of_copies;
use crate::place::{Mark, metadata, recipe};
use crate::rules::Rules;
use lamplighter_images::{self as images, Resized, Wish};

/// The unit in which memory is lent to images.
const UNIT: u64 = 1_000_000;

/// Applies. Built only for that.
pub struct Resizer {
    session: Arc<Session>,
    rules: Rules,
    /// The memory that is left, in units.
    memory: Semaphore,
    units: u32,
}

impl Resizer {
    /// An applier on `session`.
    pub fn new(session: Arc<Session>, rules: Rules) -> Self {
        let units = u32::try_from(rules.wish.limits.memory_bytes / UNIT).unwrap_or(u32::MAX);
        Self {
            memory: Semaphore::new(units as usize),
            session,
            rules,
            units,
        }
    }
}

impl Apply<Action> for Resizer {
    async fn apply(&self, actions: &[Action]) -> Vec<Outcome> {
        self.session.progress().expect_actions(actions.len());
        let mut groups: Vec<Vec<usize>> = vec![];
        for (place, action) in actions.iter().enumerate() {
            match groups
                .iter_mut()
                .find(|group| belongs(action, &actions[group[0]]))
            {
                Some(group) => group.push(place),
                None => groups.push(vec![place]),
            }
        }
        let work = groups
            .iter()
            .map(|group| self.group(group.iter().map(|place| &actions[*place]).collect()))
            .collect();
        let mut outcomes =
            vec![Outcome::Failed("no outcome was reported".to_owned()); actions.len()];
        for (group, found) in groups.iter().zip(self.session.concurrently(work).await) {
            for (place, outcome) in group.iter().zip(found) {
                outcomes[*place] = outcome;
            }
        }
        outcomes
    }
}

/// Whether two actions store copies of the same image, so that it is read and decoded once for both.
fn belongs(action: &Action, other: &Action) -> bool {
    match (action, other) {
        (Action::StoreCopy { image, .. }, Action::StoreCopy { image: other, .. }) => image == other,
        _ => false,
    }
}

/// A copy to be stored.
struct Wanted<'a> {
    width: u32,
    bucket: &'a str,
    key: &'a str,
    recipe: &'a str,
    replaces: Option<&'a str>,
}

impl Resizer {
    /// The copies of one image, or the removal of one.
    async fn group(&self, actions: Vec<&Action>) -> Vec<Outcome> {
        let mut wanted = vec![];
        let mut from = None;
        for action in &actions {
            match action {
                Action::StoreCopy {
                    image,
                    width,
                    bucket,
                    key,
                    recipe,
                    replaces,
                } => {
                    from = Some(image);
                    wanted.push(Wanted {
                        width: *width,
                        bucket,
                        key,
                        recipe,
                        replaces: replaces.as_deref(),
                    });
                }
                Action::RemoveCopy { .. } => {
                    let outcome = self
                        .remove(action)
                        .await
                        .unwrap_or_else(|error| outcome_of(&error));
                    self.session.progress().acted(1);
                    return vec![outcome];
                }
            }
        }
        let Some(image) = from else {
            return vec![];
        };
        let outcomes = match self.store_all(image, &wanted).await {
            Ok(outcomes) => outcomes,
            Err(outcome) => vec![outcome; wanted.len()],
        };
        self.session.progress().acted(outcomes.len());
        outcomes
    }

    /// Reads, resizes, stores. `Err` is the outcome of all copies.
    async fn store_all(
        &self,
        image: &Image,
        wanted: &[Wanted<'_>],
    ) -> Result<Vec<Outcome>, Outcome> {
        let widths: Vec<u32> = wanted.iter().map(|wanted| wanted.width).collect();
        let wish = Wish {
            widths,
            ..self.rules.wish.clone()
        };
        let is_as_planned = |wanted: &Wanted<'_>| wanted.recipe == recipe(&wish, wanted.width);
        if !wanted.iter().all(is_as_planned) {
            // Only a plan file can be older than the configuration.
            return Err(Outcome::Vetoed(
                "the settings of copies were changed since".to_owned(),
            ));
        }
        let origin = &image.origin;
        let reader = Reader::new(&self.session, image.region.as_deref());
        let resized = {
            // Held until nothing but the finished copies is left.
            let units = image.needs_bytes.div_ceil(UNIT);
            let units = u32::try_from(units).unwrap_or(u32::MAX).min(self.units);
            let _memory = self.memory.acquire_many(units).await;
            let object = reader
                .get(
                    &origin.bucket,
                    &origin.key,
                    None,
                    Some(&origin.etag),
                    self.rules.max_bytes,
                )
                .await
                .map_err(|error| outcome_of(&error))?
                .ok_or(Outcome::Vanished)?;
            resized(object.bytes, wish).await?
        };
        for note in &resized.notes {
            info!("s3://{}/{}: {note}", origin.bucket, origin.key);
        }
        let mut outcomes = vec![];
        for wanted in wanted {
            let stored = self.store(image, wanted, &resized).await;
            outcomes.push(stored.unwrap_or_else(|error| outcome_of(&error)));
        }
        if let Err(outcome) = self.confirm(&reader, image).await {
            // What was written is not what is wanted now. The record comes again, and finds what is there then.
            for done in outcomes
                .iter_mut()
                .filter(|outcome| **outcome == Outcome::Done)
            {
                *done = outcome.clone();
            }
        }
        Ok(outcomes)
    }

    async fn store(
        &self,
        image: &Image,
        wanted: &Wanted<'_>,
        resized: &Resized,
    ) -> Result<Outcome> {
        let origin = &image.origin;
        let copy = resized
            .copies
            .iter()
            .find(|copy| copy.wanted == wanted.width);
        let file = match copy.map(|copy| &copy.file) {
            Some(Ok(file)) => file,
            Some(Err(refusal)) => {
                return Ok(Outcome::Rejected(format!(
                    "the copy of `s3://{}/{}` of {} pixels {refusal}",
                    origin.bucket, origin.key, wanted.width
                )));
            }
            None => return Ok(Outcome::Failed("the copy was not made".to_owned())),
        };
        let region = region_of_copies(&self.rules, image.region.as_deref());
        let written = Writer::new(&self.session, region)
            .put(Put {
                bucket: wanted.bucket,
                key: wanted.key,
                bytes: file.to_vec().into(),
                content_type: resized.format.media_type(),
                cache_control: self.rules.cache_control.as_deref(),
                content_disposition: None,
                metadata: metadata(origin, wanted.recipe, wanted.bucket, wanted.key),
                condition: match wanted.replaces {
                    None => Condition::Absent,
                    Some(etag) => Condition::Matches(etag.to_owned()),
                },
            })
            .await;
        match written {
            Ok(_) => return Ok(Outcome::Done),
            Err(error) if error.kind() == ErrorKind::Taken => {}
            Err(error) => return Err(error),
        }
        // Somebody was faster: the same event delivered twice, or an event of a newer state of the source.
        let there = Reader::new(&self.session, region)
            .head(wanted.bucket, wanted.key, None)
            .await?;
        let place = format!("`s3://{}/{}`", wanted.bucket, wanted.key);
        Ok(match there.as_ref().map(Mark::of) {
            Some(mark) if mark.is_current(origin, wanted.recipe) => Outcome::Done,
            Some(mark) if !mark.is_of(&origin.bucket, &origin.key) => Outcome::Rejected(format!(
                "{place} is no copy of `s3://{}/{}`: another object is there, and is left alone",
                origin.bucket, origin.key
            )),
            _ => Outcome::Failed(format!("{place} was written by another run meanwhile")),
        })
    }

    /// Whether the source is still what the copies were made from. A removal whose event came while they were written
    /// has not found them.
    async fn confirm(&self, reader: &Reader, image: &Image) -> Result<(), Outcome> {
        let origin = &image.origin;
        let place = format!("`s3://{}/{}`", origin.bucket, origin.key);
        match reader.head(&origin.bucket, &origin.key, None).await {
            Ok(Some(head)) if head.etag == origin.etag => Ok(()),
            Ok(Some(_)) => Err(Outcome::Failed(format!("{place} was replaced meanwhile"))),
            Ok(None) => Err(Outcome::Failed(format!("{place} was removed meanwhile"))),
            Err(error) => Err(Outcome::Failed(chain(&error))),
        }
    }

    async fn remove(&self, action: &Action) -> Result<Outcome> {
        let Action::RemoveCopy {
            source_bucket,
            source_key,
            region,
            bucket,
            key,
            etag,
            ..
        } = action
        else {
            return Ok(Outcome::Failed("it removes nothing".to_owned()));
        };
        let reader = Reader::new(&self.session, region.as_deref());
        if reader
            .head(source_bucket, source_key, None)
            .await?
            .is_some()
        {
            return Ok(Outcome::Vetoed(format!(
                "`s3://{source_bucket}/{source_key}` is there again"
            )));
        }
        let region = region_of_copies(&self.rules, region.as_deref());
        Writer::new(&self.session, region)
            .delete(bucket, key, &Condition::Matches(etag.clone()))
            .await?;
        Ok(Outcome::Done)
    }
}

/// Resizes on a thread of its own: it takes the processor for up to seconds.
async fn resized(bytes: Vec<u8>, wish: Wish) -> Result<Resized, Outcome> {
    match threads::run(move || images::resize(&bytes, &wish)).await {
        Ok(Ok(resized)) => Ok(resized),
        Ok(Err(refusal)) => Err(Outcome::Rejected(format!("the image {refusal}"))),
        // A decoder that gave up on these bytes would do so again.
        Err(error) if error.is_panic() => Err(Outcome::Rejected(
            "the image could not be decoded: the decoder gave up".to_owned(),
        )),
        Err(_) => Err(Outcome::Failed("told to end".to_owned())),
    }
}

fn outcome_of(error: &Error) -> Outcome {
    match error.kind() {
        ErrorKind::Permanent => Outcome::Rejected(chain(error)),
        _ => Outcome::Failed(chain(error)),
    }
}
