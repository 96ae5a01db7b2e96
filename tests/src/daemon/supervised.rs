//! The daemon under a supervisor: what systemd is told, on the socket that systemd would give it, and what a dead-man's
//! switch hears of runs.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::net::UnixDatagram;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use lamplighter_local_aws::{Fault, FaultKind};

use super::{PATIENCE, daemon, due_soon};
use crate::lambda::account;
use crate::process::Process;

/// systemd's end of the notification socket.
struct Supervisor {
    socket: UnixDatagram,
    folder: tempfile::TempDir,
}

impl Supervisor {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = UnixDatagram::bind(folder.path().join("notify")).expect("a socket");
        let patience = Some(PATIENCE);
        socket.set_read_timeout(patience).expect("a patient socket");
        Self { socket, folder }
    }

    /// The next word that has this in it, and how many words came before it.
    fn hears(&self, what: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut heard = vec![];
        while Instant::now() < deadline {
            let mut buffer = [0; 4096];
            let Ok(length) = self.socket.recv(&mut buffer) else {
                break;
            };
            let word = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if word.lines().any(|line| line.starts_with(what)) {
                return word;
            }
            heard.push(word);
        }
        panic!("systemd was not told {what}; it was told {heard:#?}");
    }
}

fn line<'a>(word: &'a str, key: &str) -> &'a str {
    word.lines()
        .find_map(|line| line.strip_prefix(key))
        .unwrap_or_else(|| panic!("no {key} in {word:?}"))
}

#[test]
fn systemd_is_told_when_it_is_ready_lives_reads_its_configuration_and_stops() {
    let aws = account();
    let systemd = Supervisor::new();
    let program = daemon(&aws, "rate(1 day)", "[daemon]\ndrain_secs = 7\n")
        .env("NOTIFY_SOCKET", systemd.folder.path().join("notify"))
        .env("WATCHDOG_USEC", "4000000");
    let file = program.folder().join("lamplighter.toml");
    let daemon = Process::start(program);

    let ready = systemd.hears("READY=1");
    assert!(
        line(&ready, "STATUS=").starts_with("1 functions, 0 running, next look "),
        "{ready}"
    );
    // Every second of the four, on the planner's pulse.
    let begin = Instant::now();
    for _ in 0..3 {
        systemd.hears("WATCHDOG=1");
    }
    let took = begin.elapsed();
    assert!(
        took > Duration::from_millis(900) && took < Duration::from_secs(8),
        "{took:?}"
    );

    // A bad configuration is read, too, and changes nothing; systemd waits for the end of reading only.
    let good = std::fs::read_to_string(&file).expect("read");
    for text in ["[daemon]\nmax_runs = 0\n", &good] {
        std::fs::write(&file, text).expect("written");
        daemon.signal("HUP");
        let reloading = systemd.hears("RELOADING=1");
        let since: u128 = line(&reloading, "MONOTONIC_USEC=").parse().expect("a time");
        assert!(since > 0);
        systemd.hears("READY=1");
    }

    daemon.signal("TERM");
    let stopping = systemd.hears("STOPPING=1");
    let longest: u64 = line(&stopping, "EXTEND_TIMEOUT_USEC=")
        .parse()
        .expect("a time");
    assert_eq!(longest, 27_000_000, "the drain, and twice the time to end");
    daemon.ended(PATIENCE).code(0);
}

/// A dead-man's switch: answers every post, and tells what was posted.
fn switch() -> (String, Receiver<(String, String)>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    let (sender, posts) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.expect("a connection"));
            let mut first = String::new();
            let mut length = 0;
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).expect("a head");
                if first.is_empty() {
                    first.clone_from(&line);
                }
                let lower = line.to_ascii_lowercase();
                if let Some(value) = lower.strip_prefix("content-length:") {
                    length = value.trim().parse().expect("a length");
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).expect("a body");
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nOK";
            stream
                .get_mut()
                .write_all(answer.as_bytes())
                .expect("answered");
            let body = String::from_utf8(body).expect("UTF-8");
            // The test may have seen enough.
            sender.send((first, body)).ok();
        }
    });
    (format!("http://{address}/secret-key/{{function}}"), posts)
}

#[test]
fn a_dead_man_s_switch_hears_of_the_begin_and_the_end_of_a_run_and_the_log_not_of_its_address() {
    for (kind, path, outcome) in [
        (None, "", "ok: "),
        (Some(FaultKind::Denied), "/fail", "partial: "),
    ] {
        let aws = account();
        if let Some(kind) = kind {
            aws.inject(Fault::new("ec2:DescribeInstances", kind));
        }
        let (url, posts) = switch();
        let (daemon, _) = due_soon(|schedule| {
            daemon(&aws, schedule, "").env("LAMPLIGHTER_DAEMON__PING_URL", &url)
        });
        let hear = || posts.recv_timeout(PATIENCE).expect("a post");
        let (start, text) = hear();
        let rid = start.split("rid=").nth(1).expect("an id").to_owned();
        assert!(
            start.starts_with("POST /secret-key/stop-untagged/start?rid="),
            "{start}"
        );
        assert_eq!(text, "");
        let (end, text) = hear();
        assert_eq!(
            end,
            format!("POST /secret-key/stop-untagged{path}?rid={rid}")
        );
        assert!(text.starts_with(outcome), "{text}");
        assert!(text.contains("INFO the run begins"), "{text}");
        daemon.signal("TERM");
        let ran = daemon.ended(PATIENCE).code(0);
        assert!(!ran.stderr.contains("secret-key"), "{}", ran.stderr);
    }
}

#[test]
fn a_switch_that_does_not_answer_disturbs_no_run() {
    let aws = account();
    // It takes the connection and says nothing.
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let url = format!("http://{}/key", silent.local_addr().expect("an address"));
    let (mut daemon, _) =
        due_soon(|schedule| daemon(&aws, schedule, "").env("LAMPLIGHTER_DAEMON__PING_URL", &url));
    daemon.until("the end of the run", Duration::from_secs(10), |log| {
        log.contains("the run ends")
    });
    daemon.until("word of the switch", PATIENCE, |log| {
        log.contains("nobody was told of the run: the dead-man's switch did not answer in time")
    });
    let begin = Instant::now();
    daemon.signal("TERM");
    daemon.ended(PATIENCE).code(0);
    assert!(begin.elapsed() < Duration::from_secs(10));
}
