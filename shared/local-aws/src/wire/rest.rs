//! What the REST protocols need: percent-encoding, HTTP dates, and bodies sent in signed chunks.

use chrono::{DateTime, Utc};

/// Decodes a path. Unlike in a query, `+` stands for itself.
pub(crate) fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let pair = after.get(..2).filter(|_| byte == b'%');
        let pair = pair.and_then(|pair| std::str::from_utf8(pair).ok());
        match pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(decoded) => {
                bytes.push(decoded);
                rest = &after[2..];
            }
            None => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Encodes a key for a listing with `encoding-type=url`; slashes stay readable.
pub(crate) fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// A time as HTTP headers write it.
pub(crate) fn http_date(time: DateTime<Utc>) -> String {
    time.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Reads a time as HTTP headers write it. Those that do not parse are ignored, as HTTP wants it (RFC 9110, 13.1.3).
pub(crate) fn read_http_date(text: &str) -> Option<DateTime<Utc>> {
    let time = DateTime::parse_from_rfc2822(text).ok()?;
    Some(time.with_timezone(&Utc))
}

/// A body that came in chunks: its bytes, and the headers that followed them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Chunked {
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Vec<(String, String)>,
}

/// Takes the chunks of an `aws-chunked` body apart; `None` if they are not well formed.
///
/// Each chunk is its length in hexadecimal (perhaps with `;chunk-signature=…`), a line end, the bytes, a line end.
/// The last has no bytes; trailers with checksums follow it.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html>
pub(crate) fn decode_chunks(mut body: &[u8]) -> Option<Chunked> {
    let mut decoded = Vec::with_capacity(body.len());
    loop {
        let line_end = body.windows(2).position(|pair| pair == b"\r\n")?;
        let line = std::str::from_utf8(&body[..line_end]).ok()?;
        let size = usize::from_str_radix(line.split(';').next()?.trim(), 16).ok()?;
        body = &body[line_end + 2..];
        if size == 0 {
            let lines = std::str::from_utf8(body).ok()?.lines();
            let pairs = lines.filter_map(|line| line.split_once(':'));
            return Some(Chunked {
                body: decoded,
                trailers: pairs
                    .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
                    .collect(),
            });
        }
        decoded.extend_from_slice(body.get(..size)?);
        body = body.get(size..)?.strip_prefix(b"\r\n")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_keep_their_plus_signs() {
        assert_eq!(percent_decode("a%20b+c%2Fd%C3%BC%zz%4"), "a b+c/dü%zz%4");
        assert_eq!(percent_encode("a b+c/ü"), "a%20b%2Bc/%C3%BC");
    }

    #[test]
    fn chunks_are_joined_and_trailers_kept_apart() {
        let body = b"5;chunk-signature=00\r\nhello\r\n1\r\n!\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n";
        let decoded = decode_chunks(body).unwrap();
        assert_eq!(decoded.body, b"hello!");
        let trailer = ("x-amz-checksum-crc32".to_owned(), "AAAAAA==".to_owned());
        assert_eq!(decoded.trailers, [trailer]);
    }

    #[test]
    fn chunks_that_end_early_are_refused() {
        for body in [
            "",
            "5\r\nhell",
            "5\r\nhello",
            "5\r\nhello\r\n",
            "zz\r\n",
            "ffffffffffffffff\r\nx",
        ] {
            assert_eq!(decode_chunks(body.as_bytes()), None, "{body:?}");
        }
    }
}
