//! What a decoded payload holds: its items counted by kind, its bad ones by reason, and the caps on both.

use super::Refusal;
use super::outcome::Contents;
use wire::limits::ITEMS;
use wire::trace::{Span, Traces};
use wire::{Exception, List, Payload};

/// Counts the items of `payload`, or refuses it whole when there are more than [`ITEMS`] of one kind.
pub fn payload(payload: &Payload) -> Result<Contents, Refusal> {
    let mut contents = Contents::default();
    contents.logs = contents.items("logs", &payload.logs)?;
    contents.events = contents.items("events", &payload.events)?;
    contents.measurements = contents.items("measurements", &payload.measurements)?;
    contents.exceptions = contents.items("exceptions", &payload.exceptions)?;
    payload.exceptions.iter().for_each(|exception| contents.exception(exception));
    contents.meta(payload);
    contents.spans = match &payload.traces {
        Some(traces) => contents.traces(traces)?,
        None => 0,
    };
    Ok(contents)
}

impl Contents {
    fn items<T>(&mut self, kind: &'static str, list: &List<T>) -> Result<u32, Refusal> {
        if list.over_limit > 0 {
            let count = list.len() + list.invalid as usize + list.over_limit as usize;
            return Err(Refusal::Items { kind, count, limit: ITEMS });
        }
        self.invalid_items += list.invalid;
        self.keep_reason(list);
        Ok(list.len() as u32)
    }

    fn traces(&mut self, traces: &Traces) -> Result<u32, Refusal> {
        let mut spans = 0;
        for resource_spans in self.group(&traces.resource_spans) {
            if let Some(resource) = &resource_spans.resource {
                self.parts(&resource.attributes);
            }
            for scope_spans in self.group(&resource_spans.scope_spans) {
                spans += self.items("spans", &scope_spans.spans)?;
                scope_spans.spans.iter().for_each(|span| self.span(span));
            }
        }
        match spans as usize {
            count if count > ITEMS => Err(Refusal::Items { kind: "spans", count, limit: ITEMS }),
            _ => Ok(spans),
        }
    }

    /// A list that only groups items: what is unreadable in it counts as one item, for nobody knows how many it held.
    fn group<'l, T>(&mut self, list: &'l List<T>) -> std::slice::Iter<'l, T> {
        self.invalid_items = self.invalid_items.saturating_add(list.invalid + list.over_limit);
        self.keep_reason(list);
        list.iter()
    }

    fn parts<T>(&mut self, list: &List<T>) {
        self.invalid_parts += list.invalid;
        self.over_limit_parts = self.over_limit_parts.saturating_add(list.over_limit);
        self.keep_reason(list);
    }

    fn keep_reason<T>(&mut self, list: &List<T>) {
        if self.first_reason.is_none() && list.reason.is_some() {
            self.first_reason.clone_from(&list.reason);
        }
    }

    fn meta(&mut self, payload: &Payload) {
        if let Some(sdk) = &payload.meta.sdk {
            self.parts(&sdk.integrations);
        }
    }

    fn exception(&mut self, exception: &Exception) {
        if let Some(stacktrace) = &exception.stacktrace {
            self.parts(&stacktrace.frames);
        }
    }

    fn span(&mut self, span: &Span) {
        self.parts(&span.attributes);
        self.parts(&span.events);
        span.events.iter().for_each(|event| self.parts(&event.attributes));
        self.parts(&span.links);
        span.links.iter().for_each(|link| self.parts(&link.attributes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::Reason;

    fn check(body: &str) -> Result<Contents, Refusal> {
        payload(&wire::decode::payload(body.as_bytes()).unwrap())
    }

    #[test]
    fn counts_each_kind() {
        let contents = check(
            r#"{"logs":[{},{}],"events":[{}],"measurements":[{},{},{}],"exceptions":[{}],"traces":{"resourceSpans":[
               {"scopeSpans":[{"spans":[{"traceId":"0123456789abcdef0123456789abcdef","spanId":"0123456789abcdef"}]}]}]}}"#,
        );
        let expected = Contents { logs: 2, events: 1, measurements: 3, exceptions: 1, spans: 1, ..Contents::default() };
        assert_eq!(contents, Ok(expected));
        assert_eq!(check("null"), Ok(Contents::default()));
    }

    #[test]
    fn counts_what_is_left_out_with_the_first_reason() {
        let contents = check(
            r#"{"logs":[{"message":{}},7],"exceptions":[{"stacktrace":{"frames":[5,{}]}}],
               "traces":{"resourceSpans":[1,{"scopeSpans":[{"spans":[{}]}]}]}}"#,
        )
        .unwrap();
        assert_eq!((contents.logs, contents.exceptions, contents.spans), (0, 1, 0));
        assert_eq!(contents.dropped(), [(Reason::InvalidItem, 4), (Reason::InvalidPart, 1), (Reason::PartLimit, 0)]);
        assert!(contents.first_reason.unwrap().starts_with("invalid type: map"));
    }

    #[test]
    fn spans_are_capped_over_all_their_lists() {
        let span = r#"{"traceId":"0123456789abcdef0123456789abcdef","spanId":"0123456789abcdef"}"#;
        let scope = format!("{{\"spans\":[{}]}}", [span; 101].join(","));
        let body =
            format!("{{\"traces\":{{\"resourceSpans\":[{{\"scopeSpans\":[{}]}}]}}}}", vec![scope; 100].join(","));
        assert_eq!(check(&body), Err(Refusal::Items { kind: "spans", count: 10_100, limit: ITEMS }));
    }
}
