//! Runs the real programs, built once, with an environment that holds nothing of this machine.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use lamplighter_local_aws::{LocalAws, World};
use serde_json::Value;

/// The top of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ is in the repository")
        .to_owned()
}

/// Builds every program of the workspace, once, in the profile of these tests, and answers their folder. With
/// `LAMPLIGHTER_PROGRAMS` it is that folder and nothing is built: so a package's programs are tested as they are, and
/// optimised ones by tests that are not.
pub fn programs() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        if let Some(folder) = std::env::var_os("LAMPLIGHTER_PROGRAMS") {
            return folder.into();
        }
        cargo_build(&["--workspace", "--bins"], own_profile());
        target().join(folder_of(own_profile()))
    })
}

/// Whether the programs are optimised: only then their speed and size say something.
pub fn are_optimised() -> bool {
    programs().ends_with("release")
}

/// Builds an example of a package, optimised if the programs are, and answers its path.
pub fn example(package: &str, name: &str) -> PathBuf {
    let profile = if are_optimised() { "release" } else { "dev" };
    cargo_build(&["--package", package, "--example", name], profile);
    target()
        .join(folder_of(profile))
        .join("examples")
        .join(name)
}

/// Cargo's target folder: this test is target/debug/deps/all-….
fn target() -> PathBuf {
    let own = std::env::current_exe().expect("this test has a path");
    let target = own.ancestors().nth(3).expect("it is in target/debug/deps");
    target.to_owned()
}

fn own_profile() -> &'static str {
    let own = std::env::current_exe().expect("this test has a path");
    let folder = own.ancestors().nth(2).expect("it is in target/debug/deps");
    if folder.ends_with("release") {
        "release"
    } else {
        "dev"
    }
}

fn folder_of(profile: &str) -> &str {
    if profile == "dev" { "debug" } else { profile }
}

fn cargo_build(what: &[&str], profile: &str) {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--profile", profile])
        .args(what)
        .current_dir(root())
        .status()
        .expect("cargo runs");
    assert!(built.success(), "{what:?} does not build");
}

/// The runtime that all tests share for what they serve: a test may block on a program meanwhile.
pub fn runtime() -> &'static tokio::runtime::Runtime {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| tokio::runtime::Runtime::new().expect("a runtime starts"))
}

/// Serves a simulated account, on the runtime that all tests share.
pub fn serve(world: World) -> LocalAws {
    runtime()
        .block_on(LocalAws::start(world))
        .expect("the simulated account starts")
}

/// One call of `lamplighter`.
pub struct Lamplighter {
    command: Command,
    folder: tempfile::TempDir,
}

impl Lamplighter {
    /// `lamplighter ARGS` in an empty folder, with an environment that holds nothing of this machine.
    pub fn new<'a>(args: impl IntoIterator<Item = &'a str>) -> Self {
        Self::program("lamplighter", args)
    }

    /// The same for another of the programs: a `bootstrap-FUNCTION`.
    pub fn program<'a>(name: &str, args: impl IntoIterator<Item = &'a str>) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let mut command = Command::new(programs().join(name));
        command.args(args).env_clear();
        // The default is a folder of the whole machine, and there is one daemon for each.
        let keeps_state = ["daemon", "status", "history", "resume"];
        if command
            .get_args()
            .any(|arg| keeps_state.iter().any(|known| arg == *known))
        {
            command.env("LAMPLIGHTER_DAEMON__STATE_DIR", folder.path());
        }
        command
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", folder.path())
            .current_dir(folder.path())
            .stdin(Stdio::null());
        Self { command, folder }
    }

    /// Against the simulated account.
    pub fn on(mut self, aws: &LocalAws) -> Self {
        self.command.envs(aws.environment());
        self
    }

    /// With this configuration, in `lamplighter.toml`.
    pub fn config(self, text: &str) -> Self {
        std::fs::write(self.folder.path().join("lamplighter.toml"), text)
            .expect("the configuration is written");
        self
    }

    /// With another argument.
    pub fn arg(mut self, arg: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// With these arguments too.
    pub fn args<'a>(mut self, args: impl IntoIterator<Item = &'a str>) -> Self {
        self.command.args(args);
        self
    }

    /// With this variable.
    pub fn env(mut self, key: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(key, value);
        self
    }

    /// The folder it runs in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The command, for tests that run it in their own way.
    pub fn into_command(self) -> (Command, tempfile::TempDir) {
        (self.command, self.folder)
    }

    /// Runs it to its end.
    pub fn run(mut self) -> Ran {
        let Output {
            status,
            stdout,
            stderr,
        } = self.command.output().expect("lamplighter starts");
        Ran {
            code: status.code(),
            stdout: String::from_utf8(stdout).expect("stdout is UTF-8"),
            stderr: String::from_utf8(stderr).expect("stderr is UTF-8"),
            folder: self.folder,
        }
    }
}

/// How a program ended.
pub struct Ran {
    /// The exit code; `None` after a signal.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it said beside that.
    pub stderr: String,
    /// The folder it ran in.
    pub folder: tempfile::TempDir,
}

impl Ran {
    /// Checks the exit code, and shows everything if it is another.
    #[track_caller]
    pub fn code(self, expected: i32) -> Self {
        assert_eq!(
            self.code,
            Some(expected),
            "\n--- stdout\n{}\n--- stderr\n{}",
            self.stdout,
            self.stderr
        );
        self
    }

    /// Its stdout as JSON, if there is any: a program that ends with an error prints none.
    #[track_caller]
    pub fn report(&self) -> Option<Value> {
        (!self.stdout.is_empty()).then(|| self.json())
    }

    /// Its stdout as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| {
            panic!(
                "{error}\n--- stdout\n{}\n--- stderr\n{}",
                self.stdout, self.stderr
            )
        })
    }
}
