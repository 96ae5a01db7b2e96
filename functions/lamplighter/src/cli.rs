//! What can be typed.

use std::path::PathBuf;

use chrono::{DateTime, NaiveDate, Utc};
use clap::{ArgAction, Args, Parser, Subcommand};
use lamplighter_report::Format;

use crate::cost;

const EXAMPLES: &str = "\
Examples:
  lamplighter demo                                  watch it work, without an AWS account
  lamplighter run stop-untagged --dry-run           what would it do here? changes nothing
  lamplighter run stop-untagged --dry-run --region eu-west-1 --format html --output report.html
  lamplighter plan stop-untagged --out plan.json    for review; then: lamplighter apply plan.json
  lamplighter check --print                         every setting and where it comes from
  lamplighter policy stop-untagged                  the IAM policy this configuration needs

Exit codes:
  0 ran, everything could be read   1 failed or refused   2 usage or configuration
  3 findings (only with --fail-on-findings)   4 partial   5 interrupted   75 another daemon holds the lock";

/// Ops automation for AWS: audits, and careful changes, on schedule and on events.
///
/// Nothing changes an account unless its section says `mode = "apply"`, or you type --apply or apply a plan file.
#[derive(Debug, Parser)]
#[command(name = "lamplighter", version, max_term_width = 100, after_help = EXAMPLES, disable_help_subcommand = true)]
pub struct Cli {
    #[command(flatten)]
    pub globals: Globals,
    #[command(subcommand)]
    pub command: Command,
}

/// Flags that every command takes.
#[derive(Debug, Clone, Args)]
pub struct Globals {
    /// The configuration file [default: lamplighter.toml if it is there, else the built-in defaults].
    #[arg(long, global = true, value_name = "FILE", help_heading = "Everywhere")]
    pub config: Option<PathBuf>,

    /// How results are written: text, json, jsonl, csv, markdown, html, sarif, junit, ocsf.
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text", hide_default_value = true, value_parser = parse_format, help_heading = "Everywhere")]
    pub format: Format,

    /// Write results to FILE instead of stdout.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Everywhere")]
    pub output: Option<PathBuf>,

    /// List what passes and what does not apply too.
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub all: bool,

    /// Exit with 3 if there are findings.
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub fail_on_findings: bool,

    /// Look at this region; may be given several times. `all`: every enabled one.
    #[arg(long = "region", global = true, value_name = "NAME", action = ArgAction::Append, help_heading = "Everywhere")]
    pub regions: Vec<String>,

    /// Use this profile of ~/.aws/config.
    #[arg(long, global = true, value_name = "NAME", help_heading = "Everywhere")]
    pub profile: Option<String>,

    /// Call every AWS service here instead, as an emulator.
    #[arg(long, global = true, value_name = "URL", help_heading = "Everywhere")]
    pub endpoint_url: Option<String>,

