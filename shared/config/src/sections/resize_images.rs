//! `[resize-images]`: images in S3, and their resized copies.

use crate::common::{self, Common, displays_its_name};
use crate::error::Refusal;
use crate::forms::{self, shown};
use crate::intake::{Intake, Source};
use crate::reader::{Choice, Fault, Reader};
use crate::schema::Key;
use crate::sections::{Config, CrossChecks, Section};

/// Images in S3, and their resized copies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResizeImages {
    /// The keys that every function has.
    pub common: Common,
    /// Where its images come from.
    pub intake: Intake,
    /// The widths of the copies, the smallest first, each once.
    pub widths: Vec<u32>,
    /// The bucket of the copies; `None`: the source's.
    pub output_bucket: Option<String>,
    /// What the keys of copies begin with; empty, or with a slash at its end.
    pub output_prefix: String,
    /// The type of the copies.
    pub format: ImageFormat,
    /// The quality of JPEG and lossy WebP.
    pub quality: u8,
    /// What shows where the source is transparent and the copy cannot be: red, green, blue.
    pub background: [u8; 3],
    /// Whether the source's artist and copyright are kept.
    pub keep_copyright: bool,
    /// `Cache-Control` of the copies.
    pub cache_control: Option<String>,
    /// Whether copies are removed with their source.
    pub remove_copies: bool,
    /// The most pixels of a source, in millions.
    pub max_source_megapixels: u32,
    /// The most bytes of a source.
    pub max_source_bytes: u32,
}

/// The type of the copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageFormat {
    /// That of the source.
    Same,
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
    /// Lossy WebP.
    Webp,
}

impl Choice for ImageFormat {
    const ALL: &'static [(&'static str, Self)] = &[
        ("same", Self::Same),
        ("jpeg", Self::Jpeg),
        ("png", Self::Png),
        ("webp", Self::Webp),
    ];
}

displays_its_name!(ImageFormat);

impl Section for ResizeImages {
    const NAME: &'static str = "resize-images";
    const OPTIONAL: &'static [Key] = common::OPTIONAL;

    fn read(section: &mut Reader<'_>) -> Self {
        // WebP stores a side in 14 bits.
        // <https://developers.google.com/speed/webp/faq#what_is_the_maximum_size_a_webp_image_can_be>
        let mut widths = section.wholes("widths", 1..=16_383);
        widths.sort_unstable();
        if section.is_empty_list("widths") {
            section.refuse_value("widths", Fault::new("at least one width is needed"));
        }
        if let Some(twice) = widths.windows(2).find(|pair| pair[0] == pair[1]) {
            let fault = Fault::new(format!("{} is listed twice", twice[0]));
            section.refuse_value("widths", fault);
        }
        Self {
            common: Common::read(section),
            intake: Intake::read(section),
            widths,
            output_bucket: section.parsed_or_empty("output_bucket", forms::bucket),
            output_prefix: section
                .parsed("output_prefix", parse_prefix)
                .unwrap_or_default(),
            format: section.choice("format").unwrap_or(ImageFormat::Same),
            quality: u8::try_from(section.whole("quality", 1..=100)).unwrap_or(100),
            background: section
                .parsed("background", parse_colour)
                .unwrap_or_default(),
            keep_copyright: section.boolean("keep_copyright"),
            cache_control: section.parsed_or_empty("cache_control", parse_cache_control),
            remove_copies: section.boolean("remove_copies"),
            max_source_megapixels: section.whole("max_source_megapixels", 1..=4294),
            max_source_bytes: section.whole("max_source_bytes", 1..=u32::MAX),
        }
    }

    fn common(&self) -> Option<&Common> {
        Some(&self.common)
    }

    fn intake(&self) -> Option<&Intake> {
        Some(&self.intake)
    }

