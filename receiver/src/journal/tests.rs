//! The journal on a failing disk, and under the byte and age limits.
#![allow(clippy::unwrap_used, clippy::await_holding_lock, reason = "a test fails by panicking, and holds the disk")]

use std::{io::ErrorKind, path::Path, sync::atomic::Ordering};

use tokio::task::JoinSet;

use super::{faults::Fault, state::Next, *};

fn record(number: u64) -> Record {
    let header = Header { received: number, idempotency: number, ..Header::default() };
    Record { header, body: Bytes::from(format!("{number:0>200}")) }
}

fn open(dir: &Path) -> (Journal, Faults) {
    let faults = Faults::default();
    (Journal::open_with(Options::new(dir), faults.clone()).unwrap(), faults)
}

/// Every record that the directory holds, read from the files in a run of its own.
async fn stored(dir: &Path) -> Vec<u64> {
    let journal = Journal::open(Options::new(dir)).unwrap();
    let mut reader = journal.lane("check", Start::FromCursor).unwrap();
    journal.close().await;
    let mut numbers = Vec::new();
    loop {
        let entries = reader.read(1000).await.unwrap();
        if entries.is_empty() {
            return numbers;
        }
        numbers.extend(entries.iter().map(|entry| entry.record.header.received));
    }
}

/// Appends 1, then 2 while `faults` happen, then 3: the answers for 2 and 3, and what is stored in the end.
async fn check(faults: &[Fault], second: Result<(), AppendError>, third: Result<(), AppendError>, kept: &[u64]) {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, mut plan) = open(dir.path());
    journal.append(record(1)).await.unwrap();
    if faults.iter().any(|fault| matches!(fault, Fault::Create(_))) {
        // A new run makes a new segment.
        drop(journal);
        (journal, plan) = open(dir.path());
    }
    plan.plan(faults.iter().copied());
    assert_eq!(journal.append(record(2)).await.map(drop), second, "{faults:?}");
    assert_eq!(journal.append(record(3)).await.map(drop), third, "{faults:?}");
    assert_eq!(plan.left(), 0, "{faults:?}");
    let status = journal.status();
    assert_eq!(status.writable, third.is_ok(), "{faults:?}");
    assert_eq!(status.reason.is_some(), third.is_err(), "{faults:?}");
    drop(journal);
    assert_eq!(stored(dir.path()).await, kept, "{faults:?}");
}

#[tokio::test]
async fn a_full_disk_refuses_a_group_and_keeps_nothing_of_it() {
    use Fault::*;
    let full = ErrorKind::StorageFull;
    check(&[Write(full)], Err(AppendError::Full), Ok(()), &[1, 3]).await;
    check(&[ShortWrite(100), Write(full)], Err(AppendError::Full), Ok(()), &[1, 3]).await;
    check(&[ShortWrite(1), ShortWrite(200), Write(full)], Err(AppendError::Full), Ok(()), &[1, 3]).await;
    check(&[Write(ErrorKind::QuotaExceeded)], Err(AppendError::Full), Ok(()), &[1, 3]).await;
    check(&[Create(full)], Err(AppendError::Full), Ok(()), &[1, 3]).await;
}

#[tokio::test]
async fn a_short_write_is_finished() {
    check(&[Fault::ShortWrite(7), Fault::ShortWrite(1)], Ok(()), Ok(()), &[1, 2, 3]).await;
}

#[tokio::test]
async fn the_reason_of_a_refusal_stands_until_a_write_succeeds() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, faults) = open(dir.path());
    faults.plan([Fault::Write(ErrorKind::StorageFull)]);
    assert_eq!(journal.append(record(1)).await, Err(AppendError::Full));
    let status = journal.status();
    assert_eq!((status.writable, status.reason.as_deref()), (true, Some("journal disk is full")));
    journal.append(record(2)).await.unwrap();
    assert_eq!(journal.status().reason, None);
}

