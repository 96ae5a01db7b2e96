//! Everything that lies in a bucket already, handed to an event function as if it had just arrived: what a backfill does,
//! and what a reconciliation only looks at.
//!
//! It works in chunks, each a run of its own, in the order of the keys. Where it is lies in `[state]`, so that an
//! interrupted backfill goes on where it was.

use std::sync::Arc;

use lamplighter_aws::s3::{Listed, Reader};
use lamplighter_aws::state::{Cursor, StateReader, StateWriter};
use lamplighter_core::{Mode, RecordOutcome, RecordRow, Result, Run, Trigger};
use lamplighter_events::{Envelope, ObjectEvent, objects_event};

use crate::connect::Entry;
use crate::round::Invocation;
use crate::settings::Settings;

/// How many objects one run is given. More would keep more of them in memory; fewer would open more sessions.
const CHUNK: usize = 100;

/// A backfill ends early if, after this many objects, …
const ENOUGH_TO_JUDGE: usize = 50;

/// … more than this share of them failed, in percent: something is wrong that more attempts will not mend.
const TOO_MANY_FAILED_PERCENT: usize = 30;

/// Where to look.
#[derive(Debug, Clone)]
pub struct Place {
    /// The bucket.
    pub bucket: String,
    /// What the keys begin with.
    pub prefix: String,
}

/// How much lies there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amount {
    /// How many objects, folder markers left out.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What became of the objects so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Worked on, or to be worked on in a dry run.
    pub done: u64,
    /// There was nothing to do.
    pub ignored: u64,
    /// Cannot succeed.
    pub quarantined: u64,
    /// May succeed later.
    pub failed: u64,
}

impl Tally {
    /// All of them.
    pub fn all(&self) -> u64 {
        self.done + self.ignored + self.quarantined + self.failed
    }

    fn count(&mut self, row: &RecordRow) {
        match row.outcome {
            RecordOutcome::Done | RecordOutcome::Planned => self.done += 1,
            RecordOutcome::Ignored => self.ignored += 1,
            RecordOutcome::Quarantined => self.quarantined += 1,
            RecordOutcome::Retry => self.failed += 1,
        }
    }

    /// Whether so many failed that going on would make it worse.
    pub fn is_hopeless(&self) -> bool {
        let all = usize::try_from(self.all()).unwrap_or(usize::MAX);
        let failed = usize::try_from(self.failed).unwrap_or(usize::MAX);
        all >= ENOUGH_TO_JUDGE && failed.saturating_mul(100) > all * TOO_MANY_FAILED_PERCENT
    }
}

/// One pass over a place.
pub struct Sweep {
    entry: Entry,
    settings: Arc<Settings>,
    place: Place,
    mode: Mode,
    reader: Reader,
    region: Option<String>,
    state: Option<(StateReader, StateWriter)>,
    after: Option<String>,
    left: u64,
    waiting: Vec<Listed>,
    is_at_end: bool,
    /// What became of the objects so far.
    pub tally: Tally,
}

impl Sweep {
    /// Opens a pass, behind `after` or where an interrupted one stopped, over at most `limit` objects.
    pub async fn open(
        entry: Entry,
        settings: Arc<Settings>,
        place: Place,
        mode: Mode,
        after: Option<String>,
        limit: Option<u64>,
    ) -> Result<Self> {
        let session = settings.session(entry.name, "sweep").await?;
        let region = Reader::new(&session, None).region_of(&place.bucket).await?;
        let reader = Reader::new(&session, region.as_deref());
        let url = settings.config.state.url.as_ref();
        // Only what changes something remembers where it is: a look begins at the beginning.
        let state = match mode {
            Mode::Apply => StateReader::open(url, &session).zip(StateWriter::open(url, &session)),
            Mode::DryRun | Mode::Plan => None,
        };
        let mut sweep = Self {
            entry,
            place,
            mode,
            reader,
            region,
            state,
            after,
            left: limit.unwrap_or(u64::MAX),
            waiting: vec![],
            is_at_end: false,
            tally: Tally::default(),
            settings,
        };
        if sweep.after.is_none() {
            sweep.after = sweep.remembered().await?;
        }
        Ok(sweep)
    }

    /// The key behind which it goes on.
    pub fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// Whether where it is will be remembered.
    pub fn is_remembered(&self) -> bool {
        self.state.is_some()
    }

