//! `lamplighter mail search`: finds archived mails by their sidecars. It reads no mail.

use std::sync::Arc;

use archive_mail::sidecar::{MOST_BYTES, Sidecar};
use archive_mail::{QUARANTINE, day_folder};
use chrono::{DateTime, Days, NaiveDate, Utc};
use lamplighter_aws::Session;
use lamplighter_aws::s3::Reader;
use lamplighter_core::{Error, Result, chain};
use lamplighter_report::{Format, visible};
use lamplighter_shell::Settings;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::Failure;
use crate::cli::{Globals, MailCommand, MailSearch};
use crate::commands::{hints, load, options, watched};
use crate::output;

/// How many sidecars are read at once. They are small, and the wait is for S3.
const AT_ONCE: usize = 16;

/// How far back is looked unless `--after` says so.
const DAYS_BACK: u64 = 30;

/// The most days that one search looks through: ten years.
const MOST_DAYS: u64 = 3660;

pub(super) async fn run(globals: &Globals, command: &MailCommand) -> Result<u8, Failure> {
    let MailCommand::Search(search) = command;
    match globals.format {
        Format::Text | Format::Json | Format::Jsonl | Format::Csv => {}
        other => {
            return Err(
                Error::config(format!("a search has no format `{}`", other.as_str()))
                    .hint("known formats of a search: text, json, jsonl, csv")
                    .into(),
            );
        }
    }
    let settings = Settings::new(load(globals, vec![])?, options(globals));
    let section = &settings.config.archive_mail;
    let Some(bucket) = section.archive_bucket.clone() else {
        return Err(Error::config("there is no archive to search")
            .hint("set `archive_bucket` in [archive-mail]")
            .into());
    };
    let place = Place {
        bucket,
        prefix: section.archive_prefix.clone(),
    };
    let days = days(search, (settings.clock)())?;
    let progress = Arc::clone(&settings.progress);
    let work = find(&settings, &place, search, &days);
    let found = watched(&progress, globals.quiet, work)
        .await
        .map_err(|error| hints::of_error("archive-mail", error))?;
    output::text(&render(&found, &place, globals.format), globals)?;
    if !globals.quiet {
        output::note(&found.told(&days, search));
    }
    for trouble in &found.unreadable {
        output::note(&format!("cannot read {}", visible(trouble)));
    }
    Ok(if found.unreadable.is_empty() { 0 } else { 4 })
}

/// Where the archive is.
struct Place {
    bucket: String,
    prefix: String,
}

/// What was found, the newest day first.
#[derive(Default)]
struct Found {
    mails: Vec<(String, Sidecar)>,
    looked_at: usize,
    /// How many days were looked through to their end.
    days: usize,
    unreadable: Vec<String>,
    /// Whether it ended because there were enough.
    is_full: bool,
}

impl Found {
    fn told(&self, days: &[NaiveDate], search: &MailSearch) -> String {
        let span = match (days.last(), days.first()) {
            (Some(first), Some(last)) => format!("{first} to {last}"),
            _ => "no day".to_owned(),
        };
        let mut text = format!(
            "{} of {} mails match, received on {} days from {span} (UTC)",
            self.mails.len(),
            self.looked_at,
            self.days,
        );
        if self.is_full {
            text.push_str(&format!(
                "; it ended at the limit of {}: raise --limit, or narrow it with --before",
                search.limit
            ));
        } else if search.after.is_none() {
            text.push_str("; --after looks further back");
        }
        text
    }
}

/// The days to look through, the newest first.
fn days(search: &MailSearch, now: DateTime<Utc>) -> Result<Vec<NaiveDate>> {
    let end = match search.before {
        Some(before) => before,
        None => now.date_naive() + Days::new(1),
    };
    let start = match search.after {
        Some(after) => after,
        None => end.checked_sub_days(Days::new(DAYS_BACK)).unwrap_or(end),
    };
    if start >= end {
        return Err(
            Error::config(format!("no day is from {start} on and before {end}"))
                .hint("--after is the first day, --before the day behind the last one"),
        );
    }
    let days: Vec<NaiveDate> = start.iter_days().take_while(|day| *day < end).collect();
    if days.len() as u64 > MOST_DAYS {
        return Err(Error::config(format!(
            "{} days are too many for one search, the limit is {MOST_DAYS}",
            days.len()
        )));
    }
    Ok(days.into_iter().rev().collect())
}

