//! Looks into a bundle before a deployment exists: is it what its name says, and will the CodeDeploy agent find an
//! appspec in it?
//!
//! The most asked question about CodeDeploy is a missing appspec, and the agent says so only after instances have been
//! taken out of service. Here it costs two ranged reads for a zip, and a bounded reading from the start for a tar.
//!
//! It does no reading itself: [`Preflight`] says which bytes it wants and is given them, so that it can be tested
//! without S3, with archives of any size, and with bytes that are no archive at all. It deliberately does not judge
//! what an appspec says: the agent's version decides that.

mod names;
mod sniff;
mod tar;
mod text;
mod zip;

use std::fmt;
use std::io::Write;
use std::ops::Range;

use flate2::write::MultiGzDecoder;

use self::names::Names;
use self::tar::TarScan;
use self::zip::Directory;

/// What a bundle is, in the words of CodeDeploy.
/// <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_S3Location.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BundleType {
    /// A zip archive.
    Zip,
    /// A tar archive.
    Tar,
    /// A tar archive, compressed by gzip.
    Tgz,
    /// An appspec by itself, as YAML.
    Yaml,
    /// An appspec by itself, as JSON.
    Json,
}

impl BundleType {
    /// What a key says by its ending.
    pub fn of_key(key: &str) -> Option<Self> {
        let name = key.rsplit('/').next().unwrap_or(key).to_ascii_lowercase();
        [
            (".zip", Self::Zip),
            (".tar", Self::Tar),
            (".tar.gz", Self::Tgz),
            (".tgz", Self::Tgz),
            (".yaml", Self::Yaml),
            (".yml", Self::Yaml),
            (".json", Self::Json),
        ]
        .into_iter()
        .find(|(ending, _)| name.len() > ending.len() && name.ends_with(ending))
        .map(|(_, bundle)| bundle)
    }

    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Zip => "zip",
            Self::Tar => "tar",
            Self::Tgz => "tgz",
            Self::Yaml => "YAML",
            Self::Json => "JSON",
        }
    }

    /// Whether it holds files, rather than being an appspec by itself.
    pub fn is_archive(self) -> bool {
        matches!(self, Self::Zip | Self::Tar | Self::Tgz)
    }
}

impl fmt::Display for BundleType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// These bytes of the bundle are wanted; they lie within its size.
    Read(Range<u64>),
    /// It is decided.
    Done(Verdict),
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The agent will find this appspec.
    Good(String),
    /// It could not be looked at to its end, with the reason. What was seen of it is no reason to refuse it.
    Unknown(String),
    /// It cannot be deployed.
    Bad(Fault),
}

/// Why a bundle cannot be deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong with it.
    pub kind: FaultKind,
    /// In a sentence without a period, that goes on from the bundle's name.
    pub message: String,
}

/// What is wrong with a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// It is not what its name says, or broken.
    Type,
    /// There is no appspec where the agent looks for it.
    Appspec,
}

impl Fault {
    fn of_type(message: impl Into<String>) -> Verdict {
        Verdict::Bad(Self {
            kind: FaultKind::Type,
            message: message.into(),
        })
    }

    fn of_appspec(message: impl Into<String>) -> Verdict {
        Verdict::Bad(Self {
            kind: FaultKind::Appspec,
            message: message.into(),
        })
    }
}

/// How many bytes tell what a file is: the first header of a tar.
const HEAD: u64 = 512;

/// How much of a tar is read at once.
const WINDOW: u64 = 1024 * 1024;

/// A tar may grow to this many times of what may be read of it.
const MOST_GROWTH: u64 = 16;

/// The largest appspec that is a bundle by itself. CodeDeploy takes no larger one as a string.
/// <https://docs.aws.amazon.com/codedeploy/latest/userguide/limits.html>
const MOST_TEXT: u64 = 1024 * 1024;

/// One look into one bundle.
pub struct Preflight {
    bundle: BundleType,
    size: u64,
    limit: u64,
    /// How many bytes were given so far.
    read: u64,
    stage: Stage,
}

enum Stage {
    Head,
    ZipTail {
        start: u64,
    },
    ZipEnd {
        at: u64,
    },
    ZipDirectory(Directory),
    Tar {
        scan: TarScan,
        at: u64,
    },
    Tgz {
        gzip: Box<MultiGzDecoder<TarScan>>,
        at: u64,
    },
    Text,
}

impl Preflight {
    /// A look into a bundle of `size` bytes, of which at most `limit` are read to find an appspec in a tar.
    pub fn new(bundle: BundleType, size: u64, limit: u64) -> Self {
        Self {
            bundle,
            size,
            limit: limit.max(WINDOW),
            read: 0,
            stage: Stage::Head,
        }
    }

    /// The first step.
    pub fn begin(&self) -> Step {
        if self.size == 0 {
            return Step::Done(Fault::of_type("is empty"));
        }
        Step::Read(0..HEAD.min(self.size))
    }

