//! The fields of a line: which there are, in which order, and how each value is written.

use super::{go, json, logfmt, time};
use crate::enrich::Item;
use wire::meta::Integration;
use wire::{Exception, Meta, Numbers, Pairs, Text};
use xxhash_rust::xxh3::xxh3_64;

/// One field. Its key is `prefix` and `name` together, so that no key is built in memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Field<'b> {
    prefix: &'static str,
    name: &'b str,
    value: Value<'b>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Value<'b> {
    Text(&'b str),
    /// Go's `%f`.
    Fixed(f64),
    /// Go's `%v`; in JSON the only values that are not strings.
    Number(f64),
    Integer(u64),
    Time(&'b str),
    Stack(&'b Exception<'b>),
    Integrations(&'b [Integration<'b>]),
}

impl<'b> Field<'b> {
    /// A field whose key is known.
    pub const fn text(key: &'static str, text: &'b str) -> Self {
        Field { prefix: key, name: "", value: Value::Text(text) }
    }

    /// The bytes of the key.
    pub fn key(&self) -> impl Iterator<Item = u8> + use<'b> {
        self.prefix.bytes().chain(self.name.bytes())
    }

    /// About how many bytes it takes.
    pub fn size(&self) -> usize {
        let text = |text: &Option<Text>| text.as_ref().map_or(0, |text| text.len());
        self.prefix.len()
            + self.name.len()
            + match self.value {
                Value::Text(text) => text.len(),
                Value::Integrations(list) => list.iter().map(|part| text(&part.name) + text(&part.version) + 2).sum(),
                _ => 32,
            }
    }

    /// Whether a value of a measurement takes a key that the line may have for something else.
    pub fn may_repeat(&self) -> bool {
        const PREFIXES: [&str; 9] =
            ["context_", "value_", "sdk_", "app_", "user_", "session_", "page_", "browser_", "view_"];
        const WORDS: [&str; 5] = ["timestamp", "kind", "type", "traceID", "spanID"];
        matches!(self.value, Value::Fixed(_))
            && (WORDS.contains(&self.name) || PREFIXES.iter().any(|prefix| self.name.starts_with(prefix)))
    }

    /// The value cut to at most `limit` bytes, where it is a text or a stack that is longer.
    pub fn cut(&self, limit: usize) -> Option<String> {
        let text = match self.value {
            Value::Text(text) => std::borrow::Cow::Borrowed(text),
            Value::Stack(exception) => String::from_utf8_lossy(&stack_text(exception)).into_owned().into(),
            _ => return None,
        };
        (text.len() > limit).then(|| text[..text.floor_char_boundary(limit)].to_owned())
    }

    /// The same key with another text.
    pub fn with_text<'t>(&self, text: &'t str) -> Field<'t>
    where
        'b: 't,
    {
        Field { value: Value::Text(text), ..*self }
    }

    /// Appends `key=value` and a space. A key that logfmt cannot say is left out with its value.
    pub fn logfmt(&self, scratch: &mut Vec<u8>, out: &mut Vec<u8>) {
        if !logfmt::key(self.prefix, self.name, out) {
            return;
        }
        out.push(b'=');
        match self.value {
            Value::Text(text) => logfmt::value(text, out),
            Value::Fixed(number) => go::fixed(number, out),
            Value::Number(number) => go::general(number, out),
            Value::Integer(number) => go::integer(number, out),
            _ => logfmt::value(self.rendered(scratch), out),
        }
        out.push(b' ');
    }

    /// Appends `"key":value` and a comma.
    pub fn json(&self, scratch: &mut Vec<u8>, out: &mut Vec<u8>) {
        json::string([self.prefix, self.name], out);
        out.push(b':');
        match self.value {
            Value::Text(text) => json::string([text, ""], out),
            Value::Number(number) => go::json(number, out),
            _ => json::string([self.rendered(scratch), ""], out),
        }
        out.push(b',');
    }

    /// The value as text, in `scratch`.
    fn rendered<'s>(&self, scratch: &'s mut Vec<u8>) -> &'s str {
        scratch.clear();
        match self.value {
            Value::Text(text) => scratch.extend_from_slice(text.as_bytes()),
            Value::Fixed(number) => go::fixed(number, scratch),
            Value::Number(number) => go::general(number, scratch),
            Value::Integer(number) => go::integer(number, scratch),
            Value::Time(text) => time::write_go(text, scratch),
            Value::Stack(exception) => *scratch = stack_text(exception),
            Value::Integrations(list) => write_integrations(list, scratch),
        }
        // All of it came from text, cut nowhere.
        std::str::from_utf8(scratch).unwrap_or_default()
    }
}

