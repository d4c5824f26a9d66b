//! A payload as the store keeps it: owned rows, cut to size, with times on one clock. No IO, no now.

use super::vitals;
use crate::journal::Header;
use serde::Serialize;
use serde_json::{Map, Value as Json, json};
use wire::trace::{KeyValue, ResourceSpans, Span, Value};
use wire::{Event, Exception, List, Log, Measurement, Payload, Text, TraceContext};
use xxhash_rust::xxh3::xxh3_64;

/// Bytes kept of a name: an app, a session, a level, an event's or an error's name. Faro allows 128 for
/// a session id; nobody reads more in one line.
const NAME: usize = 256;
/// Bytes kept of a line of text: what a list shows and a filter searches. The whole stays in the details.
const LINE: usize = 2_048;
/// Bytes of JSON kept of one item. A deep stack with its context is 10 KB; past this the item keeps its line only.
const DETAIL: usize = 64 * 1024;
/// Rows kept of one record, an hour's leftovers of a busy page; and bytes of details in them. Only made-up payloads
/// have more, and their rows would take many times their text in memory.
const ROWS: usize = 2_000;
const DETAILS: usize = 1024 * 1024;
/// A client clock this close to ours is right: the difference is the way here. Correcting it would only
/// shuffle spans of the page against those of its servers. Nanoseconds.
const SKEW: i64 = 2_000_000_000;
/// A client time further than this from its arrival is not believed: it would stretch a session over
/// years. An agent keeps nothing longer than this offline. Nanoseconds.
const BELIEVED: i64 = 24 * 3_600 * 1_000_000_000;

/// What an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A console line or `pushLog`.
    Log,
    /// A named event.
    Event,
    /// Numbers that are no web vital.
    Measurement,
    /// A web vital.
    Vital,
    /// An error.
    Exception,
    /// A span, as its one line; the whole is in the trace.
    Span,
}

impl Kind {
    /// The word in the store and in the API.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Kind::Log => "log",
            Kind::Event => "event",
            Kind::Measurement => "measurement",
            Kind::Vital => "vital",
            Kind::Exception => "exception",
            Kind::Span => "span",
        }
    }
}

/// One item in one line, as lists and the live stream show it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    /// Its number in the store; newer is larger. Zero until it is stored.
    pub id: i64,
    /// Client time, corrected, milliseconds since the epoch.
    pub time: f64,
    /// What it is.
    pub kind: Kind,
    /// The app, or the empty string.
    pub app: String,
    /// The session's id.
    pub session: Option<String>,
    /// Name of the event or span, type of the error or measurement, key of the vital; empty for a log.
    pub name: String,
    /// A log's level; `error` for errors and for spans that failed; else empty.
    pub level: String,
    /// The message, the request's URL, or a preview of the pairs.
    pub message: String,
    /// A vital's value, or a span's duration in milliseconds.
    pub value: Option<f64>,
    /// How a vital is judged.
    pub rating: Option<vitals::Rating>,
    /// The trace it belongs to.
    pub trace_id: Option<String>,
    /// The span it belongs to, or is.
    pub span_id: Option<String>,
    /// Address of the page.
    pub page: Option<String>,
}

/// Records made ready for the store; [`Viewer::insert_batch`](super::Viewer::insert_batch) takes it in one transaction.
#[derive(Debug, Default)]
pub struct Batch {
    pub(super) records: Vec<Record>,
}

impl Batch {
    /// Adds one record: `position` is where it ends in the journal, which makes a replay of it recognisable.
    /// Returns how many items were taken, 2,000 at most.
    pub fn push(&mut self, position: u64, payload: &Payload<'_>, header: &Header) -> usize {
        let record = record(position, payload, header);
        let taken = record.rows.len();
        self.records.push(record);
        taken
    }

    /// True when nothing was added.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }
}

/// The rows of one journal record.
#[derive(Debug)]
pub(super) struct Record {
    pub position: u64,
    pub received: u64,
    pub session: Option<Session>,
    pub rows: Vec<Row>,
}

/// What a record tells about its session.
#[derive(Debug)]
pub(super) struct Session {
    pub id: String,
    pub app: String,
    pub environment: Option<String>,
    pub version: Option<String>,
    pub user: Option<String>,
    pub browser: Option<String>,
    pub os: Option<String>,
    pub page: Option<String>,
    pub meta: Option<String>,
}

