//! Tells a dead-man's switch that a run begins, succeeds or fails, as healthchecks.io takes it. It raises the alarm
//! when nothing comes. <https://healthchecks.io/docs/http_api/>

use std::time::Duration;

use lamplighter_config::Secret;
use lamplighter_core::{Error, Result};

use crate::post::{Poster, connector};

/// The most bytes of a text that are kept there.
/// <https://healthchecks.io/docs/attaching_logs/>
pub const MOST_BYTES: usize = 100_000;

/// One word to the switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// A run begins.
    Start,
    /// It has succeeded.
    Success,
    /// It has failed.
    Fail,
    /// Something to read, which is neither.
    Log,
}

impl Word {
    /// What is appended to the URL's path.
    fn path(self) -> &'static str {
        match self {
            Self::Start => "/start",
            Self::Success => "",
            Self::Fail => "/fail",
            Self::Log => "/log",
        }
    }
}

/// A dead-man's switch.
#[derive(Clone, Debug)]
pub struct Switch {
    poster: Poster,
    url: Secret,
}

impl Switch {
    /// The switch at `url`, in which `{function}` stands for a function's name.
    pub fn new(url: &Secret) -> Result<Self> {
        let connector = connector()
            .ok_or_else(|| Error::permanent("there is no HTTP client for `ping_url`"))?;
        Ok(Self {
            poster: Poster {
                connector,
                who: "the dead-man's switch",
                key: "[daemon] ping_url",
                attempts: 3,
                attempt_timeout: Duration::from_secs(5),
            },
            url: url.clone(),
        })
    }

    /// Says a word about a run. `id` holds the words about one run together, also beside those of others.
    pub async fn say(&self, function: &str, word: Word, id: u128, text: &str) -> Result<()> {
        let url = url_of(self.url.expose(), function, word, id);
        let text = &text[..text.floor_char_boundary(MOST_BYTES)];
        let plain = "text/plain; charset=utf-8";
        self.poster.post(&url, plain, text).await
    }
}

/// `https://hc-ping.com/key/function/start?rid=…`
fn url_of(url: &str, function: &str, word: Word, id: u128) -> String {
    let url = url.replace("{function}", function);
    let (path, query) = url.split_once('?').unwrap_or((&url, ""));
    let path = path.trim_end_matches('/');
    let and = if query.is_empty() { "" } else { "&" };
    format!("{path}{}?{query}{and}rid={}", word.path(), uuid(id))
}

/// The form in which the switch takes ids.
fn uuid(id: u128) -> String {
    let hex = format!("{id:032x}");
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    parts.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_comes_before_the_query_and_the_function_has_its_place() {
        let rid = "rid=00000000-0000-0000-0000-000000000007";
        let url = |url, word| url_of(url, "audit-mfa", word, 7);
        assert_eq!(
            url("https://hc.example/key/{function}", Word::Start),
            format!("https://hc.example/key/audit-mfa/start?{rid}")
        );
        assert_eq!(
            url("https://hc.example/key/{function}/?create=1", Word::Fail),
            format!("https://hc.example/key/audit-mfa/fail?create=1&{rid}")
        );
        assert_eq!(
            url("https://hc.example/0c1d", Word::Success),
            format!("https://hc.example/0c1d?{rid}")
        );
    }

    #[test]
    fn an_id_has_the_form_of_a_uuid() {
        assert_eq!(
            uuid(0x0193_5a1b_2c3d_4e5f_6071_8293_a4b5_c6d7),
            "01935a1b-2c3d-4e5f-6071-8293a4b5c6d7"
        );
    }
}
