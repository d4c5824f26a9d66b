//! Microseconds that each stage of the receiver takes for one payload, without servers and disks: where to look when
//! `make bench` changes. `cargo run --release --example stages -- PAYLOAD.json`.

use anyhow::Context;
use farol::convert::labels::LabelBudget;
use farol::convert::line::Format;
use farol::convert::{logs, loki, traces};
use farol::enrich::{self, Enriched};
use farol::ingest::Limits;
use farol::ingest::decode::Gate;
use farol::journal::{Encoding, Header};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::hint::black_box;
use std::io::Write;
use std::time::{Duration, Instant};

const FOR: Duration = Duration::from_secs(1);

/// Payloads in one request, as many as a busy lane has.
const RECORDS: usize = 20;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let path = std::env::args().nth(1).context("the file of a payload")?;
    let body = bytes::Bytes::from(std::fs::read(&path).with_context(|| path.clone())?);
    let header = Header { received: 1_795_223_637_500_000_000, ..Header::default() };
    let payload = wire::decode::payload(&body)?;
    let records: Vec<Enriched> = (0..RECORDS).map(|_| enrich::payload(&payload, &header)).collect();
    let mut labels = LabelBudget::default();
    labels.admit(&records[0]);
    let options = loki::Options { format: Format::Logfmt, labels: &labels };
    let (items, spans) = (RECORDS * records[0].items(), RECORDS * records[0].spans());
    println!("{} bytes, {} items, {} spans", body.len(), records[0].items(), records[0].spans());

    let (gate, limits) = (Gate::default(), Limits::default());
    let started = Instant::now();
    let mut count = 0;
    while started.elapsed() < FOR {
        drop(gate.examine(Encoding::Identity, &body, &limits).await);
        count += 1;
    }
    println!("{:>24} {:8.1} us", "the door's examination", micros(started) / f64::from(count));

    time("decode", 1, || drop(black_box(wire::decode::payload(&body))));
    time("serde_json::Value", 1, || drop(black_box(serde_json::from_slice::<serde_json::Value>(&body))));
    let push = whole(items, |range| loki::push(&records, range, &options));
    time("loki", RECORDS, || drop(black_box(whole(items, |range| loki::push(&records, range, &options)))));
    time("snappy", RECORDS, || drop(black_box(snap::raw::Encoder::new().compress_vec(&push))));
    let log_records = whole(items, |range| logs::request(&records, range));
    time("otlp logs", RECORDS, || drop(black_box(whole(items, |range| logs::request(&records, range)))));
    time("gzip of otlp logs", RECORDS, || gzip(&log_records));
    let request = whole(spans, |range| traces::request(&records, range));
    time("otlp traces", RECORDS, || drop(black_box(whole(spans, |range| traces::request(&records, range)))));
    time("gzip of otlp traces", RECORDS, || gzip(&request));
    println!("bytes of a payload: loki {}, logs {}", push.len() / RECORDS, log_records.len() / RECORDS);
    Ok(())
}

/// All requests of a range, one behind the other.
fn whole(count: usize, convert: impl Fn(std::ops::Range<usize>) -> farol::convert::Converted) -> Vec<u8> {
    let (mut all, mut from) = (Vec::new(), 0);
    while from < count {
        let converted = convert(from..count);
        all.extend_from_slice(&converted.body);
        from = converted.end;
    }
    all
}

fn gzip(body: &[u8]) {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 8), Compression::fast());
    // Writing to memory cannot fail.
    let _ = encoder.write_all(body);
    drop(black_box(encoder.finish()));
}

fn time(name: &str, payloads: usize, mut work: impl FnMut()) {
    let started = Instant::now();
    let mut count = 0;
    while started.elapsed() < FOR {
        work();
        count += payloads;
    }
    println!("{name:>24} {:8.1} us", micros(started) / count as f64);
}

fn micros(started: Instant) -> f64 {
    started.elapsed().as_secs_f64() * 1e6
}
