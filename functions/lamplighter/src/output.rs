//! Where results go: stdout or a file, with colour only on a terminal; and the progress line on stderr.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use lamplighter_core::{Error, Progress, Result, Run};
use lamplighter_report::{Format, Options, render};

use crate::cli::Globals;

/// The width of a report where there is no terminal.
const WIDTH: usize = 80;

/// Work that takes longer than this shows how far it has come.
const PATIENCE: Duration = Duration::from_secs(1);

/// Writes a run's report where the flags say.
pub fn report(run: &Run, globals: &Globals) -> Result<()> {
    let to_terminal = globals.output.is_none() && std::io::stdout().is_terminal();
    let options = Options {
        all: globals.all,
        colour: to_terminal && colour_is_wanted() && globals.format == Format::Text,
        width: if to_terminal { terminal_width() } else { WIDTH },
    };
    text(&render(run, globals.format, &options), globals)
}

/// Writes text where the flags say.
pub fn text(text: &str, globals: &Globals) -> Result<()> {
    match &globals.output {
        Some(path) => write_file(path, text.as_bytes()),
        None => stdout(text.as_bytes()),
    }
}

/// Writes to stdout. A reader that has gone away (`| head`) is no error.
pub fn stdout(bytes: &[u8]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::permanent("cannot write to stdout").caused_by(error))
        }
        _ => Ok(()),
    }
}

/// Writes a file whole or not at all: beside it first, then renamed.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let cannot =
        |error| Error::permanent(format!("cannot write `{}`", path.display())).caused_by(error);
    // A device or a pipe (`/dev/null`, `/dev/stdout`) cannot be replaced by a rename.
    if path.exists() && !path.is_file() {
        return std::fs::write(path, bytes).map_err(cannot);
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    std::fs::write(&beside, bytes)
        .and_then(|()| std::fs::rename(&beside, path))
        .map_err(cannot)
}

/// Says something beside the result, on stderr.
pub fn note(text: &str) {
    // A closed stderr must not end the program.
    writeln!(std::io::stderr(), "{text}").ok();
}

/// Whether messages on stderr may have colour.
pub fn stderr_has_colour() -> bool {
    std::io::stderr().is_terminal() && colour_is_wanted()
}

/// <https://no-color.org>: any value but the empty one.
fn colour_is_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn terminal_width() -> usize {
    terminal_size::terminal_size().map_or(WIDTH, |(width, _)| usize::from(width.0))
}

/// A line that says how far the work has come, drawn only on a terminal and only once it has taken a while.
pub struct ProgressLine {
    drawing: Option<tokio::task::JoinHandle<()>>,
    bar: ProgressBar,
}

impl ProgressLine {
    /// Starts watching `progress`, unless `quiet`.
    pub fn watch(progress: &Arc<Progress>, quiet: bool) -> Self {
        let bar = ProgressBar::hidden();
        if quiet || !std::io::stderr().is_terminal() {
            return Self { drawing: None, bar };
        }
        let (progress, drawn) = (Arc::clone(progress), bar.clone());
        let drawing = tokio::spawn(async move {
            tokio::time::sleep(PATIENCE).await;
            drawn.set_draw_target(indicatif::ProgressDrawTarget::stderr());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
                drawn.set_style(style);
            }
            loop {
                drawn.set_message(progress.line());
                drawn.tick();
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        Self {
            drawing: Some(drawing),
            bar,
        }
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        if let Some(drawing) = &self.drawing {
            drawing.abort();
        }
        self.bar.finish_and_clear();
    }
}