/// Appends the fields of an item, without those of its batch.
pub fn of_item<'b>(item: Item<'b, 'b>, fields: &mut Vec<Field<'b>>) {
    fields.push(Field { prefix: "timestamp", name: "", value: Value::Time(item.timestamp()) });
    fields.push(Field::text("kind", item.kind()));
    match item {
        Item::Log(log) => {
            text(fields, "message", &log.message);
            text(fields, "level", &log.level);
            pairs(fields, "context_", &log.context);
            trace(fields, item);
        }
        Item::Exception(exception) => {
            text(fields, "type", &exception.kind);
            text(fields, "value", &exception.value);
            if exception.stacktrace.is_some() {
                fields.push(Field { prefix: "stacktrace", name: "", value: Value::Stack(exception) });
            }
            let hash = Value::Integer(xxh3_64(exception.value.as_bytes()));
            fields.push(Field { prefix: "hash", name: "", value: hash });
            pairs(fields, "context_", &exception.context);
            trace(fields, item);
        }
        Item::Measurement(measurement) => {
            text(fields, "type", &measurement.kind);
            numbers(fields, "", &measurement.values, Value::Fixed);
            trace(fields, item);
            pairs(fields, "context_", &measurement.context);
            numbers(fields, "value_", &measurement.values, Value::Number);
        }
        Item::Event(event) => {
            text(fields, "event_name", &event.name);
            optional(fields, "event_domain", &event.domain);
            pairs(fields, "event_data_", &event.attributes);
            trace(fields, item);
        }
    }
}

/// Appends the fields that every item of a batch has. `browser_mobile` is always among them.
pub fn of_meta<'b>(meta: &'b Meta<'b>, fields: &mut Vec<Field<'b>>) {
    if let Some(sdk) = &meta.sdk {
        optional(fields, "sdk_name", &sdk.name);
        optional(fields, "sdk_version", &sdk.version);
        if !sdk.integrations.is_empty() {
            let value = Value::Integrations(&sdk.integrations);
            fields.push(Field { prefix: "sdk_integrations", name: "", value });
        }
    }
    if let Some(app) = &meta.app {
        optional(fields, "app_name", &app.name);
        optional(fields, "app_namespace", &app.namespace);
        optional(fields, "app_release", &app.release);
        optional(fields, "app_version", &app.version);
        optional(fields, "app_environment", &app.environment);
    }
    if let Some(user) = &meta.user {
        optional(fields, "user_email", &user.email);
        optional(fields, "user_id", &user.id);
        optional(fields, "user_username", &user.username);
        pairs(fields, "user_attr_", &user.attributes);
    }
    if let Some(session) = &meta.session {
        optional(fields, "session_id", &session.id);
        pairs(fields, "session_attr_", &session.attributes);
    }
    if let Some(page) = &meta.page {
        optional(fields, "page_id", &page.id);
        optional(fields, "page_url", &page.url);
        pairs(fields, "page_attr_", &page.attributes);
    }
    let browser = meta.browser.as_ref();
    if let Some(browser) = browser {
        optional(fields, "browser_name", &browser.name);
        optional(fields, "browser_version", &browser.version);
        optional(fields, "browser_os", &browser.os);
    }
    let mobile = browser.and_then(|browser| browser.mobile).unwrap_or_default();
    fields.push(Field::text("browser_mobile", if mobile { "true" } else { "false" }));
    if let Some(browser) = browser {
        optional(fields, "browser_userAgent", &browser.user_agent);
        optional(fields, "browser_language", &browser.language);
        optional(fields, "browser_viewportWidth", &browser.viewport_width);
        optional(fields, "browser_viewportHeight", &browser.viewport_height);
    }
    if let Some(view) = &meta.view {
        optional(fields, "view_name", &view.name);
    }
}