    /// How much is left, at most as much as the limit allows.
    pub async fn amount(&self) -> Result<Amount> {
        let mut amount = Amount::default();
        let mut after = self.after.clone();
        loop {
            let page = self.page(after.as_deref()).await?;
            for object in page.objects.iter().filter(|object| !is_marker(object)) {
                if amount.objects == self.left {
                    return Ok(amount);
                }
                amount.objects += 1;
                amount.bytes += object.size;
            }
            match page.after {
                Some(key) => after = Some(key),
                None => return Ok(amount),
            }
        }
    }

    /// Works on the next chunk. `None`: there is nothing left.
    pub async fn next(&mut self) -> Result<Option<Run>> {
        while self.waiting.len() < CHUNK && !self.is_at_end {
            let last = self.waiting.last().map(|object| object.key.clone());
            let page = self
                .page(last.or_else(|| self.after.clone()).as_deref())
                .await?;
            self.is_at_end = page.after.is_none();
            let objects = page.objects.into_iter();
            self.waiting
                .extend(objects.filter(|object| !is_marker(object)));
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX);
        let chunk: Vec<Listed> = {
            let size = self.waiting.len().min(CHUNK).min(most);
            self.waiting.drain(..size).collect()
        };
        let Some(last) = chunk.last().map(|object| object.key.clone()) else {
            self.forget().await?;
            return Ok(None);
        };
        let run = self.run(&chunk).await?;
        self.left -= chunk.len() as u64;
        for row in &run.records {
            self.tally.count(row);
        }
        self.after = Some(last);
        self.remember().await?;
        Ok(Some(run))
    }

    async fn run(&self, chunk: &[Listed]) -> Result<Run> {
        let objects: Vec<ObjectEvent> = chunk
            .iter()
            .map(|object| ObjectEvent {
                bucket: self.place.bucket.clone(),
                key: object.key.clone(),
                decoded_key: None,
                size: Some(object.size),
                etag: Some(object.etag.clone()),
                version_id: None,
                sequencer: None,
                region: self.region.clone(),
                time: object.last_modified,
                name: "Listed".to_owned(),
            })
            .collect();
        let envelope = Envelope::read(objects_event(&objects))?;
        let invocation = Invocation::new(Some(self.mode), Trigger::Manual, envelope);
        (self.entry.run)(Arc::clone(&self.settings), invocation).await
    }

    async fn page(&self, after: Option<&str>) -> Result<lamplighter_aws::s3::Page> {
        let place = &self.place;
        self.reader
            .list(&place.bucket, &place.prefix, after, None)
            .await
    }

    async fn remembered(&self) -> Result<Option<String>> {
        match &self.state {
            Some((reader, _)) => {
                let cursor = reader.cursor(self.entry.name, &self.url()).await?;
                Ok(cursor.map(|cursor| cursor.after))
            }
            None => Ok(None),
        }
    }

    async fn remember(&self) -> Result<()> {
        let (Some((_, writer)), Some(after)) = (&self.state, &self.after) else {
            return Ok(());
        };
        let cursor = Cursor {
            place: self.url(),
            after: after.clone(),
            at: (self.settings.clock)(),
        };
        writer.remember(self.entry.name, &cursor).await
    }

    async fn forget(&self) -> Result<()> {
        match &self.state {
            // A limit ends a pass before its end, which is still to come.
            Some((_, writer)) if self.is_at_end && self.waiting.is_empty() => {
                writer.forget(self.entry.name, &self.url()).await
            }
            _ => Ok(()),
        }
    }

    fn url(&self) -> String {
        format!("s3://{}/{}", self.place.bucket, self.place.prefix)
    }
}

/// The console's "folders" are empty objects.
fn is_marker(object: &Listed) -> bool {
    object.size == 0 && object.key.ends_with('/')
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn a_sweep_ends_early_when_a_third_of_many_fails_and_not_for_a_few() {
        let tally = |done, failed| Tally {
            done,
            failed,
            ..Tally::default()
        };
        assert!(!tally(0, 49).is_hopeless(), "too few to judge by");
        assert!(tally(0, 50).is_hopeless());
        assert!(tally(69, 31).is_hopeless());
        assert!(!tally(70, 30).is_hopeless());
    }
}
