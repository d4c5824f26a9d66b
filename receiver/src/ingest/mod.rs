//! From a request's head and body to a durable record, or a refusal: admit, inflate, decode, validate, store.

pub mod admit;
pub mod decode;
pub mod idempotency;
pub mod inflate;
pub mod limits;
pub mod outcome;
pub mod rate;
pub mod refusal;
pub mod rules;
pub mod validate;

pub use limits::Limits;
pub use outcome::Reason;
pub use refusal::Refusal;
pub use rules::Rules;

use crate::journal::{Companion, Encoding, Header, Journal, JournalError, Record};
use crate::telemetry::{AppLabel, Metrics};
use admit::{Room, Slot};
use bytes::Bytes;
use decode::{Examined, Gate};
use idempotency::{Claim, Window};
use rules::Verdict;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tokio_stream::Stream;

/// Bodies under this size are copied out of the buffer they came in, which is 8 KiB at least.
const SMALL_BYTES: usize = 8 << 10;

/// What a request's head says. The key has been checked before.
#[derive(Clone, Copy, Debug, Default)]
pub struct Head<'a> {
    /// `Content-Length`.
    pub declared: Option<u64>,
    /// `Content-Encoding`, as sent.
    pub encoding: Option<&'a [u8]>,
    /// The idempotency key.
    pub idempotency: Option<&'a [u8]>,
    /// Where the connection comes from.
    pub client: Option<IpAddr>,
    /// `User-Agent`.
    pub user_agent: Option<&'a [u8]>,
    /// What holds for the key that it brought.
    pub rules: Rules<'a>,
}

/// Takes payloads in: everything between the key and the answer.
pub struct Admission {
    limits: Limits,
    room: Room,
    gate: Gate,
    window: Window,
    journal: Journal,
    metrics: Arc<Metrics>,
}

impl Admission {
    /// Reads the keys of the last ten minutes from `journal`, so that a restart does not store repeats.
    pub fn open(
        limits: Limits,
        journal: Journal,
        gate: Gate,
        metrics: Arc<Metrics>,
    ) -> Result<Admission, JournalError> {
        let window = Window::default();
        let since = unix_nanos().saturating_sub(limits::WINDOW.as_nanos() as u64);
        window.restore(journal.idempotency_hashes(since)?);
        Ok(Admission { room: Room::new(&limits), limits, gate, window, journal, metrics })
    }

