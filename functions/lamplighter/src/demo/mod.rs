//! `lamplighter demo`: the whole product against a simulated AWS account in this process, through the real AWS SDK.

mod daemon;
mod events;
mod fleet;

use std::net::SocketAddr;
use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use lamplighter_aws::Options;
use lamplighter_config::{Config, Sources};
use lamplighter_core::{Error, Mode, Result, Run};
use lamplighter_local_aws::{LocalAws, MailContent};
use lamplighter_report::{Format, render};
use lamplighter_shell::{Invocation, Settings};
use mail_parser::MessageParser;

use crate::cli::Globals;
use crate::{Failure, functions, output};

/// The configuration the demo runs with.
const CONFIG: &str = include_str!("lamplighter.toml");

/// The day of the demo. It stands still, so that the certificates, whose dates do too, are always in their buckets.
const START: &str = "2026-01-05T09:00:00Z";

/// What is kept up until a signal, instead of the story that the demo tells.
#[derive(Debug, Clone, Copy)]
pub enum KeepUp {
    /// The simulated account, for another terminal.
    Account,
    /// The daemon against it, with its status page at this address.
    Daemon(SocketAddr),
}

/// Runs the demo, or keeps its account up.
pub async fn run(globals: &Globals, keep: Option<KeepUp>) -> Result<u8, Failure> {
    // An account that is kept up is judged by the clock of whoever plays with it.
    let start = match keep {
        Some(_) => (lamplighter_shell::clock::system())(),
        None => START.parse().unwrap_or_default(),
    };
    let aws = LocalAws::start(fleet::world(start))
        .await
        .map_err(|error| {
            Error::permanent("cannot start the simulated account on 127.0.0.1").caused_by(error)
        })?;
    say(&format!(
        "Nothing leaves this machine: a simulated AWS account serves at {}, and the AWS SDK calls it.\n",
        aws.endpoint()
    ))?;
    match keep {
        Some(KeepUp::Account) => keep_up(&aws).await,
        Some(KeepUp::Daemon(http)) => daemon::run(&aws, http).await,
        None => tell(globals, &aws, start).await,
    }
}

async fn tell(globals: &Globals, aws: &LocalAws, start: DateTime<Utc>) -> Result<u8, Failure> {
    let demo = Demo {
        globals,
        aws,
        config: config()?,
    };

    heading(
        "1. The fleet",
        "16 instances in three regions; every one must carry `cost_center` and `owner`.",
    )?;
    say(&demo.fleet())?;

    heading(
        "2. What would it do?",
        "$ lamplighter run stop-untagged --dry-run",
    )?;
    demo.round("stop-untagged", Mode::DryRun).await?;
    let changing = aws.calls().iter().filter(|call| call.changes).count();
    say(&format!(
        "(calls to AWS: {}, of which changed anything: {changing})\n",
        aws.calls().len()
    ))?;

    heading("3. Do it", "$ lamplighter run stop-untagged --apply")?;
    demo.round("stop-untagged", Mode::Apply).await?;

    heading(
        "4. What the owners read",
        "Sent by SES after the reading and before the marking: a mark means warned.",
    )?;
    if let Some(warning) = aws.mails().iter().find(|mail| {
        mail.text().contains("stop-untagged") && mail.text().contains("may stay")
            || mail.text().contains("May stay")
    }) {
        say(&letter(warning))?;
    }
    say(&format!(
        "({} mails in all: warnings to the owners, the report to security@example.com)\n",
        aws.mails().len()
    ))?;

    heading(
        "5. A day later",
        "Carol has tagged her instance, the others have not. $ lamplighter run stop-untagged --apply",
    )?;
    aws.with(|world| {
        if let Some(instance) = world.instance_mut(fleet::ACCOUNT, fleet::MENDED_IN, fleet::MENDED)
        {
            instance
                .tags
                .insert("cost_center".to_owned(), "4712".to_owned());
        }
    });
    aws.set_now(start + Duration::hours(25));
    demo.round("stop-untagged", Mode::Apply).await?;

    heading("6. What has changed", "")?;
    aws.advance(Duration::minutes(5));
    say(&demo.fleet())?;

    for (number, function, about) in [
        (
            7,
            "audit-mfa",
            "Who can sign in to the console without MFA?",
        ),
        (
            8,
            "audit-access-keys",
            "Which keys are old, unused or forgotten?",
        ),
        (9, "audit-security-groups", "What is open to the internet?"),
        (10, "report-certificates", "Which certificates end soon?"),
    ] {
        let title = format!("{number}. {about}");
        heading(&title, &format!("$ lamplighter run {function}"))?;
        demo.round(function, Mode::Plan).await?;
    }

    events::tell(&demo).await?;

    heading("14. Every call of these runs", "")?;
    say(&demo.calls())?;
    heading("Next", "")?;
    say(concat!(
        "  lamplighter demo --daemon                 the daemon against this account, with its status page\n",
        "  lamplighter demo --serve                  keeps this account up to play with\n",
        "  lamplighter run stop-untagged --dry-run   the same on your own account; changes nothing\n",
        "  lamplighter policy stop-untagged          the IAM policy it needs\n",
    ))?;
    Ok(0)
}

