//! A program that goes on running while a test watches it.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::harness::{Lamplighter, Ran};

/// How often a test looks again.
pub const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A running program. Dropping it ends the process, so that a failed test leaves nothing behind.
pub struct Process {
    child: Child,
    folder: Option<tempfile::TempDir>,
    stdout: Stream,
    stderr: Stream,
}

impl Process {
    /// Starts it. Its output is read all the time: a full pipe would stop it.
    pub fn start(program: Lamplighter) -> Self {
        let (command, folder) = program.into_command();
        Self::of(command, folder)
    }

    /// Starts a command in its own way.
    pub fn of(mut command: Command, folder: tempfile::TempDir) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let stdout = Stream::read(child.stdout.take().expect("it has a stdout"));
        let stderr = Stream::read(child.stderr.take().expect("it has a stderr"));
        Self {
            child,
            folder: Some(folder),
            stdout,
            stderr,
        }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has said on stderr so far.
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("it can be asked").is_none()
    }

    /// Waits until something is so, and fails with what the program said if it never is.
    #[track_caller]
    pub fn until(&mut self, what: &str, patience: Duration, mut is_so: impl FnMut(&str) -> bool) {
        let deadline = Instant::now() + patience;
        while !is_so(&self.stderr()) {
            assert!(
                Instant::now() < deadline && self.is_running(),
                "waited for {what}; the program said:\n{}",
                self.stderr()
            );
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    /// Sends a signal: `TERM`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status()
            .expect("kill runs");
        assert!(sent.success(), "the process is there to be signalled");
    }

    /// Waits for its end.
    #[track_caller]
    pub fn ended(mut self, patience: Duration) -> Ran {
        let deadline = Instant::now() + patience;
        while self.is_running() {
            assert!(
                Instant::now() < deadline,
                "it did not end in {patience:?}; it said:\n{}",
                self.stderr()
            );
            std::thread::sleep(LOOK_AGAIN);
        }
        self.collect()
    }

    /// Ends it the hard way.
    pub fn kill(mut self) -> Ran {
        // It may have ended by itself.
        self.child.kill().ok();
        self.collect()
    }

    fn collect(mut self) -> Ran {
        let code = self.child.wait().expect("it can be waited for").code();
        Ran {
            code,
            stdout: self.stdout.end(),
            stderr: self.stderr.end(),
            folder: self.folder.take().expect("taken once"),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Ended already: most tests wait for the end.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// One of a program's outputs, read as it comes.
struct Stream {
    text: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Stream {
    fn read(pipe: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let shared = Arc::clone(&text);
        let reader = std::thread::spawn(move || {
            let mut pipe = BufReader::new(pipe);
            let mut line = String::new();
            while pipe.read_line(&mut line).expect("its output is UTF-8") > 0 {
                shared
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push_str(&line);
                line.clear();
            }
        });
        Self {
            text,
            reader: Some(reader),
        }
    }

    fn text(&self) -> String {
        let text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        text.clone()
    }

    /// All of it, once the program has ended.
    fn end(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("its output was read");
        }
        self.text()
    }
}
