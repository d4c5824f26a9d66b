//! Every number that limits something in the page, each with its reason.

/// Milliseconds without an item after which a session is over. Faro's.
pub const SESSION_IDLE_MS: f64 = 900_000.0;

/// Milliseconds after which a session is over, idle or not. Faro's.
pub const SESSION_AGE_MS: f64 = 14_400_000.0;

/// Milliseconds between two writes of the session's last activity: storage is slow and synchronous.
pub const SESSION_STORE_MS: f64 = 1_000.0;

/// Where the session is kept. Faro's key, so that a page that changes from one agent to the other keeps its session.
pub const SESSION_KEY: &str = "com.grafana.faro.session";

/// Milliseconds that the first item of a batch waits for more. Faro's default.
pub const SEND_TIMEOUT_MS: f64 = 250.0;

/// Items in a batch. Faro's default.
pub const ITEM_LIMIT: u32 = 50;

/// Bytes of a batch: browsers allow 64 KiB of keepalive bodies at once, headers apart; Faro and Sentry stop at this too.
/// Only a single item larger than this makes a larger batch.
pub const BATCH_BYTES: usize = 60_000;

/// Bytes that `meta.farol` may take in a batch: three numbers, an id, and a count for each reason of a drop.
pub const DELIVERY_BYTES: usize = 512;

/// Bytes of all keepalive bodies in flight.
pub const KEEPALIVE_BYTES: usize = 60_000;

/// Keepalive requests in flight: Chromium allowed 20 in a measurement, Faro stays at 9.
pub const KEEPALIVE_REQUESTS: usize = 9;

/// Requests in flight while the page lives. Browsers open six connections to a host, one is left to the page.
pub const CONCURRENCY: usize = 5;

/// Batches that wait or are in flight, as many as Faro holds. Past it the oldest waiting one is dropped.
pub const QUEUE_BATCHES: usize = 30;

/// Bytes of all batches that wait or are in flight: what an agent may cost a page whose collector is gone.
pub const QUEUE_BYTES: usize = 1 << 20;

/// Times that one batch is tried.
pub const ATTEMPTS: u32 = 3;

/// Milliseconds before the first retry.
pub const BACKOFF_FIRST_MS: f64 = 1_000.0;

/// Milliseconds that a backoff grows to.
pub const BACKOFF_MAX_MS: f64 = 30_000.0;

/// Share of a wait that chance adds, so that pages which failed together do not come back together.
pub const BACKOFF_JITTER: f64 = 0.2;

/// Milliseconds of `Retry-After` that are honoured; a server that says more is asked again after this.
pub const RETRY_AFTER_MAX_MS: f64 = 3_600_000.0;

/// Milliseconds that a request may take. A stalled collector must not hold the page's connections. Faro's.
pub const REQUEST_TIMEOUT_MS: f64 = 10_000.0;

/// Spans of requests that are open at once; what is past it is not observed.
pub const REQUESTS_OPEN: usize = 256;

/// Frames kept of a stack: Chromium gives 10 unless told otherwise, a recursion without end gives thousands.
pub const STACK_FRAMES: usize = 64;

/// Bytes of a stack line; longer ones are data that leaked into a message. Faro's.
pub const STACK_LINE: usize = 1024;

/// Items that wait for the page's hook: those pushed inside a hook. Past it they are dropped.
pub const HOOK_WAITING: usize = 64;

/// Bytes of the scratch buffer at first: an event or an error fits.
pub const SCRATCH_FIRST: usize = 16 << 10;

/// Bytes that the scratch buffer may grow to, which bounds an item.
pub const SCRATCH_MAX: usize = 1 << 20;

/// Interactions remembered for INP, as web-vitals does: one is left out for each fifty.
pub const INTERACTIONS: usize = 10;

/// Milliseconds within which two interactions count as shown by the same frame: event times are rounded to 8 ms.
pub const FRAME_MS: f64 = 8.0;

/// Milliseconds between two shifts of one session window of CLS.
pub const SHIFT_GAP_MS: f64 = 1_000.0;

/// Milliseconds that a session window of CLS may last.
pub const SHIFT_WINDOW_MS: f64 = 5_000.0;