/// One item with what only its own page shows.
#[derive(Debug)]
pub(super) struct Row {
    pub item: Item,
    pub time: u64,
    /// JSON of the whole item; `None` when it is over [`DETAIL`].
    pub detail: Option<String>,
    /// Errors with the same group are the same error.
    pub group: Option<i64>,
    pub span: Option<SpanRow>,
}

/// A span's place in its trace.
#[derive(Debug)]
pub(super) struct SpanRow {
    pub parent: Option<String>,
    pub kind: u8,
    pub service: String,
    pub start: u64,
    pub end: u64,
    pub status: u8,
}

fn record(position: u64, payload: &Payload, header: &Header) -> Record {
    let meta = &payload.meta;
    let session = meta.session.as_ref();
    let named = session.and_then(|session| session.overrides.as_ref()).and_then(|o| o.service_name.as_ref());
    let app = meta.app.as_ref().and_then(|app| app.name.as_ref());
    let app = [named, app].into_iter().flatten().find_map(Text::non_empty).unwrap_or(&header.app);
    let maker = Maker {
        clock: Clock::new(header.received, meta.farol.as_ref().and_then(|farol| farol.sent_at)),
        app: cut(app, NAME),
        session: session.and_then(|session| name(session.id.as_ref())),
        page: meta.page.as_ref().and_then(|page| line(page.url.as_ref())),
    };
    let resources = payload.traces.iter().flat_map(|traces| traces.resource_spans.iter());
    let all = (payload.exceptions.iter().map(|exception| maker.exception(exception)))
        .chain(payload.logs.iter().map(|log| maker.log(log)))
        .chain(payload.events.iter().map(|event| maker.event(event)))
        .chain(payload.measurements.iter().map(|measurement| maker.measurement(measurement)))
        .chain(resources.flat_map(|resource| maker.spans(resource)));
    let mut details = 0;
    let bounded = all.take(ROWS).map(|mut row| {
        details += row.detail.as_ref().map_or(0, String::len);
        row.detail = row.detail.filter(|_| details <= DETAILS);
        row
    });
    let mut rows: Vec<Row> = bounded.collect();
    // Lists and paging go by number, so numbers should follow time inside a record.
    rows.sort_by_key(|row| row.time);
    Record { position, received: header.received, session: maker.session(payload), rows }
}

/// Turns client times into ours.
struct Clock {
    received: i64,
    skew: i64,
}

impl Clock {
    fn new(received: u64, sent_at: Option<f64>) -> Clock {
        let received = i64::try_from(received).unwrap_or(i64::MAX);
        let skew = sent_at.map_or(0, |millis| received.saturating_sub((millis * 1e6) as i64));
        Clock { received, skew: if skew.abs() > SKEW { skew } else { 0 } }
    }

    /// `client` corrected, or the time of arrival when it cannot be meant.
    fn correct(&self, client: u64) -> u64 {
        let time = i64::try_from(client).unwrap_or(i64::MAX).saturating_add(self.skew);
        let believed = time.saturating_sub(self.received).saturating_abs() <= BELIEVED;
        u64::try_from(if believed { time } else { self.received }).unwrap_or(0)
    }

    fn read(&self, timestamp: &str) -> u64 {
        wire::time::parse(timestamp).map_or(self.received.max(0) as u64, |client| self.correct(client))
    }
}

/// What every row of a record has in common.
struct Maker {
    clock: Clock,
    app: String,
    session: Option<String>,
    page: Option<String>,
}

