//! The texts that values come from, and places in them. What must not be shown is hidden here,
//! before any excerpt.

use std::ops::Range;

/// Where a layer's text comes from; the order of the layers is the order of the sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layer {
    Defaults,
    File,
    Environment,
    Flag,
}

/// One text: a file, one variable as `NAME=value`, or one flag.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) layer: Layer,
    pub(crate) name: String,
    pub(crate) text: String,
    /// The values that excerpts show as `***`.
    pub(crate) hidden: Vec<Range<usize>>,
}

/// Without the text: it may hold secrets.
impl std::fmt::Debug for Source {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Source").field(&self.name).finish()
    }
}

/// A span in one of the sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) source: usize,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Place {
    /// The place of what stands in no source at all.
    pub(crate) const NOWHERE: Self = Self {
        source: usize::MAX,
        start: 0,
        end: 0,
    };
}

/// One line of a source, fit to be shown, with the part that is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Excerpt {
    pub(crate) text: String,
    pub(crate) span: Range<usize>,
}

impl Source {
    /// The name for messages.
    pub(crate) fn title(&self) -> String {
        match self.layer {
            Layer::Defaults | Layer::File => self.name.clone(),
            Layer::Environment => format!("environment {}", self.name),
            Layer::Flag => format!("flag {}", self.name),
        }
    }

    /// The line of a place, counted from one; only files have lines.
    pub(crate) fn line(&self, place: Place) -> Option<usize> {
        matches!(self.layer, Layer::Defaults | Layer::File).then(|| {
            let before = &self.text.as_bytes()[..place.start.min(self.text.len())];
            1 + before.iter().filter(|byte| **byte == b'\n').count()
        })
    }

    /// The place's line, without what is hidden. A flag's text is the user's command line, which
    /// needs no excerpt.
    pub(crate) fn excerpt(&self, place: Place) -> Option<Excerpt> {
        if self.layer == Layer::Flag || place.end > self.text.len() {
            return None;
        }
        // The parser may point between the bytes of a letter.
        let place_start = self.text.floor_char_boundary(place.start);
        let place_end = self.text.ceil_char_boundary(place.end);
        let (start, end) = match self.layer {
            // A variable's value is one thing, even with line breaks inside.
            Layer::Environment => (0, self.text.len()),
            _ => (
                self.text[..place_start].rfind('\n').map_or(0, |at| at + 1),
                self.text[place_start..]
                    .find('\n')
                    .map_or(self.text.len(), |at| place_start + at),
            ),
        };
        let line = self.text[start..end].trim_end_matches('\r');
        if line.contains(|letter: char| letter.is_control() && letter != '\t') {
            return None;
        }
        let mut excerpt = Excerpt {
            text: line.to_owned(),
            span: place_start.min(start + line.len()) - start
                ..place_end.min(start + line.len()) - start,
        };
        let mut hidden: Vec<Range<usize>> = self
            .hidden
            .iter()
            .filter(|range| range.start < start + line.len() && range.end > start)
            .map(|range| range.start.max(start) - start..range.end.min(start + line.len()) - start)
            .collect();
        // From the right, so that the ranges still to come stay true; overlapping ones are joined
        // first.
        hidden.sort_by_key(|range| (range.start, range.end));
        hidden.dedup_by(|next, last| {
            let overlaps = next.start <= last.end;
            if overlaps {
                last.end = last.end.max(next.end);
            }
            overlaps
        });
        for range in hidden.into_iter().rev() {
            excerpt.hide(range);
        }
        Some(excerpt)
    }
}

impl Excerpt {
    const STARS: &str = "***";

    /// Replaces a part by stars, whose number says nothing, and moves the marked span along.
    fn hide(&mut self, range: Range<usize>) {
        let moved = |offset: usize, inside: usize| {
            if offset >= range.end {
                offset - range.end + range.start + Self::STARS.len()
            } else if offset > range.start {
                range.start + inside
            } else {
                offset
            }
        };
        self.span = moved(self.span.start, 0)..moved(self.span.end, Self::STARS.len());
        self.text.replace_range(range, Self::STARS);
    }
}

/// Where a value came from, as `check --print` shows it.
pub(crate) fn origin(sources: &[Source], place: Place) -> String {
    let Some(source) = sources.get(place.source) else {
        return "not set".to_owned();
    };
    match (source.layer, source.line(place)) {
        (Layer::Defaults, _) => "default".to_owned(),
        (_, Some(line)) => format!("{}:{line}", source.title()),
        (_, None) => source.title(),
    }
}