    /// Log what happens; twice: in detail.
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = "Everywhere")]
    pub verbose: u8,

    /// Log errors only, and show no progress.
    #[arg(
        short,
        long,
        global = true,
        conflicts_with = "verbose",
        help_heading = "Everywhere"
    )]
    pub quiet: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the functions: trigger, mode, schedule, whether configured.
    List,

    /// Run a function once.
    ///
    /// The mode is the section's unless a flag says otherwise. --dry-run changes nothing at all: no tag, no mail, no
    /// state. `mode = "plan"` delivers the report. --apply does what is planned, within the limits.
    Run {
        /// The function, as `lamplighter list` names it.
        function: String,
        /// Change nothing, deliver nothing, remember nothing: print only.
        #[arg(long, conflicts_with = "apply")]
        dry_run: bool,
        /// Do what is planned, within the limits.
        #[arg(long)]
        apply: bool,
        /// The event, a JSON file; `-` reads stdin.
        #[arg(long, value_name = "FILE|-")]
        event: Option<String>,
        /// Judge as if it were this time (RFC 3339). Only in a dry run, or against a local endpoint.
        #[arg(long, value_name = "TIME", value_parser = parse_time)]
        now: Option<DateTime<Utc>>,
    },

    /// Plan without applying, into a file that can be reviewed and applied.
    Plan {
        /// The function, as `lamplighter list` names it.
        function: String,
        /// The event, a JSON file; `-` reads stdin.
        #[arg(long, value_name = "FILE|-")]
        event: Option<String>,
        /// The plan file to write.
        #[arg(long, value_name = "PLAN.json")]
        out: PathBuf,
        /// Judge as if it were this time (RFC 3339). Only against a local endpoint.
        #[arg(long, value_name = "TIME", value_parser = parse_time)]
        now: Option<DateTime<Utc>>,
    },

    /// Apply a plan file: exactly what is in it, where everything still is as it was.
    Apply {
        /// The plan file.
        #[arg(value_name = "PLAN.json")]
        file: PathBuf,
        /// Show what it would do.
        #[arg(long)]
        dry_run: bool,
        /// Act as if it were this time (RFC 3339). Only in a dry run, or against a local endpoint.
        #[arg(long, value_name = "TIME", value_parser = parse_time)]
        now: Option<DateTime<Utc>>,
    },

    /// Work once more on dead letters, on-failure records, or what lies in quarantine.
    ///
    /// The file holds one event, a list, one event a line, or what `aws sqs receive-message` prints. What was done
    /// already is not done again.
    Replay {
        /// A JSON file; `-` reads stdin.
        #[arg(value_name = "FILE|-")]
        from: String,
        /// The function; nothing: the one that the event belongs to.
        #[arg(long, value_name = "NAME")]
        function: Option<String>,
        /// Change nothing: print only.
        #[arg(long, conflicts_with = "apply")]
        dry_run: bool,
        /// Do what is planned, whatever the mode.
        #[arg(long)]
        apply: bool,
    },

    /// Let an event function work on what lies in a bucket already.
    ///
    /// First it says how much there is. It goes on where an interrupted one stopped, if there is a [state], and ends
    /// early if too much fails. What is up to date is left alone.
    Backfill {
        /// The function, as `lamplighter list` names it.
        function: String,
        #[command(flatten)]
        place: PlaceFlags,
        /// Change nothing: print what would be done.
        #[arg(long)]
        dry_run: bool,
        /// At most this many objects.
        #[arg(long, value_name = "N")]
        limit: Option<u64>,
    },

    /// List what an event function has left to do in a bucket: what is missing, stale, or cannot succeed.
    Reconcile {
        /// The function, as `lamplighter list` names it.
        function: String,
        #[command(flatten)]
        place: PlaceFlags,
    },

    /// Look through the archive of `archive-mail`.
    #[command(subcommand)]
    Mail(MailCommand),

    /// Run the configured functions on their schedules until SIGTERM.
    ///
    /// SIGHUP reads the configuration again: all of it is checked first, and a bad one changes nothing.
    Daemon,

    /// Show how the daemon and its functions are: what runs, what ran, what is next, what needs somebody.
    ///
    /// Reads the state directory, so it works while the daemon is down too. Exits with 1 if somebody should look.
    Status,

    /// List what the daemon ran, and what it left out and why, the newest first.
    History {
        /// The function, as `lamplighter list` names it; nothing: every function.
        function: Option<String>,
        /// How many lines.
        #[arg(long, value_name = "N", default_value_t = 50)]
        last: usize,
    },

    /// Let a function go on that was paused because its runs panicked. A running daemon notices by itself.
    Resume {
        /// The function, as `lamplighter list` names it.
        function: String,
    },

    /// Check the configuration without calling AWS.
    Check {
        /// Print every setting and where it comes from.
        #[arg(long)]
        print: bool,
    },

    /// Show when a schedule runs next, in its zone and in UTC.
    Schedule {
        /// A function, or an expression such as `cron(0 6 ? * MON *)`; nothing: every function.
        #[arg(value_name = "FUNCTION | EXPRESSION")]
        what: Option<String>,
        /// How many runs to show.
        #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
        next: u16,
        /// Count from this time (RFC 3339) instead of now.
        #[arg(long, value_name = "TIME", value_parser = parse_time)]
        from: Option<DateTime<Utc>>,
        /// The time zone of an expression, an IANA name.
        #[arg(long, value_name = "ZONE")]
        zone: Option<String>,
    },

    /// Print an event that a function understands.
    SampleEvent {
        /// Which one; without: list them.
        name: Option<String>,
    },

    /// Print the least-privilege IAM policy that this configuration needs.
    Policy {
        /// The function, as `lamplighter list` names it; `deploy`: what a pipeline that deploys may do.
        function: String,
        /// The role's trust policy instead.
        #[arg(long)]
        trust: bool,
        /// Only for this account.
        #[arg(long, value_name = "A")]
        account: Option<String>,
        /// `deploy` only: roles get permissions only within this permissions boundary, a managed policy.
        #[arg(long, value_name = "ARN")]
        boundary: Option<String>,
    },

    /// Make what is needed to run the functions as Lambdas: packages, a template. Calls nothing in AWS.
    #[command(subcommand)]
    Deploy(DeployCommand),

    /// Estimate what the configured functions cost in a month as Lambdas, beside one EC2 instance.
    Cost(CostFlags),

    /// The whole product against a simulated AWS account on this machine. Needs no credentials.
    #[cfg(feature = "demo")]
    Demo {
        /// Keep the account up, and print the environment to play with it.
        #[arg(long)]
        serve: bool,
        /// Run the daemon against it, with every function every few minutes and its status page.
        #[arg(long, conflicts_with = "serve")]
        daemon: bool,
        /// Where the status page of --daemon is.
        #[arg(
            long,
            value_name = "ADDRESS",
            requires = "daemon",
            default_value = "127.0.0.1:9464"
        )]
        http: std::net::SocketAddr,
    },

    /// Print a completion script for a shell.
    Completions {
        /// bash, elvish, fish, powershell, zsh.
        shell: clap_complete::Shell,
    },

    /// Print the manual page.
    Man,
}

