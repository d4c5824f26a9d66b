//! Pours payloads from stdin through a journal and its lanes into stores: how `tests/sinks.test.mjs` and
//! `tests/metrics.test.mjs` reach sinks without a server in front.
//!
//! `pour DIR LANE=ADDRESS...`, lanes `traces-grpc`, `logs-grpc`, `metrics-grpc` (an endpoint), `metrics-otlp`,
//! `metrics-write`, and `loki` (a URL; labels by templates, measurements left out). Each line of stdin is a body, with the received time, milliseconds since the epoch, and a
//! blank before it; each is answered with `ok` once it is durable. At the end of stdin lanes deliver what is
//! left, and the metrics are printed. `POUR_CA` names a file of authorities that gRPC sinks believe too.

use anyhow::{Context, bail};
use farol::convert::labels::{LabelBudget, LabelSet, LabelSets};
use farol::convert::line::Format;
use farol::convert::measures::Measures;
use farol::convert::template::Template;
use farol::ingest::decode::Gate;
use farol::journal::{Header, Journal, Options, Record, Start};
use farol::lane::{Lane, Stage};
use farol::lane_metrics::{self, Dialect, MetricsLane};
use farol::sink::dead_letters::DeadLetters;
use farol::sink::otlp::Signal;
use farol::sink::{self, Roots, Sink, grpc, otlp, prometheus};
use farol::telemetry::Metrics;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Sums are told this often: tests do not wait long.
const INTERVAL: Duration = Duration::from_millis(200);

/// What an operator of Alloy's kind of file asks for.
fn labels() -> anyhow::Result<LabelSets> {
    let set = |labels: &[(&str, &str)]| -> anyhow::Result<LabelSet> {
        let labels = labels.iter().map(|(name, text)| Ok((name.to_string(), text.parse()?)));
        Ok(LabelSet::new(labels.collect::<anyhow::Result<Vec<(String, Template)>>>()?)?)
    };
    let app = ("app", "{{ .App.Name }}");
    let log = set(&[app, ("environment", "{{ .App.Environment }}"), ("kind", "{{ .Kind }}")])?;
    let exception = set(&[app, ("kind", "exception")])?;
    let event = set(&[app, ("kind", "event"), ("event_name", "{{ .Name }}")])?;
    Ok(LabelSets::none().with("log", &log).with("exception", &exception).with("event", &event))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let dir = args.next().context("usage: pour DIR LANE=ADDRESS...")?;
    let dir = Path::new(&dir);
    let journal = Journal::open(Options::new(dir.join("journal")))?;
    let (metrics, lanes, stop) = (Arc::new(Metrics::default()), TaskTracker::new(), CancellationToken::new());
    for spec in args {
        // The journal keeps the name for as long as it runs, which is until the end.
        let spec: &'static str = spec.leak();
        let (name, address) = spec.split_once('=').context("LANE=ADDRESS")?;
        let reader = journal.lane(name, Start::FromCursor)?;
        let over_grpc = |signal| -> anyhow::Result<Sink> {
            let roots = match std::env::var_os("POUR_CA") {
                Some(file) => Roots::default().with_pem(&std::fs::read(file)?)?,
                None => Roots::default(),
            };
            Ok(grpc::sink(&grpc::client_trusting(roots)?, grpc::endpoint(address, true)?, signal))
        };
        let (sink, dialect) = match name {
            "traces-grpc" | "logs-grpc" => {
                let traces = name.starts_with("traces");
                let stage = if traces { Stage::Traces } else { Stage::Logs };
                let stage = stage(over_grpc(if traces { Signal::Traces } else { Signal::Logs })?);
                lanes.spawn(Lane::new(name, stage, Arc::clone(&metrics), Gate::default()).run(reader, stop.clone()));
                continue;
            }
            "loki" => {
                let sink = sink::loki::sink(&sink::client()?, address.parse()?, None)?;
                let stage = Stage::Loki { sink, format: Format::Logfmt, labels: LabelBudget::new(labels()?) };
                lanes.spawn(
                    Lane::new(name, stage, Arc::clone(&metrics), Gate::default())
                        .with_dead_letters(Arc::new(DeadLetters::open(&dir.join("letters"), Default::default())?))
                        .run(reader, stop.clone()),
                );
                continue;
            }
            "metrics-grpc" => (over_grpc(Signal::Metrics)?, Dialect::Otlp),
            "metrics-otlp" => (otlp::sink(&sink::client()?, address.parse()?, Signal::Metrics), Dialect::Otlp),
            "metrics-write" => (prometheus::sink(&sink::client()?, address.parse()?), Dialect::RemoteWrite),
            _ => bail!("no lane {name}"),
        };
        let options = lane_metrics::Options {
            dir: dir.join("metrics"),
            interval: INTERVAL,
            instance: "farol-0".to_owned(),
            measures: Measures::default(),
        };
        let lane = MetricsLane::open(name, (sink, dialect), options, Arc::clone(&metrics), Gate::default())?;
        lanes.spawn(lane.run(reader, stop.clone()));
    }
    let (sender, mut lines) = mpsc::channel(64);
    std::thread::spawn(move || std::io::stdin().lines().try_for_each(|line| sender.blocking_send(line)));
    while let Some(line) = lines.recv().await {
        let line = line?;
        let (received, body) = line.split_once(' ').context("TIME BODY")?;
        let header = Header {
            received: received.parse::<u64>()? * 1_000_000,
            inflated: u32::try_from(body.len())?,
            ..Header::default()
        };
        journal.append(Record { header, body: body.to_owned().into() }).await?;
        println!("ok");
    }
    journal.close().await;
    lanes.close();
    lanes.wait().await;
    std::io::stdout().write_all(metrics.text().as_bytes())?;
    Ok(())
}
