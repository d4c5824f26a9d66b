//! The journal from outside: what is acknowledged is read, in order, by every lane, in this run and the next.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::{Arc, Weak},
    time::Duration,
};

use bytes::Bytes;
use farol::journal::{
    AppendError, Companion, Encoding, Entry, Header, Journal, JournalError, LaneStatus, Options, Position, Reader,
    Record, Start,
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
        let entries = tokio::time::timeout(Duration::from_secs(10), reader.read(ALL)).await;
        let entries = entries.unwrap_or_else(|_| panic!("waits after {} of {count}", read.len())).unwrap();
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

#[tokio::test]
async fn a_lane_without_a_cursor_starts_where_it_asks_to() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(Options::new(dir.path())).unwrap();
    append(&journal, 0..5, 10).await;
    let mut oldest = journal.lane("oldest", Start::FromCursor).unwrap();
    let mut latest = journal.lane("latest", Start::Latest).unwrap();
    append(&journal, 5..8, 10).await;
    assert_eq!(drain(&mut oldest, 8).await, (0..8).collect::<Vec<_>>());
    assert_eq!(drain(&mut latest, 3).await, (5..8).collect::<Vec<_>>());
    append(&journal, 8..9, 10).await;
    drop((oldest, latest, journal));
    // With a cursor both begin at it.
    let journal = Journal::open(Options::new(dir.path())).unwrap();
    for (name, start) in [("oldest", Start::Latest), ("latest", Start::FromCursor)] {
        assert_eq!(drain(&mut journal.lane(name, start).unwrap(), 1).await, [8]);
    }
}

#[tokio::test]
async fn a_lane_that_never_committed_keeps_its_start() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(Options::new(dir.path())).unwrap();
    append(&journal, 0..3, 10).await;
    let latest = journal.lane("latest", Start::Latest).unwrap();
    append(&journal, 3..6, 10).await;
    drop((latest, journal));
    let journal = Journal::open(Options::new(dir.path())).unwrap();
    assert_eq!(drain(&mut journal.lane("latest", Start::Latest).unwrap(), 3).await, [3, 4, 5]);
}

#[tokio::test]
async fn a_lane_that_is_far_behind_reads_files_and_then_memory() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(Options { segment_bytes: 3 << 20, ..Options::new(dir.path()) }).unwrap();
    let mut reader = journal.lane("loki", Start::FromCursor).unwrap();
    // 20 MB: more than what stays in memory, over several segments; some larger than what is read at once.
    let sizes = |number: u64| if number % 20 == 3 { 1_500_000 } else { 20_000 };
    for number in 0..200 {
        journal.append(record(number, sizes(number))).await.unwrap();
    }
    assert!(journal.status().segments > 4);
    assert_eq!(lane(&journal, "loki").oldest_received, Some(1_000));
    let mut next = 0;
    while next < 200 {
        for entry in reader.read(100_000).await.unwrap() {
            assert_eq!(*entry.record, record(next, sizes(next)));
            next += 1;
        }
    }
}

#[tokio::test]
async fn a_batch_is_about_as_large_as_asked_and_never_empty() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(Options::new(dir.path())).unwrap();
    append(&journal, 0..10, 1000).await;
    drop(journal);
    let journal = Journal::open(Options::new(dir.path())).unwrap();
    let mut from_file = journal.lane("file", Start::FromCursor).unwrap();
    let mut from_memory = journal.lane("memory", Start::Latest).unwrap();
    append(&journal, 0..10, 1000).await;
    for reader in [&mut from_file, &mut from_memory] {
        for (max, least, most) in [(0, 1, 1), (1, 1, 1), (3500, 2, 4)] {
            let count = reader.read(max).await.unwrap().len();
            assert!((least..=most).contains(&count), "{count} records for {max} bytes");
        }
    }
}

#[tokio::test]
async fn a_read_that_is_given_up_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(Options::new(dir.path())).unwrap();
    append(&journal, 0..50, 5000).await;
    drop(journal);
    let journal = Journal::open(Options::new(dir.path())).unwrap();
    let mut reader = journal.lane("loki", Start::FromCursor).unwrap();
    let mut read = Vec::new();
    while read.len() < 50 {
        tokio::select! {
            biased;
            entries = reader.read(10_000) => read.extend(numbers(&entries.unwrap())),
            () = tokio::time::sleep(Duration::from_micros(50)) => {}
        }
    }
    assert_eq!(read, (0..50).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_second_journal_on_the_directory_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(Options::new(dir.path())).unwrap();
    let error = Journal::open(Options::new(dir.path())).err().unwrap();
    assert!(matches!(&error, JournalError::Locked { .. }));
    assert!(error.to_string().contains(dir.path().to_str().unwrap()), "{error}");
    drop(journal);
    Journal::open(Options::new(dir.path())).unwrap();
}