/// The parts of `lamplighter mail`.
#[derive(Debug, Subcommand)]
pub enum MailCommand {
    /// Find archived mails, in quarantine or not, by what their sidecars say; reads no mail.
    ///
    /// A term matches where it is a part of the text, in any case. Several must all match. The newest come first.
    Search(MailSearch),
}

/// Flags of `lamplighter mail search`.
#[derive(Debug, Args)]
pub struct MailSearch {
    /// In the names or addresses of From, Sender, Reply-To, or in the envelope's sender.
    #[arg(long, value_name = "TEXT")]
    pub from: Option<String>,
    /// In the names or addresses of To, Cc, Bcc, or in the envelope's recipients.
    #[arg(long, value_name = "TEXT")]
    pub to: Option<String>,
    /// In the subject.
    #[arg(long, value_name = "TEXT")]
    pub subject: Option<String>,
    /// In the name of an attachment.
    #[arg(long, value_name = "TEXT")]
    pub attachment: Option<String>,
    /// Received on this day (UTC) or later [default: 30 days before --before].
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub after: Option<NaiveDate>,
    /// Received before this day (UTC) [default: tomorrow].
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub before: Option<NaiveDate>,
    /// Show at most so many mails.
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub limit: usize,
}

/// The parts of `lamplighter deploy`.
#[derive(Debug, Subcommand)]
pub enum DeployCommand {
    /// Print the CloudFormation template of the configured functions; with `--format json` as JSON.
    Template {
        /// Print Terraform (.tf.json) instead.
        #[arg(long)]
        terraform: bool,
        /// Take the checksums and the processor from the packages in this folder.
        #[arg(long, value_name = "DIR")]
        package: Option<PathBuf>,
    },

    /// Make the zip of each configured function, with its checksum and its bill of materials.
    Package(PackageFlags),

    /// Show what differs between two templates, without values that may be secrets.
    ///
    /// Exits with 0 whether or not something differs; with --fail-on-findings with 3 if something does.
    Diff {
        /// A template: what `deploy template` printed, or what `aws cloudformation get-template` prints.
        old: PathBuf,
        /// Another.
        new: PathBuf,
    },
}

/// A place in S3.
#[derive(Debug, Args)]
pub struct PlaceFlags {
    /// The bucket.
    #[arg(long, value_name = "B")]
    pub bucket: String,
    /// What the keys begin with; nothing: every key.
    #[arg(long, value_name = "P", default_value = "")]
    pub prefix: String,
    /// Begin behind this key.
    #[arg(long, value_name = "KEY")]
    pub after: Option<String>,
}

/// Flags of `lamplighter deploy package`.
#[derive(Debug, Args)]
pub struct PackageFlags {
    /// The functions; nothing: every configured one.
    #[arg(value_name = "FUNCTION")]
    pub functions: Vec<String>,
    /// Where the packages are written.
    #[arg(long, value_name = "DIR", default_value = "dist")]
    pub out: PathBuf,
    /// Where the built programs are [default: target/release].
    #[arg(long, value_name = "DIR")]
    pub from: Option<PathBuf>,
    /// The programs were built for arm64.
    #[arg(long)]
    pub arm64: bool,
    /// A package of this size or more is refused [default: each function's own].
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(u64).range(1..=250))]
    pub budget_mb: Option<u64>,
}

/// Flags of `lamplighter cost`.
#[derive(Debug, Args)]
pub struct CostFlags {
    /// This many runs a month of some function, instead of the configured schedules.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(0..=cost::MAX_EXECUTIONS), requires_all = ["memory", "duration"])]
    pub executions: Option<u64>,
    /// The Lambda's memory, 128 to 10240.
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(u64).range(cost::MEMORY_MB))]
    pub memory: Option<u64>,
    /// How long a run takes in milliseconds, 1 to 900000.
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..=cost::MAX_DURATION_MS))]
    pub duration: Option<u64>,
    /// Take how long a run takes from a run's record in JSON; may be given several times.
    #[arg(long, value_name = "RUN.json", action = ArgAction::Append, conflicts_with = "executions")]
    pub measured: Vec<PathBuf>,
    /// Without AWS's free tier, as for an account that has used it up.
    #[arg(long)]
    pub no_free_tier: bool,
    /// Prices of another day or region; a copy of config/prices.toml.
    #[arg(long, value_name = "FILE")]
    pub prices: Option<PathBuf>,
}

fn parse_format(name: &str) -> Result<Format, String> {
    name.parse()
        .map_err(|error: lamplighter_report::UnknownFormat| error.to_string())
}

fn parse_time(text: &str) -> Result<DateTime<Utc>, String> {
    DateTime::parse_from_rfc3339(text)
        .map(|time| time.with_timezone(&Utc))
        .map_err(|error| format!("not an RFC 3339 time such as 2026-11-22T06:00:00Z: {error}"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
