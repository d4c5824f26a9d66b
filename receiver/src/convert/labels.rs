//! Label sets of Loki streams: few, and bounded whatever senders name their apps and events.

use super::template::{self, Field, Template, Values};
use crate::enrich::{Enriched, Item};
use std::collections::{HashMap, HashSet};
use xxhash_rust::xxh3::xxh3_64;

/// Combinations of open values (event names, in the default labels) that get a stream of their own in one
/// service; with the kinds, the levels of logs, and the same under `other`, this stays under 100 streams.
pub const COMBINATIONS: usize = 80;

/// Services (service name, app and environment together) that get streams of their own. With
/// [`COMBINATIONS`] it bounds this process's streams and memory; names are kept as hashes.
pub const SERVICES: usize = 200;

/// Loki refuses label values over 2,048 bytes.
const VALUE_BYTES: usize = 1024;

/// Loki refuses streams of more labels, and names over 1,024 bytes; nobody writes such a name on purpose.
const LABELS: usize = 15;
const NAME_BYTES: usize = 200;

/// What stands for names past the budget. An item that is really called so is taken for one of them.
const OTHER: &str = "other";

/// Why labels cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// Not a name that Loki takes.
    #[error("label {0:?}: a name has letters, digits and _, no digit first, and does not begin with __")]
    Name(String),
    /// A name twice.
    #[error("label {0:?} is there twice")]
    Twice(String),
    /// None, or too many.
    #[error("{0} labels: Loki takes 1 to {LABELS}")]
    Count(usize),
}

/// The labels of one kind of item: names with templates, sorted by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelSet(Vec<(String, Template)>);

impl LabelSet {
    /// Labels by name.
    ///
    /// # Errors
    /// When Loki would refuse every stream that has them.
    pub fn new(labels: impl IntoIterator<Item = (String, Template)>) -> Result<LabelSet, LabelError> {
        let mut labels: Vec<_> = labels.into_iter().collect();
        labels.sort_by(|(a, _), (b, _)| a.cmp(b));
        if labels.is_empty() || labels.len() > LABELS {
            return Err(LabelError::Count(labels.len()));
        }
        for (name, _) in &labels {
            let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
            let rest = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if !first || !rest || name.starts_with("__") || name.len() > NAME_BYTES {
                return Err(LabelError::Name(name.clone()));
            }
        }
        match labels.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(pair) => Err(LabelError::Twice(pair[0].0.clone())),
            None => Ok(LabelSet(labels)),
        }
    }

    /// The fields whose values take from the budget, for items of this kind.
    fn open(&self, kind: &str) -> Vec<Field> {
        let fields = self.0.iter().flat_map(|(_, template)| template.fields());
        fields.filter(|field| field.values(kind) == Values::Open).collect()
    }
}

impl Default for LabelSet {
    /// `service_name`, `app`, `environment`, `kind`, `level` and `event_name`.
    fn default() -> Self {
        let labels = [
            ("app", Field::AppName),
            ("environment", Field::AppEnvironment),
            ("event_name", Field::EventName),
            ("kind", Field::Kind),
            ("level", Field::Level),
            ("service_name", Field::Service),
        ];
        LabelSet(labels.map(|(name, field)| (name.to_owned(), Template::field(field))).to_vec())
    }
}

/// The kinds of item, in the order of [`LabelSets`].
const KINDS: [&str; 4] = ["log", "exception", "measurement", "event"];

/// Which kinds of item go to a store, and their labels.
#[derive(Clone, Debug)]
pub struct LabelSets([Option<(LabelSet, Vec<Field>)>; 4]);

impl LabelSets {
    /// No kind at all; add some with [`LabelSets::with`].
    pub fn none() -> LabelSets {
        LabelSets([const { None }; 4])
    }

    /// The labels of a kind: `log`, `exception`, `measurement` or `event`. Another word is no kind.
    #[must_use]
    pub fn with(mut self, kind: &str, set: &LabelSet) -> LabelSets {
        for (slot, name) in self.0.iter_mut().zip(KINDS) {
            if name == kind {
                *slot = Some((set.clone(), set.open(name)));
            }
        }
        self
    }

    fn of(&self, kind: &str) -> Option<&(LabelSet, Vec<Field>)> {
        self.0.iter().zip(KINDS).find(|(_, name)| *name == kind).and_then(|(slot, _)| slot.as_ref())
    }
}

impl Default for LabelSets {
    /// Every kind, with the default labels.
    fn default() -> Self {
        KINDS.into_iter().fold(LabelSets::none(), |sets, kind| sets.with(kind, &LabelSet::default()))
    }
}

/// Which combinations have a stream of their own: the first that came. It only grows, so that an item
/// converted twice in a process has the same labels; after a restart the first to come may be others.
#[derive(Debug, Default)]
pub struct LabelBudget {
    sets: Box<LabelSets>,
    services: HashMap<u64, HashSet<u64>>,
}