/// A stack as text: `Type: Value`, then a line for each frame, the throwing one first.
pub fn stack_text(exception: &Exception) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    for part in [&*exception.kind, ": ", &exception.value] {
        out.extend_from_slice(part.as_bytes());
    }
    for frame in exception.stacktrace.iter().flat_map(|stacktrace| stacktrace.frames.iter()) {
        let module = frame.module.as_ref().and_then(|module| module.non_empty());
        let (module, bar) = module.map_or(("", ""), |module| (module, "|"));
        for part in ["\n  at ", &frame.function, " (", module, bar, &frame.filename] {
            out.extend_from_slice(part.as_bytes());
        }
        let (line, column) = (frame.lineno.unwrap_or_default(), frame.colno.unwrap_or_default());
        out.push(b':');
        go::integer(line.into(), &mut out);
        out.push(b':');
        go::integer(column.into(), &mut out);
        out.push(b')');
    }
    out
}

/// Of neighbours with the same key, from `start` on, keeps the last.
pub fn keep_last_of_equal(fields: &mut Vec<Field>, start: usize) {
    let mut kept = start;
    for at in start..fields.len() {
        if kept > start && fields[kept - 1].key().eq(fields[at].key()) {
            kept -= 1;
        }
        fields[kept] = fields[at];
        kept += 1;
    }
    fields.truncate(kept);
}

fn text<'b>(fields: &mut Vec<Field<'b>>, key: &'static str, text: &'b Text) {
    fields.extend(text.non_empty().map(|text| Field::text(key, text)));
}

fn optional<'b>(fields: &mut Vec<Field<'b>>, key: &'static str, optional: &'b Option<Text>) {
    optional.iter().for_each(|some| text(fields, key, some));
}

fn trace<'b>(fields: &mut Vec<Field<'b>>, item: Item<'b, 'b>) {
    let Some((trace_id, span_id)) = item.trace() else { return };
    let ids = [("traceID", trace_id), ("spanID", span_id)];
    fields.extend(ids.into_iter().filter(|(_, id)| !id.is_empty()).map(|(key, id)| Field::text(key, id)));
}

/// Appends a group sorted by key; empty texts are left out after the last of each key is known.
fn pairs<'b>(fields: &mut Vec<Field<'b>>, prefix: &'static str, pairs: &'b Pairs) {
    let start = fields.len();
    fields.extend(pairs.0.iter().map(|(name, text)| Field { prefix, name, value: Value::Text(text) }));
    fields[start..].sort_by_key(|field| field.name);
    keep_last_of_equal(fields, start);
    fields.retain(|field| field.value != Value::Text(""));
}

/// Appends numbers sorted by key. `null`, which the SDK sends for `NaN`, is 0 as in Go.
fn numbers<'b>(fields: &mut Vec<Field<'b>>, prefix: &'static str, values: &'b Numbers, of: fn(f64) -> Value<'b>) {
    let start = fields.len();
    let number = |value: &Option<f64>| of(value.unwrap_or_default());
    fields.extend(values.0.iter().map(|(name, value)| Field { prefix, name, value: number(value) }));
    fields[start..].sort_by_key(|field| field.name);
    keep_last_of_equal(fields, start);
}

/// Appends `name:version,name:version`.
fn write_integrations(list: &[Integration], out: &mut Vec<u8>) {
    for (at, part) in list.iter().enumerate() {
        let (name, version) = (part.name.as_deref(), part.version.as_deref());
        for piece in [if at == 0 { "" } else { "," }, name.unwrap_or_default(), ":", version.unwrap_or_default()] {
            out.extend_from_slice(piece.as_bytes());
        }
    }
}
