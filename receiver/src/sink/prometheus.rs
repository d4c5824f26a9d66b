//! Prometheus remote write 1.0: snappy-compressed protobuf to `/api/v1/write`.

use super::{Answer, Protocol, Sink, headers, reason};
use reqwest::{Client, Url};
use std::time::Duration;

/// A sink at the write address.
pub fn sink(client: &Client, write: Url) -> Sink {
    let headers = headers(&[
        ("content-type", "application/x-protobuf"),
        ("content-encoding", "snappy"),
        ("x-prometheus-remote-write-version", "0.1.0"),
    ]);
    Sink::new(client, write, headers, Protocol::RemoteWrite)
}

/// What the answer means (Prometheus remote write 1.0, "Retries and Backoff"): faults of the server are
/// tried again, and too many requests, which the specification leaves open; other refusals never. Of
/// these, being sent away is tried again too: an operator puts a wrong token or path right, and
/// what was accepted must not be lost meanwhile. A 400 may have kept the samples it does not name.
pub(super) fn answer(status: u16, after: Option<Duration>, body: &[u8]) -> Answer {
    match status {
        200..=299 => Answer::Taken,
        300..=399 | 401 | 403 | 404 | 407 | 408 | 429 | 500..=599 => {
            Answer::Later { after, reason: reason(status, body) }
        }
        _ => Answer::Never { reason: reason(status, body) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_tried_again_and_refusals_are_not() {
        let after = Some(Duration::from_secs(7));
        for status in 200..600 {
            let expected = match status {
                200..=299 => Answer::Taken,
                300..=399 | 401 | 403 | 404 | 407 | 408 | 429 | 500.. => {
                    Answer::Later { after, reason: format!("status {status}: why") }
                }
                _ => Answer::Never { reason: format!("status {status}: why") },
            };
            assert_eq!(answer(status, after, b"why"), expected);
        }
    }
}