impl Maker {
    fn session(&self, payload: &Payload) -> Option<Session> {
        let meta = &payload.meta;
        let (app, user, browser) = (meta.app.as_ref(), meta.user.as_ref(), meta.browser.as_ref());
        let user = user.and_then(|user| {
            let names = [&user.username, &user.full_name, &user.email, &user.id, &user.hash];
            names.into_iter().find_map(|text| name(text.as_ref()))
        });
        let browser_name = browser.and_then(|browser| {
            let version = browser.version.as_deref().unwrap_or("").split('.').next().unwrap_or("");
            Some(cut(format!("{} {version}", browser.name.as_ref()?.non_empty()?).trim_end(), NAME))
        });
        let os = meta.os.as_ref().and_then(|os| name(os.name.as_ref()));
        Some(Session {
            id: self.session.clone()?,
            app: self.app.clone(),
            environment: app.and_then(|app| name(app.environment.as_ref())),
            version: app.and_then(|app| name(app.version.as_ref())),
            user,
            browser: browser_name,
            os: os.or_else(|| browser.and_then(|browser| name(browser.os.as_ref()))),
            page: self.page.clone(),
            meta: detail(meta),
        })
    }

    fn row(&self, kind: Kind, time: u64, trace: Option<&TraceContext>, whole: &impl Serialize) -> Row {
        let item = Item {
            id: 0,
            time: millis(time),
            kind,
            app: self.app.clone(),
            session: self.session.clone(),
            name: String::new(),
            level: String::new(),
            message: String::new(),
            value: None,
            rating: None,
            trace_id: trace.and_then(|trace| name(Some(&trace.trace_id))),
            span_id: trace.and_then(|trace| name(Some(&trace.span_id))),
            page: self.page.clone(),
        };
        Row { item, time, detail: detail(whole), group: None, span: None }
    }

    fn log(&self, log: &Log) -> Row {
        let mut row = self.row(Kind::Log, self.clock.read(&log.timestamp), log.trace.as_ref(), log);
        row.item.level = cut(&log.level, NAME).to_ascii_lowercase();
        row.item.message = cut(&log.message, LINE);
        row
    }

    fn event(&self, event: &Event) -> Row {
        let mut row = self.row(Kind::Event, self.clock.read(&event.timestamp), event.trace.as_ref(), event);
        row.item.name = cut(&event.name, NAME);
        row.item.message = preview(event.attributes.0.iter().map(|(key, value)| (&**key, &**value)));
        row
    }

    fn measurement(&self, measurement: &Measurement) -> Row {
        let vital = vitals::of(measurement);
        let kind = if vital.is_some() { Kind::Vital } else { Kind::Measurement };
        let time = self.clock.read(&measurement.timestamp);
        let mut row = self.row(kind, time, measurement.trace.as_ref(), measurement);
        if let Some((vital, value)) = vital {
            row.item.name = vital.key.to_owned();
            row.item.value = Some(value);
            row.item.rating = Some(vital.rate(value));
            let target = ["element", "interaction_target", "largest_shift_target"];
            row.item.message = cut(target.iter().find_map(|key| measurement.context.get(key)).unwrap_or(""), LINE);
        } else {
            row.item.name = cut(&measurement.kind, NAME);
            let values: Vec<_> = measurement.values.0.iter().filter_map(|(k, v)| Some((&**k, v.as_ref()?))).collect();
            let values: Vec<_> = values.into_iter().take(20).map(|(key, value)| (key, value.to_string())).collect();
            row.item.message = preview(values.iter().map(|(key, value)| (*key, &**value)));
        }
        row
    }

    fn exception(&self, exception: &Exception) -> Row {
        let time = self.clock.read(&exception.timestamp);
        let mut row = self.row(Kind::Exception, time, exception.trace.as_ref(), exception);
        row.item.name = cut(&exception.kind, NAME);
        row.item.level = "error".to_owned();
        row.item.message = cut(&exception.value, LINE);
        let same = match exception.fingerprint.as_ref().and_then(Text::non_empty) {
            Some(fingerprint) => format!("{}\0\0{fingerprint}", self.app),
            None => format!("{}\0{}\0{}", self.app, row.item.name, row.item.message),
        };
        row.group = Some(xxh3_64(same.as_bytes()).cast_signed());
        row
    }

    fn spans<'b>(&'b self, resource: &'b ResourceSpans) -> impl Iterator<Item = Row> + 'b {
        let attributes = resource.resource.as_ref().map(|resource| &resource.attributes);
        let service = attributes.and_then(|attributes| text(attributes, &["service.name"]));
        let service = service.map_or_else(|| self.app.clone(), |service| cut(service, NAME));
        let spans = resource.scope_spans.iter().flat_map(|scope| scope.spans.iter());
        spans.map(move |span| self.span(span, &service))
    }

