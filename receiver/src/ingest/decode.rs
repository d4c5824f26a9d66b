//! Reading a body into a payload within a known amount of memory, small ones at once and large ones in turn.
//!
//! A light payload is decoded once, here: what was read goes along with its record as the record's [`Decoded`], and
//! the lanes that are close behind convert that.

use super::limits::{self, Limits};
use super::outcome::Contents;
use super::{Refusal, inflate, validate};
use crate::journal::{Companion, Encoding};
use bytes::Bytes;
use std::borrow::Cow;
use std::ops::Deref;
use std::sync::Arc;
use tokio::sync::Semaphore;
use wire::Payload;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};
use yoke::{Yoke, Yokeable};

/// Bytes of a decoder's reason that are sent back; it may quote the payload.
const REASON_BYTES: usize = 300;

/// A payload with the text that it borrows from.
#[derive(Debug)]
pub struct Decoded(Yoke<Held<'static>, Box<Text>>);

#[derive(Debug, Yokeable)]
struct Held<'a>(Payload<'a>);

/// What a payload borrows from.
#[derive(Debug)]
enum Text {
    /// The body as it was sent.
    Sent(Bytes),
    /// The body inflated.
    Inflated(Vec<u8>),
}

impl Decoded {
    fn new(text: Text) -> Result<Decoded, Refusal> {
        Yoke::try_attach_to_cart(Box::new(text), |text| decode(text).map(Held)).map(Decoded)
    }

    /// What the page sent.
    pub fn payload(&self) -> &Payload<'_> {
        &self.0.get().0
    }

    /// What it takes in memory, about, besides a body that was not compressed.
    fn bytes(&self, values: usize) -> usize {
        // A text or a pair of them takes 24 to 48 bytes, an item's struct some 30 for each of its members.
        let inflated = match self.0.backing_cart().as_ref() {
            Text::Sent(_) => 0,
            Text::Inflated(text) => text.capacity(),
        };
        inflated + values * 48 + size_of::<Payload>() + 512
    }
}

impl Deref for Text {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self {
            Text::Sent(body) => body,
            Text::Inflated(text) => text,
        }
    }
}

/// What is kept of a payload once it has been read.
#[derive(Clone, Debug, Default)]
pub struct Examined {
    /// `meta.app.name`, at most [`limits::APP_BYTES`] bytes of it.
    pub app: String,
    /// Stands for the application's name and environment, for its rate.
    pub rate_key: u64,
    /// Stands for the session, for sampling; 0 when there is none.
    pub session: u64,
    /// Bytes of the inflated body.
    pub inflated: u32,
    /// How many items of which kind, and what was wrong with some.
    pub contents: Contents,
    /// The payload itself, a [`Decoded`], when it is light.
    pub decoded: Option<Companion>,
}

/// The one door to reading payloads: whoever decodes a payload that may be heavy passes it.
///
/// A decoded payload can take several times the memory of its text. Light ones are bounded by the number of
/// threads, heavy ones (see [`is_light`]) pass one by one.
#[derive(Clone)]
pub struct Gate(Arc<Semaphore>);

impl Default for Gate {
    fn default() -> Self {
        Gate(Arc::new(Semaphore::new(limits::HEAVY)))
    }
}

impl Gate {
    /// Inflates, decodes and validates `body`. Heavy ones wait for their turn and are read off the async threads.
    pub async fn examine(&self, encoding: Encoding, body: &Bytes, limits: &Limits) -> Result<Examined, Refusal> {
        let light_bytes = limits.inflated.min(limits::LIGHT_BYTES);
        let light_values = limits.values.min(limits::LIGHT_VALUES);
        match examine(encoding, body, light_bytes, light_values, Keep::Payload) {
            Err(Refusal::InflatedSize { .. } | Refusal::Values { .. }) => {}
            done => return done,
        }
        let turn = self.heavy().await;
        let (body, bytes, values) = (body.clone(), limits.inflated, limits.values);
        let task = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            examine(encoding, &body, bytes, values, Keep::Nothing)
        });
        task.await.unwrap_or(Err(Refusal::Internal))
    }

    /// Waits for the turn of a heavy payload; it lasts until the returned permit is dropped.
    pub async fn heavy(&self) -> tokio::sync::OwnedSemaphorePermit {
        Arc::clone(&self.0).acquire_owned().await.expect("the gate's semaphore is never closed")
    }
}

/// Whether a payload of this inflated text may be decoded without waiting for a turn.
pub fn is_light(text: &[u8]) -> bool {
    text.len() <= limits::LIGHT_BYTES && shape(text, limits::LIGHT_VALUES).is_ok()
}

/// What becomes of a payload that has been read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    Payload,
    Nothing,
}

fn examine(encoding: Encoding, body: &Bytes, bytes: usize, limit: usize, keep: Keep) -> Result<Examined, Refusal> {
    let text = match inflate::all(encoding, body, bytes)? {
        Cow::Borrowed(_) => Text::Sent(body.clone()),
        Cow::Owned(text) => Text::Inflated(text),
    };
    let values = shape(&text, limit)?;
    let inflated = text.len() as u32;
    let decoded = Decoded::new(text)?;
    let payload = decoded.payload();
    let contents = validate::payload(payload)?;
    let meta = payload.meta.app.as_ref();
    let app = meta.and_then(|app| app.name.as_deref()).unwrap_or_default();
    let environment = meta.and_then(|app| app.environment.as_deref()).unwrap_or_default();
    let rate_key = xxh3_64_with_seed(environment.as_bytes(), xxh3_64(app.as_bytes()));
    let session = payload.meta.session.as_ref().and_then(|session| session.id.as_deref());
    let session = session.map_or(0, |id| xxh3_64(id.as_bytes()).max(1));
    let app = cut(app, limits::APP_BYTES).to_owned();
    let bytes = decoded.bytes(values);
    let decoded = (keep == Keep::Payload).then(|| Companion { any: Arc::new(decoded), bytes });
    Ok(Examined { app, rate_key, session, inflated, contents, decoded })
}

