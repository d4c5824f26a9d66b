//! OTLP over HTTP: gzip-compressed protobuf to `/v1/traces`, `/v1/logs` and `/v1/metrics` (OTLP 1.x).

use super::{Answer, Protocol, Sink, headers, reason};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use reqwest::{Client, Url};
use std::io::Write;
use std::time::Duration;

/// What is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Log records.
    Logs,
    /// Data points.
    Metrics,
}

/// A sink at the signal's whole address.
pub fn sink(client: &Client, url: Url, signal: Signal) -> Sink {
    let headers = headers(&[("content-type", "application/x-protobuf"), ("content-encoding", "gzip")]);
    Sink::new(client, url, headers, Protocol::Otlp(signal))
}

/// Fastest level: the text repeats so much that more effort gains little.
pub(super) fn compress(body: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 8), Compression::fast());
    // Writing to memory cannot fail.
    let _ = encoder.write_all(body);
    encoder.finish().unwrap_or_default().into()
}

/// What the answer means: 429, 502, 503 and 504 may pass, all else is for good (OTLP specification,
/// "Failures"). Of that, 400, 413, 422 and 500 may be the fault of one item. A partial success is a
/// success whose rejected items are lost. Beyond the specification, 401, 403, 404 and 408 are tried again:
/// a wrong token or path is put right by an operator, and what was accepted must not be lost meanwhile.
pub(super) fn answer(signal: Signal, status: u16, after: Option<Duration>, body: &[u8]) -> Answer {
    match status {
        200..=299 => partly(signal, body).unwrap_or(Answer::Taken),
        401 | 403 | 404 | 408 | 429 | 502..=504 => Answer::Later { after, reason: reason(status, body) },
        400 | 413 | 422 | 500 => Answer::Never { reason: reason(status, body) },
        _ => Answer::Closed { reason: reason(status, body) },
    }
}

/// The partial success in the body of a success, if there is one.
pub(super) fn partly(signal: Signal, body: &[u8]) -> Option<Answer> {
    let (rejected, message) = match signal {
        Signal::Traces => {
            let partial = ExportTraceServiceResponse::decode(body).ok()?.partial_success?;
            (partial.rejected_spans, partial.error_message)
        }
        Signal::Logs => {
            let partial = ExportLogsServiceResponse::decode(body).ok()?.partial_success?;
            (partial.rejected_log_records, partial.error_message)
        }
        Signal::Metrics => {
            let partial = ExportMetricsServiceResponse::decode(body).ok()?.partial_success?;
            (partial.rejected_data_points, partial.error_message)
        }
    };
    let rejected = u64::try_from(rejected).ok().filter(|rejected| *rejected > 0)?;
    Some(Answer::Partly { rejected, reason: reason(200, message.as_bytes()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTracePartialSuccess;

    #[test]
    fn only_what_may_pass_or_an_operator_can_mend_is_retried() {
        for status in 300..600 {
            let later = matches!(answer(Signal::Logs, status, None, b""), Answer::Later { .. });
            assert_eq!(later, [401, 403, 404, 408, 429, 502, 503, 504].contains(&status), "{status}");
            let closed = matches!(answer(Signal::Logs, status, None, b""), Answer::Closed { .. });
            assert_eq!(closed, !later && ![400, 413, 422, 500].contains(&status), "{status}");
        }
    }

    #[test]
    fn a_partial_success_counts_what_was_rejected() {
        let body = |rejected_spans| {
            let partial = ExportTracePartialSuccess { rejected_spans, error_message: "too old".to_owned() };
            ExportTraceServiceResponse { partial_success: Some(partial) }.encode_to_vec()
        };
        let partly = Answer::Partly { rejected: 3, reason: "status 200: too old".to_owned() };
        assert_eq!(answer(Signal::Traces, 200, None, &body(3)), partly);
        assert_eq!(answer(Signal::Traces, 200, None, &body(0)), Answer::Taken);
        assert_eq!(answer(Signal::Traces, 200, None, b""), Answer::Taken);
        assert_eq!(answer(Signal::Logs, 200, None, b"{\"json\":1}"), Answer::Taken);
    }
}
