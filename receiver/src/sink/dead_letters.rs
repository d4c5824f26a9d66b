//! Dead letters: what a store refused for good, with its reason, in a file of JSON lines for its owner alone.
//!
//! `dead-letters.jsonl` holds the newest, `dead-letters.old.jsonl` those before; the older file goes when the
//! newer has taken its half of the bytes, or is half as old as a letter may get. So letters take at most
//! [`Limits::bytes`], and none gets older than [`Limits::age`], which is the bound for erasure.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Most letters of one refused request. A store that takes nothing would fill the file with one.
pub const OF_REQUEST: usize = 100;

/// Bytes of an item that are kept.
const ITEM_BYTES: usize = 64 * 1024;

/// What dead letters may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of both files.
    pub bytes: u64,
    /// The oldest that a letter gets.
    pub age: Duration,
}

impl Default for Limits {
    /// 16 MiB, a day: what the journal gives a record.
    fn default() -> Self {
        Limits { bytes: 16 << 20, age: Duration::from_secs(24 * 3600) }
    }
}

/// One item, or a count of items of which nothing more is known.
#[derive(Debug)]
pub struct Letter<'l> {
    /// The lane.
    pub lane: &'l str,
    /// Why, in the store's words.
    pub reason: &'l str,
    /// How many items it stands for.
    pub items: usize,
    /// The item as JSON.
    pub item: Option<Box<RawValue>>,
}

/// A letter as it is written.
#[derive(Serialize)]
struct Line<'l> {
    time: String,
    lane: &'l str,
    reason: &'l str,
    items: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<&'l RawValue>,
    /// The start of an item that is too long, as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    item_start: Option<&'l str>,
}

/// What is read of a letter to know its age.
#[derive(Deserialize)]
struct Dated {
    time: String,
}

/// The files, open for writing.
#[derive(Debug)]
pub struct DeadLetters {
    dir: PathBuf,
    limits: Limits,
    newest: Mutex<Newest>,
}

#[derive(Debug)]
struct Newest {
    file: File,
    bytes: u64,
    /// When its first letter was written; `None` while it is empty.
    began: Option<SystemTime>,
}

impl DeadLetters {
    /// Opens the files in `dir`, which is made when missing.
    ///
    /// # Errors
    /// When the directory or a file cannot be made, read or written.
    pub fn open(dir: &Path, limits: Limits) -> io::Result<DeadLetters> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        let path = dir.join(NEWEST);
        let began = match File::open(&path) {
            Ok(file) => first_time(file)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let mut file = append_to(&path)?;
        let bytes = file.metadata()?.len();
        if bytes > 0 {
            // A line that a crash left half written must not spoil the next one.
            file.write_all(b"\n")?;
        }
        let newest = Mutex::new(Newest { file, bytes, began });
        Ok(DeadLetters { dir: dir.to_owned(), limits, newest })
    }

    /// Appends letters, written at `now`. They are not synced: they are not what was promised to be kept.
    ///
    /// # Errors
    /// When a file cannot be written or removed; some letters may be there.
    pub fn append(&self, letters: &[Letter], now: SystemTime) -> io::Result<()> {
        let mut newest = self.newest();
        let time = OffsetDateTime::from(now).format(&Rfc3339).unwrap_or_default();
        for letter in letters {
            let item = letter.item.as_deref();
            let (whole, start) = match item {
                Some(item) if item.get().len() > ITEM_BYTES => {
                    (None, Some(&item.get()[..item.get().floor_char_boundary(ITEM_BYTES)]))
                }
                item => (item, None),
            };
            let Letter { lane, reason, items, .. } = *letter;
            let line = Line { time: time.clone(), lane, reason, items, item: whole, item_start: start };
            let mut line = serde_json::to_vec(&line)?;
            line.push(b'\n');
            self.make_room(&mut newest, line.len() as u64, now)?;
            newest.file.write_all(&line)?;
            newest.bytes += line.len() as u64;
            newest.began.get_or_insert(now);
        }
        Ok(())
    }