#[tokio::test]
async fn any_other_failed_write_is_cut_back_too() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, faults) = open(dir.path());
    faults.plan([Fault::ShortWrite(50), Fault::Write(ErrorKind::Other)]);
    assert!(matches!(journal.append(record(1)).await, Err(AppendError::Failed(_))));
    journal.append(record(2)).await.unwrap();
    drop(journal);
    assert_eq!(stored(dir.path()).await, [2]);
}

#[tokio::test]
async fn after_a_failed_fsync_nothing_is_accepted_in_this_run() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, faults) = open(dir.path());
    let mut reader = journal.lane("loki", Start::FromCursor).unwrap();
    let first = journal.append(record(1)).await.unwrap();
    faults.plan([Fault::Sync]);
    for number in 2..10 {
        assert!(matches!(journal.append(record(number)).await, Err(AppendError::Failed(_))));
    }
    assert_eq!(faults.syncs.load(Ordering::SeqCst), 2, "a failed fsync is not tried again");
    let status = journal.status();
    assert!(!status.writable);
    assert!(status.reason.is_some_and(|reason| reason.contains("fdatasync") && reason.contains(".segment")));
    // What was durable before is still delivered, and nothing else.
    let entries = reader.read(1 << 20).await.unwrap();
    assert_eq!(entries.iter().map(|entry| entry.end).collect::<Vec<_>>(), [first]);
    journal.close().await;
    assert!(reader.read(1 << 20).await.unwrap().is_empty());
    drop((reader, journal));

    let (journal, _) = open(dir.path());
    journal.append(record(10)).await.unwrap();
    drop(journal);
    let numbers = stored(dir.path()).await;
    // Of 2 it is not known; it was never acknowledged.
    assert!(numbers == [1, 10] || numbers == [1, 2, 10], "{numbers:?}");
}

#[tokio::test]
async fn a_write_that_cannot_be_cut_back_stops_the_journal() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, faults) = open(dir.path());
    journal.append(record(1)).await.unwrap();
    faults.plan([Fault::ShortWrite(50), Fault::Write(ErrorKind::StorageFull), Fault::Truncate]);
    assert!(matches!(journal.append(record(2)).await, Err(AppendError::Failed(_))));
    assert!(matches!(journal.append(record(3)).await, Err(AppendError::Failed(_))));
    assert!(!journal.status().writable);
    drop(journal);
    assert_eq!(stored(dir.path()).await, [1]);
}

#[tokio::test]
async fn nothing_is_acknowledged_or_read_before_its_fsync() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, faults) = open(dir.path());
    let mut reader = journal.lane("loki", Start::FromCursor).unwrap();
    let held = faults.gate.lock().unwrap();
    let appending = tokio::spawn({
        let journal = journal.clone();
        async move { journal.append(record(1)).await }
    });
    let early = tokio::time::timeout(Duration::from_millis(100), reader.read(1)).await;
    assert!(early.is_err(), "read {early:?}");
    assert_eq!(faults.syncs.load(Ordering::SeqCst), 1, "it is written and being synced");
    assert!(!appending.is_finished());
    drop(held);
    assert_eq!(reader.read(1).await.unwrap()[0].end, appending.await.unwrap().unwrap());
}

#[tokio::test]
async fn those_who_wait_together_share_one_fsync() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, faults) = open(dir.path());
    let held = faults.gate.lock().unwrap();
    let mut appends = JoinSet::new();
    for number in 0..1000 {
        let journal = journal.clone();
        appends.spawn(async move { journal.append(record(number)).await });
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop(held);
    let mut ends: Vec<_> = appends.join_all().await.into_iter().map(Result::unwrap).collect();
    ends.sort();
    ends.dedup();
    assert_eq!(ends.len(), 1000);
    let syncs = faults.syncs.load(Ordering::SeqCst);
    assert!(syncs <= 3, "{syncs} fsyncs for 1000 records");
}