    fn span(&self, span: &Span, service: &str) -> Row {
        let (start, end) = (span.start_time_unix_nano.0, span.end_time_unix_nano.0);
        let time = self.clock.correct(start);
        let duration = end.saturating_sub(start).min(BELIEVED.unsigned_abs());
        let context = TraceContext { trace_id: span.trace_id.clone(), span_id: span.span_id.clone() };
        let status = span.status.as_ref();
        let whole = json!({
            "attributes": pairs(&span.attributes),
            "events": span.events.iter().map(|event| json!({
                "time": millis(self.clock.correct(event.time_unix_nano.0)),
                "name": &*event.name,
                "attributes": pairs(&event.attributes),
            })).collect::<Vec<_>>(),
            "statusMessage": status.and_then(|status| status.message.as_deref()),
        });
        let mut row = self.row(Kind::Span, time, Some(&context), &whole);
        row.item.name = cut(&span.name, NAME);
        row.item.message = cut(text(&span.attributes, &["url.full", "http.url", "http.route"]).unwrap_or(""), LINE);
        row.item.value = Some(duration as f64 / 1e6);
        if self.app.is_empty() {
            // Spans that a server sent: it names itself by its service.
            service.clone_into(&mut row.item.app);
        }
        let status = status.map_or(0, |status| status.code);
        if status == 2 {
            row.item.level = "error".to_owned();
        }
        row.span = Some(SpanRow {
            parent: name(span.parent_span_id.as_ref()),
            kind: span.kind,
            service: service.to_owned(),
            start: time,
            end: time.saturating_add(duration),
            status,
        });
        row
    }
}

/// Milliseconds of nanoseconds: what the API speaks, exact to a quarter of a microsecond for our times.
pub(super) fn millis(nanos: u64) -> f64 {
    nanos as f64 / 1e6
}

/// At most `bytes` of `text`, ending on a whole character.
fn cut(text: &str, bytes: usize) -> String {
    text[..text.floor_char_boundary(bytes)].to_owned()
}

fn name(text: Option<&Text>) -> Option<String> {
    Some(cut(text?.non_empty()?, NAME))
}

fn line(text: Option<&Text>) -> Option<String> {
    Some(cut(text?.non_empty()?, LINE))
}

fn detail(whole: &impl Serialize) -> Option<String> {
    serde_json::to_string(whole).ok().filter(|json| json.len() <= DETAIL)
}

/// `a=1 b=two`, long enough for one line of a list.
fn preview<'b>(pairs: impl Iterator<Item = (&'b str, &'b str)>) -> String {
    const LENGTH: usize = 320;
    let mut line = String::new();
    for (key, value) in pairs {
        if line.len() >= LENGTH {
            break;
        }
        let gap = if line.is_empty() { "" } else { " " };
        line.extend([gap, &*cut(key, NAME), "=", &*cut(value, NAME)]);
    }
    cut(&line, LENGTH)
}

/// The first text attribute of these names.
fn text<'b>(attributes: &'b List<KeyValue>, names: &[&str]) -> Option<&'b str> {
    names.iter().find_map(|name| {
        attributes.iter().find(|pair| &*pair.key == *name).and_then(|pair| match &pair.value {
            Value::String(text) => text.non_empty(),
            _ => None,
        })
    })
}

/// Attributes as plain JSON: readers of the page do not care how OTLP spells a number.
fn pairs(attributes: &[KeyValue]) -> Map<String, Json> {
    attributes.iter().map(|pair| (pair.key.to_string(), plain(&pair.value))).collect()
}

fn plain(value: &Value) -> Json {
    match value {
        Value::Empty => Json::Null,
        Value::String(text) | Value::Bytes(text) => Json::from(&**text),
        Value::Bool(flag) => Json::from(*flag),
        // As text past what JavaScript counts exactly.
        Value::Int(int) if int.unsigned_abs() > 1 << 53 => Json::from(int.to_string()),
        Value::Int(int) => Json::from(*int),
        Value::Double(double) => Json::from(*double),
        Value::Array(values) => values.iter().map(plain).collect(),
        Value::Map(map) => Json::Object(pairs(map)),
    }
}