    /// Removes what is too old at `now`; to be called now and then.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub fn expire(&self, now: SystemTime) -> io::Result<()> {
        let mut newest = self.newest();
        self.make_room(&mut newest, 0, now)?;
        // What was moved aside an age ago has no letter that is younger than half of one.
        let old = self.dir.join(OLD);
        let moved = std::fs::metadata(&old).and_then(|old| old.modified());
        if moved.is_ok_and(|moved| now.duration_since(moved).is_ok_and(|age| age > self.limits.age / 2)) {
            std::fs::remove_file(old)?;
        }
        Ok(())
    }

    /// The newest letters, the newest first, each a line of JSON; at most `most`.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn newest_lines(&self, most: usize) -> io::Result<Vec<String>> {
        let _whole = self.newest();
        let mut lines = Vec::new();
        for name in [OLD, NEWEST] {
            match std::fs::read_to_string(self.dir.join(name)) {
                Ok(text) => lines.extend(text.lines().filter(|line| !line.is_empty()).map(str::to_owned)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        lines.drain(..lines.len().saturating_sub(most));
        lines.reverse();
        Ok(lines)
    }

    fn make_room(&self, newest: &mut Newest, bytes: u64, now: SystemTime) -> io::Result<()> {
        let aged = |began: SystemTime| now.duration_since(began).is_ok_and(|age| age > self.limits.age / 2);
        let full = newest.bytes > 0 && newest.bytes + bytes > self.limits.bytes / 2;
        if full || newest.began.is_some_and(aged) {
            let path = self.dir.join(NEWEST);
            std::fs::rename(&path, self.dir.join(OLD))?;
            *newest = Newest { file: append_to(&path)?, bytes: 0, began: None };
        }
        Ok(())
    }

    fn newest(&self) -> MutexGuard<'_, Newest> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const NEWEST: &str = "dead-letters.jsonl";
const OLD: &str = "dead-letters.old.jsonl";

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

/// When the first letter that can be read was written.
fn first_time(file: File) -> io::Result<Option<SystemTime>> {
    for line in BufReader::new(file).split(b'\n') {
        let dated = serde_json::from_slice::<Dated>(&line?).ok();
        let time = dated.and_then(|dated| OffsetDateTime::parse(&dated.time, &Rfc3339).ok());
        if let Some(time) = time {
            return Ok(Some(time.into()));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use tempfile::TempDir;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_223_637 + seconds)
    }

    fn append(letters: &DeadLetters, reason: &str, item: &str, seconds: u64) {
        let item = Some(RawValue::from_string(item.to_owned()).unwrap());
        letters.append(&[Letter { lane: "loki", reason, items: 1, item }], at(seconds)).unwrap();
    }

    #[test]
    fn letters_are_lines_for_their_owner_alone() {
        let dir = TempDir::new().unwrap();
        let letters = DeadLetters::open(&dir.path().join("new"), Limits::default()).unwrap();
        append(&letters, "status 400: too\nold", r#"{"kind":"log"}"#, 0);
        letters.append(&[Letter { lane: "otlp_logs", reason: "r", items: 7, item: None }], at(1)).unwrap();
        let expected = [
            r#"{"time":"2026-11-21T01:13:58Z","lane":"otlp_logs","reason":"r","items":7}"#,
            r#"{"time":"2026-11-21T01:13:57Z","lane":"loki","reason":"status 400: too\nold","items":1,"item":{"kind":"log"}}"#,
        ];
        assert_eq!(letters.newest_lines(10).unwrap(), expected);
        assert_eq!(letters.newest_lines(1).unwrap(), expected[..1]);
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&dir.path().join("new")), mode(&dir.path().join("new").join(NEWEST))), (0o700, 0o600));
    }

    #[test]
    fn letters_are_bounded_in_bytes_and_the_oldest_go() {
        let dir = TempDir::new().unwrap();
        let letters = DeadLetters::open(dir.path(), Limits { bytes: 4_000, ..Limits::default() }).unwrap();
        for number in 0..200 {
            append(&letters, "r", &format!("{number}"), number);
        }
        let size = |name| std::fs::metadata(dir.path().join(name)).unwrap().len();
        assert!(size(NEWEST) <= 2_000 && size(OLD) <= 2_000);
        let lines = letters.newest_lines(1000).unwrap();
        assert!(lines[0].ends_with(r#""item":199}"#) && (20..60).contains(&lines.len()), "{}", lines.len());
        append(&letters, "r", &format!("\"{}\"", "x".repeat(100_000)), 300);
        let long = &letters.newest_lines(1).unwrap()[0];
        assert!(long.contains("item_start") && long.len() < 66_000);
    }

    #[test]
    fn letters_are_bounded_in_age_across_a_restart_too() {
        let dir = TempDir::new().unwrap();
        let limits = Limits { age: Duration::from_secs(1_000), ..Limits::default() };
        let open = || DeadLetters::open(dir.path(), limits).unwrap();
        append(&open(), "r", "1", 0);
        let letters = open();
        append(&letters, "r", "2", 400);
        assert_eq!(letters.newest_lines(9).unwrap().len(), 2);
        append(&letters, "r", "3", 600);
        append(&letters, "r", "4", 1_101);
        let lines = letters.newest_lines(9).unwrap();
        assert_eq!(lines.len(), 2, "the first two are over a thousand seconds old, or nearly: {lines:?}");
        // The file that was moved aside goes by itself, by the clock of the disk.
        letters.expire(SystemTime::now() + Duration::from_secs(501)).unwrap();
        assert!(!dir.path().join(OLD).exists());
    }

    #[test]
    fn a_torn_line_spoils_no_other() {
        let dir = TempDir::new().unwrap();
        std::fs::write(dir.path().join(NEWEST), b"{\"time\":\"2026-").unwrap();
        let letters = DeadLetters::open(dir.path(), Limits::default()).unwrap();
        append(&letters, "r", "1", 0);
        assert!(letters.newest_lines(1).unwrap()[0].ends_with(r#""item":1}"#));
    }
}
