//! The viewer's SQLite file: one writer, a few readers, the oldest rows leave first.
//!
//! WAL with `synchronous=NORMAL`: the journal is the durable copy, so the last rows may go with the power.
//! `items` holds one line per item, numbered in the order of arrival; `details` its JSON and `spans` a
//! span's place in its trace, both under the same number. `records` remembers the newest journal records,
//! so that a replay stores nothing twice.

use super::rows::{Batch, Item, Record, Row, Session};
use super::{Limits, ViewerError};
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Stamped into the file; one with another stamp is emptied, because its rows can be had again.
const VERSION: i64 = 1;
/// Journal records remembered. A lane commits after every batch of some hundreds, so a replay reaches back that far.
const REPLAY: i64 = 65_536;
/// Read connections: a person with a few tabs. More would only fight for the page cache.
pub(super) const READERS: usize = 4;
/// How long a reader waits for the file, at start while another process lets go of it.
const BUSY: Duration = Duration::from_secs(2);
/// Part of the rows that leaves when the file is full: often enough to stay small, seldom enough to stay cheap.
const SHARE: i64 = 16;

const SCHEMA: &str = "
CREATE TABLE items (
  id INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, received INTEGER NOT NULL, kind TEXT NOT NULL,
  app TEXT NOT NULL, session TEXT, name TEXT NOT NULL, level TEXT NOT NULL, message TEXT NOT NULL,
  value REAL, trace_id TEXT, span_id TEXT, page TEXT, error_group INTEGER);
CREATE INDEX items_kind ON items(kind);
CREATE INDEX items_app ON items(app);
CREATE INDEX items_session ON items(session) WHERE session IS NOT NULL;
CREATE INDEX items_trace ON items(trace_id) WHERE trace_id IS NOT NULL;
CREATE INDEX items_group ON items(error_group, session, time) WHERE error_group IS NOT NULL;
CREATE INDEX items_vital ON items(app, name, value) WHERE kind = 'vital';
CREATE TABLE details (id INTEGER PRIMARY KEY, json TEXT NOT NULL);
CREATE TABLE spans (
  id INTEGER PRIMARY KEY, trace_id TEXT NOT NULL, span_id TEXT NOT NULL, parent_id TEXT, session TEXT,
  kind INTEGER NOT NULL, service TEXT NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL, status INTEGER NOT NULL,
  UNIQUE (trace_id, span_id));
CREATE INDEX spans_session ON spans(session) WHERE session IS NOT NULL;
CREATE TABLE sessions (
  id TEXT PRIMARY KEY, app TEXT NOT NULL, environment TEXT, version TEXT, user TEXT, browser TEXT, os TEXT, page TEXT,
  first INTEGER NOT NULL, last INTEGER NOT NULL, newest INTEGER NOT NULL,
  items INTEGER NOT NULL, errors INTEGER NOT NULL, spans INTEGER NOT NULL, meta TEXT);
CREATE INDEX sessions_newest ON sessions(newest);
CREATE TABLE records (id INTEGER PRIMARY KEY, position INTEGER NOT NULL, received INTEGER NOT NULL,
  UNIQUE (position, received));
CREATE TABLE dropped (reason TEXT PRIMARY KEY, items INTEGER NOT NULL);
";

/// Why rows left.
#[derive(Clone, Copy)]
enum Reason {
    Age,
    Space,
}

/// The open file.
pub(super) struct Store {
    path: PathBuf,
    limits: Limits,
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
}

impl Store {
    /// Opens or makes `viewer.db` in `dir`, readable by its owner only.
    pub fn open(dir: &Path, limits: Limits) -> Result<Store, ViewerError> {
        let path = dir.join("viewer.db");
        let io = |source| ViewerError::File { path: path.clone(), source };
        std::fs::create_dir_all(dir).map_err(io)?;
        private(&path).map_err(io)?;
        let writer = connect(&path)?;
        let version: i64 = writer.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if version != VERSION {
            empty(&writer)?;
            writer.execute_batch(SCHEMA)?;
            writer.pragma_update(None, "user_version", VERSION)?;
        }
        Ok(Store { path, limits, writer: Mutex::new(writer), readers: Mutex::default() })
    }

