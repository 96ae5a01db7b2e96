//! What becomes of a mail, by what SES thinks of it and by who sent it. Purely.
//!
//! Only PASS is a pass. GRAY and PROCESSING_FAILED are no answers, DISABLED is no question.

use lamplighter_config::Treatment;
use lamplighter_events::{Verdict, Verdicts};

use crate::address::{Known, Mailbox};
use crate::seal::Authenticated;

/// What to judge by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Who is known; empty: everybody.
    pub allow_senders: Vec<Known>,
    /// For spam.
    pub on_spam: Treatment,
    /// For a virus.
    pub on_virus: Treatment,
    /// For a scan without a result.
    pub on_gray: Treatment,
    /// For what was not scanned.
    pub on_unscanned: Treatment,
    /// For a mail that its sender's domain disowns.
    pub on_unauthenticated: Treatment,
    /// For a mail from nobody known.
    pub on_unknown_sender: Treatment,
}

/// Who sent a mail, and what proves it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sender {
    /// Every address of every `From` header, as they stand.
    pub from: Vec<String>,
    /// The sender of the envelope, as SPF saw it.
    pub mail_from: Option<String>,
    /// The domains that SES found authenticated.
    pub authenticated: Vec<Authenticated>,
}

/// What becomes of a mail, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The strictest of all that apply.
    pub treatment: Treatment,
    /// What speaks against the mail, one sentence each.
    pub reasons: Vec<String>,
}

/// Judges a mail.
pub fn judge(verdicts: &Verdicts, sender: &Sender, policy: &Policy) -> Judgement {
    let mut judgement = Judgement {
        treatment: Treatment::Keep,
        reasons: vec![],
    };
    let mut say = |treatment: Treatment, reason: String| {
        judgement.treatment = judgement.treatment.max(treatment);
        judgement.reasons.push(reason);
    };
    for (what, verdict, on_fail) in [
        ("spam", &verdicts.spam, policy.on_spam),
        ("virus", &verdicts.virus, policy.on_virus),
    ] {
        match verdict {
            Some(Verdict::Pass) => {}
            Some(Verdict::Fail) => say(on_fail, format!("the {what} verdict is FAIL")),
            Some(Verdict::Disabled) => say(
                policy.on_unscanned,
                format!("the {what} verdict is DISABLED: nobody looked"),
            ),
            None => say(policy.on_unscanned, format!("there is no {what} verdict")),
            Some(unclear @ (Verdict::Gray | Verdict::ProcessingFailed | Verdict::Other(_))) => say(
                policy.on_gray,
                format!(
                    "the {what} verdict is {}: nobody knows",
                    shown(unclear.as_str())
                ),
            ),
        }
    }
    if verdicts.dmarc == Some(Verdict::Fail) {
        // SES writes the policy in lower case. One that is missing or new is taken for the strictest.
        let wish = verdicts
            .dmarc_policy
            .as_deref()
            .map(str::to_ascii_lowercase);
        match wish.as_deref() {
            Some("none") => say(
                Treatment::Keep,
                "DMARC failed, and the sender's domain asks for nothing (`none`)".to_owned(),
            ),
            Some(wish) => say(
                policy.on_unauthenticated,
                format!(
                    "DMARC failed, and the sender's domain asks to `{}`",
                    shown(wish)
                ),
            ),
            None => say(
                policy.on_unauthenticated,
                "DMARC failed, and what the sender's domain asks for is not said".to_owned(),
            ),
        }
    }
    if let Err(why) = is_known(verdicts, sender, policy) {
        say(policy.on_unknown_sender, why);
    }
    judgement
}

/// Whether a mail is from somebody in `allow_senders`: every address of its `From` is, and each one's domain was proven.
fn is_known(verdicts: &Verdicts, sender: &Sender, policy: &Policy) -> Result<(), String> {
    if policy.allow_senders.is_empty() {
        return Ok(());
    }
    if sender.from.is_empty() {
        return Err("it has no `From`, and `allow_senders` demands one".to_owned());
    }
    let mut from = Vec::with_capacity(sender.from.len());
    for address in &sender.from {
        let mailbox = Mailbox::parse(address)
            .ok_or_else(|| format!("its `From` has `{}`, which is no address", shown(address)))?;
        if !policy.allow_senders.iter().any(|known| known.is(&mailbox)) {
            return Err(format!("`{}` is none of `allow_senders`", shown(address)));
        }
        from.push(mailbox);
    }
    // Several domains in one `From` are outside of what DMARC tells: RFC 7489, section 6.6.1.
    let is_one_domain = from.iter().all(|one| one.domain == from[0].domain);
    let has_dmarc = verdicts.dmarc == Some(Verdict::Pass) && is_one_domain;
    let envelope = sender.mail_from.as_deref().and_then(Mailbox::parse);
    for mailbox in &from {
        let was_proven = sender
            .authenticated
            .iter()
            .any(|proof| proof.domain == mailbox.domain);
        // The very same domain. Which others belong to it only DMARC can judge.
        let has_spf = verdicts.spf == Some(Verdict::Pass)
            && envelope
                .as_ref()
                .is_some_and(|envelope| envelope.domain == mailbox.domain);
        if !(has_dmarc || has_spf || was_proven) {
            return Err(format!(
                "it says it is from `{}`, and neither DMARC nor SPF nor DKIM proves it",
                shown(&mailbox.domain)
            ));
        }
    }
    Ok(())
}