#[tokio::test]
async fn a_lane_has_one_reader_and_a_plain_name() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(Options::new(dir.path())).unwrap();
    append(&journal, 0..4, 10).await;
    let mut reader = journal.lane("loki", Start::FromCursor).unwrap();
    assert!(matches!(journal.lane("loki", Start::Latest), Err(JournalError::LaneTaken { lane: "loki" })));
    for name in ["", "../loki", "Loki", "a.b"] {
        assert!(matches!(journal.lane(name, Start::Latest), Err(JournalError::LaneName { .. })), "{name}");
    }
    let entries = reader.read(ALL).await.unwrap();
    let beyond = Position(entries[3].end.0 + 1);
    assert!(matches!(reader.commit(beyond).await, Err(JournalError::Unread { .. })));
    reader.commit(entries[1].end).await.unwrap();
    // An earlier position takes nothing back.
    reader.commit(entries[0].end).await.unwrap();
    drop(reader);
    let mut reader = journal.lane("loki", Start::FromCursor).unwrap();
    assert_eq!(numbers(&reader.read(ALL).await.unwrap()), [2, 3]);
}

#[tokio::test]
async fn segments_go_when_every_opened_lane_has_passed_them() {
    let dir = tempfile::tempdir().unwrap();
    {
        let journal = Journal::open(small(dir.path())).unwrap();
        // A lane of an earlier run: its cursor stays and holds nothing.
        drop(journal.lane("retired", Start::FromCursor).unwrap());
    }
    let journal = Journal::open(small(dir.path())).unwrap();
    let mut loki = journal.lane("loki", Start::FromCursor).unwrap();
    let mut otlp = journal.lane("otlp", Start::FromCursor).unwrap();
    append(&journal, 0..100, 1000).await;
    let full = journal.status();
    assert!(full.segments > 20 && full.bytes > 100_000, "{full:?}");
    drain(&mut loki, 100).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(journal.status().segments, full.segments, "otlp has not passed them");
    drain(&mut otlp, 100).await;
    until("all but the last segment are gone", || journal.status().segments == 1).await;
    until("their files too", || files(dir.path(), "segment") == 1).await;
    assert!(dir.path().join("retired.cursor").exists());
    assert_eq!(lane(&journal, "loki").dropped_records + lane(&journal, "otlp").dropped_records, 0);
    // Positions go on where they were, although nothing older is left.
    let before = append(&journal, 100..101, 10).await[0];
    drop((loki, otlp, journal));
    let journal = Journal::open(small(dir.path())).unwrap();
    assert!(append(&journal, 101..102, 10).await[0] > before);
}

fn files(dir: &Path, extension: &str) -> usize {
    fs::read_dir(dir)
        .unwrap()
        .filter(|file| file.as_ref().unwrap().path().extension() == Some(extension.as_ref()))
        .count()
}

#[tokio::test]
async fn a_lane_over_its_budget_loses_its_oldest_and_counts_them() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { max_bytes: 40_000, ..small(dir.path()) };
    let journal = Journal::open(options.clone()).unwrap();
    let mut quick = journal.lane("quick", Start::FromCursor).unwrap();
    let mut stuck = journal.lane("stuck", Start::FromCursor).unwrap();
    let held = {
        append(&journal, 0..1, 1000).await;
        stuck.read(1).await.unwrap().len() as u64
    };
    for number in 1..200 {
        append(&journal, number..number + 1, 1000).await;
        drain(&mut quick, if number == 1 { 2 } else { 1 }).await;
    }
    journal.close().await;
    assert!(journal.status().bytes <= 40_000, "{:?}", journal.status());
    let status = lane(&journal, "stuck");
    assert!(status.dropped_records > 150, "{status:?}");
    assert_eq!(status.dropped_records + status.lag_records + held, 200);
    assert_eq!(lane(&journal, "quick").dropped_records, 0);
    assert_eq!(lane(&journal, "quick").lag_records, 0);
    assert_eq!(status.oldest_received, Some(1_000 + 200 - status.lag_records));
    drop((quick, stuck, journal));
    // What it lost is not counted again by the next run, which may have to make room for a segment of its own.
    let journal = Journal::open(options).unwrap();
    let mut stuck = journal.lane("stuck", Start::FromCursor).unwrap();
    append(&journal, 200..201, 1000).await;
    journal.close().await;
    let next = lane(&journal, "stuck");
    assert_eq!(next.dropped_records + next.lag_records, status.lag_records + 1);
    let first = 201 - next.lag_records;
    assert_eq!(drain(&mut stuck, next.lag_records as usize).await, (first..201).collect::<Vec<_>>());
}

