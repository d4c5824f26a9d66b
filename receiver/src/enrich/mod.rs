//! Enrichment: a decoded payload with what the request says of it, made once for every lane.

use crate::journal::Header;
use wire::{Event, Exception, Log, Measurement, Payload};

/// A payload and what is known of the request that brought it. Borrows from the decoded payload and the journal's record.
#[derive(Clone, Debug, PartialEq)]
pub struct Enriched<'a> {
    /// What the page sent.
    pub payload: &'a Payload<'a>,
    /// When it was received, nanoseconds since the epoch.
    pub received: u64,
    /// Client address, truncated at admission.
    pub client: &'a str,
    /// The `User-Agent`: the page's own word, else the request's; empty when neither says.
    pub user_agent: UserAgent<'a>,
}

/// Who said which browser it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserAgent<'a> {
    /// `meta.browser.userAgent` is there, nothing need be added.
    InMeta,
    /// Only the request's header says; may be empty.
    FromRequest(&'a str),
}

/// One item of a payload.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Item<'b, 'a> {
    /// A log line.
    Log(&'b Log<'a>),
    /// An error.
    Exception(&'b Exception<'a>),
    /// A set of numbers.
    Measurement(&'b Measurement<'a>),
    /// A named event.
    Event(&'b Event<'a>),
}

/// Joins a payload with the header of its record.
pub fn payload<'a>(payload: &'a Payload<'a>, header: &'a Header) -> Enriched<'a> {
    let in_meta = payload.meta.browser.as_ref().and_then(|browser| browser.user_agent.as_ref());
    let user_agent = match in_meta.and_then(|text| text.non_empty()) {
        Some(_) => UserAgent::InMeta,
        None => UserAgent::FromRequest(&header.user_agent),
    };
    Enriched { payload, received: header.received, client: &header.client, user_agent }
}

impl<'a> Enriched<'a> {
    /// The service: the session's override, else the app's name, else `unknown`.
    pub fn service_name(&self) -> &str {
        let overrides = self.payload.meta.session.as_ref().and_then(|session| session.overrides.as_ref());
        let service = overrides.and_then(|overrides| overrides.service_name.as_ref());
        let app = self.payload.meta.app.as_ref().and_then(|app| app.name.as_ref());
        let named = service.and_then(|text| text.non_empty()).or_else(|| app.and_then(|text| text.non_empty()));
        named.unwrap_or("unknown")
    }

    /// How many items there are: logs, exceptions, measurements and events, not spans.
    pub fn items(&self) -> usize {
        let payload = &self.payload;
        payload.logs.len() + payload.exceptions.len() + payload.measurements.len() + payload.events.len()
    }

    /// The item at `place`, counted over logs, exceptions, measurements, events: the order in which
    /// every store gets them.
    pub fn item(&self, place: usize) -> Option<Item<'_, 'a>> {
        let payload = &self.payload;
        let mut rest = place;
        if let Some(log) = payload.logs.get(rest) {
            return Some(Item::Log(log));
        }
        rest -= payload.logs.len();
        if let Some(exception) = payload.exceptions.get(rest) {
            return Some(Item::Exception(exception));
        }
        rest -= payload.exceptions.len();
        if let Some(measurement) = payload.measurements.get(rest) {
            return Some(Item::Measurement(measurement));
        }
        rest -= payload.measurements.len();
        payload.events.get(rest).map(Item::Event)
    }

    /// How many spans there are.
    pub fn spans(&self) -> usize {
        let resources = self.payload.traces.iter().flat_map(|traces| traces.resource_spans.iter());
        resources.flat_map(|resource| resource.scope_spans.iter()).map(|scope| scope.spans.len()).sum()
    }
}

impl<'b> Item<'b, '_> {
    /// `log`, `exception`, `measurement` or `event`.
    pub fn kind(self) -> &'static str {
        match self {
            Item::Log(_) => "log",
            Item::Exception(_) => "exception",
            Item::Measurement(_) => "measurement",
            Item::Event(_) => "event",
        }
    }

    /// Client time as it was sent.
    pub fn timestamp(self) -> &'b str {
        match self {
            Item::Log(log) => &log.timestamp,
            Item::Exception(exception) => &exception.timestamp,
            Item::Measurement(measurement) => &measurement.timestamp,
            Item::Event(event) => &event.timestamp,
        }
    }

    /// The ids of the span that was active, as they were sent, each perhaps empty.
    pub fn trace(self) -> Option<(&'b str, &'b str)> {
        let trace = match self {
            Item::Log(log) => log.trace.as_ref(),
            Item::Exception(exception) => exception.trace.as_ref(),
            Item::Measurement(measurement) => measurement.trace.as_ref(),
            Item::Event(event) => event.trace.as_ref(),
        };
        trace.map(|trace| (&*trace.trace_id, &*trace.span_id))
    }

    /// The user action it belongs to, as pairs of a short name and its text.
    pub fn action(self) -> impl Iterator<Item = (&'static str, &'b str)> {
        let action = match self {
            Item::Log(log) => log.action.as_ref(),
            Item::Exception(exception) => exception.action.as_ref(),
            Item::Measurement(measurement) => measurement.action.as_ref(),
            Item::Event(event) => event.action.as_ref(),
        };
        let parts = action.map(|action| [("id", &action.id), ("name", &action.name), ("parent_id", &action.parent_id)]);
        let texts = parts.into_iter().flatten();
        texts.filter_map(|(name, text)| text.as_ref().and_then(|text| text.non_empty()).map(|text| (name, text)))
    }
}
