//! What to judge by, made from the `[resize-images]` section.

use lamplighter_config::{ImageFormat, ResizeImages};

use lamplighter_images::{Format, Limits, Wish};

/// What to judge by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// The bucket of the copies; `None`: the source's.
    pub output_bucket: Option<String>,
    /// What the keys of copies begin with.
    pub output_prefix: String,
    /// `Cache-Control` of the copies.
    pub cache_control: Option<String>,
    /// Whether copies are removed with their source.
    pub removes_copies: bool,
    /// The most bytes of a source.
    pub max_bytes: u64,
    /// What copies are wanted.
    pub wish: Wish,
}

/// What the process needs beside images: its code, the clients, and buffers of the connections.
const OWN_BYTES: u64 = 64_000_000;

impl Rules {
    /// The rules of a section.
    pub fn of(section: &ResizeImages) -> Self {
        Self {
            output_bucket: section.output_bucket.clone(),
            output_prefix: section.output_prefix.clone(),
            cache_control: section.cache_control.clone(),
            removes_copies: section.remove_copies,
            max_bytes: u64::from(section.max_source_bytes),
            wish: Wish {
                widths: section.widths.clone(),
                format: match section.format {
                    ImageFormat::Same => None,
                    ImageFormat::Jpeg => Some(Format::Jpeg),
                    ImageFormat::Png => Some(Format::Png),
                    ImageFormat::Webp => Some(Format::Webp),
                },
                quality: section.quality,
                background: section.background,
                keeps_rights: section.keep_copyright,
                limits: Limits {
                    max_megapixels: section.max_source_megapixels,
                    memory_bytes: u64::from(section.common.memory_mb) * 1_000_000 - OWN_BYTES,
                },
            },
        }
    }

    /// The bucket of the copies of an image in `source`.
    pub fn bucket_for<'a>(&'a self, source: &'a str) -> &'a str {
        self.output_bucket.as_deref().unwrap_or(source)
    }

    /// Whether an object lies where copies are: writing one must not set anything off.
    pub fn is_own_output(&self, bucket: &str, key: &str) -> bool {
        self.bucket_for(bucket) == bucket && key.starts_with(&self.output_prefix)
    }
}
