//! The names in an archive, and whether the agent will find an appspec among them.
//!
//! The agent unpacks the archive. If all of it is one folder with something like an appspec in it, that folder is taken
//! away. Then it reads `appspec.yml`, and if there is none `appspec.yaml`, at the top, in this spelling.
//! <https://github.com/aws/aws-codedeploy-agent/blob/master/lib/instance_agent/plugins/codedeploy/command_executor.rb>

use std::collections::BTreeMap;

use super::{Fault, Verdict};

/// In the agent's order.
const APPSPECS: [&str; 2] = ["appspec.yml", "appspec.yaml"];

/// More top-level names than these make no difference.
const MOST_TOPS: usize = 8;

/// How many names that are nearly right are shown.
const MOST_NEAR: usize = 3;

/// The longest name that is shown.
const LONGEST_SHOWN: usize = 80;

/// What matters of the names in an archive, however many there are.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// What lies at the top, and whether it is a folder.
    tops: BTreeMap<String, bool>,
    has_more_tops: bool,
    /// Paths of appspecs at the top or one folder down, whose spelling is right.
    found: Vec<String>,
    /// Whether a name one folder down makes the agent take its folder away.
    has_hint_below: bool,
    near: Vec<String>,
    count: u64,
}

impl Names {
    /// Takes a name from the archive, and says whether it is an appspec that the agent might read.
    pub(super) fn add(&mut self, name: &str, is_folder: bool) -> bool {
        let parts: Vec<&str> = name
            .split('/')
            .filter(|part| !part.is_empty() && *part != ".")
            .collect();
        // Unpackers leave out what would climb out of their folder.
        if parts.is_empty() || parts.contains(&"..") {
            return false;
        }
        self.count += 1;
        let is_folder = is_folder || name.ends_with('/');
        let top_is_folder = parts.len() > 1 || is_folder;
        if let Some(known) = self.tops.get_mut(parts[0]) {
            *known |= top_is_folder;
        } else if self.tops.len() < MOST_TOPS {
            self.tops.insert(parts[0].to_owned(), top_is_folder);
        } else {
            self.has_more_tops = true;
        }
        let Some(last) = parts.last() else {
            return false;
        };
        if !last.to_ascii_lowercase().contains("appspec") {
            return false;
        }
        self.has_hint_below |= parts.len() == 2;
        let path = parts.join("/");
        if !is_folder && parts.len() <= 2 && APPSPECS.contains(last) {
            // The same name again replaces the first, and two folders are no single one.
            if self.found.len() < MOST_TOPS && !self.found.contains(&path) {
                self.found.push(path);
            }
            return true;
        }
        if self.near.len() < MOST_NEAR {
            self.near.push(path);
        }
        false
    }

    /// The appspec at the top: whatever else the archive holds, the agent reads it.
    pub(super) fn at_top(&self) -> Option<&str> {
        self.find("")
    }

    /// What the agent will find, when all names are known.
    pub(super) fn verdict(&self) -> Verdict {
        if self.count == 0 {
            return Fault::of_appspec("is an archive without a file");
        }
        if let Some(found) = self.at_top() {
            return Verdict::Good(found.to_owned());
        }
        match self.only_folder() {
            Some(folder) if self.has_hint_below => match self.find(&format!("{folder}/")) {
                Some(found) => Verdict::Good(found.to_owned()),
                None => Fault::of_appspec(self.missing()),
            },
            _ => Fault::of_appspec(self.missing()),
        }
    }

    fn find(&self, folder: &str) -> Option<&str> {
        APPSPECS.iter().find_map(|name| {
            let wanted = format!("{folder}{name}");
            let found = self.found.iter().find(|found| **found == wanted);
            found.map(String::as_str)
        })
    }

    fn only_folder(&self) -> Option<&str> {
        let mut tops = self.tops.iter();
        match (tops.next(), tops.next()) {
            (Some((name, true)), None) => Some(name),
            _ => None,
        }
    }

    /// Why there is none, and what is nearly one.
    fn missing(&self) -> String {
        let missing = "has no `appspec.yml` (or `appspec.yaml`) where the agent looks";
        if let [first, ..] = self.found.as_slice() {
            let (folder, _) = first.split_once('/').unwrap_or((first, ""));
            let mut others = self.tops.keys().filter(|top| *top != folder);
            let other = others.next().map_or_else(String::new, |other| shown(other));
            return format!(
                "{missing}: {} is in a folder that is not alone at the top, {other} lies beside it",
                shown(first)
            );
        }
        if let [first, ..] = self.near.as_slice() {
            let near: Vec<String> = self.near.iter().map(|name| shown(name)).collect();
            let near = near.join(", ");
            let last = first.rsplit('/').next().unwrap_or(first);
            let is_spelling = !first.contains('/') || first.matches('/').count() == 1;
            return match APPSPECS.contains(&last) {
                true => format!("{missing}: {near} is too deep, it belongs to the top"),
                false if first.contains('\\') => format!(
                    "{missing}: {near} is written with backslashes, which are no folders in an archive"
                ),
                false if is_spelling && APPSPECS.contains(&last.to_ascii_lowercase().as_str()) => {
                    format!("{missing}: {near} is spelt in another way, and case matters")
                }
                false => format!("{missing}, there is only {near}"),
            };
        }
        let tops: Vec<String> = self
            .tops
            .keys()
            .take(MOST_NEAR)
            .map(|top| shown(top))
            .collect();
        let more = if self.tops.len() > MOST_NEAR || self.has_more_tops {
            ", …"
        } else {
            ""
        };
        format!("{missing}: at its top are {}{more}", tops.join(", "))
    }
}

/// A name in backticks, fit for one line.
fn shown(name: &str) -> String {
    let mut text: String = name
        .chars()
        .take(LONGEST_SHOWN)
        .map(|letter| match letter.is_control() || letter == '`' {
            true => '\u{fffd}',
            false => letter,
        })
        .collect();
    if name.chars().nth(LONGEST_SHOWN).is_some() {
        text.push('…');
    }
    format!("`{text}`")
}