    fn check_with(&self, _config: &Config, checks: &mut CrossChecks<'_>) {
        // A key that was refused is not judged again by its placeholder.
        let is_told = |key| checks.findings.mention(Self::NAME, key);
        if ["sources", "output_bucket", "output_prefix"]
            .into_iter()
            .any(is_told)
        {
            return;
        }
        let Some((key, message, hint)) = self.fault_of_output() else {
            return;
        };
        if let Some(place) = checks.effective.place(Self::NAME, key) {
            checks.findings.refuse(Refusal {
                place,
                section: Self::NAME,
                key: Some(key),
                message: format!("`{key}` in [{}]: {message}", Self::NAME),
                label: String::new(),
                hint: Some(hint.to_owned()),
            });
        }
    }
}

impl ResizeImages {
    /// What is wrong with where the copies go: the key, why, and a way out.
    fn fault_of_output(&self) -> Option<(&'static str, String, &'static str)> {
        let prefix = &self.output_prefix;
        if self.output_bucket.is_none() && prefix.is_empty() {
            let message = "copies would lie among their sources, and be taken for new images";
            return Some((
                "output_prefix",
                message.to_owned(),
                "give it a value such as \"resized/\", or set `output_bucket`",
            ));
        }
        let sources = &self.intake.sources;
        for source in sources {
            let bucket = self.output_bucket.as_deref().unwrap_or(&source.bucket);
            if source.holds(bucket, prefix) {
                let message = format!(
                    "`{source}` holds the copies `s3://{bucket}/{prefix}`, and each copy would be resized again"
                );
                return Some((
                    "sources",
                    message,
                    "let the copies be in another bucket, or the source under another prefix",
                ));
            }
            if bucket == source.bucket && source.prefix.starts_with(prefix.as_str()) {
                let message = format!(
                    "`{source}` lies where the copies are, `s3://{bucket}/{prefix}`, and nothing there is taken for a source"
                );
                return Some(("sources", message, "choose another `output_prefix`"));
            }
        }
        let differs = |source: &&Source| source.bucket != sources[0].bucket;
        if let Some(bucket) = &self.output_bucket
            && let Some(other) = sources.iter().find(differs)
        {
            let message = format!(
                "copies of `{}` and of `{other}` with the same key would be one object in `{bucket}`",
                sources[0]
            );
            return Some((
                "output_bucket",
                message,
                "leave it empty, so that copies stay in the bucket of their source",
            ));
        }
        None
    }
}

/// What the keys of the copies begin with.
fn parse_prefix(text: &str) -> Result<String, Fault> {
    let hint = "write it like \"resized/\"";
    if text.contains(char::is_control) || text.starts_with('/') || text.contains("//") {
        let fault = format!("{} cannot be the beginning of keys", shown(text));
        return Err(Fault::new(fault).hint(hint));
    }
    // The key of the source and the width stand behind it, within the 1024 bytes of a key.
    if text.len() > 512 {
        return Err(Fault::new("it leaves no room for the source's key").hint(hint));
    }
    match text.is_empty() || text.ends_with('/') {
        true => Ok(text.to_owned()),
        false => {
            let fault = format!("{} does not end with a slash", shown(text));
            Err(Fault::new(fault).hint(hint))
        }
    }
}

/// `#rrggbb`.
fn parse_colour(text: &str) -> Result<[u8; 3], Fault> {
    let number = text
        .strip_prefix('#')
        .filter(|digits| digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .and_then(|digits| u32::from_str_radix(digits, 16).ok());
    match number {
        Some(number) => {
            let [_, red, green, blue] = number.to_be_bytes();
            Ok([red, green, blue])
        }
        None => {
            Err(Fault::new(format!("{} is no colour", shown(text)))
                .hint("write it like \"#ffffff\""))
        }
    }
}

/// The value of a header.
fn parse_cache_control(text: &str) -> Result<String, Fault> {
    match text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        true => Ok(text.to_owned()),
        false => Err(Fault::new(format!(
            "{} cannot be the value of a header",
            shown(text)
        ))),
    }
}
