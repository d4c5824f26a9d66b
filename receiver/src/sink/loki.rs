//! Loki: `POST /loki/api/v1/push`, snappy-compressed protobuf.

use super::{Answer, Protocol, Sink, SinkError, headers, reason};
use reqwest::header::HeaderValue;
use reqwest::{Client, Url};
use std::time::Duration;

/// A sink at the push address, for `tenant` if there is one.
pub fn sink(client: &Client, push: Url, tenant: Option<&str>) -> Result<Sink, SinkError> {
    let mut headers = headers(&[("content-type", "application/x-protobuf")]);
    if let Some(tenant) = tenant {
        let value = HeaderValue::from_str(tenant).map_err(|_| SinkError::Tenant(tenant.to_owned()))?;
        headers.insert("x-scope-orgid", value);
    }
    Ok(Sink::new(client, push, headers, Protocol::LokiPush))
}

/// What Loki's answer means.
///
/// Too many requests, faults of the server, and being sent away (a wrong token, a path that is not
/// there yet) may pass: nothing is wrong with the entries. A 400 is for good, and names the first of
/// the lines that were refused; the others were kept. 260 says that pushes are blocked on purpose.
pub(super) fn answer(status: u16, after: Option<Duration>, body: &[u8]) -> Answer {
    match status {
        260 => Answer::Closed { reason: reason(status, body) },
        200..=299 => Answer::Taken,
        300..=399 | 401 | 403 | 404 | 407 | 408 | 425 | 429 | 500..=599 => {
            Answer::Later { after, reason: reason(status, body) }
        }
        _ => Answer::Never { reason: reason(status, body) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_mean_what_loki_means() {
        let after = Some(Duration::from_secs(7));
        let later = |text: &str| Answer::Later { after, reason: text.to_owned() };
        let never = |text: &str| Answer::Never { reason: text.to_owned() };
        let check = |status, expected| assert_eq!(answer(status, after, b"why\n"), expected, "{status}");
        check(204, Answer::Taken);
        check(200, Answer::Taken);
        check(260, Answer::Closed { reason: "status 260: why".to_owned() });
        check(400, never("status 400: why"));
        check(413, never("status 413: why"));
        check(401, later("status 401: why"));
        check(429, later("status 429: why"));
        check(500, later("status 500: why"));
        check(503, later("status 503: why"));
    }
}
