//! A page of plain text: wraps at the width, and colours if it may.
//!
//! Everything that reaches the page is made visible first, so no caller can forget it.

use anstyle::{AnsiColor, Style};
use lamplighter_core::{ActionOutcome, RunOutcome, Severity};
use unicode_width::UnicodeWidthStr;

use crate::escape::visible;

/// Narrower lines cannot hold an instance id and its indent.
const LEAST_WIDTH: usize = 40;
/// On wider lines the eye loses its place.
const MOST_WIDTH: usize = 100;

/// A piece of text in one style.
pub(crate) struct Span {
    style: Style,
    text: String,
}

/// Text in the terminal's own colour.
pub(crate) fn plain(text: impl AsRef<str>) -> Span {
    styled(Style::new(), text)
}

/// Text that carries the eye: a heading, a name.
pub(crate) fn strong(text: impl AsRef<str>) -> Span {
    styled(Style::new().bold(), text)
}

/// Text that is there when it is looked for.
pub(crate) fn quiet(text: impl AsRef<str>) -> Span {
    styled(Style::new().dimmed(), text)
}

/// Text in `style`.
pub(crate) fn styled(style: Style, text: impl AsRef<str>) -> Span {
    Span {
        style,
        text: visible(text.as_ref()).into_owned(),
    }
}

/// The colour of a severity.
pub(crate) fn severity_style(severity: Severity) -> Style {
    match severity {
        Severity::Critical => AnsiColor::BrightRed.on_default().bold(),
        Severity::High => AnsiColor::Red.on_default().bold(),
        Severity::Medium => AnsiColor::Yellow.on_default().bold(),
        Severity::Low => AnsiColor::Cyan.on_default().bold(),
        Severity::Info => Style::new().bold(),
    }
}

/// The colour of what became of an action.
pub(crate) fn action_style(outcome: ActionOutcome) -> Style {
    match outcome {
        ActionOutcome::Failed => AnsiColor::Red.on_default().bold(),
        ActionOutcome::Done => AnsiColor::Green.on_default().bold(),
        ActionOutcome::Planned => AnsiColor::Cyan.on_default().bold(),
        ActionOutcome::Vetoed | ActionOutcome::Vanished => Style::new().bold(),
    }
}

/// The colour of how a run ended.
pub(crate) fn outcome_style(outcome: RunOutcome) -> Style {
    match outcome {
        RunOutcome::Ok => AnsiColor::Green.on_default().bold(),
        RunOutcome::Partial => AnsiColor::Yellow.on_default().bold(),
        RunOutcome::Failed | RunOutcome::Refused => AnsiColor::Red.on_default().bold(),
    }
}

/// The page as far as it is written.
pub(crate) struct Page {
    text: String,
    width: usize,
    colour: bool,
}

impl Page {
    /// An empty page.
    pub(crate) fn new(width: usize, colour: bool) -> Self {
        Self {
            text: String::new(),
            width: width.clamp(LEAST_WIDTH, MOST_WIDTH),
            colour,
        }
    }

    /// The finished text.
    pub(crate) fn into_text(self) -> String {
        self.text
    }

    /// An empty line.
    pub(crate) fn gap(&mut self) {
        self.text.push('\n');
    }

    /// Writes spans as one paragraph, broken at spaces where a line would be too long. The first line starts at column
    /// `indent`, the others at `hanging`. A single word that is longer than the line stays whole, on a line of its own:
    /// half an ARN helps nobody.
    pub(crate) fn paragraph(&mut self, indent: usize, hanging: usize, spans: &[Span]) {
        let mut line = Line::at(indent);
        for word in words(spans) {
            if !line.is_empty() && line.column + word.space + word.width() > self.width {
                self.finish(line);
                line = Line::at(hanging);
            }
            line.push(&word);
        }
        self.finish(line);
    }

    /// Writes a command after its label. It stays in one piece, so that it can be copied: where both do not fit on one
    /// line, it gets a line of its own.
    pub(crate) fn command(&mut self, indent: usize, label: &str, command: &str) {
        let command = plain(command);
        let mut line = Line::at(indent);
        line.append(quiet(label).style, label);
        if indent + label.width() + 1 + command.text.width() > self.width {
            self.finish(line);
            line = Line::at(indent + 2);
        } else {
            line.append(Style::new(), " ");
        }
        line.append(command.style, &command.text);
        self.finish(line);
    }

