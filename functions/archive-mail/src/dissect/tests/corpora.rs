//! The same attachments as Python's `email` finds, byte for byte, in the mails of other projects.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::process::Command;

use super::*;

/// The mails whose parts we see otherwise than Python's `email`, and why.
const DIFFERENCES: [(&str, &str); 13] = [
    (
        "empty-multipart.txt",
        "Python gives a multipart without parts the line end that belongs to the next boundary",
    ),
    (
        "ending-boundaries.msg",
        "text after a boundary hides it from both; Python takes one more line end, and keeps the type",
    ),
    (
        "feedback-report.txt",
        "a byte order mark before the header ends the header for Python, and all its parts are lost",
    ),
    (
        "issue358.txt",
        "a header line without a colon ends the header for Python, and the HTML is lost",
    ),
    (
        "malformedHeader-nocrlfcrlf.msg",
        "a header line without a colon ends the header for Python, not for us if fields follow",
    ),
    ("malformedHeaderStartsBody-nocrlfcrlf.msg", "the same"),
    (
        "missing-inner-boundary.msg",
        "Python gives a multipart without parts the line end that belongs to the next boundary",
    ),
    ("missing-inner-start-boundary.msg", "the same"),
    (
        "missing-subtype.txt",
        "a named file of a malformed type is text for Python, and any file for us",
    ),
    (
        "multipartemptypart.msg",
        "a part without any line is a line end for Python",
    ),
    (
        "multipartnopart.msg",
        "Python drops what follows the closing boundary of a multipart without parts",
    ),
    (
        "obsolete.msg",
        "Python does not know the white space before a colon that RFC 5322 still lets us read",
    ),
    (
        "russian-headers.msg",
        "Python finds no name in an encoded-word without quotes",
    ),
];

/// The same for our own mails, which are about what others read wrongly.
const OWN_DIFFERENCES: [(&str, &str); 13] = [
    (
        "001-filename-star-wins.eml",
        "Python takes the name that is there for those who cannot read `filename*`",
    ),
    (
        "002-adjacent-encoded-words.eml",
        "Python finds no name in an encoded-word without quotes",
    ),
    (
        "003-character-split-over-words.eml",
        "Python does not join base64 that was cut within a group of four",
    ),
    (
        "004-raw-latin-1-name.eml",
        "Python guesses no charset of raw bytes",
    ),
    ("005-raw-shift-jis-name.eml", "the same"),
    (
        "007-hostile-names.eml",
        "Python drops the backslashes of a Windows path, and the space at the end of a name",
    ),
    ("009-no-names.eml", "an empty name is a name for Python"),
    (
        "010-unpadded-base64.eml",
        "Python does not decode base64 that ends within a byte",
    ),
    (
        "011-junk-in-base64.eml",
        "Python decodes the letters of lines that are no base64, and stops at the first padding",
    ),
    (
        "014-malformed-content-type.eml",
        "Python needs the semicolon before the boundary",
    ),
    (
        "019-quoted-printable-defects.eml",
        "Python keeps white space at line ends, which RFC 2045 has us drop",
    ),
    (
        "020-header-without-colon.eml",
        "a header line without a colon ends the header for Python",
    ),
    (
        "038-byte-order-mark.eml",
        "Python takes the first field, with its byte order mark, and all others for the body",
    ),
];

/// A part as somebody found it.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) media: String,
    name: Option<String>,
    /// None where Python has no bytes: of mails within a mail.
    sha256: Option<String>,
}

/// Whether Python and we found the same.
pub(super) fn is_same(theirs: &[Found], ours: &[Found]) -> bool {
    theirs.len() == ours.len()
        && theirs.iter().zip(ours).all(|(theirs, ours)| {
            theirs.media == ours.media
                && theirs.name == ours.name
                && (theirs.sha256.is_none() || theirs.sha256 == ours.sha256)
        })
}

/// What Python's `email` finds in these mails.
pub(super) fn theirs(paths: &[PathBuf]) -> Vec<Vec<Found>> {
    let script = include_str!("extract.py");
    let output = Command::new("python3")
        .arg("-c")
        .arg(script)
        .args(paths)
        .output();
    let output = output.expect("python3 is there");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let lines = String::from_utf8(output.stdout).expect("JSON is UTF-8");
    let mails = lines.lines().map(|line| {
        let mail: serde_json::Value = serde_json::from_str(line).expect("a line is JSON");
        let parts = mail["parts"]
            .as_array()
            .expect("the parts are a list")
            .iter();
        let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
        let part = |part: &serde_json::Value| Found {
            media: text(&part["type"]).unwrap_or_default(),
            name: text(&part["name"]),
            sha256: text(&part["sha256"]),
        };
        parts.map(part).collect()
    });
    mails.collect()
}

/// What we find in a mail, but for what is in other parts, which Python does not look for.
pub(super) fn ours_of(raw: &[u8]) -> Vec<Found> {
    let dissected = dissect(raw, &Limits::default());
    let of_the_mail = |part: &&Part| matches!(part.source, Source::Node(_));
    let parts = dissected.parts.iter().filter(of_the_mail);
    let part = |part: &Part| Found {
        media: part.content_type.clone(),
        name: part.original_name.clone(),
        sha256: Some(part.sha256.clone()),
    };
    parts.map(part).collect()
}

/// The mails of a corpus.
pub(super) fn corpus(corpora: &Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for (folder, extension) in [
        ("mimekit/messages", None),
        ("mimekit/tnef", Some("eml")),
        ("mime4j", Some("msg")),
    ] {
        for entry in std::fs::read_dir(corpora.join(folder)).expect("the corpus can be read") {
            let path = entry.expect("the corpus can be read").path();
            if path.is_file()
                && (extension.is_none() || path.extension().and_then(|it| it.to_str()) == extension)
            {
                paths.push(path);
            }
        }
    }
    assert_eq!(paths.len(), 66);
    paths.sort();
    paths
}

/// Our own mails.
pub(super) fn mails() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/mail");
    let entries = std::fs::read_dir(folder).expect("the fixtures are there");
    let paths = entries.map(|entry| entry.expect("the fixtures can be read").path());
    let mut mails: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "eml"))
        .collect();
    mails.sort();
    mails
}

fn differences(paths: &[PathBuf]) -> (BTreeSet<String>, String) {
    let (mut different, mut report) = (BTreeSet::new(), String::new());
    for (path, theirs) in paths.iter().zip(theirs(paths)) {
        let ours = ours_of(&std::fs::read(path).expect("the mail can be read"));
        if !is_same(&theirs, &ours) {
            let name = path
                .file_name()
                .expect("a file")
                .to_string_lossy()
                .into_owned();
            let _ = writeln!(report, "{name}\n  Python: {theirs:#?}\n  we: {ours:#?}");
            different.insert(name);
        }
    }
    (different, report)
}

#[test]
fn finds_what_python_finds_in_the_mails_of_others() {
    let Some(corpora) = corpora() else { return };
    let (different, report) = differences(&corpus(&corpora));
    let explained = DIFFERENCES
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    assert_eq!(different, explained, "{report}");
}

#[test]
fn finds_what_python_finds_in_our_own_mails_or_more() {
    let (different, report) = differences(&mails());
    let explained = OWN_DIFFERENCES
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    assert_eq!(different, explained, "{report}");
}
