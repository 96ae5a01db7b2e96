//! An account with a state, a chat that listens, and a topic.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};

use lamplighter_local_aws::{Instance, SentMail, World};
use serde_json::Value;

use crate::stop_untagged::stage::{ACCOUNT, REGION, Stage, world};

/// The topic of these tests, in another region than the account's home.
pub const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:ops";

/// A configuration with a state in `folder`, and these lines in `[report]`.
pub fn config(folder: &tempfile::TempDir, report: &str) -> String {
    format!(
        "[state]\nurl = \"file://{}\"\n\n[report]\nfrom = \"ops@example.com\"\n\
         to = [\"security@example.com\"]\n{report}\n\n[stop-untagged]\n",
        folder.path().display()
    )
}

/// A place for a state.
pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder for the state")
}

/// An account with these instances in its home region, a topic, and this configuration.
pub fn stage(instances: impl IntoIterator<Item = Instance>, config: &str) -> Stage {
    let world = instances
        .into_iter()
        .fold(world().topic(TOPIC), |world: World, instance| {
            world.instance(ACCOUNT, REGION, instance)
        });
    Stage::of(world).whole_config(config)
}

/// An untagged instance.
pub fn untagged(id: &str) -> Instance {
    Instance::new(id)
}

/// What became of each destination: `mail delivered`, `webhook failed`.
pub fn deliveries(run: &Value) -> Vec<String> {
    let rows = run["deliveries"].as_array().expect("deliveries");
    rows.iter()
        .map(|row| {
            let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
            format!("{} {}", text("destination"), text("outcome"))
        })
        .collect()
}

/// A mail's text, with soft line breaks undone.
pub fn unfolded(mail: &SentMail) -> String {
    mail.text().replace("=\r\n", "").replace("=3D", "=")
}

/// The value of a header.
pub fn header(mail: &SentMail, name: &str) -> String {
    let text = mail.text();
    let head = text.split("\r\n\r\n").next().unwrap_or_default();
    let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    let mut lines = unfolded.lines();
    let line = lines.find_map(|line| line.strip_prefix(&format!("{name}: ")));
    line.unwrap_or_default().to_owned()
}

/// A server that takes what is posted to it, and answers as it was told.
pub struct Chat {
    /// Where it listens.
    pub url: String,
    heard: Arc<Mutex<Vec<Heard>>>,
}

/// One request.
#[derive(Clone)]
pub struct Heard {
    /// Method and path.
    pub line: String,
    /// The body as JSON.
    pub body: Value,
}

impl Chat {
    /// Answers these statuses in turn, the last one for ever.
    pub fn answering(statuses: &'static [&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let url = format!(
            "http://{}/services/hidden-token",
            listener.local_addr().expect("it has an address")
        );
        let heard = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&heard);
        // Ends with the tests.
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let mut connection = connection.expect("a connection");
                let mut reader = BufReader::new(connection.try_clone().expect("a second handle"));
                let mut line = String::new();
                reader.read_line(&mut line).expect("a request line");
                let mut length = 0;
                loop {
                    let mut header = String::new();
                    reader.read_line(&mut header).expect("a header");
                    if header.trim().is_empty() {
                        break;
                    }
                    let header = header.to_ascii_lowercase();
                    if let Some(value) = header.strip_prefix("content-length:") {
                        length = value.trim().parse().expect("a length");
                    }
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).expect("a body");
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                let status = statuses[kept.len().min(statuses.len() - 1)];
                kept.push(Heard {
                    line: line.trim().to_owned(),
                    body: serde_json::from_slice(&body).expect("JSON"),
                });
                drop(kept);
                let answer = format!(
                    "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\nlocation: /elsewhere\r\n\r\n"
                );
                connection.write_all(answer.as_bytes()).expect("an answer");
            }
        });
        Self { url, heard }
    }

    /// What was posted so far.
    pub fn heard(&self) -> Vec<Heard> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.clone()
    }

    /// The texts that were posted so far.
    pub fn texts(&self) -> Vec<String> {
        let heard = self.heard().into_iter();
        heard
            .map(|heard| heard.body["text"].as_str().expect("a text").to_owned())
            .collect()
    }
}
