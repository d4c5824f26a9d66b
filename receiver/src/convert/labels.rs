//! Label sets of Loki streams: few, and bounded whatever senders name their apps and events.

use crate::enrich::{Enriched, Item};
use std::collections::{HashMap, HashSet};
use xxhash_rust::xxh3::xxh3_64;

/// Event names that get a stream of their own in one service; with the levels of logs and the other
/// kinds this stays under 100 streams.
pub const EVENT_NAMES: usize = 80;

/// Services (service name, app and environment together) that get streams of their own. With
/// [`EVENT_NAMES`] it bounds this process's streams and memory; names are kept as hashes.
pub const SERVICES: usize = 200;

/// Loki refuses label values over 2,048 bytes.
const VALUE_BYTES: usize = 1024;

/// What stands for names past the budget.
const OTHER: &str = "other";

/// Which names have a label of their own: the first that came. It only grows, so that an item
/// converted twice in a process has the same labels; after a restart the first to come may be others.
#[derive(Debug, Default)]
pub struct LabelBudget {
    services: HashMap<u64, HashSet<u64>>,
}

impl LabelBudget {
    /// Admits the names of a record while there is room. Returns how many of its items will be under
    /// `other`; to be called once for each record, before it is converted.
    pub fn admit(&mut self, record: &Enriched) -> usize {
        let room = self.services.len() < SERVICES;
        let key = service_key(record);
        if !room && !self.services.contains_key(&key) {
            return record.items();
        }
        let names = self.services.entry(key).or_default();
        let events = record.payload.events.iter().filter(|event| {
            let name = name_key(&event.name);
            !names.contains(&name) && (names.len() >= EVENT_NAMES || !names.insert(name))
        });
        events.count()
    }

    /// The labels of a record's items.
    pub fn of<'r>(&'r self, record: &'r Enriched<'r>) -> Labels<'r> {
        let meta = record.payload.meta.app.as_ref();
        let app = meta.and_then(|app| app.name.as_deref()).unwrap_or_default();
        let environment = meta.and_then(|app| app.environment.as_deref()).unwrap_or_default();
        match self.services.get(&service_key(record)) {
            Some(names) => Labels { service: record.service_name(), app, environment, names: Some(names) },
            None => Labels { service: OTHER, app: OTHER, environment: OTHER, names: None },
        }
    }
}

/// The labels that the items of one record may have.
pub struct Labels<'r> {
    service: &'r str,
    app: &'r str,
    environment: &'r str,
    names: Option<&'r HashSet<u64>>,
}

impl Labels<'_> {
    /// The part of an item's labels that differs within a record: its level and its event name.
    pub fn varying<'b>(&self, item: Item<'b, '_>) -> (&'static str, &'b str) {
        match item {
            Item::Log(log) => (level(&log.level), ""),
            Item::Exception(_) => ("error", ""),
            Item::Measurement(_) => ("info", ""),
            Item::Event(event) => {
                let known = self.names.is_some_and(|names| names.contains(&name_key(&event.name)));
                ("info", if known { &event.name } else { OTHER })
            }
        }
    }

    /// Replaces `out` with the label set, `{app="shop", kind="log", ...}`, names sorted. Labels
    /// without a value are left out.
    pub fn write(&self, kind: &str, (level, event_name): (&str, &str), out: &mut String) {
        out.clear();
        let pairs = [
            ("{app=\"", self.app),
            ("environment=\"", self.environment),
            ("event_name=\"", event_name),
            ("kind=\"", kind),
            ("level=\"", level),
            ("service_name=\"", self.service),
        ];
        for (name, value) in pairs.into_iter().filter(|(_, value)| !value.is_empty()) {
            out.push_str(match out.is_empty() {
                true if !name.starts_with('{') => "{",
                true => "",
                false => ", ",
            });
            out.push_str(name);
            escape(super::cut(value, VALUE_BYTES), out);
            out.push('"');
        }
        out.push('}');
    }
}

/// The levels that are labels. A sender may call a level anything; the line has its own word.
fn level(text: &str) -> &'static str {
    const LEVELS: [&str; 7] = ["trace", "debug", "info", "log", "warn", "error", "fatal"];
    let known = LEVELS.into_iter().find(|level| level.eq_ignore_ascii_case(text));
    known.unwrap_or(if text.eq_ignore_ascii_case("warning") { "warn" } else { "unknown" })
}