    /// The step after the bytes that were asked for last. Fewer are a bundle that was cut off.
    pub fn go_on(&mut self, bytes: &[u8]) -> Step {
        self.read = self.read.saturating_add(bytes.len() as u64);
        let step = self.next(bytes);
        match &step {
            Step::Read(range) if range.is_empty() || range.end > self.size => {
                Step::Done(Fault::of_type("ends too early: it was cut off"))
            }
            _ => step,
        }
    }

    fn next(&mut self, bytes: &[u8]) -> Step {
        match &mut self.stage {
            Stage::Head => self.after_head(bytes),
            Stage::ZipTail { start } => {
                let start = *start;
                match zip::locate(bytes, start) {
                    Ok(zip::Located::Directory(range)) => self.read_directory(range),
                    Ok(zip::Located::End(range)) => {
                        self.stage = Stage::ZipEnd { at: range.start };
                        Step::Read(range)
                    }
                    Err(what) => Step::Done(Fault::of_type(what)),
                }
            }
            Stage::ZipEnd { at } => match zip::locate_64(bytes, *at) {
                Ok(range) => self.read_directory(range),
                Err(what) => Step::Done(Fault::of_type(what)),
            },
            Stage::ZipDirectory(directory) => match directory.push(bytes) {
                Ok(Some(range)) => Step::Read(range),
                Ok(None) => Step::Done(directory.names().verdict()),
                Err(what) => Step::Done(Fault::of_type(what)),
            },
            Stage::Tar { scan, at } => {
                // An error is how the scan says that it has seen enough; it is asked below.
                let _ = scan.write_all(bytes);
                *at += bytes.len() as u64;
                if !scan.is_done() {
                    *at = at.saturating_add(scan.take_skip());
                }
                let (is_short, at) = (bytes.is_empty(), *at);
                let is_end = at >= self.size || is_short;
                if let Some(verdict) = scan.verdict(is_end) {
                    return Step::Done(verdict);
                }
                self.window(at)
            }
            Stage::Tgz { gzip, at } => {
                let written = gzip.write_all(bytes);
                *at += bytes.len() as u64;
                let is_end = *at >= self.size || bytes.is_empty();
                let at = *at;
                let is_done = gzip.get_ref().is_done();
                if let Err(error) = written
                    && !is_done
                {
                    return Step::Done(Fault::of_type(format!("is broken as gzip: {error}")));
                }
                if is_end && !is_done {
                    // The rest of what it holds, and its checksum.
                    if let Err(error) = gzip.try_finish()
                        && !gzip.get_ref().is_done()
                    {
                        return Step::Done(Fault::of_type(format!("is broken as gzip: {error}")));
                    }
                }
                if let Some(verdict) = gzip.get_mut().verdict(is_end) {
                    return Step::Done(verdict);
                }
                self.window(at)
            }
            Stage::Text => Step::Done(text::judge(self.bundle, bytes)),
        }
    }

    fn after_head(&mut self, head: &[u8]) -> Step {
        if let Some(other) = sniff::contradiction(self.bundle, head) {
            let named = self.bundle;
            return Step::Done(Fault::of_type(format!(
                "is named as {named}, and its first bytes are those of {other}"
            )));
        }
        match self.bundle {
            BundleType::Zip => {
                let start = self.size.saturating_sub(zip::TAIL);
                self.stage = Stage::ZipTail { start };
                Step::Read(start..self.size)
            }
            BundleType::Tar => {
                let scan = TarScan::new(u64::MAX);
                self.stage = Stage::Tar { scan, at: 0 };
                self.window(0)
            }
            BundleType::Tgz => {
                let scan = TarScan::new(self.limit.saturating_mul(MOST_GROWTH));
                let gzip = Box::new(MultiGzDecoder::new(scan));
                self.stage = Stage::Tgz { gzip, at: 0 };
                self.window(0)
            }
            BundleType::Yaml | BundleType::Json if self.size > MOST_TEXT => {
                let message = format!(
                    "has {} bytes, an appspec has at most {MOST_TEXT}",
                    self.size
                );
                Step::Done(Fault::of_appspec(message))
            }
            BundleType::Yaml | BundleType::Json => {
                self.stage = Stage::Text;
                Step::Read(0..self.size)
            }
        }
    }

    fn read_directory(&mut self, range: Range<u64>) -> Step {
        match Directory::new(range, self.size) {
            Ok(directory) => {
                let first = directory.first();
                self.stage = Stage::ZipDirectory(directory);
                match first {
                    Some(range) => Step::Read(range),
                    None => Step::Done(Names::default().verdict()),
                }
            }
            Err(what) => Step::Done(Fault::of_type(what)),
        }
    }

    /// The next bytes of a tar, unless enough was read.
    fn window(&self, at: u64) -> Step {
        if self.read >= self.limit {
            return Step::Done(Verdict::Unknown(format!(
                "{} MB of it hold no appspec that settles it, and no more was read (`max_scan_mb`)",
                self.limit / (1024 * 1024)
            )));
        }
        Step::Read(at..(at + WINDOW).min(self.size))
    }
}

#[cfg(test)]
mod tests;