#[tokio::test]
async fn nothing_outlives_the_age_cap() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(Options::new(dir.path())).unwrap();
    let stuck = journal.lane("stuck", Start::FromCursor).unwrap();
    append(&journal, 0..10, 100).await;
    drop((stuck, journal));
    let mut files = fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().path());
    let segment = files.find(|path| path.extension() == Some("segment".as_ref())).unwrap();
    let mut file = fs::File::options().append(true).open(segment).unwrap();
    // Cutting a torn tail does not make a file younger.
    file.write_all(b"torn").unwrap();
    file.set_modified(std::time::SystemTime::now() - Duration::from_secs(23 * 3600)).unwrap();
    let journal = Journal::open(Options::new(dir.path())).unwrap();
    let mut stuck = journal.lane("stuck", Start::FromCursor).unwrap();
    append(&journal, 10..12, 100).await;
    assert_eq!(drain(&mut stuck, 2).await, [10, 11]);
    assert_eq!(lane(&journal, "stuck").dropped_records, 10);
    assert_eq!(journal.status().segments, 1);
}

#[tokio::test]
async fn an_idle_segment_does_not_outlive_the_age_cap_either() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(Options { max_age: Duration::from_millis(800), ..Options::new(dir.path()) }).unwrap();
    let _stuck = journal.lane("stuck", Start::FromCursor).unwrap();
    append(&journal, 0..3, 100).await;
    until("the segment is gone", || files(dir.path(), "segment") == 0).await;
    assert_eq!(lane(&journal, "stuck").dropped_records, 3);
    assert_eq!(journal.status().bytes, 0);
}

#[tokio::test]
async fn idempotency_hashes_come_from_all_segments_since_a_time() {
    let dir = tempfile::tempdir().unwrap();
    for run in 0..2 {
        let journal = Journal::open(small(dir.path())).unwrap();
        append(&journal, run * 20..run * 20 + 20, 1000).await;
    }
    let journal = Journal::open(small(dir.path())).unwrap();
    let all: Vec<_> = (1..40).map(|number| (1_000 + number, number)).collect();
    // The record with number 0 has no hash.
    assert_eq!(journal.idempotency_hashes(0).unwrap(), all);
    assert_eq!(journal.idempotency_hashes(1_030).unwrap(), all[29..]);
    let tomorrow = std::time::SystemTime::now() + Duration::from_secs(86_400);
    let tomorrow = tomorrow.duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64;
    assert_eq!(journal.idempotency_hashes(tomorrow).unwrap(), []);
}

#[tokio::test]
async fn after_close_readers_come_to_the_end_and_still_commit() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(Options::new(dir.path())).unwrap();
    let mut reader = journal.lane("loki", Start::FromCursor).unwrap();
    append(&journal, 0..5, 10).await;
    let waiting = journal.append(record(5, 10));
    let (waiting, ()) = tokio::join!(waiting, journal.close());
    waiting.unwrap();
    assert_eq!(journal.append(record(6, 10)).await, Err(AppendError::Closed));
    assert_eq!(drain(&mut reader, 6).await, [0, 1, 2, 3, 4, 5]);
    assert!(reader.read(ALL).await.unwrap().is_empty());
    journal.close().await;
    drop((reader, journal));
    let journal = Journal::open(Options::new(dir.path())).unwrap();
    let _reader = journal.lane("loki", Start::FromCursor).unwrap();
    assert_eq!(lane(&journal, "loki").lag_records, 0);
}

