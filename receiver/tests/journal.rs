//! The journal from outside: what is acknowledged is read, in order, by every lane, in this run and the next.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use bytes::Bytes;
use farol::journal::{
    AppendError, Encoding, Entry, Header, Journal, JournalError, LaneStatus, Options, Position, Reader, Record, Start,
};

const ALL: usize = 1 << 20;

/// A record that carries its number in its received time, its hash and its body.
fn record(number: u64, size: usize) -> Record {
    let mut body = number.to_string().into_bytes();
    body.resize(body.len().max(size), b' ');
    let header = Header {
        received: 1_000 + number,
        encoding: Encoding::Gzip,
        inflated: 70_000,
        app: "shop".into(),
        client: "192.0.2.0".into(),
        user_agent: "test/1".into(),
        idempotency: number,
    };
    Record { header, body: Bytes::from(body) }
}

fn numbers(entries: &[Entry]) -> Vec<u64> {
    entries.iter().map(|entry| entry.record.header.received - 1_000).collect()
}

/// Reads records until the lane has given `count` of them, committing each batch.
async fn drain(reader: &mut Reader, count: usize) -> Vec<u64> {
    let mut read = Vec::new();
    while read.len() < count {
        let entries = reader.read(ALL).await.unwrap();
        assert!(!entries.is_empty(), "closed after {} of {count}", read.len());
        reader.commit(entries.last().unwrap().end).await.unwrap();
        read.extend(numbers(&entries));
    }
    read
}

async fn append(journal: &Journal, numbers: std::ops::Range<u64>, size: usize) -> Vec<Position> {
    let mut ends = Vec::new();
    for number in numbers {
        ends.push(journal.append(record(number, size)).await.unwrap());
    }
    ends
}

fn lane(journal: &Journal, name: &str) -> LaneStatus {
    journal.status().lanes.into_iter().find(|lane| lane.name == name).unwrap()
}

/// Segments of 4 KiB that go as soon as they are passed.
fn small(dir: &Path) -> Options {
    Options { segment_bytes: 4096, keep_passed: Duration::ZERO, ..Options::new(dir) }
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..500 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never happened: {what}");
}

#[tokio::test]
async fn every_lane_reads_what_was_appended_with_all_its_fields() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(Options::new(dir.path().join("a/b"))).unwrap();
    let mut loki = journal.lane("loki", Start::FromCursor).unwrap();
    let mut viewer = journal.lane("viewer", Start::Latest).unwrap();
    let ends = append(&journal, 0..3, 10).await;
    assert!(ends.is_sorted_by(|a, b| a < b));
    for reader in [&mut loki, &mut viewer] {
        let entries = reader.read(ALL).await.unwrap();
        assert_eq!(entries.iter().map(|entry| entry.end).collect::<Vec<_>>(), ends);
        assert_eq!(*entries[2].record, record(2, 10));
    }
    for (path, mode) in [("a", 0o700), ("a/b", 0o700), ("a/b/lock", 0o600)] {
        assert_eq!(fs::metadata(dir.path().join(path)).unwrap().permissions().mode() & 0o777, mode, "{path}");
    }
    for file in fs::read_dir(dir.path().join("a/b")).unwrap() {
        assert_eq!(file.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test]
async fn what_was_not_committed_is_read_again_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    for run in 0..3 {
        let journal = Journal::open(Options::new(dir.path())).unwrap();
        let mut reader = journal.lane("loki", Start::FromCursor).unwrap();
        append(&journal, run * 10..run * 10 + 10, 100).await;
        let from = if run == 0 { 0 } else { run * 10 - 5 };
        let mut entries = Vec::new();
        while entries.len() < (run * 10 + 10 - from) as usize {
            entries.extend(reader.read(ALL).await.unwrap());
        }
        assert_eq!(numbers(&entries), (from..run * 10 + 10).collect::<Vec<_>>());
        reader.commit(entries[entries.len() - 6].end).await.unwrap();
        assert_eq!(lane(&journal, "loki").lag_records, 5);
        assert_eq!(lane(&journal, "loki").oldest_received, Some(1_000 + run * 10 + 5));
    }
}
