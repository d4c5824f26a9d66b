//! The log: one JSON object a line, or lines for people, on stderr; its level may change while the receiver runs.

use serde_json::{Map, Value};
use std::fmt::{self, Write};
use std::time::SystemTime;
use thiserror::Error;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber, span};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, reload};

/// Why logging cannot start, or change.
#[derive(Debug, Error)]
pub enum LogError {
    /// The level is not a level or a list of `target=level`.
    #[error("log level {level:?}: {reason}")]
    Level {
        /// What was given.
        level: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Logging was started before.
    #[error("logging is already started: {0}")]
    Started(String),
    /// Logging is gone.
    #[error("log level cannot be changed: {0}")]
    Gone(String),
}

/// How lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    #[default]
    Json,
    /// For people.
    Pretty,
}

/// Changes the level while the receiver runs.
#[derive(Clone)]
pub struct Level(reload::Handle<EnvFilter, Registry>);

impl Level {
    /// From now on `level` holds.
    pub fn set(&self, level: &str) -> Result<(), LogError> {
        self.0.reload(filter(level)?).map_err(|error| LogError::Gone(error.to_string()))
    }
}

/// Starts the log at `level` (`info`, or `info,farol=debug`), panics among its lines. `environment` is a field of each
/// JSON line.
pub fn init(level: &str, format: Format, environment: Option<&str>) -> Result<Level, LogError> {
    let (filter, handle) = reload::Layer::new(filter(level)?);
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines: Box<dyn Layer<_> + Send + Sync> = match format {
        Format::Json => {
            let lines = Json { environment: environment.map(str::to_owned) };
            Box::new(layer.event_format(lines).and_then(SpanFields))
        }
        Format::Pretty => Box::new(layer.pretty()),
    };
    let started = tracing_subscriber::registry().with(filter).with(lines).try_init();
    started.map_err(|error| LogError::Started(error.to_string()))?;
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let message = panic.payload_as_str().unwrap_or("no message");
        tracing::error!(place, message, "panic");
    }));
    Ok(Level(handle))
}

fn filter(level: &str) -> Result<EnvFilter, LogError> {
    EnvFilter::try_new(level).map_err(|error| LogError::Level { level: level.to_owned(), reason: error.to_string() })
}

/// Keeps the fields of spans for the lines of their events.
struct SpanFields;

struct Fields(Map<String, Value>);

impl<S: Subscriber + for<'l> LookupSpan<'l>> Layer<S> for SpanFields {
    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields(Map::new());
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

/// `timestamp`, `level`, `target`, `message`, `span`, the fields of the spans (`trace_id`, `span_id`, `request_id`,
/// `session_id` among them) and of the event, `file`, `line`, `environment`.
struct Json {
    environment: Option<String>,
}

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'l> LookupSpan<'l>,
    N: for<'w> FormatFields<'w> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let metadata = event.metadata();
        let now = OffsetDateTime::from(SystemTime::now()).format(&Rfc3339).map_err(|_| fmt::Error)?;
        let mut line = Fields(Map::new());
        let mut names = String::new();
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            let separator = if names.is_empty() { "" } else { ":" };
            write!(names, "{separator}{}", span.name())?;
            if let Some(fields) = span.extensions().get::<Fields>() {
                line.0.extend(fields.0.clone());
            }
        }
        event.record(&mut line);
        let line = &mut line.0;
        line.insert("timestamp".into(), now.into());
        line.insert("level".into(), metadata.level().as_str().into());
        line.insert("target".into(), metadata.target().into());
        if !names.is_empty() {
            line.insert("span".into(), names.into());
        }
        if let (Some(file), Some(number)) = (metadata.file(), metadata.line()) {
            line.insert("file".into(), file.into());
            line.insert("line".into(), number.into());
        }
        if let Some(environment) = &self.environment {
            line.insert("environment".into(), environment.as_str().into());
        }
        let line = serde_json::to_string(line).map_err(|_| fmt::Error)?;
        writeln!(writer, "{line}")
    }
}