fn decode(text: &[u8]) -> Result<Payload<'_>, Refusal> {
    wire::decode::payload(text).map_err(|error| {
        let mut reason = error.to_string().replace(char::is_control, " ");
        reason.truncate(cut(&reason, REASON_BYTES).len());
        Refusal::Payload(reason)
    })
}

/// How many JSON values `text` has, or somewhat more. Fails for more than `limit`, and when it is nested deeper than
/// [`limits::LEVELS`].
fn shape(text: &[u8], limit: usize) -> Result<usize, Refusal> {
    // Each value but the first follows a comma or opens its list or object. 255 bytes at a time fit a byte, which lets
    // the compiler count 16 or more of them in one step.
    let block = |bytes: &[u8]| bytes.iter().fold(0_u8, |n, byte| n + u8::from(matches!(byte, b',' | b'{' | b'[')));
    let marks = text.chunks(255).map(|bytes| usize::from(block(bytes))).sum::<usize>();
    if marks <= limit.min(limits::FEW_VALUES) {
        return Ok(marks);
    }
    // Many marks: those inside strings are no values, and some may open one level after the other.
    let (mut values, mut level, mut in_string, mut escaped) = (0, 0_usize, false, false);
    for byte in text {
        if in_string {
            in_string = escaped || *byte != b'"';
            escaped = !escaped && *byte == b'\\';
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b',' => values += 1,
            b'{' | b'[' => {
                values += 1;
                level += 1;
                if level > limits::LEVELS {
                    return Err(Refusal::Levels { limit: limits::LEVELS });
                }
            }
            b'}' | b']' => level = level.saturating_sub(1),
            _ => {}
        }
    }
    if values > limit { Err(Refusal::Values { limit }) } else { Ok(values) }
}

/// The longest start of `text` of at most `bytes` bytes that ends between characters.
pub(super) fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_values_outside_strings() {
        let check = |text: &str, values: usize| {
            assert!(shape(text.as_bytes(), values).is_ok_and(|counted| counted <= values), "{text}");
            assert_eq!(shape(text.as_bytes(), values - 1), Err(Refusal::Values { limit: values - 1 }), "{text}");
        };
        check(r#"{"a":1,"b":[1,2,3]}"#, 5);
        check(r#"{"a":"{,[,\",,,"}"#, 1);
        check(r#"["\\",1,"\\\"",2]"#, 4);
        check(&format!("[{}]", "{},".repeat(5000)), 10_001);
    }

    #[test]
    fn refuses_deep_nesting_wherever_it_is() {
        let nested = |levels: usize| format!("{{\"x\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        let deep = Refusal::Levels { limit: limits::LEVELS };
        let examine = |body: String| examine(Encoding::Identity, &body.into(), 1 << 20, 300_000, Keep::Nothing);
        assert_eq!(examine(nested(100_000)).unwrap_err(), deep);
        assert_eq!(examine("[".repeat(100_000)).unwrap_err(), deep);
        // Few levels are cheap whatever they are: the decoder skips or refuses them.
        assert!(examine(nested(1000)).is_ok());
        let wide = format!("[{}]", "[[[[1]]]],".repeat(5000));
        assert!(shape(wide.as_bytes(), 300_000).is_ok());
    }

    #[tokio::test]
    async fn a_payload_is_read_alike_on_both_ways() {
        let small = br#"{"meta":{"app":{"name":"shop"}},"logs":[{"message":"a"}]}"#.to_vec();
        let mut large = small.clone();
        large.splice(1..1, format!("\"x\":\"{}\",", "y".repeat(limits::LIGHT_BYTES)).into_bytes());
        for body in [small, large] {
            let examined = Gate::default().examine(Encoding::Identity, &body.clone().into(), &Limits::default()).await;
            let examined = examined.unwrap();
            assert_eq!((examined.app.as_str(), examined.inflated as usize), ("shop", body.len()));
            assert_eq!(examined.contents.logs, 1);
        }
    }

    #[tokio::test]
    async fn refuses_with_the_limit_that_holds_for_all() {
        let limits = Limits { inflated: 1 << 20, values: 50_000, ..Limits::default() };
        let check = async |body: String, expected: Refusal| {
            let refused = Gate::default().examine(Encoding::Identity, &body.into(), &limits).await;
            assert_eq!(refused.unwrap_err(), expected);
        };
        check(format!("\"{}\"", "a".repeat(1 << 20)), Refusal::InflatedSize { limit: 1 << 20 }).await;
        check(format!("[{}]", "{},".repeat(25_000)), Refusal::Values { limit: 50_000 }).await;
        let over = "{},".repeat(wire::limits::ITEMS);
        let kind = Refusal::Items { kind: "events", count: wire::limits::ITEMS + 1, limit: wire::limits::ITEMS };
        check(format!("{{\"events\":[{over}{{}}]}}"), kind).await;
    }

    #[test]
    fn a_reason_is_one_short_line_with_its_place() {
        let check = |body: &[u8]| match decode(body) {
            Err(Refusal::Payload(reason)) => reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            check(b"{\n\"logs\":{}}"),
            "body is not a Faro payload: invalid type: map, expected a list at line 2 column 8"
        );
        assert_eq!(check(b"{\"a\":\"\xff\"}"), "body is not UTF-8 at byte 6");
        let long = check(format!("{{\"meta\":\"{}\\n\"}}", "é".repeat(400)).as_bytes());
        assert!(long.len() <= REASON_BYTES && !long.contains('\n'));
    }
}