    fn finish(&mut self, line: Line) {
        for _ in 0..line.indent {
            self.text.push(' ');
        }
        for (style, text) in line.runs {
            if self.colour && style != Style::new() {
                self.text.push_str(&format!("{style}{text}{style:#}"));
            } else {
                self.text.push_str(&text);
            }
        }
        self.text.push('\n');
    }
}

/// What stands between two spaces. It may change its style within.
struct Word<'a> {
    /// How many spaces come before it, unless it begins a line.
    space: usize,
    pieces: Vec<(Style, &'a str)>,
}

impl Word<'_> {
    fn width(&self) -> usize {
        self.pieces.iter().map(|(_, piece)| piece.width()).sum()
    }
}

fn words(spans: &[Span]) -> Vec<Word<'_>> {
    let mut words: Vec<Word<'_>> = vec![];
    let mut space = 0;
    let mut is_open = false;
    for span in spans {
        for (index, piece) in span.text.split(' ').enumerate() {
            if index > 0 {
                space += 1;
                is_open = false;
            }
            if piece.is_empty() {
                continue;
            }
            match words.last_mut() {
                Some(word) if is_open => word.pieces.push((span.style, piece)),
                _ => words.push(Word {
                    space,
                    pieces: vec![(span.style, piece)],
                }),
            }
            space = 0;
            is_open = true;
        }
    }
    words
}

/// A line on its way to the page, as runs of one style each.
struct Line {
    indent: usize,
    column: usize,
    runs: Vec<(Style, String)>,
}

impl Line {
    fn at(indent: usize) -> Self {
        Self {
            indent,
            column: indent,
            runs: vec![],
        }
    }

    fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    fn push(&mut self, word: &Word<'_>) {
        if !self.is_empty() {
            // A space between two words of one style belongs to that style, which keeps the escapes few.
            let next = word.pieces.first().map(|(style, _)| *style);
            let style = match self.runs.last() {
                Some((style, _)) if Some(*style) == next => *style,
                _ => Style::new(),
            };
            self.append(style, &" ".repeat(word.space));
        }
        for (style, piece) in &word.pieces {
            self.append(*style, piece);
        }
    }

    fn append(&mut self, style: Style, text: &str) {
        self.column += text.width();
        match self.runs.last_mut() {
            Some((last, run)) if *last == style => run.push_str(text),
            _ => self.runs.push((style, text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paragraph(width: usize, colour: bool, spans: &[Span]) -> String {
        let mut page = Page::new(width, colour);
        page.paragraph(2, 4, spans);
        page.into_text()
    }

    #[test]
    fn lines_break_at_spaces_and_hang() {
        let text = "the quick brown fox jumps over the lazy dog and keeps running";
        assert_eq!(
            paragraph(40, false, &[plain(text)]),
            "  the quick brown fox jumps over the\n    lazy dog and keeps running\n"
        );
    }

    #[test]
    fn a_word_longer_than_the_line_stays_whole() {
        let arn = "arn:aws:ec2:eu-west-1:123456789012:instance/i-0123456789abcdef0";
        assert_eq!(
            paragraph(40, false, &[plain(format!("see {arn} there"))]),
            format!("  see\n    {arn}\n    there\n")
        );
    }

    #[test]
    fn columns_are_counted_not_characters() {
        let text = "東京都 東京都 東京都 東京都 東京都 東京都";
        assert_eq!(
            paragraph(40, false, &[plain(text)]),
            "  東京都 東京都 東京都 東京都 東京都\n    東京都\n"
        );
    }

    #[test]
    fn colour_adds_escapes_and_nothing_else() {
        let spans = || [strong("two words"), plain(" and "), quiet("more")];
        let coloured = paragraph(40, true, &spans());
        assert_eq!(
            coloured,
            "  \u{1b}[1mtwo words\u{1b}[0m and \u{1b}[2mmore\u{1b}[0m\n"
        );
        assert_eq!(anstyle_free(&coloured), paragraph(40, false, &spans()));
    }

    /// Drops SGR sequences, the only ones a page may hold.
    fn anstyle_free(text: &str) -> String {
        let mut pieces = text.split('\u{1b}');
        let mut plain = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            plain.push_str(piece.split_once('m').map_or(piece, |(_, rest)| rest));
        }
        plain
    }

    #[test]
    fn escapes_in_data_never_reach_the_terminal() {
        let page = paragraph(80, true, &[plain("\u{1b}[31mred\nnext")]);
        assert_eq!(page, "  \\u{1b}[31mred\\nnext\n");
    }
}