    /// Stores one payload; returns when it is on disk, or was before.
    ///
    /// Fails with what is wrong, and then nothing is stored. Once the payload is handed to the journal it is stored
    /// and counted even when this future is dropped because the client went away.
    pub async fn admit<S, E>(&self, head: &Head<'_>, body: &mut S) -> Result<(), Refusal>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
    {
        let received = unix_nanos();
        let limits = head.rules.limits(&self.limits);
        if head.declared.is_some_and(|bytes| bytes > limits.wire as u64) {
            return Err(Refusal::BodySize { limit: limits.wire });
        }
        let encoding = content_encoding(head.encoding)?;
        let key = idempotency_key(head.idempotency)?;
        let mut slot = self.room.enter(&limits)?;
        let body = self.room.read(&mut slot, head.declared, body, &limits).await?;
        // A small body shares its buffer with the rest of what its connection sent, all of which it would keep in memory.
        let body = if body.len() < SMALL_BYTES { Bytes::copy_from_slice(&body) } else { body };
        let encoding = encoding.unwrap_or_else(|| inflate::detect(&body));
        let examined = self.gate.examine(encoding, &body, &limits).await?;
        let app_label = self.metrics.app(head.rules.app.unwrap_or(&examined.app));
        if head.rules.verdict(&examined, Instant::now())? == Verdict::Sampled {
            self.metrics.sampled(&app_label, &examined.contents);
            return Ok(());
        }
        let Examined { app, inflated, contents, decoded, .. } = examined;

        let idempotency = key.map_or(0, |key| idempotency::hash(&app, key));
        let claim = match idempotency {
            0 => None,
            hash => match self.window.claim(hash, received).await {
                Some(claim) => Some(claim),
                None => {
                    self.metrics.repeated();
                    return Ok(());
                }
            },
        };
        let client = head.client.map(truncated).map(|ip| ip.to_string()).unwrap_or_default();
        let user_agent = head.user_agent.map(String::from_utf8_lossy).unwrap_or_default();
        let user_agent = decode::cut(&user_agent, limits::USER_AGENT_BYTES).to_owned();
        let header = Header { received, encoding, inflated, app, client, user_agent, idempotency };
        self.store(Record { header, body }, decoded, app_label, contents, claim, slot).await
    }

    async fn store(
        &self,
        record: Record,
        decoded: Option<Companion>,
        app: AppLabel,
        contents: outcome::Contents,
        claim: Option<Claim>,
        slot: Slot,
    ) -> Result<(), Refusal> {
        let (journal, metrics) = (self.journal.clone(), Arc::clone(&self.metrics));
        // A task of its own: a client that goes away must not leave a stored payload uncounted and its key unclaimed.
        let storing = tokio::spawn(async move {
            let received = record.header.received;
            journal.append_with(record, decoded).await?;
            if let Some(claim) = claim {
                claim.stored(received);
            }
            if let Some(reason) = &contents.first_reason {
                tracing::debug!(?contents, reason, "parts of a payload were left out");
            }
            metrics.accepted(&app, &contents);
            drop(slot);
            Ok(())
        });
        storing.await.unwrap_or(Err(Refusal::Internal))
    }
}

/// The encoding a `Content-Encoding` names; `None` when it names none and the body's first bytes decide.
fn content_encoding(header: Option<&[u8]>) -> Result<Option<Encoding>, Refusal> {
    let name = header.unwrap_or_default().trim_ascii();
    let is = |names: &[&str]| names.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()));
    match () {
        () if is(&["", "identity"]) => Ok(None),
        () if is(&["gzip", "x-gzip"]) => Ok(Some(Encoding::Gzip)),
        () if is(&["deflate"]) => Ok(Some(Encoding::Deflate)),
        () if is(&["br"]) => Ok(Some(Encoding::Brotli)),
        () if is(&["zstd"]) => Ok(Some(Encoding::Zstd)),
        () => Err(Refusal::Encoding(decode::cut(&String::from_utf8_lossy(name), 40).to_owned())),
    }
}

fn idempotency_key(key: Option<&[u8]>) -> Result<Option<&[u8]>, Refusal> {
    match key {
        Some(key) if key.len() > limits::KEY_BYTES => Err(Refusal::IdempotencyKey { limit: limits::KEY_BYTES }),
        key => Ok(key.filter(|key| !key.is_empty())),
    }
}

/// The network of a client: /24 of IPv4, /48 of IPv6.
fn truncated(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V4(ip) => IpAddr::V4(Ipv4Addr::from(u32::from(ip) & !0xff)),
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from(u128::from(ip) & !((1 << 80) - 1))),
    }
}

fn unix_nanos() -> u64 {
    // A clock before 1970 is set wrong; records then have the time 0.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_kept_as_networks() {
        let check = |client: &str, network: &str| assert_eq!(truncated(client.parse().unwrap()).to_string(), network);
        check("203.0.113.77", "203.0.113.0");
        check("::ffff:203.0.113.77", "203.0.113.0");
        check("2001:db8:1:2:3:4:5:6", "2001:db8:1::");
        check("::1", "::");
    }

    #[test]
    fn encodings_are_read_in_any_case() {
        let check = |header: &str, expected| assert_eq!(content_encoding(Some(header.as_bytes())), expected);
        check("", Ok(None));
        check(" identity", Ok(None));
        check("GZIP", Ok(Some(Encoding::Gzip)));
        check("x-gzip", Ok(Some(Encoding::Gzip)));
        check("Deflate", Ok(Some(Encoding::Deflate)));
        check("br", Ok(Some(Encoding::Brotli)));
        check("zstd ", Ok(Some(Encoding::Zstd)));
        check("gzip, gzip", Err(Refusal::Encoding("gzip, gzip".into())));
        check("lz4", Err(Refusal::Encoding("lz4".into())));
    }

    #[test]
    fn idempotency_keys_are_bounded() {
        assert_eq!(idempotency_key(Some(b"k")), Ok(Some(&b"k"[..])));
        assert_eq!(idempotency_key(Some(b"")), Ok(None));
        assert_eq!(idempotency_key(Some(&[b'k'; 257])), Err(Refusal::IdempotencyKey { limit: 256 }));
    }
}