#[tokio::test]
async fn a_damaged_cursor_means_the_oldest_record() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(Options::new(dir.path())).unwrap();
    let mut reader = journal.lane("loki", Start::FromCursor).unwrap();
    append(&journal, 0..5, 10).await;
    drain(&mut reader, 5).await;
    drop((reader, journal));
    let path = dir.path().join("loki.cursor");
    let line = fs::read_to_string(&path).unwrap();
    assert!(line.starts_with("farol-cursor 1 ") && line.ends_with('\n'), "{line:?}");
    fs::write(&path, line.replace(" 5 ", " 6 ")).unwrap();
    let journal = Journal::open(Options::new(dir.path())).unwrap();
    let mut reader = journal.lane("loki", Start::FromCursor).unwrap();
    assert_eq!(drain(&mut reader, 5).await, [0, 1, 2, 3, 4]);
}

#[tokio::test]
async fn positions_are_never_used_twice() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(Options::new(dir.path())).unwrap();
    let mut reader = journal.lane("loki", Start::FromCursor).unwrap();
    append(&journal, 0..5, 10).await;
    drain(&mut reader, 5).await;
    drop((reader, journal));
    // A disk that forgot what it had promised.
    for file in fs::read_dir(dir.path()).unwrap() {
        let path = file.unwrap().path();
        if path.extension() == Some("segment".as_ref()) {
            fs::remove_file(path).unwrap();
        }
    }
    let journal = Journal::open(Options::new(dir.path())).unwrap();
    let mut reader = journal.lane("loki", Start::FromCursor).unwrap();
    append(&journal, 5..7, 10).await;
    assert_eq!(drain(&mut reader, 2).await, [5, 6]);
    assert_eq!(lane(&journal, "loki").damaged_records, 0);
}

/// Appends a record with a companion that says it takes `bytes`; what tells whether it is still there.
async fn accompanied(journal: &Journal, number: u64, bytes: usize) -> Weak<u64> {
    let any = Arc::new(number);
    let alive = Arc::downgrade(&any);
    journal.append_with(record(number, 10), Some(Companion { any, bytes })).await.unwrap();
    alive
}

#[tokio::test]
async fn companions_stay_until_every_lane_has_read_them() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(Options::new(dir.path())).unwrap();
    assert!(accompanied(&journal, 0, 10).await.upgrade().is_none(), "nobody reads");
    let mut first = journal.lane("first", Start::Latest).unwrap();
    let mut second = journal.lane("second", Start::Latest).unwrap();
    let alive = accompanied(&journal, 1, 10).await;
    for reader in [&mut first, &mut second] {
        assert!(alive.upgrade().is_some());
        let entries = reader.read(ALL).await.unwrap();
        assert_eq!(entries[0].companion.as_ref().unwrap().any.downcast_ref(), Some(&1_u64));
    }
    assert!(alive.upgrade().is_none(), "both have read it");
    let alive = accompanied(&journal, 2, 10).await;
    drop(second);
    first.read(ALL).await.unwrap();
    assert!(alive.upgrade().is_none(), "a lane that is gone does not count");
    // Lanes that come back read on at what they have committed, without companions.
    let mut second = journal.lane("second", Start::FromCursor).unwrap();
    assert!(second.read(ALL).await.unwrap().iter().all(|entry| entry.companion.is_none()));
}

#[tokio::test]
async fn companions_are_bounded_and_the_oldest_go_first() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(Options::new(dir.path())).unwrap();
    let mut reader = journal.lane("lane", Start::Latest).unwrap();
    let mut alive = Vec::new();
    for number in 0..6 {
        alive.push(accompanied(&journal, number, 1 << 20).await);
    }
    let kept: Vec<bool> = alive.iter().map(|alive| alive.upgrade().is_some()).collect();
    assert_eq!(kept, [false, false, true, true, true, true]);
    // What is handed out at once counts with its companions.
    let mut entries = reader.read(ALL).await.unwrap();
    assert_eq!(numbers(&entries), [0, 1]);
    entries.extend(reader.read(4 * ALL).await.unwrap());
    assert_eq!(numbers(&entries), [0, 1, 2, 3, 4]);
    entries.extend(reader.read(4 * ALL).await.unwrap());
    let read: Vec<bool> = entries.iter().map(|entry| entry.companion.is_some()).collect();
    assert_eq!((numbers(&entries), read), ((0..6).collect(), kept));
    let huge = accompanied(&journal, 6, 5 << 20).await;
    assert!(huge.upgrade().is_none());
}