    /// Stores a batch in one transaction and returns what is new, then lets the oldest rows go.
    pub fn write(&self, batch: Batch) -> Result<Vec<Item>, ViewerError> {
        let mut connection = lock(&self.writer);
        let transaction = connection.transaction()?;
        let mut stored = Vec::new();
        for record in batch.records {
            write_record(&transaction, record, &mut stored)?;
        }
        transaction.execute("DELETE FROM records WHERE id <= (SELECT max(id) FROM records) - ?1", [REPLAY])?;
        transaction.commit()?;
        self.make_room(&mut connection)?;
        Ok(stored)
    }

    /// Lets go of everything received more than the age limit before `now` (nanoseconds since the epoch).
    pub fn expire(&self, now: u64) -> Result<(), ViewerError> {
        let oldest = now.saturating_sub(u64::try_from(self.limits.age.as_nanos()).unwrap_or(u64::MAX));
        let mut connection = lock(&self.writer);
        // Numbers follow arrival, so this reads no further than the first row that stays.
        let first = "SELECT id FROM items WHERE received >= ?1 ORDER BY id LIMIT 1";
        let first: Option<i64> = connection.query_row(first, [clamp(oldest)], |row| row.get(0)).optional()?;
        let before = match first {
            Some(first) => first,
            None => connection.query_row("SELECT ifnull(max(id), 0) + 1 FROM items", [], |row| row.get(0))?,
        };
        delete(&mut connection, before, Reason::Age)
    }

    /// Runs one query on a read connection. Blocks: call it where blocking is allowed.
    pub fn read<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, ViewerError> {
        let idle = lock(&self.readers).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => connect(&self.path)?,
        };
        let answer = query(&connection)?;
        let mut readers = lock(&self.readers);
        if readers.len() < READERS {
            readers.push(connection);
        }
        Ok(answer)
    }

    fn make_room(&self, connection: &mut Connection) -> Result<(), ViewerError> {
        loop {
            let ends = "SELECT ifnull(min(id), 0), ifnull(max(id), -1) FROM items";
            let (first, last): (i64, i64) = connection.query_row(ends, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let rows = last - first + 1;
            let over = rows - clamp(self.limits.rows);
            let full = used(connection)? > self.limits.bytes;
            let leave = if full { (rows / SHARE).max(over).max(1) } else { over };
            if leave <= 0 || rows <= 0 {
                return Ok(());
            }
            delete(connection, first + leave, Reason::Space)?;
        }
    }
}

/// Bytes of the file in use. What was deleted is used again, so the file itself grows no further.
pub(super) fn used(connection: &Connection) -> rusqlite::Result<u64> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let bytes = (pragma("page_count")? - pragma("freelist_count")?) * pragma("page_size")?;
    Ok(bytes.max(0).unsigned_abs())
}

fn write_record(transaction: &Transaction, record: Record, stored: &mut Vec<Item>) -> rusqlite::Result<()> {
    let seen = "INSERT OR IGNORE INTO records (position, received) VALUES (?1, ?2)";
    let new = transaction.prepare_cached(seen)?.execute((clamp(record.position), clamp(record.received)))?;
    if new == 0 {
        return Ok(());
    }
    let from = stored.len();
    let (mut first, mut last, mut errors, mut spans) = (u64::MAX, 0, 0, 0);
    for row in record.rows {
        let (time, is_span, is_error) = (row.time, row.span.is_some(), row.group.is_some());
        let Some(item) = write_row(transaction, row, record.received)? else { continue };
        stored.push(item);
        (first, last) = (first.min(time), last.max(time));
        errors += i64::from(is_error);
        spans += i64::from(is_span);
    }
    let items = stored.len() - from;
    match (record.session, stored.last()) {
        (Some(session), Some(newest)) if items > 0 => {
            write_session(transaction, &session, [first, last], newest.id, [items as i64, errors, spans])
        }
        _ => Ok(()),
    }
}

