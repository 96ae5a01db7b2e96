//! The part of the story that events tell: a photo, a mail and a bundle arrive, and a queue says so.

use std::sync::Arc;

use lamplighter_core::{Mode, Result, Trigger};
use lamplighter_events::Envelope;
use lamplighter_local_aws::World;
use lamplighter_shell::{Invocation, Settings};
use serde_json::{Value, json};

use super::daemon::{self, Folder};
use super::{Demo, fleet, heading, options, say};
use crate::{Failure, functions};

/// What happens, and what comes of it.
struct Chapter {
    function: &'static str,
    title: &'static str,
    queue: &'static str,
    happens: fn(&mut World),
    /// The bucket that holds what the function wrote, and what the keys begin with.
    wrote: Option<(&'static str, &'static str)>,
}

const CHAPTERS: [Chapter; 3] = [
    Chapter {
        function: "resize-images",
        title: "11. A photo is uploaded",
        queue: "images",
        happens: fleet::a_photo_is_uploaded,
        wrote: Some(("acme-photos", "resized/")),
    },
    Chapter {
        function: "archive-mail",
        title: "12. A mail comes in",
        queue: "mail",
        happens: fleet::a_mail_comes_in,
        wrote: Some(("acme-mail-archive", "")),
    },
    Chapter {
        function: "deploy-bundles",
        title: "13. A bundle is released",
        queue: "bundles",
        happens: fleet::a_bundle_is_released,
        wrote: None,
    },
];

/// Tells it.
pub(super) async fn tell(demo: &Demo<'_>) -> Result<(), Failure> {
    let folder = Folder::new()?;
    let config = daemon::config(&folder, None)?;
    for chapter in CHAPTERS {
        heading(
            chapter.title,
            &format!("$ lamplighter run {} --event event.json", chapter.function),
        )?;
        demo.aws.with(chapter.happens);
        let event = demo.aws.with(|world| announced(world, chapter.queue));
        let settings = Settings::new(config.clone(), options(demo.aws)).at(Some(demo.aws.now()));
        let entry = functions::find(chapter.function)?;
        let invocation = Invocation::new(Some(Mode::Apply), Trigger::Event, Envelope::read(event)?);
        let run = (entry.run)(Arc::new(settings), invocation).await?;
        demo.report(&run)?;
        if let Some((bucket, prefix)) = chapter.wrote {
            say(&stored(demo, bucket, prefix))?;
        }
    }
    Ok(())
}

/// What is waiting in a queue, as Lambda hands it over.
fn announced(world: &mut World, queue: &str) -> Value {
    let arn = format!(
        "arn:aws:sqs:{}:{}:{queue}",
        fleet::REGIONS[0],
        fleet::ACCOUNT
    );
    let records: Vec<Value> = world
        .messages(&arn)
        .iter()
        .map(|message| {
            json!({
                "messageId": message.message_id,
                "body": message.body,
                "eventSource": "aws:sqs",
                "eventSourceARN": arn,
                "awsRegion": fleet::REGIONS[0],
            })
        })
        .collect();
    world.purge(&arn);
    json!({ "Records": records })
}

fn stored(demo: &Demo<'_>, bucket: &str, prefix: &str) -> String {
    demo.aws.with(|world| {
        let objects = world.objects(bucket);
        let stored = objects.iter().filter(|(key, _)| key.starts_with(prefix));
        stored
            .map(|(key, object)| format!("  s3://{bucket}/{key}, {} bytes\n", object.body.len()))
            .collect()
    })
}
