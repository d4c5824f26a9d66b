//! Faro's session rules: 15 minutes idle, 4 hours at most, sampled once each, kept in the browser's storage.

use crate::json;
use crate::policy;
use crate::sampling::Chance;
use crate::signal::Reader;

/// What a page says about a session.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Described {
    /// Its id, empty for one that is to be made up.
    pub id: String,
    /// JSON members of its attributes.
    pub attributes: Vec<u8>,
    /// JSON members of its overrides.
    pub overrides: Vec<u8>,
}

/// A session. Times are milliseconds since the epoch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Session {
    described: Described,
    previous: String,
    /// Whether its items are sent.
    pub sampled: bool,
    started: f64,
    active: f64,
    stored: f64,
}

/// What storage holds of a session.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// Its id.
    pub id: String,
    /// Milliseconds since the epoch.
    pub started: f64,
    /// The same.
    pub active: f64,
    /// Whether its items are not sent.
    pub unsampled: bool,
    /// The session before it.
    pub previous: String,
    /// JSON members of its attributes, without those that the agent writes itself.
    pub attributes: Vec<u8>,
    /// JSON members of its overrides.
    pub overrides: Vec<u8>,
}

impl Described {
    /// Reads what the border packs: id, attributes, overrides.
    pub fn read(reader: &mut Reader) -> Self {
        let (id, attributes, overrides) = (reader.text(), reader.text(), reader.text());
        Described { id: id.to_owned(), attributes: attributes.into(), overrides: overrides.into() }
    }
}

/// Who is told about a session: collectors are not told that it is sampled, they see it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Teller {
    /// The meta of a batch.
    Meta,
    /// `getSession`, and storage.
    Page,
}

impl Session {
    /// Opens a session with what the page says about it; the id is made up unless it names one.
    pub fn open(described: Described, now: f64, rate: f64, chance: &mut Chance) -> Self {
        let mut session =
            Session { described, sampled: chance.keeps(rate), started: now, active: now, ..Session::default() };
        if session.described.id.is_empty() {
            session.described.id = chance.short_id(10);
        }
        session
    }

    /// The session that storage holds; `None` when that is none, or one that is over.
    pub fn resume(kept: Kept, now: f64) -> Option<Self> {
        let Kept { id, started, active, unsampled, previous, attributes, overrides } = kept;
        let described = Described { id, attributes, overrides };
        let (started, active) = (started.min(now), active.min(now));
        let session = Session { described, previous, sampled: !unsampled, started, active, stored: 0.0 };
        (!session.id().is_empty() && !session.is_over(now)).then_some(session)
    }

    /// The id.
    pub fn id(&self) -> &str {
        &self.described.id
    }

