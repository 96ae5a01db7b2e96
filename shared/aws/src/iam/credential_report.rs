//! The credential report: every user's password, MFA and keys in one file, at the price of two or three calls.
//!
//! It is read by the names of its columns, never by their places: AWS has added columns, and user names may hold
//! commas. What is not understood is [`Answer::Unknown`], never `No`.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html>

use chrono::{DateTime, Utc};
use csv::StringRecord;

/// The name in the root user's row.
const ROOT: &str = "<root_account>";

/// A credential report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// When AWS made it. It makes a new one at most every four hours.
    pub generated_at: DateTime<Utc>,
    /// The users, in the report's order. The root user is not among them.
    pub rows: Vec<Row>,
    /// The root user; `None` where the report has no such row.
    pub root: Option<Row>,
}

/// What the report says about one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The name; for the root user `<root_account>`.
    pub user: String,
    /// The ARN.
    pub arn: String,
    /// When the user was created.
    pub created_at: Option<DateTime<Utc>>,
    /// Whether the user has a password.
    pub password: Answer,
    /// When the password was last used; `None`: never, or not since AWS keeps account.
    pub password_last_used: Option<DateTime<Utc>>,
    /// Whether an MFA device is active.
    pub mfa: Answer,
    /// The two places for access keys. The report names no key ids.
    pub keys: [KeySlot; 2],
    /// The report says that there are more keys than its columns hold.
    pub has_more_keys: bool,
}

/// One of the two places for access keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySlot {
    /// Whether there is an active key.
    pub active: Answer,
    /// When the key was created, or last switched on or off.
    pub rotated_at: Option<DateTime<Utc>>,
    /// When the key was last used; `None`: never, or not since AWS keeps account.
    pub last_used: Option<DateTime<Utc>>,
}

/// A cell that says yes or no, or neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// `true`.
    Yes,
    /// `false`.
    No,
    /// `not_supported`: AWS does not tell for the root user.
    NotSupported,
    /// Anything else.
    Unknown,
}

