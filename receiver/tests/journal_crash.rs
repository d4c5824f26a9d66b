//! The journal after a crash: torn tails, flipped bits and missing files.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    ops::Range,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use farol::journal::{Header, Journal, Options, Position, Record, Start};
use proptest::prelude::*;
use tokio::task::JoinSet;

const SEGMENT: u64 = 2000;

fn record(number: u64, size: usize) -> Record {
    let header = Header { received: number, app: "shop".into(), ..Header::default() };
    let body = Bytes::from((0..size).map(|at| (number as usize + at) as u8).collect::<Vec<_>>());
    Record { header, body }
}

fn options(dir: &Path) -> Options {
    Options { segment_bytes: SEGMENT, ..Options::new(dir) }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Appends records of these sizes at once and gives their ends.
async fn append(journal: &Journal, first: u64, sizes: &[usize]) -> Vec<Position> {
    let mut appends = JoinSet::new();
    for (number, &size) in (first..).zip(sizes) {
        let journal = journal.clone();
        appends.spawn(async move { (number, journal.append(record(number, size)).await.unwrap()) });
    }
    let mut ends = appends.join_all().await;
    ends.sort();
    ends.into_iter().map(|(_, end)| end).collect()
}

/// All that a new run finds, with the records that it knows to be missing.
async fn stored(dir: &Path) -> (Vec<(Position, Record)>, u64) {
    let journal = Journal::open(options(dir)).unwrap();
    let mut reader = journal.lane("check", Start::FromCursor).unwrap();
    journal.close().await;
    let mut records = Vec::new();
    loop {
        let entries = reader.read(700).await.unwrap();
        if entries.is_empty() {
            return (records, journal.status().lanes[0].damaged_records);
        }
        records.extend(entries.into_iter().map(|entry| (entry.end, (*entry.record).clone())));
    }
}

/// Segment files and the positions they hold, oldest first.
fn segments(dir: &Path) -> Vec<(PathBuf, Range<u64>)> {
    let files = fs::read_dir(dir).unwrap().map(|file| file.unwrap().path());
    let mut segments: Vec<_> = files
        .filter(|path| path.extension() == Some("segment".as_ref()))
        .map(|path| {
            let start: u64 = path.file_name().unwrap().to_str().unwrap()[..20].parse().unwrap();
            let length = fs::metadata(&path).unwrap().len();
            (path, start..start + length)
        })
        .collect();
    segments.sort_by_key(|(_, range)| range.start);
    segments
}

/// What happens to the files between two runs.
#[derive(Clone, Debug)]
enum Damage {
    /// The newest file ends early, at this share of its length.
    Tear(f64),
    /// So many of its last bytes are zero, as after a power cut.
    Zeros(f64),
    /// Bytes of a record that was never finished stand behind the last.
    Tail(Vec<u8>),
    /// One bit of some file is wrong.
    Flip(f64, f64, u8),
}

fn damage() -> impl Strategy<Value = Damage> {
    let share = || 0.0..1.0f64;
    prop_oneof![
        share().prop_map(Damage::Tear),
        share().prop_map(Damage::Zeros),
        proptest::collection::vec(any::<u8>(), 1..200).prop_map(Damage::Tail),
        (share(), share(), 0..8u8).prop_map(|(file, at, bit)| Damage::Flip(file, at, bit)),
    ]
}

/// Positions from which nothing is promised, and where it is again: the damaged place to the end of its file.
fn apply(damage: &Damage, dir: &Path) -> Range<u64> {
    let segments = segments(dir);
    let Some((newest, range)) = segments.last() else { return 0..0 };
    let length = range.end - range.start;
    let at = |share: f64| (length as f64 * share) as u64;
    let mut bytes = fs::read(newest).unwrap();
    match damage {
        Damage::Tear(share) => {
            bytes.truncate(at(*share) as usize);
            fs::write(newest, bytes).unwrap();
            range.start + at(*share)..range.end
        }
        Damage::Zeros(share) => {
            bytes[at(*share) as usize..].fill(0);
            fs::write(newest, bytes).unwrap();
            range.start + at(*share)..range.end
        }
        Damage::Tail(tail) => {
            bytes.extend_from_slice(tail);
            fs::write(newest, bytes).unwrap();
            range.end..range.end
        }
        Damage::Flip(file, at, bit) => {
            let (path, range) = &segments[(segments.len() as f64 * file) as usize];
            let at = ((range.end - range.start) as f64 * at) as u64;
            let mut bytes = fs::read(path).unwrap();
            bytes[at as usize] ^= 1 << bit;
            fs::write(path, bytes).unwrap();
            range.start + at..range.end
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// Runs that append, each ended by a crash that damages the files. At the end everything acknowledged that lies
    /// outside the damaged places is there, in order and unchanged, and nothing else is.
    #[test]
    fn what_lies_outside_the_damage_is_there(
        runs in proptest::collection::vec(
            (proptest::collection::vec(0..900usize, 0..12), proptest::option::of(damage())), 1..5)
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut appended: Vec<(Position, Record)> = Vec::new();
        let mut promised: Vec<(Position, Record)> = Vec::new();
        for (sizes, damage) in &runs {
            let first = appended.len() as u64;
            let ends = wait(async {
                let journal = Journal::open(options(dir.path())).unwrap();
                append(&journal, first, sizes).await
            });
            let records = (first..).zip(sizes).map(|(number, &size)| record(number, size));
            let new: Vec<_> = ends.into_iter().zip(records).collect();
            appended.extend(new.iter().cloned());
            promised.extend(new);
            if let Some(damage) = damage {
                let lost = apply(damage, dir.path());
                promised.retain(|(end, _)| end.0 <= lost.start || end.0 > lost.end);
            }
        }
        let (found, _) = wait(stored(dir.path()));
        for pair in &promised {
            prop_assert!(found.contains(pair), "record {} is missing", pair.1.header.received);
        }
        for pair in &found {
            prop_assert!(appended.contains(pair), "{pair:?} was never appended there");
        }
        prop_assert!(found.is_sorted_by_key(|(end, _)| *end));
        prop_assert!(found.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    /// A wrong bit in a record's content costs that record alone, and its loss is counted.
    #[test]
    fn a_flipped_bit_costs_one_record(
        sizes in proptest::collection::vec(0..900usize, 2..30), which in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(), bit in 0..8u8, restarted in any::<bool>(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let ends = wait(async {
            append(&Journal::open(options(dir.path())).unwrap(), 0, &sizes).await
        });
        if restarted {
            wait(async { append(&Journal::open(options(dir.path())).unwrap(), 1000, &[5]).await });
        }
        let files = segments(dir.path());
        // The last record of a file has no neighbour to prove its length by.
        let inner: Vec<usize> = (0..sizes.len()).filter(|&index| files.iter().all(|file| file.1.end != ends[index].0)).collect();
        prop_assume!(!inner.is_empty());
        let lost = inner[which.index(inner.len())];
        let start = if lost == 0 { 0 } else { ends[lost - 1].0 };
        let (path, range) = files.iter().find(|(_, range)| range.contains(&start)).unwrap();
        let mut bytes = fs::read(path).unwrap();
        let content = start + 8..ends[lost].0;
        let position = content.start + at.index((content.end - content.start) as usize) as u64;
        bytes[(position - range.start) as usize] ^= 1 << bit;
        fs::write(path, bytes).unwrap();

        let (found, damaged) = wait(stored(dir.path()));
        let numbers: Vec<_> = found.iter().map(|(_, record)| record.header.received).collect();
        let mut expected: Vec<_> = (0..sizes.len() as u64).filter(|&number| number != lost as u64).collect();
        expected.extend(restarted.then_some(1000));
        prop_assert_eq!(numbers, expected);
        prop_assert_eq!(damaged, 1);
    }
}

#[tokio::test]
async fn the_rest_of_an_older_segment_that_is_lost_is_counted_exactly() {
    let dir = tempfile::tempdir().unwrap();
    append(&Journal::open(options(dir.path())).unwrap(), 0, &[300; 40]).await;
    let files = segments(dir.path());
    assert!(files.len() > 5);
    let (all, _) = stored(dir.path()).await;
    fs::remove_file(dir.path().join("check.cursor")).unwrap();
    let inside =
        |range: &Range<u64>| all.iter().filter(|(end, _)| end.0 > range.start && end.0 <= range.end).count() as u64;
    // One file with an impossible length at its start, one cut in half, one gone behind a good one.
    let mut bytes = fs::read(&files[0].0).unwrap();
    bytes[7] = 0xff;
    fs::write(&files[0].0, bytes).unwrap();
    let half = files[1].1.start + (files[1].1.end - files[1].1.start) / 2;
    fs::File::options().write(true).open(&files[1].0).unwrap().set_len(half - files[1].1.start).unwrap();
    fs::remove_file(&files[3].0).unwrap();
    let lost = inside(&files[0].1) + inside(&(half..files[1].1.end)) + inside(&files[3].1);
    let (found, damaged) = stored(dir.path()).await;
    assert_eq!((found.len() as u64, damaged), (40 - lost, lost));
}

#[tokio::test]
async fn a_torn_tail_is_cut_behind_the_last_whole_record() {
    let dir = tempfile::tempdir().unwrap();
    let ends = append(&Journal::open(options(dir.path())).unwrap(), 0, &[40, 40, 40]).await;
    let (file, _) = segments(dir.path()).remove(0);
    let whole = fs::read(&file).unwrap();
    let (kept, end) = (ends[1].0 as usize, ends[2].0 as usize);
    assert_eq!(end, whole.len());
    let mut tails: Vec<Vec<u8>> = (kept..end).map(|cut| whole[..cut].to_vec()).collect();
    // Pages that never reached the disk.
    tails.extend((kept..end).map(|cut| [&whole[..cut], &vec![0; end - cut]].concat()));
    for bytes in tails {
        fs::write(&file, &bytes).unwrap();
        let written =
            UNIX_EPOCH + Duration::from_secs(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() - 60);
        fs::File::options().write(true).open(&file).unwrap().set_modified(written).unwrap();
        let journal = Journal::open(options(dir.path())).unwrap();
        assert_eq!(journal.status().cut_bytes, (bytes.len() - kept) as u64);
        drop(journal);
        assert_eq!(fs::read(&file).unwrap(), whole[..kept]);
        assert_eq!(fs::metadata(&file).unwrap().modified().unwrap(), written, "ages count from the last write");
    }
}
