//! Faro's session rules: 15 minutes idle, 4 hours at most, sampled once each, kept in the browser's storage.

use crate::config::{self, Read};
use crate::policy;
use crate::sampling::Chance;
use serde::Serialize;
use wire::{Pairs, Text, meta};

/// A session. Times are milliseconds since the epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// Id, attributes and overrides, as they are sent.
    pub meta: meta::Session<'static>,
    /// Whether its items are sent.
    pub sampled: bool,
    started: f64,
    active: f64,
    stored: f64,
}

/// The JSON that Faro keeps in storage.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Stored<'a> {
    session_id: &'a str,
    last_activity: f64,
    started: f64,
    is_sampled: bool,
    session_meta: meta::Session<'a>,
}

impl Session {
    /// Opens a session with what the page says about it; the id is made up unless it names one.
    pub fn open(mut meta: meta::Session<'static>, now: f64, rate: f64, chance: &mut Chance) -> Self {
        meta.id.get_or_insert_with(|| chance.short_id(10).into());
        Session { meta, sampled: chance.keeps(rate), started: now, active: now, stored: 0.0 }
    }

    /// Reads what storage holds; `None` when that is no session or one that is over.
    pub fn resume(read: Read, now: f64) -> Option<Self> {
        let mut meta = config::session(&|path| {
            let mut full = String::from("sessionMeta.");
            full.push_str(path);
            read(&full)
        });
        meta.id = Some(config::text(read, "sessionId")?);
        meta.attributes.0.retain(|(key, _)| &**key != SAMPLED);
        let time = |path| config::number(read, path, 0.0).min(now);
        let session = Session {
            meta,
            sampled: config::flag(read, "isSampled", true),
            started: time("started"),
            active: time("lastActivity"),
            stored: 0.0,
        };
        (!session.is_over(now)).then_some(session)
    }

    /// The id.
    pub fn id(&self) -> &str {
        self.meta.id.as_deref().unwrap_or_default()
    }

    /// Takes what the page says about it now; the link back stays.
    pub fn describe(&mut self, page: meta::Session<'static>) {
        if !page.attributes.is_empty() {
            let mut attributes = page.attributes.0;
            attributes.retain(|(key, _)| &**key != SAMPLED && &**key != PREVIOUS);
            attributes.extend(self.meta.attributes.0.drain(..).filter(|(key, _)| &**key == PREVIOUS));
            self.meta.attributes.0 = attributes;
        }
        if page.overrides.is_some() {
            self.meta.overrides = page.overrides;
        }
    }

    /// Whether its time has run out.
    pub fn is_over(&self, now: f64) -> bool {
        now - self.active >= policy::SESSION_IDLE_MS || now - self.started >= policy::SESSION_AGE_MS
    }

    /// Notes that something happened.
    pub fn touch(&mut self, now: f64) {
        self.active = now;
    }

    /// The session that follows this one: what `meta` says, a new id unless it names one, and a link back.
    pub fn follow(&self, mut meta: meta::Session<'static>, now: f64, rate: f64, chance: &mut Chance) -> Self {
        if meta.id == self.meta.id {
            meta.id = None;
        }
        meta.attributes.0.retain(|(key, _)| &**key != PREVIOUS && &**key != SAMPLED);
        meta.attributes.0.push((PREVIOUS.into(), Text::from(self.id().to_owned())));
        Session::open(meta, now, rate, chance)
    }

    /// The JSON for storage, when it is due: at most once a second, or when the page goes.
    pub fn store(&mut self, now: f64, due: Store) -> Option<Vec<u8>> {
        let due = match due {
            Store::Now => self.active > self.stored,
            Store::Throttled => self.active - self.stored >= policy::SESSION_STORE_MS,
        };
        if !due {
            return None;
        }
        self.stored = now;
        let mut json = Vec::new();
        let stored = Stored {
            session_id: self.id(),
            last_activity: self.active,
            started: self.started,
            is_sampled: self.sampled,
            session_meta: self.public(),
        };
        wire::encode::json(&stored, &mut json);
        Some(json)
    }

    /// The session as `getSession` and storage tell it: with `isSampled` among the attributes.
    pub fn public(&self) -> meta::Session<'_> {
        let mut attributes: Vec<(Text, Text)> =
            vec![(SAMPLED.into(), if self.sampled { "true" } else { "false" }.into())];
        attributes.extend(self.meta.attributes.0.iter().cloned());
        meta::Session { attributes: Pairs(attributes), ..self.meta.clone() }
    }
}