async fn find(
    settings: &Settings,
    place: &Place,
    search: &MailSearch,
    days: &[NaiveDate],
) -> Result<Found> {
    let session = settings
        .session("archive-mail", "lamplighter-mail-search")
        .await?;
    let wanted = Wanted::of(search);
    let mut found = Found::default();
    settings.progress.expect_scopes(days.len());
    for day in days {
        let mut of_day = look_through(&session, place, *day, &wanted, &mut found).await?;
        settings.progress.saw(of_day.len());
        settings.progress.scope_done();
        of_day.sort_by_key(|(_, sidecar)| std::cmp::Reverse(sidecar.received_at));
        found.mails.append(&mut of_day);
        found.days += 1;
        if found.mails.len() >= search.limit {
            found.is_full = found.mails.len() > search.limit || found.days < days.len();
            found.mails.truncate(search.limit);
            break;
        }
    }
    Ok(found)
}

/// The matching mails of one day.
async fn look_through(
    session: &Session,
    place: &Place,
    day: NaiveDate,
    wanted: &Wanted,
    found: &mut Found,
) -> Result<Vec<(String, Sidecar)>> {
    let reader = Reader::new(session, None);
    let mut matching = Vec::new();
    for folder in ["", QUARANTINE] {
        let prefix = format!("{}{folder}{}", place.prefix, day_folder(day));
        let mut after: Option<String> = None;
        loop {
            let page = reader
                .list(&place.bucket, &prefix, after.as_deref(), None)
                .await?;
            let keys = page.objects.into_iter().map(|object| object.key);
            let keys: Vec<String> = keys.filter(|key| key.ends_with(".json")).collect();
            found.looked_at += keys.len();
            for (key, read) in read_all(&reader, &place.bucket, keys).await {
                match read {
                    Ok(Some(sidecar)) if wanted.matches(&sidecar) => matching.push((key, sidecar)),
                    Ok(_) => {}
                    Err(why) => found
                        .unreadable
                        .push(format!("`s3://{}/{key}`: {why}", place.bucket)),
                }
            }
            after = page.after;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(matching)
}

/// Reads sidecars, a few at once; `None`: removed between listing and reading.
async fn read_all(
    reader: &Reader,
    bucket: &str,
    keys: Vec<String>,
) -> Vec<(String, Result<Option<Sidecar>, String>)> {
    let mut all = Vec::with_capacity(keys.len());
    let mut reads = JoinSet::new();
    let mut keys = keys.into_iter();
    loop {
        while reads.len() < AT_ONCE
            && let Some(key) = keys.next()
        {
            let (reader, bucket) = (reader.clone(), bucket.to_owned());
            reads.spawn(async move {
                let read = match reader.get(&bucket, &key, None, None, MOST_BYTES).await {
                    Ok(None) => Ok(None),
                    Ok(Some(object)) => Sidecar::parse(&object.bytes).map(Some),
                    Err(error) => Err(chain(&error)),
                };
                (key, read)
            });
        }
        match reads.join_next().await {
            None => return all,
            Some(Ok(read)) => all.push(read),
            Some(Err(error)) => all.push((String::new(), Err(error.to_string()))),
        }
    }
}

/// What is looked for, in lower case.
struct Wanted {
    from: Option<String>,
    to: Option<String>,
    subject: Option<String>,
    attachment: Option<String>,
}

impl Wanted {
    fn of(search: &MailSearch) -> Self {
        let lower = |text: &Option<String>| text.as_ref().map(|text| text.to_lowercase());
        Self {
            from: lower(&search.from),
            to: lower(&search.to),
            subject: lower(&search.subject),
            attachment: lower(&search.attachment),
        }
    }

    fn matches(&self, sidecar: &Sidecar) -> bool {
        let (headers, envelope) = (&sidecar.headers, &sidecar.envelope);
        let lines = |lists: &[&Vec<archive_mail::sidecar::Address>]| -> Vec<String> {
            let all = lists.iter().flat_map(|list| list.iter());
            all.map(archive_mail::sidecar::Address::line).collect()
        };
        let senders = lines(&[&headers.from, &headers.sender, &headers.reply_to]);
        let senders = senders
            .into_iter()
            .chain(envelope.mail_from.clone())
            .chain(envelope.original_mail_from.clone());
        let recipients = lines(&[&headers.to, &headers.cc, &headers.bcc]);
        let recipients = recipients.into_iter().chain(envelope.recipients.clone());
        let files = sidecar.parts.iter().filter(|part| part.is_attachment());
        let names = files
            .flat_map(|part| std::iter::once(part.name.clone()).chain(part.original_name.clone()));
        is_in(self.from.as_deref(), senders)
            && is_in(self.to.as_deref(), recipients)
            && is_in(self.subject.as_deref(), headers.subject.clone())
            && is_in(self.attachment.as_deref(), names)
    }
}

/// Whether a term is in one of the texts. What is not looked for is everywhere.
fn is_in(wanted: Option<&str>, texts: impl IntoIterator<Item = String>) -> bool {
    let Some(wanted) = wanted else {
        return true;
    };
    let mut texts = texts.into_iter();
    texts.any(|text| text.to_lowercase().contains(wanted))
}

/// The names of the files in a mail.
fn attachments(sidecar: &Sidecar) -> Vec<&str> {
    let files = sidecar.parts.iter().filter(|part| part.is_attachment());
    files.map(|part| part.name.as_str()).collect()
}

/// To whom it is: the envelope, for headers may name others.
fn recipients(sidecar: &Sidecar) -> String {
    match sidecar.envelope.recipients.is_empty() {
        false => sidecar.envelope.recipients.join(", "),
        true => {
            let to = sidecar.headers.to.iter();
            to.map(|to| to.address.clone())
                .collect::<Vec<_>>()
                .join(", ")
        }
    }
}

fn render(found: &Found, place: &Place, format: Format) -> String {
    let row = |(key, sidecar): &(String, Sidecar)| -> Value {
        json!({
            "received_at": sidecar.received_at,
            "from": sidecar.headers.senders(),
            "to": recipients(sidecar),
            "subject": sidecar.headers.subject,
            "attachments": attachments(sidecar),
            "treatment": sidecar.treatment,
            "bucket": place.bucket,
            "key": sidecar.raw.key,
            "sidecar": key,
        })
    };
    match format {
        Format::Json => {
            let rows: Vec<Value> = found.mails.iter().map(row).collect();
            format!("{:#}\n", json!(rows))
        }
        Format::Jsonl => found
            .mails
            .iter()
            .map(|mail| format!("{}\n", row(mail)))
            .collect(),
        Format::Csv => {
            let head = [
                "received_at",
                "from",
                "to",
                "subject",
                "attachments",
                "treatment",
                "key",
            ];
            let mut text = head.join(",") + "\r\n";
            for (_, sidecar) in &found.mails {
                let cells = cells(sidecar, "%Y-%m-%dT%H:%M:%SZ").map(|text| cell(&text));
                text.push_str(&(cells.join(",") + "\r\n"));
            }
            text
        }
        _ => table(found),
    }
}

/// A mail in a table: what strangers wrote with every invisible character as an escape.
fn cells(sidecar: &Sidecar, time: &str) -> [String; 7] {
    let shown = |text: &str| visible(text).into_owned();
    [
        sidecar.received_at.format(time).to_string(),
        shown(&sidecar.headers.senders()),
        shown(&recipients(sidecar)),
        shown(sidecar.headers.subject.as_deref().unwrap_or_default()),
        shown(&attachments(sidecar).join("; ")),
        shown(&sidecar.treatment),
        shown(&sidecar.raw.key),
    ]
}

fn table(found: &Found) -> String {
    if found.mails.is_empty() {
        return "no mail matches\n".to_owned();
    }
    const HEAD: [&str; 7] = [
        "RECEIVED",
        "FROM",
        "TO",
        "SUBJECT",
        "ATTACHMENTS",
        "TREATMENT",
        "KEY",
    ];
    /// How wide a column may become; the key is whole, for it is what the next command needs.
    const MOST: [usize; 7] = [16, 32, 28, 40, 28, 13, usize::MAX];
    let mut lines = vec![HEAD.map(str::to_owned)];
    for (_, sidecar) in &found.mails {
        let mut line = cells(sidecar, "%Y-%m-%d %H:%M");
        for (cell, most) in line.iter_mut().zip(MOST) {
            if cell.chars().count() > most {
                *cell = cell.chars().take(most - 1).chain(['…']).collect();
            }
        }
        lines.push(line);
    }
    let widths: Vec<usize> = (0..HEAD.len())
        .map(|column| {
            let cells = lines.iter().map(|line| line[column].chars().count());
            cells.max().unwrap_or_default()
        })
        .collect();
    let mut text = String::new();
    for line in &lines {
        let padded: Vec<String> = line
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        text.push_str(padded.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// A cell of a CSV. Spreadsheets run formulas, and a subject may be one: it gets a leading apostrophe.
/// <https://owasp.org/www-community/attacks/CSV_Injection>
fn cell(text: &str) -> String {
    let is_formula = text
        .trim_start()
        .starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = match is_formula {
        true => format!("'{text}"),
        false => text.to_owned(),
    };
    match text.contains(['"', ',', '\r', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use archive_mail::sidecar::{Address, Part};

    use super::*;

    fn search() -> MailSearch {
        MailSearch {
            from: None,
            to: None,
            subject: None,
            attachment: None,
            after: None,
            before: None,
            limit: 100,
        }
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    fn sidecar() -> Sidecar {
        let mut sidecar = Sidecar::default();
        sidecar.headers.from = vec![Address {
            name: Some("Ann MÜLLER".to_owned()),
            address: "ann@partner.example".to_owned(),
        }];
        sidecar.headers.subject = Some("=SUM(1)\u{1b}[31m, \"now\"".to_owned());
        sidecar.envelope.recipients = vec!["info@example.com".to_owned()];
        sidecar.envelope.original_mail_from = Some("bounce@partner.example".to_owned());
        sidecar.parts = vec![
            Part {
                role: "body".to_owned(),
                name: "part-1.txt".to_owned(),
                ..Part::default()
            },
            Part {
                role: "attachment".to_owned(),
                name: "invoice.pdf".to_owned(),
                original_name: Some("Rechnung Nov.pdf".to_owned()),
                ..Part::default()
            },
        ];
        sidecar
    }

    #[test]
    fn every_term_must_be_somewhere_in_any_case() {
        let is_found = |search: &MailSearch| Wanted::of(search).matches(&sidecar());
        let some = |text: &str| Some(text.to_owned());
        assert!(is_found(&search()));
        assert!(is_found(&MailSearch {
            from: some("müller"),
            ..search()
        }));
        assert!(is_found(&MailSearch {
            from: some("bounce@"),
            ..search()
        }));
        assert!(is_found(&MailSearch {
            to: some("INFO@"),
            ..search()
        }));
        assert!(is_found(&MailSearch {
            attachment: some("rechnung"),
            ..search()
        }));
        assert!(is_found(&MailSearch {
            subject: some("sum"),
            to: some("info"),
            ..search()
        }));
        assert!(!is_found(&MailSearch {
            subject: some("sum"),
            to: some("bob"),
            ..search()
        }));
        // The text is no attachment.
        assert!(!is_found(&MailSearch {
            attachment: some("part-1"),
            ..search()
        }));
    }

    #[test]
    fn days_are_looked_through_from_the_newest_on() {
        let now = "2026-11-22T06:00:00Z".parse().expect("a time");
        let two = MailSearch {
            after: Some(day("2026-11-20")),
            before: Some(day("2026-11-22")),
            ..search()
        };
        assert_eq!(
            days(&two, now).expect("days"),
            [day("2026-11-21"), day("2026-11-20")]
        );
        let recent = days(&search(), now).expect("days");
        assert_eq!(recent.len(), 30);
        assert_eq!(recent[0], day("2026-11-22"));
        let none = MailSearch {
            after: Some(day("2026-11-22")),
            before: Some(day("2026-11-22")),
            ..search()
        };
        assert!(days(&none, now).is_err());
        let ages = MailSearch {
            after: Some(day("0001-01-01")),
            ..search()
        };
        assert!(days(&ages, now).is_err());
    }

    #[test]
    fn a_hostile_subject_is_harmless_in_a_terminal_and_in_a_spreadsheet() {
        let found = Found {
            mails: vec![("k.json".to_owned(), sidecar())],
            ..Found::default()
        };
        let place = Place {
            bucket: "b".to_owned(),
            prefix: String::new(),
        };
        for format in [Format::Text, Format::Csv] {
            let text = render(&found, &place, format);
            assert!(!text.contains('\u{1b}'), "{text}");
            assert!(text.contains("\\u{1b}[31m"), "{text}");
        }
        let csv = render(&found, &place, Format::Csv);
        assert!(
            csv.contains(",\"'=SUM(1)\\u{1b}[31m, \"\"now\"\"\","),
            "{csv}"
        );
    }
}