    /// Takes what the page says about it now.
    pub fn describe(&mut self, page: Described) {
        if !page.attributes.is_empty() {
            self.described.attributes = page.attributes;
        }
        if !page.overrides.is_empty() {
            self.described.overrides = page.overrides;
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

    /// The session that follows this one: what the page says, a new id unless it names one, and a link back.
    pub fn follow(&self, page: Option<Described>, now: f64, rate: f64, chance: &mut Chance) -> Self {
        let page = page.unwrap_or_else(|| Described { id: String::new(), ..self.described.clone() });
        Session { previous: self.id().to_owned(), ..Session::open(page, now, rate, chance) }
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
        let mut out = vec![b'{'];
        json::text(&mut out, "sessionId", self.id());
        json::number(&mut out, "lastActivity", self.active);
        json::number(&mut out, "started", self.started);
        json::flag(&mut out, "isSampled", self.sampled);
        let mut meta = Vec::new();
        self.members(Teller::Page, &mut meta);
        json::object(&mut out, "sessionMeta", &meta);
        json::put(&mut out, b"}");
        Some(out)
    }

    /// Writes the members of the session as the wire has them.
    pub fn members(&self, teller: Teller, out: &mut Vec<u8>) {
        let Described { id, attributes, overrides } = &self.described;
        json::text(out, "id", id);
        let mut all = Vec::new();
        if teller == Teller::Page {
            json::text(&mut all, SAMPLED, if self.sampled { "true" } else { "false" });
        }
        json::append(&mut all, attributes);
        json::optional(&mut all, PREVIOUS, &self.previous);
        json::object(out, "attributes", &all);
        json::object(out, "overrides", overrides);
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
    use serde_json::{Value, json};

    const MINUTE: f64 = 60_000.0;
    const START: f64 = 1_795_223_618_015.0;

    fn open(rate: f64) -> Session {
        Session::open(Described::default(), START, rate, &mut Chance::new([3, 5]))
    }

    fn described(id: &str, attributes: &str, overrides: &str) -> Described {
        Described { id: id.into(), attributes: attributes.into(), overrides: overrides.into() }
    }

    /// What the storage's reader makes of what was written there.
    fn kept(json: &Value) -> Kept {
        let text = |at: &str| json.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
        let number = |at: &str| json.pointer(at).and_then(Value::as_f64).unwrap_or_default();
        let members = |at: &str| {
            let mut object = json.pointer(at).cloned().unwrap_or(json!({}));
            object.as_object_mut().expect("an object").retain(|key, _| key != SAMPLED && key != PREVIOUS);
            object.to_string().trim_matches(['{', '}']).as_bytes().to_vec()
        };
        Kept {
            id: text("/sessionId"),
            started: number("/started"),
            active: number("/lastActivity"),
            unsampled: json["isSampled"] == json!(false),
            previous: text("/sessionMeta/attributes/previousSession"),
            attributes: members("/sessionMeta/attributes"),
            overrides: members("/sessionMeta/overrides"),
        }
    }

    fn told(session: &Session) -> Value {
        let mut json = vec![b'{'];
        session.members(Teller::Meta, &mut json);
        json.push(b'}');
        let _: wire::meta::Session = wire::decode::value(&json).expect("wire's session");
        serde_json::from_slice(&json).expect("JSON")
    }

    #[test]
    fn it_ends_after_a_quarter_of_an_hour_idle_or_four_hours() {
        let mut session = open(1.0);
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
        let overrides = r#""serviceName":"svc2","geoLocationTrackingEnabled":true"#;
        let page = described("", r#""plan":"paid""#, overrides);
        let mut session = Session::open(page, START, 1.0, &mut Chance::new([3, 5]));
        let json = session.store(START, Store::Throttled).expect("never written before");
        let json: Value = serde_json::from_slice(&json).expect("JSON");
        assert_eq!((&json["sessionId"], &json["lastActivity"]), (&json!(session.id()), &json!(1_795_223_618_015_u64)));
        assert_eq!(json["sessionMeta"]["attributes"], json!({"isSampled": "true", "plan": "paid"}));
        let resumed = Session::resume(kept(&json), START + MINUTE).expect("still valid");
        assert_eq!((told(&resumed), resumed.sampled), (told(&session), true));
        assert_eq!(Session::resume(kept(&json), START + 16.0 * MINUTE), None);
        assert_eq!(Session::resume(kept(&json!({})), START), None);
    }

    #[test]
    fn a_clock_set_back_does_not_make_it_immortal() {
        let ahead = Kept { id: "a".into(), started: START + 1e12, active: START + 1e12, ..Kept::default() };
        let session = Session::resume(ahead, START).expect("valid now");
        assert!(session.is_over(START + 15.0 * MINUTE));
    }

    #[test]
    fn the_next_one_links_back_and_keeps_what_the_page_said() {
        let first = open(0.0);
        assert!(!first.sampled);
        let mut chance = Chance::new([8, 8]);
        let mut second = first.follow(None, START, 1.0, &mut chance);
        second.describe(described("", r#""plan":"paid""#, ""));
        let third = second.follow(None, START, 1.0, &mut chance);
        assert!(first.id() != second.id() && second.id() != third.id() && second.sampled);
        let attributes = json!({"plan": "paid", "previousSession": second.id()});
        assert_eq!(told(&third), json!({"id": third.id(), "attributes": attributes}));
        let named = third.follow(Some(described("mine", "", "")), START, 1.0, &mut chance);
        assert_eq!(told(&named), json!({"id": "mine", "attributes": {"previousSession": third.id()}}));
    }

    #[test]
    fn storage_is_written_once_a_second_and_when_the_page_goes() {
        let mut session = open(1.0);
        assert!(session.store(START, Store::Throttled).is_some());
        session.touch(START + 400.0);
        assert!(session.store(START + 400.0, Store::Throttled).is_none());
        assert!(session.store(START + 400.0, Store::Now).is_some());
        assert!(session.store(START + 900.0, Store::Now).is_none());
        session.touch(START + 1_400.0);
        assert!(session.store(START + 1_400.0, Store::Throttled).is_some());
    }
}
