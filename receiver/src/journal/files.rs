//! Every change that the journal makes on disk, in one place, so that tests can make each of them fail.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::{JournalError, faults::Faults};

/// The journal's directory, open and locked.
pub(super) struct Files {
    dir: PathBuf,
    handle: File,
    /// Holds the lock for as long as it is open.
    _lock: File,
    faults: Faults,
}

impl Files {
    /// Makes the directory when it is missing (0700) and takes its lock. Fails when another process has it.
    pub(super) fn open(dir: &Path, faults: Faults) -> Result<Files, JournalError> {
        let io = |source| JournalError::Io { path: dir.to_owned(), source };
        create_dir(dir).map_err(io)?;
        let lock = private().create(true).truncate(false).open(dir.join("lock")).map_err(io)?;
        lock.try_lock().map_err(|error| match error {
            fs::TryLockError::WouldBlock => JournalError::Locked { dir: dir.to_owned() },
            fs::TryLockError::Error(source) => io(source),
        })?;
        let handle = File::open(dir).map_err(io)?;
        Ok(Files { dir: dir.to_owned(), handle, _lock: lock, faults })
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// An empty file, durable with its name.
    pub(super) fn create(&self, name: &str) -> io::Result<File> {
        self.faults.create()?;
        let file = private().create(true).truncate(true).open(self.path(name))?;
        file.sync_all()?;
        self.sync_dir()?;
        Ok(file)
    }

    /// Writes all of `bytes` at `offset`; on an error any part of them may be there.
    pub(super) fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut written = 0;
        while written < bytes.len() {
            let wanted = &bytes[written..];
            let allowed = self.faults.write(wanted.len())?;
            match file.write_at(&wanted[..allowed], offset + written as u64) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => written += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Makes the file's content durable. After an error nothing is known of what is on disk: never call it again.
    pub(super) fn sync(&self, file: &File) -> io::Result<()> {
        self.faults.sync()?;
        file.sync_data()
    }

    pub(super) fn truncate(&self, file: &File, length: u64) -> io::Result<()> {
        self.faults.truncate()?;
        file.set_len(length)
    }

    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path(name))
    }

    /// Replaces a small file as a whole: a reader finds the old or the new content, never a part.
    pub(super) fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.faults.replace()?;
        let temporary = self.path(&format!("{name}.new"));
        let mut file = private().create(true).truncate(true).open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, self.path(name))
    }

    /// Makes created, renamed and removed names durable.
    pub(super) fn sync_dir(&self) -> io::Result<()> {
        self.handle.sync_all()
    }
}

/// Is there no room for what was to be written? Then it may work again later.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

/// What journal files are opened with: read and write for the owner alone.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    options
}

/// Makes the directory and its missing parents, each durable in the one above it.
fn create_dir(dir: &Path) -> io::Result<()> {
    let missing: Vec<&Path> =
        dir.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists()).collect();
    for path in missing.into_iter().rev() {
        match DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(parent)?.sync_all()?;
    }
    Ok(())
}