/// Reads the report. The time is not in the file; AWS tells it beside.
pub fn parse(text: &str, generated_at: DateTime<Utc>) -> Result<Report, String> {
    // A byte order mark would hide the first column.
    let text = text.trim_start_matches('\u{feff}');
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .from_reader(text.as_bytes());
    let headers = reader
        .headers()
        .map_err(|error| format!("its header cannot be read: {error}"))?
        .clone();
    let columns = Columns::of(&headers)?;
    // The last of the documented columns that every report has: without it the text was cut off within its header,
    // and an account would look as if it had no users.
    if !headers.iter().any(|column| column == LAST_COLUMN) {
        return Err(format!("it was cut off: its header has no `{LAST_COLUMN}`"));
    }
    let mut report = Report {
        generated_at,
        rows: Vec::new(),
        root: None,
    };
    for record in reader.records() {
        let record = record.map_err(|error| format!("it is no CSV: {error}"))?;
        let row = columns.row(&record)?;
        if row.user == ROOT {
            report.root = Some(row);
        } else {
            report.rows.push(row);
        }
    }
    Ok(report)
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html>
const LAST_COLUMN: &str = "cert_2_last_rotated";

/// Where each column is.
struct Columns {
    user: usize,
    arn: usize,
    created_at: usize,
    password: usize,
    password_last_used: usize,
    mfa: usize,
    keys: [(usize, usize, usize); 2],
    more: Option<usize>,
    last: usize,
}

impl Columns {
    fn of(headers: &StringRecord) -> Result<Self, String> {
        let find = |name: &str| headers.iter().position(|header| header.trim() == name);
        let need = |name: &str| find(name).ok_or_else(|| format!("it has no column `{name}`"));
        let key = |number: u8| -> Result<(usize, usize, usize), String> {
            Ok((
                need(&format!("access_key_{number}_active"))?,
                need(&format!("access_key_{number}_last_rotated"))?,
                need(&format!("access_key_{number}_last_used_date"))?,
            ))
        };
        let mut columns = Self {
            user: need("user")?,
            arn: need("arn")?,
            created_at: need("user_creation_time")?,
            password: need("password_enabled")?,
            password_last_used: need("password_last_used")?,
            mfa: need("mfa_active")?,
            keys: [key(1)?, key(2)?],
            more: find("additional_credentials_info"),
            last: 0,
        };
        let keys = columns.keys.iter().flat_map(|(a, b, c)| [*a, *b, *c]);
        columns.last = keys
            .chain([columns.password, columns.mfa, columns.arn, columns.user])
            .max()
            .unwrap_or_default();
        Ok(columns)
    }

    fn row(&self, record: &StringRecord) -> Result<Row, String> {
        let cell = |column: usize| record.get(column).unwrap_or_default();
        // A row that was cut off must not look like a user without password and keys.
        if record.len() <= self.last || cell(self.user).is_empty() {
            return Err(format!(
                "a row has {} cells, too few: `{}`",
                record.len(),
                cell(0)
            ));
        }
        let key = |(active, rotated, used): (usize, usize, usize)| KeySlot {
            active: answer(cell(active)),
            rotated_at: time(cell(rotated)),
            last_used: time(cell(used)),
        };
        Ok(Row {
            user: cell(self.user).to_owned(),
            arn: cell(self.arn).to_owned(),
            created_at: time(cell(self.created_at)),
            password: answer(cell(self.password)),
            password_last_used: time(cell(self.password_last_used)),
            mfa: answer(cell(self.mfa)),
            keys: self.keys.map(key),
            has_more_keys: self.more.map(cell).is_some_and(|text| !is_nothing(text)),
        })
    }
}

/// `true`, `TRUE`, `false`, `FALSE`, `not_supported`.
fn answer(cell: &str) -> Answer {
    let cell = cell.trim();
    match cell {
        _ if cell.eq_ignore_ascii_case("true") => Answer::Yes,
        _ if cell.eq_ignore_ascii_case("false") => Answer::No,
        "not_supported" => Answer::NotSupported,
        _ => Answer::Unknown,
    }
}

/// A time; `N/A`, `no_information` and `not_supported` are none.
fn time(cell: &str) -> Option<DateTime<Utc>> {
    let time = DateTime::parse_from_rfc3339(cell.trim()).ok()?;
    Some(time.with_timezone(&Utc))
}

fn is_nothing(cell: &str) -> bool {
    matches!(
        cell.trim(),
        "" | "N/A" | "no_information" | "not_supported" | "0"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,\
        password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,\
        access_key_1_last_used_region,access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,\
        access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,\
        cert_1_last_rotated,cert_2_active,cert_2_last_rotated";

    const ROOT_ROW: &str = "<root_account>,arn:aws:iam::111122223333:root,2020-01-01T00:00:00+00:00,not_supported,\
        no_information,not_supported,not_supported,false,false,N/A,N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A";

    const ANN: &str = "arn:aws:iam::111122223333:user/ann,2024-01-01T00:00:00Z,true,2026-11-01T08:00:00+00:00,\
        2024-01-01T00:00:00+00:00,N/A,TRUE,true,2024-01-02T00:00:00Z,N/A,N/A,N/A,FALSE,N/A,N/A,N/A,N/A,false,N/A,false,N/A";

    fn read(text: &str) -> Result<Report, String> {
        parse(text, DateTime::UNIX_EPOCH)
    }

    #[test]
    fn names_with_commas_and_both_spellings_of_true_are_read() {
        let text = format!("{HEADER}\n{ROOT_ROW}\n\"ann,o=x\",{ANN}");
        let report = read(&text).expect("22 columns, and no newline at the end");
        let [ann] = report.rows.as_slice() else {
            panic!("{report:?}")
        };
        assert_eq!(ann.user, "ann,o=x");
        assert_eq!((ann.password, ann.mfa), (Answer::Yes, Answer::Yes));
        assert_eq!(ann.keys[0].active, Answer::Yes);
        assert_eq!(ann.keys[1].active, Answer::No);
        assert_eq!(ann.keys[0].last_used, None);
        assert!(ann.keys[0].rotated_at.is_some() && ann.password_last_used.is_some());
        let root = report.root.expect("the root user has a row");
        assert_eq!(
            (root.password, root.mfa),
            (Answer::NotSupported, Answer::No)
        );
    }

    #[test]
    fn columns_are_found_by_name_whatever_their_number_and_order() {
        let more = format!(
            "{HEADER},additional_credentials_info\nann,{ANN},2 more access keys\nbob,{ANN},"
        );
        let report = read(&more).expect("23 columns");
        assert_eq!(
            report
                .rows
                .iter()
                .map(|row| row.has_more_keys)
                .collect::<Vec<_>>(),
            [true, false]
        );
        let reversed = |line: &str| line.split(',').rev().collect::<Vec<_>>().join(",");
        let text = format!(
            "{}\r\n{}\r\n",
            reversed(HEADER),
            reversed(&format!("ann,{ANN}"))
        );
        let report = read(&text).expect("the order does not matter");
        assert_eq!(
            (report.rows[0].user.as_str(), report.rows[0].mfa),
            ("ann", Answer::Yes)
        );
    }

    #[test]
    fn what_is_not_understood_is_never_a_no() {
        let text = format!(
            "{HEADER}\nann,{}",
            ANN.replace("TRUE", "maybe").replace("FALSE", "")
        );
        let row = &read(&text).expect("a report").rows[0];
        assert_eq!(
            (row.mfa, row.keys[1].active),
            (Answer::Unknown, Answer::Unknown)
        );
    }

    #[test]
    fn half_a_report_is_no_report() {
        let whole = format!("{HEADER}\nann,{ANN}\n");
        for cut in [0, 4, HEADER.len() - 60, HEADER.len() + 40] {
            read(&whole[..cut]).expect_err(&whole[..cut]);
        }
        assert!(
            read(HEADER)
                .expect("an account without users")
                .rows
                .is_empty()
        );
    }
}
