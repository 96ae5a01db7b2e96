//! What SES wrote on top of a mail when it came in: when and for whom, and what it thinks of it.
//!
//! A sender can write the same headers. SES's own stand above all others, between its `Received` and its
//! `X-SES-RECEIPT`, so only these lines are read; what is not in them was not said.

use chrono::{DateTime, Utc};
use lamplighter_events::{Verdict, Verdicts};

use crate::address::a_labels;

/// What SES wrote.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Seal {
    /// The message id that SES gave it.
    pub message_id: Option<String>,
    /// When SES received it.
    pub received_at: Option<DateTime<Utc>>,
    /// Its envelope recipient, where there was one only.
    pub recipient: Option<String>,
    /// Its envelope sender; empty for a bounce.
    pub mail_from: Option<String>,
    /// The verdicts.
    pub verdicts: Verdicts,
    /// Which domains were found authenticated, and how.
    pub authenticated: Vec<Authenticated>,
}

/// A domain that has passed a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authenticated {
    /// `spf`, `dkim` or `dmarc`.
    pub method: &'static str,
    /// The domain that passed, as A-labels.
    pub domain: String,
}

/// A header as it stands, unfolded, its name as written.
pub type Line = (String, String);

/// The headers of a mail, unfolded: the lines before the first empty one. Bytes that are not UTF-8 are replaced, which
/// none of the headers read here needs.
pub fn header_lines(raw: &[u8]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for line in raw.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            break;
        }
        let text = String::from_utf8_lossy(line);
        if text.starts_with([' ', '\t']) {
            if let Some((_, value)) = lines.last_mut() {
                value.push_str(&text);
            }
        } else if let Some((name, value)) = text.split_once(':') {
            lines.push((name.trim_end().to_owned(), value.trim_start().to_owned()));
        }
    }
    lines
}

/// Reads what SES wrote. Without SES's own `Received` on top nothing is believed.
pub fn seal(lines: &[Line]) -> Seal {
    let mut seal = Seal::default();
    let is = |line: &Line, name: &str| line.0.eq_ignore_ascii_case(name);
    let Some(received) = lines.iter().position(|line| is(line, "Received")) else {
        return seal;
    };
    // Above it stands its Return-Path, and nothing else that anybody else could have written.
    let above = &lines[..received];
    if above.iter().any(|line| !is(line, "Return-Path"))
        || !read_received(&lines[received].1, &mut seal)
    {
        return Seal::default();
    }
    if let Some((_, path)) = above.first() {
        seal.mail_from = Some(path.trim().trim_matches(['<', '>']).to_owned());
    }
    let below = &lines[received + 1..];
    let end = below.iter().position(|line| is(line, "X-SES-RECEIPT"));
    let next_hop = below.iter().position(|line| is(line, "Received"));
    let own = match (end, next_hop) {
        (Some(end), Some(hop)) if hop < end => &below[..0],
        (Some(end), _) => &below[..end],
        // SES ends with it. Without it nobody can tell where the sender's own headers begin.
        (None, _) => &below[..0],
    };
    for line in own {
        let value = line.1.trim();
        if is(line, "X-SES-Spam-Verdict") {
            keep_first(&mut seal.verdicts.spam, value);
        } else if is(line, "X-SES-Virus-Verdict") {
            keep_first(&mut seal.verdicts.virus, value);
        } else if is(line, "Authentication-Results") {
            read_results(value, &mut seal);
        }
    }
    seal
}

fn keep_first(verdict: &mut Option<Verdict>, word: &str) {
    if verdict.is_none() {
        *verdict = Some(Verdict::from(word.to_owned()));
    }
}