impl LabelBudget {
    /// An empty budget for these labels.
    pub fn new(sets: LabelSets) -> LabelBudget {
        LabelBudget { sets: Box::new(sets), services: HashMap::new() }
    }

    /// Admits the names of a record while there is room. Returns how many of its items will be under
    /// `other`; to be called once for each record, before it is converted.
    pub fn admit(&mut self, record: &Enriched) -> usize {
        let wanted = |kind: &&str| self.sets.of(kind).is_some();
        let room = self.services.len() < SERVICES;
        let key = service_key(record);
        if !room && !self.services.contains_key(&key) {
            return KINDS.iter().filter(|kind| wanted(kind)).map(|kind| count(record, kind)).sum();
        }
        let combinations = self.services.entry(key).or_default();
        let mut other = 0;
        let mut first = 0;
        for kind in KINDS {
            let places = first..first + count(record, kind);
            first = places.end;
            let Some((_, open)) = self.sets.of(kind).filter(|(_, open)| !open.is_empty()) else { continue };
            for item in places.filter_map(|place| record.item(place)) {
                let combination = combination(record, item, open);
                let known = combinations.contains(&combination)
                    || (combinations.len() < COMBINATIONS && combinations.insert(combination));
                other += usize::from(!known);
            }
        }
        other
    }

    /// The labels of a record's items.
    pub fn of<'r>(&'r self, record: &'r Enriched<'r>) -> Labels<'r> {
        Labels { record, sets: &self.sets, combinations: self.services.get(&service_key(record)) }
    }
}

/// The labels that the items of one record may have.
pub struct Labels<'r> {
    record: &'r Enriched<'r>,
    sets: &'r LabelSets,
    combinations: Option<&'r HashSet<u64>>,
}

impl Labels<'_> {
    /// Whether items of this kind go to the store at all.
    pub fn wants(&self, kind: &str) -> bool {
        self.sets.of(kind).is_some()
    }

    /// The part of an item's labels that differs within a record: its level and its name.
    pub fn varying<'b>(&self, item: Item<'b, '_>) -> (&'static str, &'b str) {
        let level = item_level(item);
        match self.sets.of(item.kind()) {
            Some((_, open)) if !open.is_empty() => {
                let combination = || combination(self.record, item, open);
                let known = self.combinations.is_some_and(|known| known.contains(&combination()));
                (level, if known { template::name(item) } else { OTHER })
            }
            _ => (level, ""),
        }
    }

    /// Replaces `out` with the label set, `{app="shop", kind="log", ...}`, names sorted. Labels
    /// without a value are left out; a set that has none at all has the service's name.
    pub fn write(&self, kind: &str, (level, name): (&str, &str), out: &mut String) {
        out.clear();
        let value = |field: Field| match (field.values(kind), field) {
            (_, Field::Kind) => kind,
            (_, Field::Level) => level,
            (Values::OfService, _) if self.combinations.is_none() => OTHER,
            (Values::Open, _) if name == OTHER => OTHER,
            (Values::Open, Field::Name | Field::EventName) => name,
            _ => field.of_record(self.record),
        };
        let mut text = String::new();
        let labels = self.sets.of(kind).map(|(set, _)| set.0.iter()).into_iter().flatten();
        for (label, template) in labels {
            text.clear();
            template.render(value, &mut text);
            add(label, &text, out);
        }
        if out.is_empty() {
            add("service_name", value(Field::Service), out);
        }
        out.push('}');
    }
}

fn add(label: &str, value: &str, out: &mut String) {
    if value.is_empty() {
        return;
    }
    out.push_str(if out.is_empty() { "{" } else { ", " });
    out.push_str(label);
    out.push_str("=\"");
    escape(super::cut(value, VALUE_BYTES), out);
    out.push('"');
}

/// The open values of an item, and what tells apart streams that have the same.
fn combination(record: &Enriched, item: Item, open: &[Field]) -> u64 {
    let parts = open.iter().map(|field| match field {
        Field::Name | Field::EventName => name_key(template::name(item)),
        field => name_key(field.of_record(record)),
    });
    parts.chain([name_key(item.kind()), name_key(item_level(item))]).fold(0, mix)
}

fn count(record: &Enriched, kind: &str) -> usize {
    let payload = &record.payload;
    match kind {
        "log" => payload.logs.len(),
        "exception" => payload.exceptions.len(),
        "measurement" => payload.measurements.len(),
        _ => payload.events.len(),
    }
}

fn item_level(item: Item) -> &'static str {
    match item {
        Item::Log(log) => level(&log.level),
        Item::Exception(_) => "error",
        Item::Measurement(_) | Item::Event(_) => "info",
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
    [record.service_name(), name, environment].map(name_key).into_iter().fold(0, mix)
}

