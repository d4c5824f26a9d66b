//! A payload and the four kinds of item in it. Field order is the order on the wire.

use crate::{List, Meta, Numbers, Pairs, Text, trace::Traces};
use serde::Serialize;

/// One body posted to `/collect`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Payload<'a> {
    /// What holds for every item of the batch.
    pub meta: Meta<'a>,
    /// Console lines and `pushLog`.
    #[serde(skip_serializing_if = "List::is_empty")]
    pub logs: List<Log<'a>>,
    /// Named events.
    #[serde(skip_serializing_if = "List::is_empty")]
    pub events: List<Event<'a>>,
    /// Web vitals and `pushMeasurement`.
    #[serde(skip_serializing_if = "List::is_empty")]
    pub measurements: List<Measurement<'a>>,
    /// Errors.
    #[serde(skip_serializing_if = "List::is_empty")]
    pub exceptions: List<Exception<'a>>,
    /// Spans, as OTLP/JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traces: Option<Traces<'a>>,
}

/// A log line.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Log<'a> {
    /// The text.
    pub message: Text<'a>,
    /// `trace debug info log warn error`, or whatever the sender calls it.
    pub level: Text<'a>,
    /// The sender's own pairs.
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    pub context: Pairs<'a>,
    /// Client time, RFC 3339.
    pub timestamp: Text<'a>,
    /// The span that was active.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceContext<'a>>,
    /// The user action it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<Action<'a>>,
    /// Members that nobody knows, as text or JSON; at most [`limits::MORE`](crate::limits::MORE). Not written.
    #[serde(skip)]
    pub more: Pairs<'a>,
}

/// A named event.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Event<'a> {
    /// The name, `session_start` for example.
    pub name: Text<'a>,
    /// Who speaks, `browser` by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<Text<'a>>,
    /// The event's own pairs.
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    pub attributes: Pairs<'a>,
    /// Client time, RFC 3339.
    pub timestamp: Text<'a>,
    /// The span that was active.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceContext<'a>>,
    /// The user action it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<Action<'a>>,
    /// Members that nobody knows, as text or JSON; at most [`limits::MORE`](crate::limits::MORE). Not written.
    #[serde(skip)]
    pub more: Pairs<'a>,
}

/// A set of numbers under one type, a web vital for example.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Measurement<'a> {
    /// The type, `web-vitals` for example.
    #[serde(rename = "type")]
    pub kind: Text<'a>,
    /// Milliseconds for times; CLS has no unit.
    pub values: Numbers<'a>,
    /// Client time, RFC 3339.
    pub timestamp: Text<'a>,
    /// The sender's own pairs.
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    pub context: Pairs<'a>,
    /// The span that was active.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceContext<'a>>,
    /// The user action it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<Action<'a>>,
    /// Members that nobody knows, as text or JSON; at most [`limits::MORE`](crate::limits::MORE). Not written.
    #[serde(skip)]
    pub more: Pairs<'a>,
}

/// An error.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Exception<'a> {
    /// The error's name, `TypeError` for example.
    #[serde(rename = "type")]
    pub kind: Text<'a>,
    /// The message.
    pub value: Text<'a>,
    /// Client time, RFC 3339.
    pub timestamp: Text<'a>,
    /// The span that was active.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceContext<'a>>,
    /// The sender's own pairs; `cause` is one.
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    pub context: Pairs<'a>,
    /// The sender's grouping key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Text<'a>>,
    /// Whether it ended the session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fatal: Option<bool>,
    /// Where it was thrown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stacktrace: Option<Stacktrace<'a>>,
    /// The user action it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<Action<'a>>,
    /// Members that nobody knows, as text or JSON; at most [`limits::MORE`](crate::limits::MORE). Not written.
    #[serde(skip)]
    pub more: Pairs<'a>,
}

/// Frames, the throwing one first.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Stacktrace<'a> {
    /// The frames.
    pub frames: List<Frame<'a>>,
}

/// One call. Lines and columns count from 1.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Frame<'a> {
    /// Script URL.
    pub filename: Text<'a>,
    /// Function name, `?` when unknown.
    pub function: Text<'a>,
    /// Line, left out when the engine gave none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lineno: Option<u32>,
    /// Column, left out when the engine gave none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub colno: Option<u32>,
    /// Module, sent by some older agents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub module: Option<Text<'a>>,
}

/// The ids of an active span, lower-case hex.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TraceContext<'a> {
    /// 32 hex digits.
    pub trace_id: Text<'a>,
    /// 16 hex digits.
    pub span_id: Text<'a>,
}

/// A user action, or a link to one.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Action<'a> {
    /// The action's own id, on the action event itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Text<'a>>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Text<'a>>,
    /// On items that happened during an action: its id.
    #[serde(rename = "parentId", skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<Text<'a>>,
}