/// What a stranger wrote, for one line of a report.
pub(crate) fn shown(text: &str) -> String {
    let plain = |letter: char| {
        if letter.is_control() || is_invisible(letter) || letter == '`' {
            '\u{fffd}'
        } else {
            letter
        }
    };
    let mut short: String = text.chars().take(80).map(plain).collect();
    if text.chars().nth(80).is_some() {
        short.push('…');
    }
    short
}

/// Letters that change how the letters around them are shown, or that nobody sees.
pub(crate) fn is_invisible(letter: char) -> bool {
    matches!(letter,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn policy() -> Policy {
        Policy {
            allow_senders: vec![],
            on_spam: Treatment::Quarantine,
            on_virus: Treatment::StopRuleSet,
            on_gray: Treatment::Quarantine,
            on_unscanned: Treatment::Keep,
            on_unauthenticated: Treatment::StopRule,
            on_unknown_sender: Treatment::Quarantine,
        }
    }

    fn verdict(word: &str) -> Option<Verdict> {
        (!word.is_empty()).then(|| Verdict::from(word.to_owned()))
    }

    /// The only caller of `judge`: verdicts for spam, virus and DMARC with its policy.
    fn check(verdicts: [&str; 4], sender: &Sender, policy: &Policy, expected: Expect) {
        let [spam, virus, dmarc, wish] = verdicts;
        let verdicts = Verdicts {
            spam: verdict(spam),
            virus: verdict(virus),
            spf: Some(Verdict::Pass),
            dmarc: verdict(dmarc),
            dmarc_policy: (!wish.is_empty()).then(|| wish.to_owned()),
            ..Verdicts::default()
        };
        let judged = judge(&verdicts, sender, policy);
        let mut text = format!("{}\n", judged.treatment);
        for reason in judged.reasons {
            text.push_str(&format!("  {reason}\n"));
        }
        expected.assert_eq(&text);
    }

    fn anybody() -> Sender {
        Sender::default()
    }

    #[test]
    fn each_of_the_five_verdicts_and_an_unknown_one_has_its_own_meaning() {
        let policy = policy();
        check(
            ["PASS", "PASS", "PASS", ""],
            &anybody(),
            &policy,
            expect![[r#"
            keep
        "#]],
        );
        check(
            ["FAIL", "PASS", "GRAY", ""],
            &anybody(),
            &policy,
            expect![[r#"
            quarantine
              the spam verdict is FAIL
        "#]],
        );
        check(
            ["PASS", "FAIL", "", ""],
            &anybody(),
            &policy,
            expect![[r#"
            stop-rule-set
              the virus verdict is FAIL
        "#]],
        );
        check(
            ["GRAY", "PROCESSING_FAILED", "", ""],
            &anybody(),
            &policy,
            expect![[r#"
            quarantine
              the spam verdict is GRAY: nobody knows
              the virus verdict is PROCESSING_FAILED: nobody knows
        "#]],
        );
        check(
            ["DISABLED", "", "", ""],
            &anybody(),
            &policy,
            expect![[r#"
            keep
              the spam verdict is DISABLED: nobody looked
              there is no virus verdict
        "#]],
        );
        check(
            ["MAYBE\u{202e}\n", "PASS", "", ""],
            &anybody(),
            &policy,
            expect![[r#"
            quarantine
              the spam verdict is MAYBE��: nobody knows
        "#]],
        );
    }

    #[test]
    fn a_scan_that_is_switched_off_is_no_pass() {
        let strict = Policy {
            on_unscanned: Treatment::Quarantine,
            ..policy()
        };
        check(
            ["DISABLED", "PASS", "", ""],
            &anybody(),
            &strict,
            expect![[r#"
            quarantine
              the spam verdict is DISABLED: nobody looked
        "#]],
        );
    }

    #[test]
    fn a_failed_dmarc_does_what_the_domain_asks_for_in_any_case() {
        let policy = policy();
        for wish in ["reject", "REJECT", "quarantine", "new"] {
            let judged = judge(
                &Verdicts {
                    spam: verdict("PASS"),
                    virus: verdict("PASS"),
                    dmarc: verdict("FAIL"),
                    dmarc_policy: Some(wish.to_owned()),
                    ..Verdicts::default()
                },
                &anybody(),
                &policy,
            );
            assert_eq!(judged.treatment, Treatment::StopRule, "{wish}");
        }
        check(
            ["PASS", "PASS", "FAIL", "none"],
            &anybody(),
            &policy,
            expect![[r#"
            keep
              DMARC failed, and the sender's domain asks for nothing (`none`)
        "#]],
        );
        check(
            ["PASS", "PASS", "FAIL", ""],
            &anybody(),
            &policy,
            expect![[r#"
            stop-rule
              DMARC failed, and what the sender's domain asks for is not said
        "#]],
        );
        // Seen beside a PASS too, where it means nothing.
        check(
            ["PASS", "PASS", "PASS", "reject"],
            &anybody(),
            &policy,
            expect![[r#"
            keep
        "#]],
        );
    }

    #[test]
    fn the_strictest_treatment_holds() {
        check(
            ["FAIL", "FAIL", "FAIL", "reject"],
            &anybody(),
            &policy(),
            expect![[r#"
            stop-rule-set
              the spam verdict is FAIL
              the virus verdict is FAIL
              DMARC failed, and the sender's domain asks to `reject`
        "#]],
        );
    }

    fn only_partner() -> Policy {
        Policy {
            allow_senders: vec![Known::DomainAndBelow("partner.example".to_owned())],
            ..policy()
        }
    }

    fn from(addresses: &[&str], mail_from: &str) -> Sender {
        Sender {
            from: addresses.iter().map(|one| (*one).to_owned()).collect(),
            mail_from: Some(mail_from.to_owned()),
            authenticated: vec![],
        }
    }

    #[test]
    fn a_known_sender_is_one_that_was_proven() {
        let policy = only_partner();
        let ann = from(&["Ann@partner.example"], "bounce@mailer.example");
        check(
            ["PASS", "PASS", "PASS", ""],
            &ann,
            &policy,
            expect![[r#"
            keep
        "#]],
        );
        check(
            ["PASS", "PASS", "GRAY", ""],
            &ann,
            &policy,
            expect![[r#"
            quarantine
              it says it is from `partner.example`, and neither DMARC nor SPF nor DKIM proves it
        "#]],
        );
        let aligned = from(&["ann@partner.example"], "prvs=123456=ann@partner.example");
        check(
            ["PASS", "PASS", "GRAY", ""],
            &aligned,
            &policy,
            expect![[r#"
            keep
        "#]],
        );
        // What a forwarder rewrote was checked as the forwarder's: unwrapping it would prove anything.
        let forwarded = from(
            &["ann@partner.example"],
            "SRS0=HHH=TT=partner.example=ann@evil.example",
        );
        check(
            ["PASS", "PASS", "GRAY", ""],
            &forwarded,
            &policy,
            expect![[r#"
            quarantine
              it says it is from `partner.example`, and neither DMARC nor SPF nor DKIM proves it
        "#]],
        );
        let signed = Sender {
            authenticated: vec![Authenticated {
                method: "dkim",
                domain: "partner.example".to_owned(),
            }],
            ..ann
        };
        check(
            ["PASS", "PASS", "GRAY", ""],
            &signed,
            &policy,
            expect![[r#"
            keep
        "#]],
        );
    }

    #[test]
    fn every_address_of_the_from_must_be_known_and_proven() {
        let policy = only_partner();
        let two = from(
            &["ann@partner.example", "eve@evil.example"],
            "ann@partner.example",
        );
        check(
            ["PASS", "PASS", "PASS", ""],
            &two,
            &policy,
            expect![[r#"
            quarantine
              `eve@evil.example` is none of `allow_senders`
        "#]],
        );
        let below = from(
            &["ann@partner.example", "bob@b.partner.example"],
            "ann@partner.example",
        );
        check(
            ["PASS", "PASS", "PASS", ""],
            &below,
            &policy,
            expect![[r#"
            quarantine
              it says it is from `b.partner.example`, and neither DMARC nor SPF nor DKIM proves it
        "#]],
        );
        check(
            ["PASS", "PASS", "PASS", ""],
            &from(&[], "ann@partner.example"),
            &policy,
            expect![[r#"
            quarantine
              it has no `From`, and `allow_senders` demands one
        "#]],
        );
        let nobody = from(&["undisclosed"], "ann@partner.example");
        check(
            ["PASS", "PASS", "PASS", ""],
            &nobody,
            &policy,
            expect![[r#"
            quarantine
              its `From` has `undisclosed`, which is no address
        "#]],
        );
    }
}