#[tokio::test]
async fn a_full_queue_says_busy_and_a_closed_journal_says_closed() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, faults) = open(dir.path());
    let held = faults.gate.lock().unwrap();
    let large = |number| Record { body: Bytes::from(vec![b' '; 10 << 20]), ..record(number) };
    let mut appends = JoinSet::new();
    for number in 0..8 {
        let journal = journal.clone();
        appends.spawn(async move { journal.append(large(number)).await });
        // The writer takes the first; three more fit into 32 MiB.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(held);
    let answers = appends.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 4);
    assert_eq!(answers.iter().filter(|answer| **answer == Err(AppendError::Busy)).count(), 4);
    assert_eq!(
        journal.append(Record { body: Bytes::from(vec![0; 17 << 20]), ..record(9) }).await,
        Err(AppendError::TooLarge)
    );
    journal.close().await;
    assert_eq!(journal.append(record(10)).await, Err(AppendError::Closed));
    assert!(!journal.status().writable);
}

#[tokio::test]
async fn a_cursor_that_cannot_be_stored_is_reported_and_stored_later() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, faults) = open(dir.path());
    let mut reader = journal.lane("loki", Start::FromCursor).unwrap();
    // The cursor of the new lane is out of the way.
    flush(&journal).await;
    let end = journal.append(record(1)).await.unwrap();
    reader.read(1).await.unwrap();
    faults.plan([Fault::Replace(ErrorKind::StorageFull)]);
    reader.commit(end).await.unwrap();
    flush(&journal).await;
    assert!(journal.status().lanes[0].last_error.is_some());
    // Nobody asks again: it is tried again all the same.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(journal.status().lanes[0].last_error, None);
    assert_eq!(journal.core.shared.state().lanes[0].stored.map(|place| place.position), Some(end.0));
    drop((reader, journal));
    let (journal, _) = open(dir.path());
    let _reader = journal.lane("loki", Start::FromCursor).unwrap();
    assert_eq!(journal.status().lanes[0].lag_records, 0);
}

async fn flush(journal: &Journal) {
    journal.core.shared.bell.flushed().await.unwrap();
}

fn place(position: u64, sequence: u64) -> Place {
    Place { position, sequence }
}

/// Three sealed segments of 1000 bytes and 10 records, written 30, 20 and 10 seconds before `now`.
fn sealed(dir: &Path, now: SystemTime) -> Shared {
    let options = Options { segment_bytes: 1000, max_bytes: 1 << 20, ..Options::new(dir) };
    let segment = |index: u64| Segment {
        start: place(index * 1000, index * 10),
        end: place(index * 1000 + 1000, index * 10 + 10),
        modified: now - Duration::from_secs(30 - index * 10),
    };
    let files = Files::open(dir, Faults::default()).unwrap();
    Shared::new(options, files, (0..3).map(segment).collect(), place(3000, 30))
}

/// Which segments go, by their first position, with lanes at these places.
fn check_expire(lanes: &[Place], change: impl FnOnce(&mut Options), gone: &[u64], dropped: &[u64]) {
    let dir = tempfile::tempdir().unwrap();
    let now = SystemTime::now();
    let mut shared = sealed(dir.path(), now);
    shared.options.keep_passed = Duration::ZERO;
    change(&mut shared.options);
    let mut state = shared.state();
    state.lanes = lanes.iter().map(|place| Lane::new("lane", *place)).collect();
    if !lanes.is_empty() {
        state.commit(0, Position(0));
    }
    let expired = state.expire(&shared.options, now);
    assert_eq!(expired.iter().map(|segment| segment.start.position).collect::<Vec<_>>(), gone);
    assert_eq!(state.lanes.iter().map(|lane| lane.dropped).collect::<Vec<_>>(), dropped);
    let start = state.start();
    assert!(state.lanes.iter().all(|lane| lane.committed >= start && lane.next >= start));
}