/// Stores one row; `None` for a span that is there already, since agents repeat a span rather than lose it.
fn write_row(transaction: &Transaction, row: Row, received: u64) -> rusqlite::Result<Option<Item>> {
    let Row { mut item, time, detail, group, span } = row;
    if span.is_some() {
        let known = "SELECT 1 FROM spans WHERE trace_id = ?1 AND span_id = ?2";
        if transaction.prepare_cached(known)?.exists((&item.trace_id, &item.span_id))? {
            return Ok(None);
        }
    }
    let insert =
        "INSERT INTO items (time, received, kind, app, session, name, level, message, value, trace_id, span_id,
        page, error_group) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
    item.id = transaction.prepare_cached(insert)?.insert(params![
        clamp(time),
        clamp(received),
        item.kind.as_str(),
        item.app,
        item.session,
        item.name,
        item.level,
        item.message,
        item.value,
        item.trace_id,
        item.span_id,
        item.page,
        group,
    ])?;
    if let Some(json) = detail {
        transaction.prepare_cached("INSERT INTO details (id, json) VALUES (?1, ?2)")?.execute((item.id, json))?;
    }
    if let Some(span) = span {
        let insert = "INSERT INTO spans (id, trace_id, span_id, parent_id, session, kind, service, start, end, status)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
        transaction.prepare_cached(insert)?.execute(params![
            item.id,
            item.trace_id,
            item.span_id,
            span.parent,
            item.session,
            span.kind,
            span.service,
            clamp(span.start),
            clamp(span.end),
            span.status,
        ])?;
    }
    Ok(Some(item))
}

/// Adds to the session, or starts it. What a later record does not say keeps its earlier value.
fn write_session(
    transaction: &Transaction,
    session: &Session,
    [first, last]: [u64; 2],
    newest: i64,
    [items, errors, spans]: [i64; 3],
) -> rusqlite::Result<()> {
    let upsert = "INSERT INTO sessions
            (id, app, environment, version, user, browser, os, page, first, last, newest, items, errors, spans, meta)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
        ON CONFLICT (id) DO UPDATE SET app = excluded.app, environment = ifnull(excluded.environment, environment),
            version = ifnull(excluded.version, version), user = ifnull(excluded.user, user),
            browser = ifnull(excluded.browser, browser), os = ifnull(excluded.os, os),
            page = ifnull(excluded.page, page), first = min(first, excluded.first), last = max(last, excluded.last),
            newest = excluded.newest, items = items + excluded.items, errors = errors + excluded.errors,
            spans = spans + excluded.spans, meta = ifnull(excluded.meta, meta)";
    transaction.prepare_cached(upsert)?.execute(params![
        session.id,
        session.app,
        session.environment,
        session.version,
        session.user,
        session.browser,
        session.os,
        session.page,
        clamp(first),
        clamp(last),
        newest,
        items,
        errors,
        spans,
        session.meta,
    ])?;
    Ok(())
}

/// Deletes every row numbered under `before`, and the sessions that have none left.
fn delete(connection: &mut Connection, before: i64, reason: Reason) -> Result<(), ViewerError> {
    let transaction = connection.transaction()?;
    let gone = transaction.execute("DELETE FROM items WHERE id < ?1", [before])?;
    if gone == 0 {
        return Ok(());
    }
    transaction.execute("DELETE FROM details WHERE id < ?1", [before])?;
    transaction.execute("DELETE FROM spans WHERE id < ?1", [before])?;
    transaction.execute("DELETE FROM sessions WHERE newest < ?1", [before])?;
    let word = match reason {
        Reason::Age => "age",
        Reason::Space => "space",
    };
    let count = "INSERT INTO dropped (reason, items) VALUES (?1, ?2)
        ON CONFLICT (reason) DO UPDATE SET items = items + excluded.items";
    transaction.execute(count, params![word, gone as i64])?;
    transaction.commit()?;
    tracing::debug!(items = gone, reason = word, "viewer let its oldest items go");
    Ok(())
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    // The log beside the file shrinks back after a burst.
    connection.pragma_update(None, "journal_size_limit", 16 * 1024 * 1024)?;
    // What was deleted is overwritten: captured text may be personal.
    connection.pragma_update(None, "secure_delete", "FAST")?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

/// Drops whatever another version left.
fn empty(connection: &Connection) -> rusqlite::Result<()> {
    let names = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let names: Vec<String> = connection.prepare(names)?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    names.iter().try_for_each(|name| connection.execute_batch(&format!("DROP TABLE \"{}\"", name.replace('"', "\"\""))))
}

/// Makes the file, if it is not there, with the rights that SQLite then gives to its companions.
fn private(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic inside left no half-written state: the transaction was rolled back.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// SQLite counts to 2^63; times past the year 2262 do not matter.
fn clamp(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
