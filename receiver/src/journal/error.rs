//! Why the journal refuses.

use std::{io, path::PathBuf};

use super::Position;

/// Why a journal could not be opened or read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The operating system refused.
    #[error("journal file {}: {source}", path.display())]
    Io {
        /// What could not be used.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The directory belongs to another process, or to another journal of this one.
    #[error("journal directory {} is in use by another process", dir.display())]
    Locked {
        /// The directory.
        dir: PathBuf,
    },
    /// A lane has one reader at a time.
    #[error("lane {lane} already has a reader")]
    LaneTaken {
        /// The lane.
        lane: &'static str,
    },
    /// A lane's name is also a file's name.
    #[error("lane name {lane:?} is not made of a-z, 0-9, _ and -")]
    LaneName {
        /// The name.
        lane: &'static str,
    },
    /// Nothing that was not read can be committed.
    #[error("position {} was committed but never read", position.0)]
    Unread {
        /// The position.
        position: Position,
    },
}

/// Why a record was not accepted. Nothing of it will be read, save after `Failed`, when it is unknown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// No room on the disk; it is worth trying again later.
    #[error("journal disk is full")]
    Full,
    /// The disk failed. After a failed fsync or truncation the journal accepts nothing more until a restart
    /// (`Status::writable` is false).
    #[error("journal failed: {0}")]
    Failed(String),
    /// Too much is waiting to be written; it is worth trying again soon.
    #[error("journal queue is full")]
    Busy,
    /// Over 16 MiB, or a header text over 65,535 bytes: it will never fit.
    #[error("record is too large for the journal")]
    TooLarge,
    /// The journal was closed.
    #[error("journal is closed")]
    Closed,
}
