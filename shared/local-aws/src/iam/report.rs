//! The credential report: made on request, in its time, and old after four hours.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, Duration, SecondsFormat, Utc};

use crate::service::Ask;
use crate::wire::{AwsError, Response};
use crate::world::World;

use super::{Account, IamKey, IamUser, result, timestamp};

/// AWS makes a new report at most every four hours.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html>
const VALID_HOURS: i64 = 4;

const HEADER: &str = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,\
    password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,\
    access_key_1_last_used_region,access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,\
    access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,\
    cert_1_last_rotated,cert_2_active,cert_2_last_rotated";

/// The report of one account.
#[derive(Debug, Default)]
pub(super) struct CredentialReport {
    made: Option<(DateTime<Utc>, String)>,
    /// How many more answers `ReportInProgress` there are, while one is being made.
    pending: Option<usize>,
    pub(super) takes: usize,
    pub(super) refuses: usize,
    pub(super) is_wide: bool,
}

impl CredentialReport {
    fn is_valid(&self, now: DateTime<Utc>) -> bool {
        let made = self.made.as_ref();
        made.is_some_and(|(at, _)| now < *at + Duration::hours(VALID_HOURS))
    }
}

pub(super) fn generate(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let now = world.now();
    let report = &mut world.iam_of(&ask.caller.account).report;
    if report.refuses > 0 {
        report.refuses -= 1;
        let message = "Cannot exceed quota for concurrent credential report requests.";
        return Err(AwsError::new(409, "LimitExceeded", message));
    }
    let state = match report.pending {
        Some(_) => "INPROGRESS",
        None if report.is_valid(now) => "COMPLETE",
        None => {
            report.pending = Some(report.takes);
            "STARTED"
        }
    };
    Ok(result("GenerateCredentialReport", ask, |xml| {
        xml.leaf("State", state);
        if state == "STARTED" {
            xml.leaf(
                "Description",
                "No report exists. Starting a new report generation task",
            );
        }
    }))
}

pub(super) fn get(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let now = world.now();
    let account = &ask.caller.account;
    let report = &mut world.iam_of(account).report;
    match report.pending {
        Some(0) => make(world, account),
        Some(left) => {
            report.pending = Some(left - 1);
            let message = "The credential report is still being generated.";
            return Err(AwsError::new(404, "ReportInProgress", message));
        }
        None if report.made.is_none() => {
            let message = "No report exists. Use GenerateCredentialReport to create one.";
            return Err(AwsError::new(410, "ReportNotPresent", message));
        }
        None if !report.is_valid(now) => {
            let message = "The most recent credential report has expired. Use GenerateCredentialReport to create one.";
            return Err(AwsError::new(410, "ReportExpired", message));
        }
        None => {}
    }
    let made = world.iam_of(account).report.made.clone();
    let (at, text) = made.unwrap_or_default();
    Ok(result("GetCredentialReport", ask, |xml| {
        xml.leaf("Content", BASE64_STANDARD.encode(text))
            .leaf("ReportFormat", "text/csv")
            .leaf("GeneratedTime", timestamp(at));
    }))
}

/// Makes the report of an account now.
pub(super) fn make(world: &mut World, account: &str) {
    let now = world.now();
    let iam = world.iam_of(account);
    let mut lines = vec![header(iam), root_line(iam, account)];
    lines.extend(iam.users.values().map(|user| user_line(iam, user, account)));
    iam.report.pending = None;
    // As on AWS there is no newline at the end.
    iam.report.made = Some((now, lines.join("\n")));
}

fn header(iam: &Account) -> String {
    match iam.report.is_wide {
        true => format!("{HEADER},additional_credentials_info"),
        false => HEADER.to_owned(),
    }
}

fn root_line(iam: &Account, account: &str) -> String {
    let root = &iam.root;
    let keys: Vec<IamKey> = root
        .keys
        .iter()
        .map(|made| IamKey::new("", *made))
        .collect();
    let cells = [
        "<root_account>".to_owned(),
        format!("arn:aws:iam::{account}:root"),
        "2020-01-01T00:00:00+00:00".to_owned(),
        root.password.clone(),
        "no_information".to_owned(),
        "not_supported".to_owned(),
        "not_supported".to_owned(),
        root.has_mfa.to_string(),
    ];
    line(iam, cells, &keys)
}

fn user_line(iam: &Account, user: &IamUser, account: &str) -> String {
    let used = match (user.has_password, user.password_last_used) {
        (_, Some(used)) => time(used),
        (true, None) => "no_information".to_owned(),
        (false, None) => "N/A".to_owned(),
    };
    let changed = match user.has_password {
        true => time(user.created_at),
        false => "N/A".to_owned(),
    };
    let cells = [
        user.name.clone(),
        user.arn(account),
        time(user.created_at),
        user.has_password.to_string(),
        used,
        changed,
        "N/A".to_owned(),
        (!user.mfa_devices.is_empty()).to_string(),
    ];
    line(iam, cells, &user.keys)
}

fn line(iam: &Account, cells: [String; 8], keys: &[IamKey]) -> String {
    let mut cells = cells.to_vec();
    for place in 0..2 {
        match keys.get(place) {
            Some(key) => {
                let used = key.last_used.map_or_else(|| "N/A".to_owned(), time);
                let place_used = match key.last_used {
                    Some(_) => ["eu-west-1", "s3"],
                    None => ["N/A", "N/A"],
                };
                cells.extend([key.is_active.to_string(), time(key.changed_at), used]);
                cells.extend(place_used.map(str::to_owned));
            }
            None => cells.extend(["false", "N/A", "N/A", "N/A", "N/A"].map(str::to_owned)),
        }
    }
    cells.extend(["false", "N/A", "false", "N/A"].map(str::to_owned));
    if iam.report.is_wide {
        cells.push(String::new());
    }
    let quoted = cells.iter().map(|cell| match cell.contains([',', '"']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.clone(),
    });
    quoted.collect::<Vec<_>>().join(",")
}

/// The report writes the offset, not `Z`.
fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, false)
}
