//! One daemon for each state directory: a lock that ends with its process, however that ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use lamplighter_core::{Error, ErrorKind, Result};

use super::store::Host;

/// The lock's file in the state directory. It stays; the lock on it is what counts.
const FILE: &str = "lock";

/// `lamplighter status` holds the lock for a moment to see whether somebody has it.
const PATIENCE: Duration = Duration::from_millis(500);

/// The state directory is this process's.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock, or says who has it.
    pub fn take(state_dir: &Path, host: &Host) -> Result<Self> {
        let path = state_dir.join(FILE);
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            // A lock that is there can be taken in a directory that cannot be written.
            .or_else(|error| File::open(&path).map_err(|_| error));
        let mut file = opened.map_err(|error| {
            Error::config(format!(
                "cannot open the daemon's lock `{}`",
                path.display()
            ))
            .caused_by(error)
            .hint(format!(
                "`[daemon] state_dir` must exist and be writable: `mkdir -p {}`, or name another folder",
                state_dir.display()
            ))
        })?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(50));
                }
                Err(TryLockError::WouldBlock) => {
                    let mut holder = String::new();
                    // Who it is helps, but that there is one is enough.
                    file.read_to_string(&mut holder).ok();
                    let holder = match holder.trim() {
                        "" => "unknown",
                        known => known,
                    };
                    return Err(Error::new(
                        ErrorKind::Locked,
                        format!(
                            "another daemon holds `{}`: {holder}",
                            state_dir.display()
                        ),
                    )
                    .hint("one daemon for each `[daemon] state_dir`; stop the other one, or `lamplighter status`"));
                }
                Err(TryLockError::Error(error)) => {
                    return Err(
                        Error::permanent(format!("cannot lock `{}`", path.display()))
                            .caused_by(error),
                    );
                }
            }
        }
        let text = format!(
            "pid {} on {} since {}\n",
            host.pid,
            host.host,
            host.started_at.format("%Y-%m-%dT%H:%M:%SZ")
        );
        // On a full disk the lock holds without its text.
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(text.as_bytes()))
            .ok();
        Ok(Self { _file: file })
    }

    /// Whether somebody holds the lock. Needs no right to write.
    pub fn is_held(state_dir: &Path) -> bool {
        File::open(state_dir.join(FILE))
            .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }
}
