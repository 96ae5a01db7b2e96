//! `[report]`: who hears about a run.

use crate::common::MailPolicy;
use crate::forms;
use crate::reader::Reader;
use crate::sections::Section;

/// Who hears about a run. Functions may have a `mail` and `to` of their own:
/// [`Config::mail_of`](crate::Config::mail_of) knows both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The sender, `a@b` or `Name <a@b>`; without: no mail.
    pub from: Option<String>,
    /// The recipients.
    pub to: Vec<String>,
    /// When a report is mailed.
    pub mail: MailPolicy,
}

impl Section for Report {
    const NAME: &'static str = "report";

    fn read(section: &mut Reader<'_>) -> Self {
        Self {
            from: section.parsed_or_empty("from", forms::address),
            to: section.parsed_list("to", forms::address),
            mail: section.choice("mail").unwrap_or(MailPolicy::Changes),
        }
    }
}