const SAMPLED: &str = "isSampled";
const PREVIOUS: &str = "previousSession";

/// How urgent it is to write the session down.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// After an ordinary flush.
    Throttled,
    /// The page goes, or the session is another one.
    Now,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Value;

    const MINUTE: f64 = 60_000.0;
    const START: f64 = 1_795_223_618_015.0;

    fn chance() -> Chance {
        Chance::new([3, 5])
    }

    /// Reads JSON text as the browser's reader reads an object.
    fn reader(json: serde_json::Value) -> impl Fn(&str) -> Value {
        move |path| {
            let found = path.split('.').try_fold(&json, |at, key| at.get(key));
            match found {
                Some(serde_json::Value::String(text)) => Value::Text(text.clone()),
                Some(serde_json::Value::Number(number)) => Value::Number(number.as_f64().expect("a number")),
                Some(serde_json::Value::Bool(flag)) => Value::Flag(*flag),
                Some(serde_json::Value::Object(map)) => Value::Pairs(
                    map.iter().map(|(key, v)| (key.clone(), v.as_str().unwrap_or_default().to_owned())).collect(),
                ),
                _ => Value::Missing,
            }
        }
    }

    #[test]
    fn it_ends_after_a_quarter_of_an_hour_idle_or_four_hours() {
        let mut session = Session::open(meta::Session::default(), START, 1.0, &mut chance());
        assert!(!session.is_over(START + 15.0 * MINUTE - 1.0));
        assert!(session.is_over(START + 15.0 * MINUTE));
        for minute in 1..240 {
            assert!(!session.is_over(START + f64::from(minute) * MINUTE), "minute {minute}");
            session.touch(START + f64::from(minute) * MINUTE);
        }
        assert!(session.is_over(START + 240.0 * MINUTE));
    }

    #[test]
    fn what_is_stored_resumes_and_is_what_faro_stores() {
        let page = meta::Session {
            attributes: Pairs(vec![("plan".into(), "paid".into())]),
            overrides: Some(meta::Overrides { service_name: Some("svc2".into()), ..meta::Overrides::default() }),
            ..meta::Session::default()
        };
        let mut session = Session::open(page, START, 1.0, &mut chance());
        let json = session.store(START, Store::Throttled).expect("never written before");
        let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
        assert_eq!(json["sessionId"], session.id());
        assert_eq!(json["lastActivity"], START);
        assert_eq!(json["sessionMeta"]["attributes"]["isSampled"], "true");
        let resumed = Session::resume(&reader(json.clone()), START + MINUTE).expect("still valid");
        assert_eq!((resumed.id(), &resumed.meta, resumed.sampled), (session.id(), &session.meta, true));
        assert_eq!(Session::resume(&reader(json), START + 16.0 * MINUTE), None);
        assert_eq!(Session::resume(&reader(serde_json::json!({})), START), None);
    }

    #[test]
    fn a_clock_set_back_does_not_make_it_immortal() {
        let json = serde_json::json!({"sessionId": "a", "started": START + 1e12, "lastActivity": START + 1e12});
        let session = Session::resume(&reader(json), START).expect("valid now");
        assert!(session.is_over(START + 15.0 * MINUTE));
    }

    #[test]
    fn the_next_one_links_back() {
        let first = Session::open(meta::Session::default(), START, 0.0, &mut chance());
        assert!(!first.sampled);
        let mut chance = Chance::new([8, 8]);
        let second = first.follow(first.meta.clone(), START, 1.0, &mut chance);
        let third = second.follow(second.meta.clone(), START, 1.0, &mut chance);
        assert!(first.id() != second.id() && second.id() != third.id());
        assert!(second.sampled);
        assert_eq!(third.meta.attributes.0, [("previousSession".into(), Text::from(second.id().to_owned()))]);
    }

    #[test]
    fn storage_is_written_once_a_second_and_when_the_page_goes() {
        let mut session = Session::open(meta::Session::default(), START, 1.0, &mut chance());
        assert!(session.store(START, Store::Throttled).is_some());
        session.touch(START + 400.0);
        assert!(session.store(START + 400.0, Store::Throttled).is_none());
        assert!(session.store(START + 400.0, Store::Now).is_some());
        assert!(session.store(START + 900.0, Store::Now).is_none());
        session.touch(START + 1_400.0);
        assert!(session.store(START + 1_400.0, Store::Throttled).is_some());
    }
}
