//! Keys of S3, which some events encode and others do not.

/// A key as an event gives it: the reading to try first, and the other one where the event leaves a doubt.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) key: String,
    pub(crate) other: Option<String>,
}

/// The key of a classic notification, or of S3 Batch Operations: encoded like a form, so `+` is a space and `%2B` a
/// plus. <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>
///
/// S3 leaves no space and nothing outside ASCII unencoded. A key that has such a character comes from an emulator
/// that does not encode at all, and is taken as it stands, with the decoded reading as the other one. A bad escape is
/// an error even then: it may as well be a key that was cut off.
pub(crate) fn encoded(text: &str) -> Result<Key, String> {
    let decoded = decode(text)?;
    let is_encoded = text.bytes().all(|byte| byte.is_ascii_graphic());
    Ok(if is_encoded {
        Key {
            key: decoded,
            other: None,
        }
    } else {
        Key {
            other: (decoded != text).then_some(decoded),
            key: text.to_owned(),
        }
    })
}

/// The key of an EventBridge event. AWS documents the encoding for the classic notifications only, and its own
/// libraries and the emulators disagree about these; so it is taken as it stands first.
pub(crate) fn verbatim(text: &str) -> Key {
    Key {
        key: text.to_owned(),
        other: decode(text).ok().filter(|decoded| decoded != text),
    }
}

/// Decodes `application/x-www-form-urlencoded`, but strictly: what cannot have been encoded is an error, with the
/// reason.
fn decode(text: &str) -> Result<String, String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [bytes.next(), bytes.next()];
                match digits.map(|digit| digit.and_then(hex)) {
                    [Some(high), Some(low)] => high << 4 | low,
                    _ => {
                        let escape: Vec<u8> = digits.into_iter().flatten().collect();
                        return Err(format!(
                            "`%{}` is not a percent escape",
                            String::from_utf8_lossy(&escape)
                        ));
                    }
                }
            }
            other => other,
        });
    }
    String::from_utf8(decoded).map_err(|error| {
        format!(
            "decoded, it is not UTF-8 from byte {} on",
            error.utf8_error().valid_up_to()
        )
    })
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn certain(key: &str) -> Result<Key, String> {
        Ok(Key {
            key: key.to_owned(),
            other: None,
        })
    }

    fn either(key: &str, other: &str) -> Key {
        Key {
            key: key.to_owned(),
            other: Some(other.to_owned()),
        }
    }

    #[test]
    fn a_classic_key_is_decoded_like_a_form() {
        assert_eq!(encoded("red+flower.jpg"), certain("red flower.jpg"));
        assert_eq!(encoded("in/a%2Bb+%C3%BC.jpg"), certain("in/a+b ü.jpg"));
        assert_eq!(encoded("in/a%2bb%20%c3%bc.jpg"), certain("in/a+b ü.jpg"));
        assert_eq!(encoded("100%25.jpg"), certain("100%.jpg"));
        assert_eq!(encoded("%252B"), certain("%2B"), "decoded once only");
    }

    #[test]
    fn minio_encodes_the_slash_too() {
        assert_eq!(encoded("in%2Fa%2Bb+%C3%BC.jpg"), certain("in/a+b ü.jpg"));
    }

    #[test]
    fn a_key_that_cannot_have_been_encoded_is_taken_as_it_stands() {
        assert_eq!(
            encoded("in/a+b ü.jpg"),
            Ok(either("in/a+b ü.jpg", "in/a b ü.jpg"))
        );
        assert_eq!(encoded("in/ü.jpg"), certain("in/ü.jpg"));
    }

    #[test]
    fn a_bad_escape_says_which() {
        let error = |text| encoded(text).expect_err("a bad escape");
        assert_eq!(error("in/%zz.jpg"), "`%zz` is not a percent escape");
        assert_eq!(error("in/100%"), "`%` is not a percent escape");
        assert_eq!(error("in/100%2"), "`%2` is not a percent escape");
        assert_eq!(error("in/%+1"), "`%+1` is not a percent escape");
        assert_eq!(error("in/%é"), "`%é` is not a percent escape");
        assert_eq!(error("in/ü%zz"), "`%zz` is not a percent escape");
    }

    #[test]
    fn bytes_that_are_not_utf8_are_an_error() {
        assert_eq!(
            encoded("in/%FF.jpg"),
            Err("decoded, it is not UTF-8 from byte 3 on".to_owned())
        );
    }

    #[test]
    fn an_eventbridge_key_is_taken_as_it_stands_first() {
        assert_eq!(
            verbatim("in/a+b ü.jpg"),
            either("in/a+b ü.jpg", "in/a b ü.jpg")
        );
        assert_eq!(verbatim("in%2Fa.jpg"), either("in%2Fa.jpg", "in/a.jpg"));
        assert_eq!(Ok(verbatim("100%.jpg")), certain("100%.jpg"));
        assert_eq!(Ok(verbatim("in/a.jpg")), certain("in/a.jpg"));
    }

    proptest! {
        #[test]
        fn whatever_is_encoded_comes_back(key in "\\PC{1,40}") {
            let mut text = String::new();
            for byte in key.bytes() {
                match byte {
                    b' ' => text.push('+'),
                    byte if byte.is_ascii_alphanumeric() => text.push(char::from(byte)),
                    byte => text.push_str(&format!("%{byte:02X}")),
                }
            }
            prop_assert_eq!(encoded(&text), certain(&key));
        }

        #[test]
        fn no_text_is_a_panic(text in "\\PC{0,40}|[%+0-9a-fA-F]{0,20}") {
            let _ = encoded(&text);
            prop_assert_eq!(verbatim(&text).key, text);
        }
    }
}
