//! What is said before TLS begins: STARTTLS of SMTP and IMAP.

use lamplighter_config::Protocol;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// A server that says more than this before TLS is none.
const MAX_BYTES: usize = 64 * 1024;

/// Asks the server to begin TLS. Nothing is said of the machine: the name in EHLO is an address literal that is nobody's.
pub(crate) async fn greet<S>(protocol: Protocol, stream: &mut S) -> Result<(), String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut talk = Talk {
        stream,
        left: MAX_BYTES,
    };
    match protocol {
        Protocol::Tls => Ok(()),
        Protocol::Smtp => {
            talk.smtp_answer("220").await?;
            talk.say("EHLO [127.0.0.1]\r\n").await?;
            talk.smtp_answer("250").await?;
            talk.say("STARTTLS\r\n").await?;
            talk.smtp_answer("220").await
        }
        Protocol::Imap => {
            let greeting = talk.line().await?;
            if !greeting.to_ascii_uppercase().starts_with("* OK") {
                return Err(refused(&greeting));
            }
            talk.say("a STARTTLS\r\n").await?;
            loop {
                let line = talk.line().await?;
                let upper = line.to_ascii_uppercase();
                if upper.starts_with("A OK") {
                    return Ok(());
                }
                // Answers without a tag may come in between.
                if !upper.starts_with("* ") {
                    return Err(refused(&line));
                }
            }
        }
    }
}

struct Talk<'a, S> {
    stream: &'a mut S,
    left: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<'_, S> {
    async fn say(&mut self, text: &str) -> Result<(), String> {
        let sent = self.stream.write_all(text.as_bytes()).await;
        sent.map_err(|error| format!("the connection broke before TLS: {error}"))
    }

    /// One line without its end. It is read byte by byte: whatever comes after the last line belongs to TLS.
    async fn line(&mut self) -> Result<String, String> {
        let mut line = Vec::new();
        loop {
            if self.left == 0 {
                return Err("it says too much before TLS".to_owned());
            }
            self.left -= 1;
            match self.stream.read_u8().await {
                Ok(b'\n') => break,
                Ok(byte) => line.push(byte),
                Err(error) => return Err(format!("the connection broke before TLS: {error}")),
            }
        }
        Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
    }

    /// An answer of one or several lines: `250-…` goes on, `250 …` is the last.
    async fn smtp_answer(&mut self, code: &str) -> Result<(), String> {
        loop {
            let line = self.line().await?;
            let Some(rest) = line.strip_prefix(code) else {
                return Err(refused(&line));
            };
            if !rest.starts_with('-') {
                return Ok(());
            }
        }
    }
}

fn refused(line: &str) -> String {
    let line: String = line
        .chars()
        .filter(|letter| !letter.is_control())
        .take(120)
        .collect();
    format!("it does not begin TLS, it answers `{line}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays a server that says these lines, and answers what it was told.
    async fn play(protocol: Protocol, says: &str) -> (Result<(), String>, String) {
        let (mut ours, mut theirs) = tokio::io::duplex(4096);
        theirs.write_all(says.as_bytes()).await.expect("it fits");
        let result = greet(protocol, &mut ours).await;
        drop(ours);
        let mut told = String::new();
        theirs.read_to_string(&mut told).await.expect("it is text");
        (result, told)
    }

    #[tokio::test]
    async fn smtp_may_answer_in_several_lines() {
        let says = "220-mx\r\n220 ready\r\n250-mx\r\n250-SIZE 1\r\n250 STARTTLS\r\n220 go\r\n";
        let (result, told) = play(Protocol::Smtp, says).await;
        assert_eq!(result, Ok(()));
        assert_eq!(told, "EHLO [127.0.0.1]\r\nSTARTTLS\r\n");
    }

    #[tokio::test]
    async fn imap_may_say_something_in_between() {
        let says = "* OK ready\r\n* CAPABILITY IMAP4rev1\r\na OK begin\r\n";
        let (result, told) = play(Protocol::Imap, says).await;
        assert_eq!(result, Ok(()));
        assert_eq!(told, "a STARTTLS\r\n");
    }

    #[tokio::test]
    async fn a_server_that_refuses_is_quoted() {
        let (result, _) = play(Protocol::Smtp, "220 mx\r\n250 mx\r\n454 not now\r\n").await;
        assert_eq!(
            result,
            Err("it does not begin TLS, it answers `454 not now`".to_owned())
        );
        let (result, _) = play(Protocol::Imap, "* BYE\r\n").await;
        assert_eq!(
            result,
            Err("it does not begin TLS, it answers `* BYE`".to_owned())
        );
    }

    #[tokio::test]
    async fn a_server_that_never_ends_its_line_is_left() {
        let (mut ours, theirs) = tokio::io::duplex(256 * 1024);
        let writer = tokio::spawn(async move {
            let mut theirs = theirs;
            // The reader goes away in the middle.
            theirs.write_all(&vec![b'x'; MAX_BYTES + 1]).await.ok();
            theirs
        });
        let result = greet(Protocol::Smtp, &mut ours).await;
        assert_eq!(result, Err("it says too much before TLS".to_owned()));
        writer.await.expect("it ends");
    }
}
