//! Shows what cannot be seen. A tag may hold an ANSI escape that recolours the terminal, a newline that forges a line
//! of the report, or a right-to-left override that shows `gpj.exe` as `exe.jpg`. All of them come out as letters.

use std::borrow::Cow;
use std::fmt::{self, Write};

use askama::filters::Escaper;

/// `text` with every invisible or text-moving character written as an escape: `\n`, `\u{1b}`, `\u{202e}`.
///
/// Everything that shows text from outside should show it this way, reports or not. A backslash stays as it is: the
/// result is for reading, and is not meant to be turned back.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_invisible) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            hidden if is_invisible(hidden) => {
                // Writing to a String cannot fail.
                let _ = write!(shown, "\\u{{{:x}}}", u32::from(hidden));
            }
            plain => shown.push(plain),
        }
    }
    Cow::Owned(shown)
}

/// Whether a character changes how others look, or shows nothing of its own.
///
/// The ranges are Unicode's `Default_Ignorable_Code_Point` with the controls, the bidirectional marks, the separators
/// of lines and paragraphs, the interlinear annotations, and the two non-characters that XML 1.0 does not allow.
/// <https://www.unicode.org/Public/17.0.0/ucd/DerivedCoreProperties.txt>
/// Joiners and variation selectors are among them: an emoji made of several is shown in pieces, which is the price for
/// names that cannot hide anything.
pub(crate) fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{fffe}'..='\u{ffff}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// How every template prints a value, by `askama.toml`: hidden characters become visible, markup becomes text.
#[derive(Debug, Clone, Copy)]
pub struct Html;

impl Escaper for Html {
    fn write_escaped_str<W: Write>(&self, mut page: W, text: &str) -> fmt::Result {
        write_without_markup(&mut page, &visible(text))
    }
}

/// Writes `text`, whose hidden characters are visible already.
pub(crate) fn write_without_markup(page: &mut dyn Write, text: &str) -> fmt::Result {
    let mut written = 0;
    for (at, markup) in text.match_indices(['<', '>', '&', '"', '\'', '/']) {
        page.write_str(&text[written..at])?;
        page.write_str(match markup {
            "<" => "&lt;",
            ">" => "&gt;",
            "&" => "&amp;",
            "\"" => "&quot;",
            "'" => "&#x27;",
            _ => "&#x2f;",
        })?;
        written = at + markup.len();
    }
    page.write_str(&text[written..])
}

/// Splits a sentence at its backticks: `true` for what stands between two of them.
///
/// `None` when they do not pair up. Then they are ordinary characters, because nothing tells which ones were meant.
pub(crate) fn literals(text: &str) -> Option<Vec<(bool, &str)>> {
    let pieces: Vec<&str> = text.split('`').collect();
    let last = pieces.len() - 1;
    // Two backticks next to each other would be a longer delimiter in Markdown, not the end of one literal.
    let is_ambiguous =
        |(index, piece): (usize, &&str)| piece.is_empty() && index != 0 && index != last;
    if last % 2 == 1 || pieces.iter().enumerate().any(is_ambiguous) {
        return None;
    }
    Some(
        pieces
            .into_iter()
            .enumerate()
            .filter(|(_, piece)| !piece.is_empty())
            .map(|(index, piece)| (index % 2 == 1, piece))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_text_is_not_copied() {
        assert!(matches!(
            visible("größer als `i-1` \\ 東京"),
            Cow::Borrowed(_)
        ));
    }

    #[test]
    fn whatever_moves_or_hides_text_is_spelled_out() {
        for (hostile, shown) in [
            ("\u{1b}[31mred", "\\u{1b}[31mred"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("two\nlines\r\n\tand a tab", "two\\nlines\\r\\n\\tand a tab"),
            ("exe\u{202e}gpj", "exe\\u{202e}gpj"),
            ("ad\u{200b}min", "ad\\u{200b}min"),
            ("\u{feff}bom \u{2028}line", "\\u{feff}bom \\u{2028}line"),
            ("tag\u{e0041}", "tag\\u{e0041}"),
            ("nul\0", "nul\\u{0}"),
            (
                "not\u{ffff}a\u{fffe}character",
                "not\\u{ffff}a\\u{fffe}character",
            ),
        ] {
            assert_eq!(visible(hostile), shown);
        }
    }

    #[test]
    fn what_a_page_prints_is_visible_and_no_markup() {
        let mut page = String::new();
        Html.write_escaped_str(&mut page, "<b title='\"&\"'>\u{202e}größer</b>")
            .expect("it is written");
        assert_eq!(
            page,
            "&lt;b title=&#x27;&quot;&amp;&quot;&#x27;&gt;\\u{202e}größer&lt;&#x2f;b&gt;"
        );
    }

    #[test]
    fn backticks_that_pair_up_mark_literals() {
        assert_eq!(
            literals("tag `a` of `b`"),
            Some(vec![
                (false, "tag "),
                (true, "a"),
                (false, " of "),
                (true, "b")
            ])
        );
        assert_eq!(literals("no literal"), Some(vec![(false, "no literal")]));
    }

    #[test]
    fn backticks_that_do_not_pair_up_are_ordinary_characters() {
        for text in ["one ` alone", "``", "`a``b`", "a `` b `c` `d"] {
            assert_eq!(literals(text), None, "{text}");
        }
    }
}
