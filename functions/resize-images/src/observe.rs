//! Looks at the image of each record as it is now, at its first bytes, and at its copies.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use lamplighter_aws::Session;
use lamplighter_aws::s3::{Head, Reader};
use lamplighter_core::{Coverage, Error, ErrorRow, Function, Observed, Plan, Result, chain};
use lamplighter_events::{Happening, ObjectEvent, Record, Work};
use lamplighter_images as images;

use crate::action::Action;
use crate::place::{Mark, Origin, copy_key, is_copy, recipe};
use crate::rules::Rules;
use crate::sighting::{Copy, Inventory, Seen, Sighting, Source};

/// How much of an image is read to decide about it: what stands before the pixels is rarely more.
const HEAD_BYTES: u64 = 64 * 1024;

/// The function, with the session it reads through.
pub struct ResizeImages {
    session: Arc<Session>,
}

impl ResizeImages {
    /// A function that reads through `session`. Its clients can only read.
    pub fn new(session: Arc<Session>) -> Self {
        Self { session }
    }
}

impl Function for ResizeImages {
    const NAME: &'static str = "resize-images";
    type Event = Work;
    type Rules = Rules;
    type Inventory = Inventory;
    type Action = Action;

    async fn observe(&self, event: &Work, rules: &Rules) -> Result<Observed<Inventory>> {
        let caller = self.session.caller();
        let scope = format!("{}/s3", caller.account);
        let records = match event {
            // Its rounds only tell what is in quarantine, which is read elsewhere.
            Work::Round => &[][..],
            Work::Records(records) => records,
        };
        let look = Look {
            session: &self.session,
            rules,
        };
        let work = records.iter().map(|record| look.at(record)).collect();
        let sightings = self.session.concurrently(work).await;
        let unread = sightings
            .iter()
            .filter_map(|sighting| match &sighting.seen {
                Seen::Unread(why) => Some(ErrorRow {
                    scope: scope.clone(),
                    message: why.clone(),
                }),
                _ => None,
            });
        Ok(Observed {
            errors: unread.collect(),
            coverage: vec![Coverage::read(scope, sightings.len())],
            inventory: Inventory {
                account: caller.account.clone(),
                partition: caller.partition.clone(),
                sightings,
            },
        })
    }

    fn plan(inventory: &Inventory, rules: &Rules, now: DateTime<Utc>) -> Plan<Action> {
        crate::plan::plan(inventory, rules, now)
    }
}

/// How records are looked at.
struct Look<'a> {
    session: &'a Session,
    rules: &'a Rules,
}

