//! The viewer's questions to its store. Each has a limit, so an answer's size is bounded.

use super::rows::{Item, Kind, millis};
use super::vitals::{self, Rating};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};
use rusqlite::{Connection, OptionalExtension, Result, Row, RowIndex, named_params};
use serde::Serialize;
use serde_json::value::RawValue;

/// Bytes of details that travel with one list; past it items come with `detail: null`, to be asked for one by one.
const DETAILS: usize = 2 * 1024 * 1024;
/// Items and traces of one session, and spans of one trace, in one answer.
pub(super) const PART: usize = 2_000;

const LINE: &str = "id, time, kind, app, session, name, level, message, value, trace_id, span_id, page";

/// An item with its JSON as it was sent, where that was small enough to keep.
#[derive(Debug, Serialize)]
pub(super) struct Full {
    #[serde(flatten)]
    pub item: Item,
    pub detail: Option<Box<RawValue>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Session {
    pub id: String,
    pub app: String,
    pub environment: Option<String>,
    pub version: Option<String>,
    pub user: Option<String>,
    pub browser: Option<String>,
    pub os: Option<String>,
    pub page: Option<String>,
    pub first: f64,
    pub last: f64,
    pub newest: i64,
    pub items: i64,
    pub errors: i64,
    pub spans: i64,
}

/// One session with everything of it, up to [`PART`] items.
#[derive(Debug, Serialize)]
pub(super) struct SessionPage {
    #[serde(flatten)]
    pub session: Session,
    pub meta: Option<Box<RawValue>>,
    pub timeline: Vec<Full>,
    /// Pass as `before` to get what came earlier; `null` when this is all.
    pub earlier: Option<i64>,
    pub traces: Vec<TraceLine>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TraceLine {
    pub trace_id: String,
    pub name: String,
    pub start: f64,
    pub duration: f64,
    pub spans: i64,
    pub errors: i64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Trace {
    pub trace_id: String,
    pub spans: Vec<Span>,
    /// Items other than spans that happened in it.
    pub items: Vec<Full>,
    pub truncated: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Span {
    pub id: i64,
    pub span_id: String,
    pub parent_id: Option<String>,
    pub name: String,
    pub message: String,
    pub kind: u8,
    pub service: String,
    pub session: Option<String>,
    pub start: f64,
    pub duration: f64,
    pub status: u8,
    pub detail: Option<Box<RawValue>>,
}

#[derive(Debug, Serialize)]
pub(super) struct ErrorGroup {
    /// Hex; `group` of `/api/items` takes it.
    pub group: String,
    pub count: i64,
    pub sessions: i64,
    pub first: f64,
    pub last: f64,
    /// The newest of them.
    pub sample: Full,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VitalLine {
    pub app: String,
    pub metric: String,
    pub count: i64,
    pub p75: f64,
    pub rating: Option<Rating>,
    pub good: i64,
    pub needs_improvement: i64,
    pub poor: i64,
}

#[derive(Debug, Serialize)]
pub(super) struct Summary {
    pub items: i64,
    pub kinds: std::collections::BTreeMap<String, i64>,
    pub sessions: i64,
    pub apps: Vec<String>,
    /// Arrival of the oldest and the newest item.
    pub oldest: Option<f64>,
    pub newest: Option<f64>,
    pub bytes: u64,
    /// Items that had to leave so far, by reason: `age`, `space`.
    pub dropped: std::collections::BTreeMap<String, i64>,
}

/// What `/api/items` may be narrowed to.
#[derive(Debug, Default)]
pub(super) struct Filter {
    pub kind: Option<Kind>,
    pub app: Option<String>,
    pub text: Option<String>,
    pub group: Option<i64>,
    pub before: Option<i64>,
    pub limit: usize,
}

pub(super) fn items(connection: &Connection, filter: &Filter) -> Result<Vec<Item>> {
    let sql = format!(
        "SELECT {LINE} FROM items WHERE (:before IS NULL OR id < :before) AND (:kind IS NULL OR kind = :kind)
           AND (:app IS NULL OR app = :app) AND (:error_group IS NULL OR error_group = :error_group)
           AND (:text IS NULL OR message LIKE :text ESCAPE '\\' OR name LIKE :text ESCAPE '\\'
                OR session LIKE :text ESCAPE '\\' OR page LIKE :text ESCAPE '\\')
         ORDER BY id DESC LIMIT :limit"
    );
    let parameters = named_params! {
        ":before": filter.before, ":kind": filter.kind.map(Kind::as_str), ":app": filter.app,
        ":error_group": filter.group, ":text": filter.text.as_deref().map(contains), ":limit": filter.limit as i64,
    };
    connection.prepare_cached(&sql)?.query_map(parameters, item)?.collect()
}

pub(super) fn item_with_detail(connection: &Connection, id: i64) -> Result<Option<Full>> {
    let sql = format!("SELECT {LINE}, json FROM items LEFT JOIN details USING (id) WHERE id = ?1");
    connection.prepare_cached(&sql)?.query_row([id], |row| full(row, &mut 0)).optional()
}

pub(super) fn sessions(connection: &Connection, filter: &Filter) -> Result<Vec<Session>> {
    let sql = "SELECT * FROM sessions WHERE (:before IS NULL OR newest < :before) AND (:app IS NULL OR app = :app)
          AND (:text IS NULL OR id LIKE :text ESCAPE '\\' OR user LIKE :text ESCAPE '\\' OR page LIKE :text ESCAPE '\\'
               OR browser LIKE :text ESCAPE '\\')
        ORDER BY newest DESC LIMIT :limit";
    let parameters = named_params! {
        ":before": filter.before, ":app": filter.app, ":text": filter.text.as_deref().map(contains),
        ":limit": filter.limit as i64,
    };
    connection.prepare_cached(sql)?.query_map(parameters, session)?.collect()
}

pub(super) fn session_page(connection: &Connection, id: &str, before: Option<i64>) -> Result<Option<SessionPage>> {
    let sql = "SELECT * FROM sessions WHERE id = ?1";
    let found = connection.prepare_cached(sql)?.query_row([id], |row| Ok((session(row)?, raw(row, "meta")?)));
    let Some((session, meta)) = found.optional()? else { return Ok(None) };
    let sql = format!(
        "SELECT {LINE}, json FROM items LEFT JOIN details USING (id)
         WHERE session = ?1 AND (?2 IS NULL OR id < ?2) ORDER BY id DESC LIMIT ?3"
    );
    let mut spent = 0;
    let mut statement = connection.prepare_cached(&sql)?;
    let timeline = statement.query_map((id, before, PART as i64), |row| full(row, &mut spent))?;
    let mut timeline = timeline.collect::<Result<Vec<_>>>()?;
    let earlier = timeline.last().filter(|_| timeline.len() == PART).map(|oldest| oldest.item.id);
    timeline.sort_by(|a, b| a.item.time.total_cmp(&b.item.time).then(a.item.id.cmp(&b.item.id)));
    Ok(Some(SessionPage { session, meta, timeline, earlier, traces: traces(connection, id)? }))
}

/// The newest traces that a session took part in, each with all its spans counted, whoever sent them.
fn traces(connection: &Connection, session: &str) -> Result<Vec<TraceLine>> {
    let sql = "WITH t AS (
            SELECT trace_id, min(start), max(end), count(*), sum(status = 2) FROM spans WHERE trace_id IN (
                SELECT DISTINCT trace_id FROM spans WHERE session = ?1 ORDER BY id DESC LIMIT ?2)
            GROUP BY trace_id)
        SELECT t.*, i.name, i.message FROM t
        JOIN items i ON i.id = (SELECT id FROM spans WHERE trace_id = t.trace_id ORDER BY start, id LIMIT 1)
        ORDER BY 2";
    let line = |row: &Row| {
        let (start, end) = (nanos(row, 1)?, nanos(row, 2)?);
        let (name, message): (String, String) = (row.get(5)?, row.get(6)?);
        Ok(TraceLine {
            trace_id: row.get(0)?,
            name: format!("{name} {message}").trim_end().to_owned(),
            start: millis(start),
            duration: millis(end.saturating_sub(start)),
            spans: row.get(3)?,
            errors: row.get(4)?,
        })
    };
    connection.prepare_cached(sql)?.query_map((session, PART as i64), line)?.collect()
}

pub(super) fn trace(connection: &Connection, trace_id: &str) -> Result<Option<Trace>> {
    let sql = "SELECT s.*, i.name, i.message, json FROM spans s JOIN items i USING (id) LEFT JOIN details USING (id)
        WHERE s.trace_id = ?1 ORDER BY s.start, s.id LIMIT ?2";
    let mut spent = 0;
    let mut statement = connection.prepare_cached(sql)?;
    let spans = statement.query_map((trace_id, PART as i64), |row| {
        let (start, end) = (nanos(row, "start")?, nanos(row, "end")?);
        Ok(Span {
            id: row.get("id")?,
            span_id: row.get("span_id")?,
            parent_id: row.get("parent_id")?,
            name: row.get("name")?,
            message: row.get("message")?,
            kind: row.get("kind")?,
            service: row.get("service")?,
            session: row.get("session")?,
            start: millis(start),
            duration: millis(end.saturating_sub(start)),
            status: row.get("status")?,
            detail: within(raw(row, "json")?, &mut spent),
        })
    })?;
    let spans = spans.collect::<Result<Vec<_>>>()?;
    let sql = format!(
        "SELECT {LINE}, json FROM items LEFT JOIN details USING (id)
         WHERE trace_id = ?1 AND kind <> 'span' ORDER BY time LIMIT ?2"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let items = statement.query_map((trace_id, PART as i64), |row| full(row, &mut spent))?;
    let items = items.collect::<Result<Vec<_>>>()?;
    let truncated = spans.len() == PART || items.len() == PART;
    let found = !spans.is_empty() || !items.is_empty();
    Ok(found.then(|| Trace { trace_id: trace_id.to_owned(), spans, items, truncated }))
}

pub(super) fn errors(connection: &Connection, app: Option<&str>, limit: usize) -> Result<Vec<ErrorGroup>> {
    let sql = format!(
        "SELECT {LINE}, json, g.* FROM (
            SELECT error_group AS found, max(id) AS newest, count(*) AS count, count(DISTINCT session) AS sessions,
                   min(time) AS first, max(time) AS last
            FROM items WHERE error_group IS NOT NULL GROUP BY error_group) g
         JOIN items ON items.id = g.newest LEFT JOIN details USING (id)
         WHERE (?1 IS NULL OR app = ?1) ORDER BY g.newest DESC LIMIT ?2"
    );
    let mut spent = 0;
    let mut statement = connection.prepare_cached(&sql)?;
    let groups = statement.query_map((app, limit as i64), |row| {
        Ok(ErrorGroup {
            group: format!("{:016x}", row.get::<_, i64>("found")?),
            count: row.get("count")?,
            sessions: row.get("sessions")?,
            first: time(row, "first")?,
            last: time(row, "last")?,
            sample: full(row, &mut spent)?,
        })
    })?;
    groups.collect()
}

/// The 75th percentile of each vital of each app: the smallest value that three quarters do not exceed.
pub(super) fn vitals(connection: &Connection, limit: usize) -> Result<Vec<VitalLine>> {
    let apps = "SELECT DISTINCT app FROM items WHERE kind = 'vital' ORDER BY app LIMIT ?1";
    let apps = connection
        .prepare_cached(apps)?
        .query_map([limit as i64], |row| row.get(0))?
        .collect::<Result<Vec<String>>>()?;
    let counts = "SELECT count(*), sum(value <= ?3), sum(value > ?4) FROM items
        WHERE kind = 'vital' AND app = ?1 AND name = ?2";
    let at = "SELECT value FROM items WHERE kind = 'vital' AND app = ?1 AND name = ?2 ORDER BY value LIMIT 1 OFFSET ?3";
    let mut lines = Vec::new();
    for app in apps {
        for vital in &vitals::ALL {
            let sums = (&app, vital.key, vital.good, vital.poor);
            let (count, good, poor) = connection.prepare_cached(counts)?.query_row(sums, |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, Option<i64>>(1)?, row.get::<_, Option<i64>>(2)?))
            })?;
            if count == 0 {
                continue;
            }
            let (good, poor) = (good.unwrap_or(0), poor.unwrap_or(0));
            let offset = (count * 3 + 3) / 4 - 1;
            let p75 = connection.prepare_cached(at)?.query_row((&app, vital.key, offset), |row| row.get(0))?;
            lines.push(VitalLine {
                app: app.clone(),
                metric: vital.key.to_owned(),
                count,
                p75,
                rating: Some(vital.rate(p75)),
                good,
                needs_improvement: count - good - poor,
                poor,
            });
        }
    }
    Ok(lines)
}

pub(super) fn summary(connection: &Connection, apps: usize) -> Result<Summary> {
    let pairs = |sql: &str| -> Result<_> {
        connection.prepare_cached(sql)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    };
    let kinds: std::collections::BTreeMap<String, i64> = pairs("SELECT kind, count(*) FROM items GROUP BY kind")?;
    let names = "SELECT DISTINCT app FROM items WHERE app <> '' ORDER BY app LIMIT ?1";
    let end = |order| {
        let sql = format!("SELECT received FROM items ORDER BY id {order} LIMIT 1");
        connection.prepare_cached(&sql)?.query_row([], |row| time(row, 0)).optional()
    };
    Ok(Summary {
        items: kinds.values().sum(),
        kinds,
        sessions: connection.query_row("SELECT count(*) FROM sessions", [], |row| row.get(0))?,
        apps: connection.prepare_cached(names)?.query_map([apps as i64], |row| row.get(0))?.collect::<Result<_>>()?,
        oldest: end("ASC")?,
        newest: end("DESC")?,
        bytes: super::store::used(connection)?,
        dropped: pairs("SELECT reason, items FROM dropped")?,
    })
}

fn item(row: &Row) -> Result<Item> {
    let (kind, name, value): (_, String, Option<f64>) = (row.get("kind")?, row.get("name")?, row.get("value")?);
    let rating = (kind == Kind::Vital).then(|| Some(vitals::named(&name)?.rate(value?))).flatten();
    Ok(Item {
        id: row.get("id")?,
        time: time(row, "time")?,
        kind,
        app: row.get("app")?,
        session: row.get("session")?,
        name,
        level: row.get("level")?,
        message: row.get("message")?,
        value,
        rating,
        trace_id: row.get("trace_id")?,
        span_id: row.get("span_id")?,
        page: row.get("page")?,
    })
}

fn full(row: &Row, spent: &mut usize) -> Result<Full> {
    Ok(Full { item: item(row)?, detail: within(raw(row, "json")?, spent) })
}

fn session(row: &Row) -> Result<Session> {
    Ok(Session {
        id: row.get("id")?,
        app: row.get("app")?,
        environment: row.get("environment")?,
        version: row.get("version")?,
        user: row.get("user")?,
        browser: row.get("browser")?,
        os: row.get("os")?,
        page: row.get("page")?,
        first: time(row, "first")?,
        last: time(row, "last")?,
        newest: row.get("newest")?,
        items: row.get("items")?,
        errors: row.get("errors")?,
        spans: row.get("spans")?,
    })
}

/// Nanoseconds; SQLite's integers are signed, ours never below zero.
fn nanos(row: &Row, column: impl RowIndex) -> Result<u64> {
    Ok(row.get::<_, i64>(column)?.max(0).unsigned_abs())
}

fn time(row: &Row, column: impl RowIndex) -> Result<f64> {
    nanos(row, column).map(millis)
}

/// A column that holds JSON we wrote ourselves.
fn raw(row: &Row, column: &str) -> Result<Option<Box<RawValue>>> {
    let json: Option<String> = row.get(column)?;
    Ok(json.and_then(|json| RawValue::from_string(json).ok()))
}

fn within(detail: Option<Box<RawValue>>, spent: &mut usize) -> Option<Box<RawValue>> {
    *spent += detail.as_ref().map_or(0, |detail| detail.get().len());
    detail.filter(|_| *spent <= DETAILS)
}

/// The LIKE pattern for a text that means itself.
fn contains(text: &str) -> String {
    format!("%{}%", text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"))
}

impl FromSql for Kind {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Kind> {
        let kinds = [Kind::Log, Kind::Event, Kind::Measurement, Kind::Vital, Kind::Exception, Kind::Span];
        let word = value.as_str()?;
        kinds.into_iter().find(|kind| kind.as_str() == word).ok_or(FromSqlError::InvalidType)
    }
}
