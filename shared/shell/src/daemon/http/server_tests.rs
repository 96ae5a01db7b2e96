//! The server on the wire: who is answered, with which headers, and for how long.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use lamplighter_aws::Options;
use lamplighter_config::{Config, Sources};

use super::page_tests::{at, job as page_test_job};
use super::{Link, MOST_HEAD_BYTES, Server};
use crate::daemon::dispatcher::Dispatcher;
use crate::daemon::keeper::News;
use crate::daemon::sqlite::Sqlite;
use crate::daemon::store_tests::{Folder, host};
use crate::settings::Settings;

const TOKEN: &str = "correct-horse-battery";

/// A server without a daemon behind it.
struct Stage {
    runtime: tokio::runtime::Runtime,
    address: SocketAddr,
    news: mpsc::Receiver<News>,
    link: Arc<Link>,
    _server: Server,
    _folder: Folder,
}

fn stage(token: &str) -> Stage {
    let folder = Folder::new();
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
    let address = free.expect("a port is free");
    let text = format!(
        "[audit-mfa]\n[daemon]\nstate_dir = \"{}\"\nhttp = \"{address}\"\ntoken = \"{token}\"\n",
        folder.0.display()
    );
    let sources = Sources {
        file: Some(("lamplighter.toml", &text)),
        ..Sources::default()
    };
    let config = Config::load(&sources).map_err(|errors| errors.render(false));
    let settings = Settings::new(config.expect("a sound configuration"), Options::default());
    let link = Arc::new(Link::new(Some(&folder.0)));
    let now = at("2026-11-22T12:00:00Z");
    let store = Box::new(Sqlite::new(&folder.0));
    let dispatcher = Dispatcher::boot(store, vec![page_test_job("audit-mfa")], 1, host(now), now);
    link.planned(&dispatcher);
    link.looked(&dispatcher);
    let (sender, news) = mpsc::channel();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let server = runtime
        .block_on(Server::start(&settings, &link, &sender, now))
        .expect("it starts")
        .expect("it is on");
    Stage {
        runtime,
        address,
        news,
        link,
        _server: server,
        _folder: folder,
    }
}

impl Stage {
    fn send(&self, request: &str) -> String {
        send(self.address, request)
    }

    fn get(&self, path: &str, headers: &str) -> String {
        self.send(&format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n"
        ))
    }

    fn post(&self, headers: &str, body: &str) -> String {
        post(self.address, headers, body)
    }
}

fn post(address: SocketAddr, headers: &str, body: &str) -> String {
    let head = "POST /jobs/audit-mfa/dry-run HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
                Content-Type: application/x-www-form-urlencoded\r\n";
    let length = body.len();
    send(
        address,
        &format!("{head}Content-Length: {length}\r\n{headers}\r\n{body}"),
    )
}

/// Sends a request as it is, and answers all that comes back.
fn send(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .expect("a timeout");
    // A server that turns a request away may close while it is being sent.
    stream.write_all(request.as_bytes()).ok();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok();
    answer
}

#[track_caller]
fn assert_status(answer: &str, status: u16) {
    let expected = format!("HTTP/1.1 {status} ");
    assert!(answer.starts_with(&expected), "{status}: {answer}");
}

