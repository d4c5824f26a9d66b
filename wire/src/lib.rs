//! The Faro wire model, the only home of the JSON shape: what an agent posts to `/collect`.
//!
//! Types borrow from the text they were decoded from. The receiver reads them with
//! [`decode::payload`] (feature `decode`); the agent writes them with [`encode`], which needs no
//! formatting machinery and is held equal to `serde_json` by a test.

#[cfg(feature = "decode")]
pub mod decode;
pub mod encode;
pub mod item;
pub mod limits;
mod list;
pub mod meta;
mod pairs;
mod text;
pub mod time;
pub mod trace;

pub use item::{Action, Event, Exception, Frame, Log, Measurement, Payload, Stacktrace, TraceContext};
pub use list::List;
pub use meta::Meta;
pub use pairs::{Numbers, Pairs};
pub use text::Text;
