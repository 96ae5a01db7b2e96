//! The little of a raw message that SES looks at: who it is from and to.
//!
//! Encoded words in display names are not decoded; nothing here looks at a body.

/// Headers that may stand only once. SES refuses a message with two of one.
/// <https://docs.aws.amazon.com/ses/latest/dg/header-fields.html>
const ONCE: [&str; 8] = [
    "Bcc",
    "Cc",
    "Date",
    "From",
    "Message-ID",
    "Reply-To",
    "Subject",
    "To",
];

/// The first header that should stand once and does not.
pub(super) fn duplicate(message: &[u8]) -> Option<&'static str> {
    let names: Vec<String> = headers(message).into_iter().map(|(name, _)| name).collect();
    ONCE.into_iter().find(|once| {
        names
            .iter()
            .filter(|name| name.eq_ignore_ascii_case(once))
            .count()
            > 1
    })
}

/// The addresses in a header, each with its display name, if the header exists.
pub(super) fn addresses(message: &[u8], header: &str) -> Vec<String> {
    let headers = headers(message).into_iter();
    headers
        .filter(|(name, _)| name.eq_ignore_ascii_case(header))
        .flat_map(|(_, value)| split(&value))
        .collect()
}

/// An address without its display name: `"Ops, EU" <ops@example.com>` is `ops@example.com`.
pub(super) fn bare(address: &str) -> &str {
    let address = address.trim();
    let inside = address
        .strip_suffix('>')
        .and_then(|rest| rest.rsplit_once('<'));
    inside.map_or(address, |(_, address)| address.trim())
}

/// Name and unfolded value of each header.
fn headers(message: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(message);
    let mut headers: Vec<(String, String)> = Vec::new();
    for line in text.lines().take_while(|line| !line.is_empty()) {
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = headers.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            headers.push((name.trim().to_owned(), value.trim().to_owned()));
        }
    }
    headers
}

/// Splits a list of addresses at its commas, but not at those within quotes.
fn split(list: &str) -> Vec<String> {
    let mut addresses = vec![String::new()];
    let (mut is_quoted, mut is_escaped) = (false, false);
    for letter in list.chars() {
        if letter == '"' && !is_escaped {
            is_quoted = !is_quoted;
        }
        is_escaped = letter == '\\' && !is_escaped;
        match addresses.last_mut() {
            Some(last) if letter != ',' || is_quoted => last.push(letter),
            _ => addresses.push(String::new()),
        }
    }
    addresses
        .iter()
        .map(|address| address.trim().to_owned())
        .filter(|a| !a.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_out_of_folded_and_quoted_headers() {
        let message = b"From: \"Ops, \\\"EU\\\"\" <ops@example.com>\r\nTO: a@x.com,\r\n\tB <b@x.com>\r\n\r\nTo: no@x.com\r\n";
        assert_eq!(
            addresses(message, "From"),
            ["\"Ops, \\\"EU\\\"\" <ops@example.com>"]
        );
        assert_eq!(addresses(message, "To"), ["a@x.com", "B <b@x.com>"]);
        assert_eq!(bare("\"Ops, <EU>\" <ops@example.com>"), "ops@example.com");
        assert_eq!(duplicate(message), None);
        assert_eq!(
            duplicate(b"to: a@x.com\nSubject: a\nTo: b@x.com\n\n"),
            Some("To")
        );
    }
}