#[test]
fn every_answer_carries_the_headers_that_keep_a_browser_in_check() {
    let stage = stage("");
    for (path, status) in [
        ("/", 200),
        ("/jobs/audit-mfa", 200),
        ("/jobs/no-such-function", 404),
        ("/jobs/..%2f..%2fetc%2fpasswd/report", 404),
        ("/jobs/audit-mfa/report", 404),
        ("/status.json", 200),
        ("/metrics", 200),
        ("/livez", 200),
        ("/readyz", 200),
        ("/assets/page.js", 200),
        ("/assets/page.css", 200),
        ("/assets/lamp.svg", 200),
        ("/nothing", 404),
    ] {
        let answer = stage.get(path, "");
        assert_status(&answer, status);
        let head = answer.split("\r\n\r\n").next().unwrap_or_default();
        for header in [
            "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'",
            "x-content-type-options: nosniff",
            "referrer-policy: same-origin",
            "frame-ancestors 'none'",
            "cache-control: no-",
        ] {
            assert!(head.contains(header), "{path}: {header}: {head}");
        }
    }
    assert_status(
        &stage.send("PUT / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
        405,
    );
}

#[test]
fn a_host_that_is_not_this_machine_is_turned_away() {
    let stage = stage("");
    for host in ["evil.example", "localhost.evil.example", "10.1.2.3"] {
        let answer = stage.send(&format!(
            "GET /status.json HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        ));
        assert_status(&answer, 421);
        assert!(!answer.contains("audit-mfa"), "{answer}");
    }
}

#[test]
fn who_has_it_already_gets_a_304() {
    let stage = stage("");
    for path in ["/status.json", "/assets/page.css"] {
        let answer = stage.get(path, "");
        let tag = answer
            .lines()
            .find_map(|line| line.strip_prefix("etag: "))
            .expect("a tag");
        let again = stage.get(path, &format!("If-None-Match: {tag}\r\n"));
        assert_status(&again, 304);
        assert!(again.ends_with("\r\n\r\n"), "no body: {again}");
        assert_status(&stage.get(path, "If-None-Match: \"another\"\r\n"), 200);
    }
}

#[test]
fn without_a_token_in_the_configuration_nothing_can_be_started() {
    let stage = stage("");
    assert_status(&stage.post("", "token="), 403);
    assert!(stage.news.try_recv().is_err());
    assert!(!stage.get("/jobs/audit-mfa", "").contains("<form"));
}

#[test]
fn a_dry_run_needs_the_token_and_no_foreign_page_and_not_too_many_attempts() {
    let stage = stage(TOKEN);
    let right = format!("token={TOKEN}");
    let address = stage.address;
    assert!(stage.get("/jobs/audit-mfa", "").contains("<form"));
    // A page of somebody else: it does not even cost an attempt.
    for foreign in [
        "Origin: http://evil.example\r\n",
        "Sec-Fetch-Site: cross-site\r\n",
    ] {
        assert_status(&stage.post(foreign, &right), 403);
    }
    assert_status(&stage.post("", "token=wrong"), 403);
    assert_status(&stage.post("", ""), 403);
    assert_status(
        &stage.post("", &format!("{right}&more={}", "x".repeat(5_000))),
        400,
    );
    assert!(stage.news.try_recv().is_err(), "nothing has been asked for");

    let answer = std::thread::scope(|scope| {
        let asked = scope.spawn(|| post(address, "Origin: http://localhost\r\n", &right));
        let news = stage.news.recv_timeout(Duration::from_secs(30));
        let Ok(News::DryRun { function, answer }) = news else {
            panic!("the keeper is asked");
        };
        assert_eq!(function, "audit-mfa");
        answer.send(Ok("01RUN".to_owned())).expect("it waits");
        asked.join().expect("it is answered")
    });
    assert_status(&answer, 303);
    assert!(
        answer.contains("location: /jobs/audit-mfa#dry-run"),
        "{answer}"
    );

    // The fifth, by a program; the daemon stops meanwhile.
    let bearer = format!("Authorization: Bearer {TOKEN}\r\n");
    let answer = std::thread::scope(|scope| {
        let asked = scope.spawn(|| post(address, &bearer, ""));
        drop(stage.news.recv_timeout(Duration::from_secs(30)));
        asked.join().expect("it is answered")
    });
    assert_status(&answer, 503);
    assert_status(&stage.post("", &right), 429);
}

#[test]
fn the_page_and_every_answer_keep_the_token_to_themselves() {
    let stage = stage(TOKEN);
    for path in ["/", "/jobs/audit-mfa", "/status.json", "/metrics"] {
        assert!(!stage.get(path, "").contains(TOKEN), "{path}");
    }
}

#[test]
fn readiness_ends_when_the_daemon_stops() {
    let stage = stage("");
    stage.link.stopping();
    let answer = stage.get("/readyz", "");
    assert_status(&answer, 503);
    assert!(answer.ends_with("the daemon stops\n"), "{answer}");
    assert_status(&stage.get("/livez", ""), 200);
}

#[test]
fn a_head_that_is_too_long_is_refused() {
    let stage = stage("");
    let long = format!("X-Long: {}\r\n", "x".repeat(2 * MOST_HEAD_BYTES));
    let answer = stage.get("/", &long);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
        "{answer}"
    );
    let many: String = (0..200)
        .map(|number| format!("X-{number}: 1\r\n"))
        .collect();
    let answer = stage.get("/", &many);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
        "{answer}"
    );
    assert_status(&stage.get("/livez", ""), 200);
}

#[test]
fn a_client_that_says_nothing_is_left_and_keeps_nobody_out() {
    let stage = stage("");
    let mut silent: Vec<TcpStream> = (0..10)
        .map(|_| TcpStream::connect(stage.address).expect("it listens"))
        .collect();
    for stream in &mut silent {
        stream.write_all(b"GET / HT").expect("it is sent");
    }
    assert_status(&stage.get("/livez", ""), 200);
    let first = silent.first_mut().expect("there are ten");
    first
        .set_read_timeout(Some(super::TIME_FOR_HEAD * 3))
        .expect("a timeout");
    let mut answer = String::new();
    first
        .read_to_string(&mut answer)
        .expect("it is ended by the server");
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 408"),
        "{answer}"
    );
}

impl Drop for Stage {
    fn drop(&mut self) {
        // Connections end with their runtime; nothing in a test has to wait for that.
        let other = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        std::mem::replace(&mut self.runtime, other).shutdown_background();
    }
}
