//! The page in a headless Chromium: it follows the daemon by itself, can be clicked and typed at, and hostile text is
//! text. A machine without Chromium gets one for these tests; where that is not possible they say so, and fail in CI.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use super::{HOSTILE, TOKEN, address, daemon, hostile_account, python, wait_for};
use crate::daemon::due_soon;
use crate::harness::root;

/// What starts a Chromium, installed before if need be; none where there is none to be had.
fn chromium() -> Option<PathBuf> {
    let program = root().join("tests/tools/chromium");
    let tried = Command::new(&program)
        .arg("--version")
        .env("CARGO_TARGET_DIR", target())
        .output()
        .expect("there is a shell");
    if tried.status.success() {
        return Some(program);
    }
    let why = String::from_utf8_lossy(&tried.stderr);
    let skipped = format!("SKIPPED: the status page in a browser: {}", why.trim_end());
    // Nobody reads the log of a CI that is green.
    let is_ci = std::env::var_os("CI").is_some_and(|ci| !ci.is_empty() && ci != "false");
    assert!(!is_ci, "{skipped}");
    // Not `eprintln!`, which the harness keeps to itself when a test passes.
    writeln!(std::io::stderr(), "{skipped}").ok();
    None
}

/// The target folder, where the Chromium that is installed for these tests lies.
fn target() -> &'static Path {
    let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
    tmp.parent().expect("it is in the target folder")
}

struct Browser {
    process: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Browser {
    fn start(chromium: &Path) -> Self {
        let mut process = Command::new(python())
            .arg(root().join("tests/src/daemon/http/browser.py"))
            .arg(chromium)
            .env("CARGO_TARGET_DIR", target())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python runs");
        let stdin = process.stdin.take();
        let stdout = BufReader::new(process.stdout.take().expect("it answers"));
        Self {
            process,
            stdin,
            stdout,
        }
    }

    #[track_caller]
    fn tell(&mut self, command: &str, argument: Value) -> Value {
        let stdin = self.stdin.as_mut().expect("it listens until the end");
        writeln!(stdin, "{}", json!({command: argument})).expect("it listens");
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("it answers");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{command} {argument}: {error}"))
    }

    #[track_caller]
    fn eval(&mut self, code: &str) -> Value {
        self.tell("eval", json!(code))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The end of its input is the end of the browser.
        drop(self.stdin.take());
        self.process.wait().ok();
    }
}

#[test]
fn the_page_follows_a_run_by_itself_and_hostile_names_are_text() {
    let Some(chromium) = chromium() else { return };
    let aws = hostile_account();
    let mut browser = Browser::start(&chromium);
    let (mut daemon, due) = due_soon(|schedule| daemon(&aws, schedule));
    let page = format!("http://{}/", address(&mut daemon));
    browser.tell("size", json!([400, 800]));
    browser.tell("open", json!(page));
    let strip = "document.querySelectorAll('#job-stop-untagged ol.strip a').length";
    if chrono::Utc::now() < due {
        assert_eq!(browser.eval(strip), 0);
    }
    // Nobody touches it: the run appears, and so do its findings.
    browser.eval("window.untouched = true");
    wait_for("the run on the page", || browser.eval(strip) == 1);
    let message = "document.querySelector('#job-stop-untagged .message')?.textContent ?? ''";
    wait_for("its findings", || browser.eval(message) != "");
    assert_eq!(
        browser.eval("window.untouched"),
        true,
        "it was not reloaded"
    );

    let said = browser.eval(message);
    assert!(
        said.as_str().is_some_and(|text| text.contains(HOSTILE)),
        "{said}"
    );
    let title = browser.eval("document.title");
    assert_eq!(title, "Lamplighter: 1 functions, all well");
    let elements =
        "document.querySelectorAll('main script, main img, body img:not(.brand img)').length";
    assert_eq!(browser.eval(elements), 0);
    assert_eq!(
        browser.eval("document.documentElement.scrollWidth <= innerWidth"),
        true,
        "nothing to scroll sideways on a phone"
    );
    let label = "document.querySelector('ol.strip a').getAttribute('aria-label')";
    let label = browser.eval(label);
    assert!(
        label
            .as_str()
            .is_some_and(|label| label.starts_with("ok, began ")),
        "{label}"
    );

    // To the history of the run, by a click on its mark.
    browser.tell("click", json!("#job-stop-untagged ol.strip a"));
    wait_for("the function's page", || {
        browser.eval("location.pathname") == "/jobs/stop-untagged"
    });
    let target = "document.querySelector(':target')?.textContent ?? ''";
    wait_for("the run in the history", || {
        browser
            .eval(target)
            .as_str()
            .is_some_and(|text| text.contains("ok"))
    });

    // A dry run, by its form; its end appears by itself.
    browser.eval(&format!(
        "document.getElementById('token').value = '{TOKEN}'"
    ));
    browser.tell("click", json!("form button"));
    let state = "document.getElementById('dry-run-state')?.textContent ?? ''";
    wait_for("the end of the dry run", || {
        browser
            .eval(state)
            .as_str()
            .is_some_and(|text| text.contains("ended as ok"))
    });

    // The report, under a policy of its own, with its styles.
    let report = format!("{page}jobs/stop-untagged/report");
    browser.tell("open", json!(report));
    let radius = "getComputedStyle(document.querySelector('section')).borderTopLeftRadius";
    assert_eq!(browser.eval(radius), "10px", "its styles are in force");
    assert_eq!(
        browser.eval("document.querySelectorAll('script, img').length"),
        0
    );
    assert_eq!(
        browser.tell("errors", json!(true)),
        json!([]),
        "no policy was violated"
    );
}

#[test]
fn the_runs_of_a_strip_are_one_tab_stop_and_the_arrows_go_through_them() {
    let Some(chromium) = chromium() else { return };
    let aws = hostile_account();
    let mut browser = Browser::start(&chromium);
    let (mut daemon, _) = due_soon(|schedule| daemon(&aws, schedule));
    let page = format!("http://{}/", address(&mut daemon));
    browser.tell("open", json!(page));
    wait_for("the run on the page", || {
        browser.eval("document.querySelectorAll('ol.strip a').length") == 1
    });
    // More of the same, as after a day, and the arrows.
    browser.eval(
        "(() => { const list = document.querySelector('ol.strip'); \
         for (let i = 0; i < 3; i += 1) { const copy = list.lastElementChild.cloneNode(true); \
         copy.firstElementChild.id = `more-${i}`; copy.firstElementChild.tabIndex = -1; list.append(copy); } \
         list.querySelector('a').focus(); })()",
    );
    browser.tell("key", json!("ArrowRight"));
    assert_eq!(browser.eval("document.activeElement.id"), "more-0");
    browser.tell("key", json!("End"));
    assert_eq!(browser.eval("document.activeElement.id"), "more-2");
    browser.tell("key", json!("ArrowLeft"));
    assert_eq!(browser.eval("document.activeElement.id"), "more-1");
    let stops = "document.querySelectorAll('ol.strip a[tabindex=\"0\"]').length";
    assert_eq!(browser.eval(stops), 1);

    // In the dark the page is dark, and a daemon that is gone is said to be.
    let lightness = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0]";
    browser.tell("scheme", json!("light"));
    assert!(
        browser
            .eval(lightness)
            .as_i64()
            .is_some_and(|red| red > 200)
    );
    browser.tell("scheme", json!("dark"));
    assert!(browser.eval(lightness).as_i64().is_some_and(|red| red < 60));
    daemon.kill();
    wait_for("word that the daemon does not answer", || {
        browser.eval("document.getElementById('lost').textContent") == "no answer from the daemon"
    });
}
