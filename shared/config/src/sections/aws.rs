//! `[aws]`: where to look.

use crate::forms;
use crate::reader::{Fault, Reader, Secret};
use crate::schema::{Key, Kind};
use crate::sections::Section;

/// Where to look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aws {
    /// Regions by name, or exactly `all`; empty: the SDK's region.
    pub regions: Vec<String>,
    /// Other accounts; empty: only the caller's own.
    pub accounts: Vec<Account>,
    /// What people call the caller's own account.
    pub account_alias: Option<String>,
    /// How many accounts and regions are read at once.
    pub concurrency: u32,
    /// How often a call is tried, the first time included.
    pub max_attempts: u32,
    /// How long one attempt of a call may take.
    pub attempt_timeout_secs: u32,
}

/// One account that is reached by assuming a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Twelve digits.
    pub id: String,
    /// The ARN of a role of this account.
    pub role: String,
    /// What the role's trust policy may ask for.
    pub external_id: Option<Secret>,
    /// As [`Aws::regions`], for this account; empty: those of [`Aws::regions`].
    pub regions: Vec<String>,
}

const ACCOUNT_KEYS: &[Key] = &[
    Key::required("id", Kind::Text),
    Key::required("role", Kind::Text),
    Key::secret("external_id"),
    Key::optional("regions", Kind::Texts),
];

impl Aws {
    /// The regions to work in for an account: its own, or those for all.
    pub fn regions_of<'a>(&'a self, account: &'a Account) -> &'a [String] {
        match account.regions.as_slice() {
            [] => &self.regions,
            own => own,
        }
    }
}

impl Section for Aws {
    const NAME: &'static str = "aws";
    const OPTIONAL: &'static [Key] = &[Key::optional("accounts", Kind::Entries(ACCOUNT_KEYS))];

    fn read(section: &mut Reader<'_>) -> Self {
        let regions = section.parsed_list("regions", forms::region_or_all);
        refuse_all_among_others(section, &regions);
        let mut ids = Vec::new();
        let accounts = section.entries("accounts", |entry| read_account(entry, &mut ids));
        Self {
            regions,
            accounts,
            account_alias: section.parsed_or_empty("account_alias", forms::account_alias),
            concurrency: section.whole("concurrency", 1..=64),
            max_attempts: section.whole("max_attempts", 1..=20),
            attempt_timeout_secs: section.whole("attempt_timeout_secs", 1..=300),
        }
    }
}

fn read_account(entry: &mut Reader<'_>, ids: &mut Vec<String>) -> Account {
    let id = entry.parsed("id", forms::account_id);
    let role = entry.parsed("role", forms::role);
    if let (Some(id), Some(role)) = (&id, &role)
        && forms::account_of(role) != id
    {
        let other = forms::account_of(role);
        let fault = format!("a role of account `{other}`, but the entry's `id` is `{id}`");
        entry.refuse_value("role", Fault::new(fault));
    }
    if let Some(id) = &id {
        if ids.contains(id) {
            let fault = Fault::new(format!("account `{id}` has an entry already"));
            entry.refuse_value("id", fault);
        }
        ids.push(id.clone());
    }
    let regions = entry.optional_parsed_list("regions", forms::region_or_all);
    let regions = regions.unwrap_or_default();
    refuse_all_among_others(entry, &regions);
    Account {
        id: id.unwrap_or_default(),
        role: role.unwrap_or_default(),
        external_id: entry.secret("external_id"),
        regions,
    }
}

fn refuse_all_among_others(section: &mut Reader<'_>, regions: &[String]) {
    if regions.len() > 1 && regions.iter().any(|region| region == "all") {
        let fault = Fault::new("\"all\" stands alone, without names beside it");
        section.refuse_value("regions", fault.hint("write [\"all\"], or only the names"));
    }
}
