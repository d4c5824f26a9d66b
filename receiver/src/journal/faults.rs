//! Disk faults on demand, for the tests of this module. Outside tests the struct is empty and every question is "no".

#[cfg(not(test))]
use std::io;
#[cfg(test)]
use std::{
    collections::VecDeque,
    io::{self, ErrorKind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

/// What is to go wrong next.
#[derive(Clone, Default)]
pub(super) struct Faults {
    #[cfg(test)]
    plan: Arc<Mutex<VecDeque<Fault>>>,
    /// An fdatasync waits for as long as a test holds this.
    #[cfg(test)]
    pub gate: Arc<Mutex<()>>,
    #[cfg(test)]
    pub syncs: Arc<AtomicUsize>,
}

/// One thing that goes wrong once. Faults happen in the order given, each at the first operation it fits.
#[cfg(test)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The next write puts down at most so many bytes, without an error.
    ShortWrite(usize),
    /// The next write fails.
    Write(ErrorKind),
    /// The next fdatasync of a segment fails.
    Sync,
    /// The next truncation fails.
    Truncate,
    /// The next new segment can't be made.
    Create(ErrorKind),
    /// The next cursor can't be written.
    Replace(ErrorKind),
}

#[cfg(not(test))]
impl Faults {
    pub(super) fn write(&self, wanted: usize) -> io::Result<usize> {
        Ok(wanted)
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn truncate(&self) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn create(&self) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn replace(&self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
impl Faults {
    /// Adds to what will go wrong.
    pub(super) fn plan(&self, faults: impl IntoIterator<Item = Fault>) {
        lock(&self.plan).extend(faults);
    }

    /// Faults that have not happened yet.
    pub(super) fn left(&self) -> usize {
        lock(&self.plan).len()
    }

    pub(super) fn write(&self, wanted: usize) -> io::Result<usize> {
        match self.take(|fault| matches!(fault, Fault::ShortWrite(_) | Fault::Write(_))) {
            Some(Fault::ShortWrite(count)) => Ok(count.min(wanted)),
            Some(Fault::Write(kind)) => Err(kind.into()),
            _ => Ok(wanted),
        }
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.syncs.fetch_add(1, Ordering::SeqCst);
        drop(lock(&self.gate));
        self.fail(|fault| fault == Fault::Sync)
    }

    pub(super) fn truncate(&self) -> io::Result<()> {
        self.fail(|fault| fault == Fault::Truncate)
    }

    pub(super) fn create(&self) -> io::Result<()> {
        self.fail(|fault| matches!(fault, Fault::Create(_)))
    }

    pub(super) fn replace(&self) -> io::Result<()> {
        self.fail(|fault| matches!(fault, Fault::Replace(_)))
    }

    fn take(&self, fits: impl Fn(Fault) -> bool) -> Option<Fault> {
        lock(&self.plan).pop_front_if(|fault| fits(*fault))
    }

    fn fail(&self, fits: impl Fn(Fault) -> bool) -> io::Result<()> {
        match self.take(fits) {
            Some(Fault::Create(kind) | Fault::Replace(kind)) => Err(kind.into()),
            Some(_) => Err(io::Error::from_raw_os_error(5)),
            None => Ok(()),
        }
    }
}

/// A test that failed while it held the lock is no reason to fail here.
#[cfg(test)]
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