/// As a Go string literal, which is what Loki reads.
fn escape(value: &str, out: &mut String) {
    if value.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\' && byte != 0x7f) {
        return out.push_str(value);
    }
    for c in value.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            c if c < ' ' || c == '\u{7f}' => {
                let digit = |value: u32| char::from_digit(value, 16).unwrap_or('0');
                out.push_str("\\u00");
                out.extend([digit(u32::from(c) >> 4), digit(u32::from(c) & 15)]);
            }
            c => out.push(c),
        }
    }
}

fn service_key(record: &Enriched) -> u64 {
    let app = record.payload.meta.app.as_ref();
    let name = app.and_then(|app| app.name.as_deref()).unwrap_or_default();
    let environment = app.and_then(|app| app.environment.as_deref()).unwrap_or_default();
    [record.service_name(), name, environment].map(name_key).into_iter().fold(0, |key, part| {
        // Order matters, and equal parts must not cancel out.
        (key ^ part).rotate_left(23).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    })
}

/// Labels are cut, so names that differ only past the cut are one.
fn name_key(name: &str) -> u64 {
    xxh3_64(super::cut(name, VALUE_BYTES).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::enrich;
    use crate::journal::Header;

    fn with<T>(app: &str, events: &[&str], check: impl FnOnce(&Enriched) -> T) -> T {
        let header = Header::default();
        let mut payload = wire::Payload::default();
        payload.meta.app = Some(wire::meta::App { name: Some(app.into()), ..Default::default() });
        let event = |name: &&'static str| wire::Event { name: (*name).into(), ..Default::default() };
        let names: Vec<&'static str> =
            events.iter().map(|name| &*Box::leak(name.to_string().into_boxed_str())).collect();
        payload.events = names.iter().map(event).collect::<Vec<_>>().into();
        check(&enrich::payload(&payload, &header))
    }

    fn event_label(budget: &LabelBudget, app: &str, name: &str) -> String {
        with(app, &[name], |record| {
            let labels = budget.of(record);
            let mut out = String::new();
            let item = record.item(0).expect("one event");
            labels.write(item.kind(), labels.varying(item), &mut out);
            out
        })
    }

    #[test]
    fn names_past_the_budget_are_other() {
        let mut budget = LabelBudget::default();
        let names: Vec<String> = (0..EVENT_NAMES + 5).map(|n| format!("event {n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(with("shop", &names, |record| budget.admit(record)), 5);
        let label = |app, name| event_label(&budget, app, name);
        assert!(label("shop", "event 79").contains("event_name=\"event 79\""));
        assert!(label("shop", "event 80").contains("event_name=\"other\""));
        let mut budget = budget;
        assert_eq!(with("chat", &["event 80"], |record| budget.admit(record)), 0, "each service has its own");
        assert_eq!(with("shop", &["event 80", "event 1"], |record| budget.admit(record)), 1);
    }

    #[test]
    fn services_past_the_budget_are_other() {
        let mut budget = LabelBudget::default();
        for n in 0..SERVICES {
            assert_eq!(with(&format!("app {n}"), &["e"], |record| budget.admit(record)), 0);
        }
        assert_eq!(with("one too many", &["a", "b"], |record| budget.admit(record)), 2);
        let other = r#"{app="other", environment="other", event_name="other", kind="event", level="info", service_name="other"}"#;
        assert_eq!(event_label(&budget, "one too many", "e"), other);
        assert!(event_label(&budget, "app 3", "e").contains("app=\"app 3\""));
    }

    #[test]
    fn values_are_escaped_and_cut() {
        let mut budget = LabelBudget::default();
        let name = "a\"b\\c\nd\u{1}é";
        with(name, &["e"], |record| budget.admit(record));
        assert!(event_label(&budget, name, "e").starts_with(r#"{app="a\"b\\c\nd\u0001é", "#));
        let long = "é".repeat(VALUE_BYTES);
        with(&long, &["e"], |record| budget.admit(record));
        let labels = event_label(&budget, &long, "e");
        assert!(labels.starts_with(&format!("{{app=\"{}\", event", "é".repeat(VALUE_BYTES / 2))), "{labels}");
    }

    #[test]
    fn levels_are_a_fixed_set() {
        let check = |text, expected| assert_eq!(level(text), expected);
        check("error", "error");
        check("Warning", "warn");
        check("LOG", "log");
        check("", "unknown");
        check("session 4711", "unknown");
    }
}