struct Demo<'a> {
    globals: &'a Globals,
    aws: &'a LocalAws,
    config: Config,
}

impl Demo<'_> {
    /// One run, at the account's time, and its report.
    async fn round(&self, function: &str, mode: Mode) -> Result<()> {
        let settings =
            Settings::new(self.config.clone(), options(self.aws)).at(Some(self.aws.now()));
        let entry = functions::find(function)?;
        let run = (entry.run)(Arc::new(settings), Invocation::by_hand(Some(mode))).await?;
        self.report(&run)
    }

    fn report(&self, run: &Run) -> Result<()> {
        if self.globals.format == Format::Text {
            output::report(
                run,
                &Globals {
                    output: None,
                    ..self.globals.clone()
                },
            )
        } else {
            output::stdout(
                render(
                    run,
                    self.globals.format,
                    &lamplighter_report::Options::default(),
                )
                .as_bytes(),
            )
        }
    }

    /// Every instance in one line.
    fn fleet(&self) -> String {
        let mut text = String::new();
        self.aws.with(|world| {
            for region in fleet::REGIONS {
                text.push_str(&format!("  {region}\n"));
                for instance in world.instances(fleet::ACCOUNT, region) {
                    let tag = |key: &str| instance.tags.get(key).map_or("", String::as_str);
                    let mut about: Vec<String> = [
                        "cost_center",
                        "owner",
                        "lamplighter:keep-until",
                        "lamplighter:stop-after",
                    ]
                    .iter()
                    .filter_map(|key| {
                        Some(format!(
                            "{}={}",
                            key.trim_start_matches("lamplighter:"),
                            instance.tags.get(*key)?
                        ))
                    })
                    .collect();
                    about.extend(
                        instance
                            .operator
                            .clone()
                            .map(|operator| format!("managed by {operator}")),
                    );
                    let state = instance.state.name();
                    text.push_str(&format!(
                        "    {} {:<15} {:<8} {}\n",
                        instance.id,
                        tag("Name"),
                        state,
                        about.join(" ")
                    ));
                }
            }
        });
        text
    }

    /// How often which operation was called.
    fn calls(&self) -> String {
        let mut counts = std::collections::BTreeMap::<String, usize>::new();
        for call in self.aws.calls() {
            *counts.entry(call.name()).or_default() += 1;
        }
        counts
            .iter()
            .map(|(name, count)| format!("    {count:>3}  {name}\n"))
            .collect()
    }
}

/// Keeps the account up until a signal.
async fn keep_up(aws: &LocalAws) -> Result<u8, Failure> {
    let environment: String = aws
        .environment()
        .iter()
        .map(|(key, value)| format!("  export {key}={value}\n"))
        .collect();
    say(&format!(
        "In another terminal:\n\n{environment}\n\
         Then, for example, with the demo's configuration in lamplighter.toml:\n\n\
         {}\n  lamplighter run stop-untagged --dry-run\n  lamplighter run stop-untagged --apply --now {}\n\n\
         The AWS CLI works too: aws ec2 describe-instances. Stop with Ctrl-C.\n",
        CONFIG
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| format!("    {line}\n"))
            .collect::<String>(),
        (aws.now() + Duration::hours(25)).to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
    ))?;
    crate::commands::interrupted().await;
    aws.stop().await;
    Ok(0)
}

/// How the simulated account is reached.
fn options(aws: &LocalAws) -> Options {
    Options {
        endpoint_url: Some(aws.endpoint()),
        profile: None,
        is_simulated: true,
    }
}

/// The demo's configuration: only its own file, nothing of this machine.
fn config() -> Result<Config, Failure> {
    Ok(Config::load(&Sources {
        file: Some(("demo.toml", CONFIG)),
        ..Sources::default()
    })?)
}

/// A mail's envelope and its plain part, as a mail program shows them.
fn letter(mail: &lamplighter_local_aws::SentMail) -> String {
    let MailContent::Raw(bytes) = &mail.content else {
        return mail.text();
    };
    let Some(message) = MessageParser::default().parse(bytes) else {
        return mail.text();
    };
    let body: String = message
        .body_text(0)
        .unwrap_or_default()
        .lines()
        .map(|line| format!("  | {line}").trim_end().to_owned() + "\n")
        .collect();
    format!(
        "  | To: {}\n  | Subject: {}\n  |\n{body}",
        mail.to.join(", "),
        message.subject().unwrap_or_default()
    )
}

fn heading(title: &str, below: &str) -> Result<()> {
    let below = if below.is_empty() {
        String::new()
    } else {
        format!("   {below}\n")
    };
    say(&format!(
        "\n== {title} {}\n{below}",
        "=".repeat(75usize.saturating_sub(title.len()))
    ))
}

fn say(text: &str) -> Result<()> {
    output::stdout(format!("{text}\n").as_bytes())
}