#[test]
fn a_segment_goes_when_all_lanes_have_passed_it() {
    let same = |_: &mut Options| {};
    check_expire(&[], same, &[], &[]);
    check_expire(&[place(0, 0), place(3000, 30)], same, &[], &[0, 0]);
    check_expire(&[place(1999, 19), place(3000, 30)], same, &[0], &[0, 0]);
    check_expire(&[place(2000, 20), place(3000, 30)], same, &[0, 1000], &[0, 0]);
    check_expire(&[place(3000, 30)], same, &[0, 1000, 2000], &[0]);
    let keep = |options: &mut Options| options.keep_passed = Duration::from_secs(15);
    check_expire(&[place(3000, 30)], keep, &[0, 1000], &[0]);
}

#[test]
fn over_the_byte_budget_the_oldest_goes_and_is_counted() {
    let bytes = |bytes| move |options: &mut Options| options.max_bytes = bytes;
    check_expire(&[place(500, 5), place(3000, 30)], bytes(3000), &[], &[0, 0]);
    check_expire(&[place(500, 5), place(3000, 30)], bytes(2999), &[0], &[5, 0]);
    check_expire(&[place(500, 5), place(1100, 11)], bytes(1000), &[0, 1000], &[15, 9]);
    check_expire(&[], bytes(1000), &[0, 1000], &[]);
}

#[test]
fn what_the_newest_segment_may_still_take_belongs_to_the_budget() {
    let dir = tempfile::tempdir().unwrap();
    let now = SystemTime::now();
    let mut shared = sealed(dir.path(), now);
    shared.options.max_bytes = 3999;
    assert_eq!(shared.state().expire(&shared.options, now).len(), 0);
    shared.created(place(3000, 30));
    assert_eq!(shared.state().expire(&shared.options, now).len(), 1);
}

#[test]
fn at_the_age_cap_the_oldest_goes_and_is_counted() {
    let age = |seconds| move |options: &mut Options| options.max_age = Duration::from_secs(seconds);
    check_expire(&[place(0, 0)], age(33), &[], &[0]);
    check_expire(&[place(0, 0)], age(32), &[0], &[10]);
    check_expire(&[place(0, 0), place(3000, 30)], age(21), &[0, 1000], &[20, 0]);
    check_expire(&[], age(10), &[0, 1000, 2000], &[]);
}

#[test]
fn nothing_counts_as_passed_before_a_lane_reads() {
    let dir = tempfile::tempdir().unwrap();
    let now = SystemTime::now();
    let mut shared = sealed(dir.path(), now);
    shared.options.keep_passed = Duration::ZERO;
    let mut state = shared.state();
    state.lanes.push(Lane::new("early", place(3000, 30)));
    assert!(state.expire(&shared.options, now).is_empty());
    state.next(0, 1);
    assert_eq!(state.expire(&shared.options, now).len(), 3);
}

#[test]
fn what_a_reader_holds_is_not_counted_as_dropped() {
    let mut lane = Lane::new("lane", place(0, 0));
    lane.next = place(500, 5);
    lane.skip_to(place(1000, 10));
    assert_eq!((lane.dropped, lane.committed, lane.next), (5, place(1000, 10), place(1000, 10)));
}

#[tokio::test]
async fn what_was_dropped_while_it_was_read_is_not_handed_out() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    for number in 0..5 {
        journal.append(record(number)).await.unwrap();
    }
    drop(journal);
    let (journal, _) = open(dir.path());
    let reader = journal.lane("loki", Start::FromCursor).unwrap();
    let shared = &journal.core.shared;
    let Next::File(segment, from) = shared.state().next(0, 1 << 20) else { panic!("not in a file") };
    let file = File::open(dir.path().join(segment.file_name())).unwrap();
    let chunk = segments::read(Arc::new(file), &segment, from, 1 << 20).unwrap();
    let third = place(chunk.entries[2].1.end.0, 3);
    shared.state().lanes[0].skip_to(third);
    let entries = reader.take(chunk);
    assert_eq!(entries.iter().map(|entry| entry.record.header.received).collect::<Vec<_>>(), [3, 4]);
    assert_eq!(journal.status().lanes[0].dropped_records, 3);
}
