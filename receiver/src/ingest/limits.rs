//! What one request, and all of them together, may cost.

use std::time::Duration;

/// The limits of admission. The defaults keep the process under 100 MB whatever is sent:
/// bodies held, plus one heavy payload being read (its text, its strings, its values), plus the idle process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one body as it comes over the wire. Alloy's `max_allowed_payload_size`.
    pub wire: usize,
    /// Bytes of one body after inflating. The same number: compression is no way round it.
    pub inflated: usize,
    /// JSON values in one payload: 150 typical batches of 17 KB. Each may take 150 bytes
    /// when decoded; without this a body of `{},{},{}` would take fifty times its size.
    pub values: usize,
    /// Requests whose body is being received, read or written. At an fsync of 5 ms this allows 50,000 requests a second.
    pub requests: usize,
    /// Bytes of bodies held at once, from the first byte received until the journal has them: 360 typical batches.
    pub bodies: usize,
    /// How long a body may take to arrive. A slow phone uploads 60 KB in a few seconds.
    pub deadline: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            wire: 5 << 20,
            inflated: 5 << 20,
            values: 150_000,
            requests: 256,
            bodies: 6 << 20,
            deadline: Duration::from_secs(30),
        }
    }
}

/// Inflated bytes up to which a payload is read where the request runs; above it, in turn with other large ones.
pub const LIGHT_BYTES: usize = 256 << 10;

/// JSON values up to which a payload is light: 16,000 is what 256 KiB of a real payload hold.
pub const LIGHT_VALUES: usize = 16_000;

/// Values of which a payload is not looked at closer: four times a typical batch of 17 KB.
pub const FEW_VALUES: usize = 4_000;

/// Levels of lists and objects in a payload with more values than that. A real one has 20; the JSON reader follows
/// 128 and skips the rest, so this only says plainly what would else be a dropped item.
pub const LEVELS: usize = 256;

/// Heavy payloads being read at once. One keeps the memory of the worst of them countable.
pub const HEAVY: usize = 1;

/// A zstd window of 8 MiB, what RFC 8878 asks every decoder to support.
pub const ZSTD_WINDOW_LOG: u32 = 23;

/// Bytes of an idempotency key, header or query. Faro's has 20 characters.
pub const KEY_BYTES: usize = 256;

/// Bytes kept of a `User-Agent`; real ones stay under 300.
pub const USER_AGENT_BYTES: usize = 512;

/// Bytes kept of an application's name in the journal's header; the whole name stays in the body.
pub const APP_BYTES: usize = 256;

/// How long a repeat of an idempotency key is recognised: Faro gives up after three tries within a minute.
pub const WINDOW: Duration = Duration::from_secs(600);

/// Idempotency keys remembered, about 40 bytes each.
pub const WINDOW_KEYS: usize = 200_000;
