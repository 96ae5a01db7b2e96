//! A ledger that is only read: also for another user, on a full disk, and whether or not a daemon runs.

use std::path::{Path, PathBuf};

use lamplighter_core::Result;
use rusqlite::{Connection, OpenFlags};

use super::{FILE, PATIENCE, Sqlite, VERSION, cannot, open};

impl Sqlite {
    /// The ledger of a state directory for reading only, also for another user, and also while no daemon runs.
    /// `None` where no daemon has run.
    pub fn read_only(state_dir: &Path) -> Result<Option<Self>> {
        Self::reader(&state_dir.join(FILE), true)
    }

    /// The same in the process of the daemon that writes it. A ledger that cannot be read where it is is not copied
    /// there: to close a file that was opened beside SQLite is to lose this process's locks on it.
    /// <https://www.sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_>
    pub fn read_beside_the_writer(state_dir: &Path) -> Result<Option<Self>> {
        Self::reader(&state_dir.join(FILE), false)
    }

    pub(super) fn reader(path: &Path, may_copy: bool) -> Result<Option<Self>> {
        match std::fs::metadata(path) {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(cannot("read", path, error)),
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
        let uri = |path: &Path, more: &str| {
            let path = path.display().to_string();
            let path = path
                .replace('%', "%25")
                .replace('?', "%3f")
                .replace('#', "%23");
            format!("file:{path}{more}")
        };
        let opened = |uri: &str| -> rusqlite::Result<Connection> {
            let connection = Connection::open_with_flags(uri, flags)?;
            connection.busy_timeout(PATIENCE)?;
            // The first read is what fails where the files beside the ledger cannot be used, and in a ledger of a
            // version without this table. One that is newer has no row here.
            connection.query_row(
                "SELECT (SELECT count(*) FROM queues) FROM pragma_user_version WHERE user_version <= ?1",
                [VERSION],
                |_| Ok(()),
            )?;
            Ok(connection)
        };
        let found = |connection, copy| {
            Ok(Some(Self {
                path: path.to_owned(),
                connection: Some(connection),
                seen: None,
                _copy: copy,
            }))
        };
        let refused = match opened(&uri(path, "")) {
            Ok(connection) => return found(connection, None),
            Err(error) => error,
        };
        // After a clean stop there is no WAL, and who cannot write cannot make more than an empty one: then nothing
        // changes the file either.
        let wal = beside(path, "-wal");
        let is_all = wal.metadata().map_or(true, |wal| wal.len() == 0);
        if is_all && let Ok(connection) = opened(&uri(path, "?immutable=1")) {
            return found(connection, None);
        }
        if !may_copy {
            return Err(cannot("read", path, refused));
        }
        // A WAL that nobody has put in order, or a ledger that no daemon of this version has opened: read a copy, which
        // is brought up to date.
        let copy = Copy::of(path).map_err(|error| cannot("copy", path, error))?;
        match open(&copy.folder.join(FILE)) {
            Ok(connection) => found(connection, Some(copy)),
            Err(error) => Err(cannot("read", path, error)),
        }
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(ending);
    beside.into()
}

/// A copy of a ledger and its WAL, in a folder of its own that goes away with it.
#[derive(Debug)]
pub(super) struct Copy {
    folder: PathBuf,
}

impl Copy {
    fn of(path: &Path) -> std::io::Result<Self> {
        let name = format!("lamplighter-{}", ulid::Ulid::generate());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder)?;
        let copy = Self { folder };
        std::fs::copy(path, copy.folder.join(FILE))?;
        let wal = beside(path, "-wal");
        if wal.exists() {
            std::fs::copy(wal, copy.folder.join(format!("{FILE}-wal")))?;
        }
        Ok(copy)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // It is in the folder for what may go away.
        std::fs::remove_dir_all(&self.folder).ok();
    }
}