impl Look<'_> {
    async fn at(&self, record: &Record) -> Sighting {
        let seen = match &record.happening {
            Happening::Created(object) | Happening::Removed(object) => {
                self.object(object).await.unwrap_or_else(unread)
            }
            Happening::Mail(_) => Seen::Nothing("it is about a mail".to_owned()),
            Happening::Deployment(_) => Seen::Nothing("it is about a deployment".to_owned()),
            Happening::Nothing(why) => Seen::Nothing(why.clone()),
            Happening::Unreadable(why) => Seen::Refused(why.clone()),
        };
        Sighting {
            record: record.id.clone(),
            subject: record.subject(),
            seen,
        }
    }

    /// Created or removed, now or a week ago: what counts is what is there.
    async fn object(&self, object: &ObjectEvent) -> Result<Seen> {
        let (bucket, region) = (object.bucket.as_str(), object.region.as_deref());
        let reader = Reader::new(self.session, region);
        let readings = [Some(&object.key), object.decoded_key.as_ref()];
        let readings: Vec<&str> = readings.into_iter().flatten().map(String::as_str).collect();
        let mut gone = None;
        for (number, key) in readings.into_iter().enumerate() {
            if self.rules.is_own_output(bucket, key) {
                return Ok(Seen::Nothing("it lies where the copies are".to_owned()));
            }
            if key.ends_with('/') {
                return Ok(Seen::Nothing("it stands for a folder".to_owned()));
            }
            let head = reader.head(bucket, key, None).await?;
            // The second reading is the same object only if its contents are, and a removal names none.
            let is_meant = |head: &Head| number == 0 || object.etag.as_deref() == Some(&head.etag);
            match head {
                Some(head) if is_meant(&head) => {
                    return self.there(&reader, object, key, head).await;
                }
                Some(_) => {}
                None => {
                    let copies = self.copies(bucket, key, region).await?;
                    let is_own = |copy: &Copy| {
                        let mark = copy.found.as_ref();
                        mark.is_some_and(|mark| mark.is_of(bucket, key))
                    };
                    let copies: Vec<Copy> = copies.into_iter().filter(is_own).collect();
                    if !copies.is_empty() {
                        gone.get_or_insert(Seen::Gone {
                            bucket: bucket.to_owned(),
                            key: key.to_owned(),
                            region: object.region.clone(),
                            copies,
                        });
                    }
                }
            }
        }
        Ok(gone.unwrap_or_else(|| {
            Seen::Nothing("the object is gone, and it has no copies".to_owned())
        }))
    }

    async fn there(
        &self,
        reader: &Reader,
        object: &ObjectEvent,
        key: &str,
        head: Head,
    ) -> Result<Seen> {
        let bucket = &object.bucket;
        if is_copy(bucket, key, &head) {
            return Ok(Seen::Nothing(
                "it is a copy that this function wrote".to_owned(),
            ));
        }
        let origin = Origin {
            bucket: bucket.clone(),
            key: key.to_owned(),
            etag: head.etag,
            version_id: head.version_id,
        };
        let copies = self.copies(bucket, key, object.region.as_deref()).await?;
        let is_current = |copy: &Copy| {
            let recipe = recipe(&self.rules.wish, copy.width);
            copy.found
                .as_ref()
                .is_some_and(|mark| mark.is_current(&origin, &recipe))
        };
        // What is too large is refused without reading it, and what has its copies needs no look.
        let is_asked = head.size <= self.rules.max_bytes && !copies.iter().all(is_current);
        let header = match is_asked {
            true => {
                let end = HEAD_BYTES.min(head.size);
                let start = reader
                    .range(bucket, key, None, Some(&origin.etag), 0..end)
                    .await?;
                let Some(start) = start else {
                    return Ok(Seen::Unread(format!(
                        "`s3://{bucket}/{key}` was removed meanwhile"
                    )));
                };
                match end == head.size {
                    true => Some(images::inspect(&start)),
                    false => images::peek(&start),
                }
            }
            false => None,
        };
        Ok(Seen::There(Box::new(Source {
            origin,
            region: object.region.clone(),
            size: head.size,
            header: header.map(|header| header.map(Box::new)),
            copies,
        })))
    }

    /// The places of the copies of an object, and what lies there.
    async fn copies(&self, bucket: &str, key: &str, region: Option<&str>) -> Result<Vec<Copy>> {
        let to = self.rules.bucket_for(bucket);
        let reader = Reader::new(self.session, region_of_copies(self.rules, region));
        let mut copies = vec![];
        for &width in &self.rules.wish.widths {
            let key = copy_key(
                &self.rules.output_prefix,
                width,
                key,
                self.rules.wish.format,
            );
            let found = match key.len() > crate::place::MOST_KEY_BYTES {
                true => None,
                false => reader.head(to, &key, None).await?.as_ref().map(Mark::of),
            };
            copies.push(Copy {
                width,
                bucket: to.to_owned(),
                key,
                found,
            });
        }
        Ok(copies)
    }
}

/// The region of the copies, where it is known: that of the source, unless they have a bucket of their own.
pub(crate) fn region_of_copies<'a>(rules: &Rules, source: Option<&'a str>) -> Option<&'a str> {
    source.filter(|_| rules.output_bucket.is_none())
}

fn unread(error: Error) -> Seen {
    Seen::Unread(chain(&error))
}