/// Order matters, and equal parts must not cancel out.
fn mix(key: u64, part: u64) -> u64 {
    (key ^ part).rotate_left(23).wrapping_mul(0x9E37_79B9_7F4A_7C15)
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
        let names: Vec<String> = (0..COMBINATIONS + 5).map(|n| format!("event {n}")).collect();
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

    fn set(labels: &[(&str, &str)]) -> Result<LabelSet, LabelError> {
        let parse = |(name, text): &(&str, &str)| (name.to_string(), Template::parse(text).unwrap());
        LabelSet::new(labels.iter().map(parse))
    }

    /// The streams of a payload, under sets for some kinds.
    fn streams(budget: &mut LabelBudget, body: &str) -> (usize, Vec<String>) {
        let header = Header::default();
        let payload = wire::decode::payload(body.as_bytes()).unwrap();
        let record = enrich::payload(&payload, &header);
        let other = budget.admit(&record);
        let labels = budget.of(&record);
        let items = (0..record.items()).filter_map(|place| record.item(place));
        let mut out = String::new();
        let wanted = items.filter(|item| labels.wants(item.kind()));
        let texts = wanted.map(|item| {
            labels.write(item.kind(), labels.varying(item), &mut out);
            out.clone()
        });
        (other, texts.collect())
    }

    #[test]
    fn each_kind_has_its_own_labels_or_does_not_go_at_all() {
        let all =
            set(&[("app", "{{ .App.Name }}"), ("environment", "{{ .App.Environment }}"), ("kind", "{{ .Kind }}")]);
        let exception = set(&[("app", "{{ .App.Name }}"), ("kind", "exception"), ("type", "{{ .Name }}")]);
        let event = set(&[("kind", "event"), ("event_name", "{{ .Name }}"), ("app", "{{ .App.Name }}")]);
        let sets = LabelSets::none().with("log", &all.unwrap()).with("exception", &exception.unwrap());
        let mut budget = LabelBudget::new(sets.with("event", &event.unwrap()));
        let (other, streams) = streams(
            &mut budget,
            r#"{"meta":{"app":{"name":"shop","environment":"test"}},"logs":[{"message":"m","level":"warn"}],
                "exceptions":[{"type":"TypeError","value":"v"}],"measurements":[{"type":"t","values":{"a":1}}],
                "events":[{"name":"click"},{"name":"quote\"d"}]}"#,
        );
        assert_eq!(other, 0);
        let expected = [
            r#"{app="shop", environment="test", kind="log"}"#,
            r#"{app="shop", kind="exception", type="TypeError"}"#,
            r#"{app="shop", event_name="click", kind="event"}"#,
            r#"{app="shop", event_name="quote\"d", kind="event"}"#,
        ];
        assert_eq!(streams, expected);
    }

    #[test]
    fn whatever_a_template_holds_a_service_has_under_100_streams() {
        let labels = [("b", "{{ .Browser.Name }}"), ("n", "{{ .Name }}"), ("l", "{{ .Level }}"), ("k", "{{ .Kind }}")];
        let set = set(&labels).unwrap();
        let mut budget = LabelBudget::new(KINDS.iter().fold(LabelSets::none(), |sets, kind| sets.with(kind, &set)));
        let (mut all, mut others) = (HashSet::new(), 0);
        for number in 0..60 {
            let level = ["info", "warn", "error", "debug"][number % 4];
            let (other, streams) = streams(
                &mut budget,
                &format!(
                    r#"{{"meta":{{"app":{{"name":"shop"}},"browser":{{"name":"b{number}"}}}},
                        "logs":[{{"message":"m","level":"{level}"}}],"exceptions":[{{"type":"T{number}","value":"v"}}],
                        "measurements":[{{"type":"t{number}","values":{{"a":1}}}}],"events":[{{"name":"e{number}"}}]}}"#
                ),
            );
            others += other;
            all.extend(streams);
        }
        assert_eq!(others, 60 * 4 - COMBINATIONS);
        assert!(all.len() > COMBINATIONS && all.len() < 100, "{}", all.len());
        assert!(all.contains(r#"{b="other", k="event", l="info", n="other"}"#), "{all:?}");
    }

    #[test]
    fn a_stream_always_has_a_label() {
        let set = set(&[("version", "{{ .App.Version }}")]).unwrap();
        let mut budget = LabelBudget::new(LabelSets::none().with("log", &set));
        let (_, found) = streams(&mut budget, r#"{"meta":{"app":{"name":"shop"}},"logs":[{"message":"m"}]}"#);
        assert_eq!(found, [r#"{service_name="shop"}"#]);
    }

    #[test]
    fn labels_that_loki_refuses_are_refused_before() {
        let check = |labels: &[(&str, &str)], words: &str| {
            let error = set(labels).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        };
        check(&[], "0 labels");
        check(&[("a", "1"), ("a", "2")], "\"a\" is there twice");
        for name in ["", "1a", "a-b", "a.b", "__name__", "é"] {
            check(&[(name, "1")], &format!("label {name:?}: a name has"));
        }
        let names: Vec<String> = (0..16).map(|number| format!("l{number}")).collect();
        check(&names.iter().map(|name| (name.as_str(), "1")).collect::<Vec<_>>(), "16 labels");
    }
}