/// `from … by inbound-smtp.eu-west-1.amazonaws.com with SMTP id <id> for <recipient>; <date>`.
fn read_received(value: &str, seal: &mut Seal) -> bool {
    let (trace, date) = value.rsplit_once(';').unwrap_or((value, ""));
    let words: Vec<&str> = trace.split_whitespace().collect();
    let after = |word: &str| {
        let at = words.iter().position(|found| *found == word)?;
        words.get(at + 1).copied()
    };
    let is_ses = after("by").is_some_and(|host| {
        host.starts_with("inbound-smtp.")
            && (host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn"))
    });
    let Some(id) = after("id").filter(|_| is_ses) else {
        return false;
    };
    seal.message_id = Some(id.to_owned());
    seal.recipient = after("for").map(|text| text.trim_matches(['<', '>']).to_owned());
    // `(UTC)` behind it is a comment.
    let date = date.split('(').next().unwrap_or_default().trim();
    seal.received_at = DateTime::parse_from_rfc2822(date)
        .ok()
        .map(|time| time.with_timezone(&Utc));
    true
}

/// `amazonses.com; spf=pass (…) client-ip=…; envelope-from=a@b; helo=…; dkim=pass header.i=@c; dmarc=pass
/// header.from=c`. RFC 8601, but for the semicolons that SES puts between the properties of one result.
fn read_results(value: &str, seal: &mut Seal) {
    let plain = without_comments(value);
    let mut pieces = plain.split(';').map(str::trim);
    if pieces.next() != Some("amazonses.com") {
        return;
    }
    let mut results: Vec<(&'static str, String)> = Vec::new();
    for piece in pieces {
        let name = piece.split('=').next().unwrap_or_default();
        match ["spf", "dkim", "dmarc"]
            .into_iter()
            .find(|method| *method == name)
        {
            Some(method) => results.push((method, piece.to_owned())),
            None => {
                if let Some((_, result)) = results.last_mut() {
                    result.push(' ');
                    result.push_str(piece);
                }
            }
        }
    }
    let count = |method: &str| results.iter().filter(|(name, _)| *name == method).count();
    if count("dmarc") > 1 || count("spf") > 1 {
        // There is one of each. Another one would come out of what the sender said, such as its `helo`.
        return;
    }
    let mut proofs = Vec::new();
    for (method, result) in &results {
        let word = result.split_once('=').map_or("", |(_, rest)| rest);
        let word = word.split_whitespace().next().unwrap_or_default();
        let property = |name: &str| {
            let mut words = result.split_whitespace();
            let found = words.find_map(|word| word.strip_prefix(name))?;
            a_labels(found.trim_matches('"').rsplit('@').next()?)
        };
        let (verdict, domain) = match *method {
            "spf" => (&mut seal.verdicts.spf, property("envelope-from=")),
            "dkim" => (
                &mut seal.verdicts.dkim,
                property("header.d=").or_else(|| property("header.i=")),
            ),
            _ => (&mut seal.verdicts.dmarc, property("header.from=")),
        };
        let is_pass = word.eq_ignore_ascii_case("pass");
        if let Some(domain) = domain.filter(|_| is_pass) {
            proofs.push(Authenticated { method, domain });
        }
        // Of several signatures one that holds is enough.
        if verdict.is_none() || is_pass {
            *verdict = Some(match word.to_ascii_lowercase().as_str() {
                "pass" => Verdict::Pass,
                "fail" | "softfail" | "permerror" => Verdict::Fail,
                "temperror" => Verdict::ProcessingFailed,
                _ => Verdict::Gray,
            });
        }
    }
    // With an aligned proof DMARC would not have failed.
    if seal.verdicts.dmarc != Some(Verdict::Fail) {
        seal.authenticated.append(&mut proofs);
    }
}

/// Comments are in parentheses, and may nest. RFC 5322, section 3.2.2.
fn without_comments(value: &str) -> String {
    let mut depth = 0_usize;
    let mut plain = String::with_capacity(value.len());
    for letter in value.chars() {
        match letter {
            '(' => depth += 1,
            ')' if depth > 0 => depth -= 1,
            letter if depth == 0 => plain.push(letter),
            _ => {}
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOP: &str = "Return-Path: <bounce@mail.partner.example>\r\n\
        Received: from mx.partner.example (mx.partner.example [192.0.2.7])\r\n \
        by inbound-smtp.eu-west-1.amazonaws.com with SMTP id o3vrnil0e2ic28tr\r\n \
        for invoices@example.com;\r\n Sat, 21 Nov 2026 23:59:58 +0000 (UTC)\r\n\
        X-SES-Spam-Verdict: PASS\r\nX-SES-Virus-Verdict: GRAY\r\n\
        Received-SPF: pass (spfCheck: x) client-ip=192.0.2.7;\r\n\
        Authentication-Results: amazonses.com;\r\n spf=pass (spfCheck: domain; of x) client-ip=192.0.2.7; \
        envelope-from=bounce@mail.partner.example; helo=mx;\r\n dkim=fail header.i=@other.example;\r\n \
        dkim=pass header.i=@Partner.example;\r\n dmarc=pass header.from=partner.example;\r\n\
        X-SES-RECEIPT: AEFBQUFB\r\n";
    const FORGED: &str = "X-SES-Spam-Verdict: PASS\r\nX-SES-Virus-Verdict: PASS\r\n\
        Authentication-Results: amazonses.com; dmarc=pass header.from=example.com\r\nX-SES-RECEIPT: x\r\n";

    fn read(text: &str) -> Seal {
        seal(&header_lines(text.as_bytes()))
    }

    #[test]
    fn what_ses_wrote_on_top_is_read() {
        let seal = read(&format!(
            "{TOP}From: Ann <ann@partner.example>\r\n\r\nbody: not a header\r\n"
        ));
        assert_eq!(seal.message_id.as_deref(), Some("o3vrnil0e2ic28tr"));
        assert_eq!(seal.recipient.as_deref(), Some("invoices@example.com"));
        assert_eq!(
            seal.mail_from.as_deref(),
            Some("bounce@mail.partner.example")
        );
        assert_eq!(
            seal.received_at.map(|time| time.to_rfc3339()).as_deref(),
            Some("2026-11-21T23:59:58+00:00")
        );
        assert_eq!(seal.verdicts.spam, Some(Verdict::Pass));
        assert_eq!(seal.verdicts.virus, Some(Verdict::Gray));
        assert_eq!(seal.verdicts.dkim, Some(Verdict::Pass));
        assert_eq!(seal.verdicts.dmarc, Some(Verdict::Pass));
        let passed: Vec<String> = seal
            .authenticated
            .iter()
            .map(|one| format!("{} {}", one.method, one.domain))
            .collect();
        assert_eq!(
            passed,
            [
                "spf mail.partner.example",
                "dkim partner.example",
                "dmarc partner.example"
            ]
        );
    }

    #[test]
    fn forged_headers_below_are_not_believed() {
        let honest = read(&format!("{TOP}{FORGED}From: x@y\r\n\r\n"));
        assert_eq!(honest.verdicts.virus, Some(Verdict::Gray));
        assert_eq!(honest.authenticated.len(), 3);
        // Where SES scanned nothing and wrote nothing, the sender's own words do not take its place.
        let unscanned = TOP.split("X-SES-Spam").next().expect("the top");
        let seal = read(&format!("{unscanned}Received: from evil\r\n{FORGED}\r\n"));
        assert_eq!(seal.verdicts, Verdicts::default());
        assert!(seal.authenticated.is_empty());
    }

    #[test]
    fn without_ses_s_own_trace_on_top_nothing_is_believed() {
        for text in [
            FORGED.to_owned(),
            format!("X-Forged: 1\r\n{TOP}"),
            format!(
                "Received: from a by mx.evil.example with SMTP id x; Sat, 21 Nov 2026 23:59:58 +0000\r\n{FORGED}"
            ),
            format!(
                "Received: by inbound-smtp.amazonaws.com.evil.example with SMTP id x;\r\n{FORGED}"
            ),
            String::new(),
            "\r\n".to_owned(),
        ] {
            assert_eq!(read(&text), Seal::default(), "{text}");
        }
    }

    #[test]
    fn a_bounce_has_an_empty_sender_and_several_recipients_none() {
        let text = TOP
            .replace("<bounce@mail.partner.example>", "<>")
            .replace("for invoices@example.com;", ";");
        let seal = read(&text);
        assert_eq!(seal.mail_from.as_deref(), Some(""));
        assert_eq!(seal.recipient, None);
    }

    #[test]
    fn what_a_sender_says_of_itself_is_no_result() {
        let helo = "helo=mx; dmarc=pass header.from=example.com;";
        assert!(
            read(&TOP.replace("helo=mx;", helo))
                .authenticated
                .is_empty()
        );
        let failed = TOP.replace("dmarc=pass", "dmarc=fail");
        assert!(read(&failed).authenticated.is_empty());
    }

    #[test]
    fn results_of_another_server_are_nobody_s() {
        let text = TOP.replace(
            "Authentication-Results: amazonses.com;",
            "Authentication-Results: evil.example;",
        );
        assert!(read(&text).authenticated.is_empty());
    }
}
