//! What holds of every mail, whatever it is: asked by the fuzz target, and by the tests of `functions/archive-mail`,
//! which replay the corpus and ask it of their own mails.

use super::dissect::{Address, Dissected, Limits, Link, NotLinked, Part, Role, dissect, linked};
use std::collections::HashSet;

/// Bytes as a mail.
pub fn bytes(raw: &[u8]) {
    let tight = Limits {
        max_bytes: 4_096,
        max_parts: 4,
        max_depth: 2,
        max_header_bytes: 256,
        max_decoded_ratio: 1,
    };
    check(raw, &tight);
    let dissected = check(raw, &Limits::default());
    assert_eq!(
        dissected,
        dissect(raw, &Limits::default()),
        "the same when read again"
    );
    for url in [
        "https://example.com/a",
        &format!("https://example.com/{}", "long/".repeat(250)),
    ] {
        copy(raw, &dissected, url);
    }
}

/// Takes a mail apart, and everything out of it.
fn check(raw: &[u8], limits: &Limits) -> Dissected {
    let dissected = dissect(raw, limits);
    let (mut names, mut paths) = (HashSet::new(), HashSet::new());
    for (number, part) in dissected.parts.iter().enumerate() {
        assert!(names.insert(part.name.to_lowercase()), "{part:#?}");
        assert!(paths.insert(&part.path), "{part:#?}");
        assert!(!part.name.is_empty() && part.name.len() <= 255, "{part:#?}");
        assert!(!part.name.contains(['/', '\\', '\u{202e}']), "{part:#?}");
        assert!(!part.name.contains(char::is_control), "{part:#?}");
        assert!(raw.get(part.range.clone()).is_some(), "{part:#?}");
        let contents = dissected
            .contents(raw, number)
            .expect("what is listed is there");
        assert_eq!(contents.len() as u64, part.size, "{part:#?}");
    }
    let headers = &dissected.headers;
    for text in [
        &headers.subject,
        &headers.message_id,
        &headers.list_id,
        &headers.authentication_results,
    ] {
        assert!(
            !text
                .as_deref()
                .unwrap_or_default()
                .contains(char::is_control),
            "{headers:#?}"
        );
    }
    let is_clean = |address: &Address| !address.address.contains(char::is_control);
    assert!(
        headers.from.iter().chain(&headers.to).all(is_clean),
        "{headers:#?}"
    );
    assert_eq!(
        headers.has("Subject"),
        headers.all(raw, "subject").next().is_some()
    );
    dissected
}

/// Writes the linked copy and looks whether what was not linked is in it.
fn copy(raw: &[u8], before: &Dissected, url: &str) {
    let of_the_mail =
        |part: &Part| !matches!(part.role, Role::FromTnef { .. } | Role::FromText { .. });
    let chosen = |part: &Part| part.is_attachment() && !part.size.is_multiple_of(3);
    let links: Vec<Link> = before
        .parts
        .iter()
        .enumerate()
        .filter(|(_, part)| chosen(part))
        .map(|(part, _)| Link {
            part,
            url: url.to_owned(),
            expires: None,
            console_url: None,
        })
        .collect();
    let copy = match linked(raw, before, &links) {
        Ok(copy) => copy,
        Err(NotLinked::NoLinks | NotLinked::Protected(_)) => return,
        Err(error) => panic!("{error}"),
    };
    if before.is_truncated {
        return;
    }
    let after = dissect(&copy, &Limits::default());
    let mut rest = after.parts.iter();
    for part in before.parts.iter().filter(|part| of_the_mail(part)) {
        let is_gone = chosen(part) || part.role == Role::TnefContainer;
        if part.role == Role::Body || is_gone {
            continue;
        }
        assert!(
            rest.any(|now| now.content_type == part.content_type && now.sha256 == part.sha256),
            "{part:#?}\n{:#?}\n{}",
            after.parts,
            String::from_utf8_lossy(&copy)
        );
    }
}
