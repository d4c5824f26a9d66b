//! The journal in a process that is killed in the middle of its work. In a file of its own: a process that starts
//! another shares its open files, locks included, for a moment, which would disturb tests that open and close journals.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    hash::{BuildHasher, RandomState},
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use bytes::Bytes;
use farol::journal::{Header, Journal, Options, Record, Start};

/// Set for the child: where its journal is, and its first number.
const CHILD: &str = "FAROL_JOURNAL_CHILD";
const FIRST: &str = "FAROL_JOURNAL_FIRST";
/// Numbers that one child may use.
const ROUND: u64 = 1_000_000;

/// Record `number`, of up to 3 KB that no other record shares.
fn record(number: u64) -> Record {
    let header = Header { received: number, app: "shop".into(), ..Header::default() };
    let body = Bytes::from((0..number % 3000).map(|at| (number + at) as u8).collect::<Vec<_>>());
    Record { header, body }
}

fn open(dir: &Path) -> Journal {
    Journal::open(Options { segment_bytes: 200_000, ..Options::new(dir) }).unwrap()
}

/// Not a test of its own: the process that gets killed. Appends numbered records from 16 tasks and prints each number
/// once it is acknowledged; commits what it reads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let (Ok(dir), Ok(first)) = (std::env::var(CHILD), std::env::var(FIRST)) else { return };
    let first: u64 = first.parse().unwrap();
    let journal = open(Path::new(&dir));
    let mut reader = journal.lane("loki", Start::FromCursor).unwrap();
    for task in 0..16 {
        let journal = journal.clone();
        tokio::spawn(async move {
            for number in (first + task..).step_by(16) {
                journal.append(record(number)).await.unwrap();
                let mut out = std::io::stdout().lock();
                // The parent has closed the pipe: it wants no more.
                let _ = writeln!(out, "acknowledged {number}").and_then(|()| out.flush());
            }
        });
    }
    loop {
        let entries = reader.read(100_000).await.unwrap();
        reader.commit(entries.last().unwrap().end).await.unwrap();
    }
}

#[test]
fn a_killed_process_has_lost_nothing_that_it_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    for round in 0..12 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture"])
            .env(CHILD, dir.path())
            .env(FIRST, (round * ROUND).to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // A line is one write to the pipe: none arrives in part.
        let mut numbers = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok)
            .filter_map(|line| line.strip_prefix("acknowledged ")?.parse::<u64>().ok());
        let random = RandomState::new().hash_one(round);
        acknowledged.extend(numbers.by_ref().take((random % 300) as usize + 1));
        std::thread::sleep(Duration::from_micros((random >> 32) & 0xfff));
        child.kill().unwrap();
        child.wait().unwrap();
        // What it printed before it died was acknowledged too.
        acknowledged.extend(numbers);
    }
    let mut numbers = stored(dir.path());
    numbers.sort_unstable();
    assert!(numbers.windows(2).all(|pair| pair[0] != pair[1]), "a record is there twice");
    let missing: Vec<_> = acknowledged.iter().filter(|number| numbers.binary_search(number).is_err()).collect();
    assert!(missing.is_empty(), "{} of {} acknowledged are missing: {missing:?}", missing.len(), acknowledged.len());
    assert!(acknowledged.len() > 100, "only {} were acknowledged", acknowledged.len());
}

/// The numbers of all records, each of which is as it was appended.
#[tokio::main(flavor = "current_thread")]
async fn stored(dir: &Path) -> Vec<u64> {
    let journal = open(dir);
    let mut reader = journal.lane("check", Start::FromCursor).unwrap();
    journal.close().await;
    let mut numbers = Vec::new();
    loop {
        let entries = reader.read(1 << 20).await.unwrap();
        if entries.is_empty() {
            assert!(journal.status().lanes.iter().all(|lane| lane.damaged_records + lane.dropped_records == 0));
            return numbers;
        }
        for entry in entries {
            let number = entry.record.header.received;
            assert_eq!(*entry.record, record(number));
            numbers.push(number);
        }
    }
}
