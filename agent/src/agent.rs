//! The agent: owns the state, and lets each part do its own.

use crate::browser::clock::Clock;
use crate::browser::hook::{Answer, Hook, Question};
use crate::browser::random;
use crate::browser::storage::Store as Storage;
use crate::browser::timer::Timer;
use crate::browser::upload::{Request, Sender};
use crate::config::Config;
use crate::context::{RESOURCE, SESSION};
use crate::dedupe::Dedupe;
use crate::drops::Reason;
use crate::guard;
use crate::json;
use crate::outbox::Outbox;
use crate::policy;
use crate::sampling::Chance;
use crate::session::{Described, Session, Store, Teller};
use crate::signal::{self, Around, Flags, Kind, OWN, OWN_TRACED, Reader, Stamp, Writer};
use crate::trace::{Client, End, Parent, Requests};
use crate::upload::{Outcome, Stay};
use crate::vitals::Vitals;
use js_sys::Function;
use wasm_bindgen::JsValue;

/// The state of a running agent.
pub struct Agent {
    config: Config,
    page: JsValue,
    clock: Clock,
    session: Option<Session>,
    storage: Option<Storage>,
    dedupe: Dedupe,
    requests: Requests,
    vitals: Vitals,
    stamp: Stamp,
    scratch: Vec<u8>,
    line: Vec<u8>,
    outbox: Outbox,
    timer: Timer,
    fetch: Function,
    sender: Option<Sender>,
    paused: bool,
    /// Set while batches are to be handed out.
    flush: Option<Stay>,
    over: bool,
}

/// What is done on the way out, when nothing is borrowed.
pub enum Errand {
    /// Ask the page's hook.
    Ask(Question),
    /// Make a request.
    Send(Request),
}

impl Agent {
    /// An agent that is paused until it is configured. `page` is the global object.
    pub fn new(page: &JsValue, fetch: &Function, transform: Option<&Function>) -> Agent {
        let clock = Clock::new(page);
        let mut chance = Chance::new(random::seed(page));
        Agent {
            vitals: Vitals::new(clock.now(), &mut chance),
            outbox: Outbox::new(transform.cloned().map(Hook::new), chance),
            config: Config::default(),
            clock,
            page: page.clone(),
            session: None,
            storage: None,
            dedupe: Dedupe::new(),
            requests: Requests::default(),
            stamp: Stamp::default(),
            scratch: Vec::new(),
            line: Vec::new(),
            timer: Timer::new(tick),
            fetch: fetch.clone(),
            sender: None,
            paused: true,
            flush: None,
            over: false,
        }
    }

    /// Takes the options and what the page says about its session, and opens or resumes that.
    fn configure(&mut self, length: usize) {
        let mut reader = Reader::new(self.scratch.get(..length).unwrap_or_default());
        self.config = Config::read(&mut reader);
        let described = Described::read(&mut reader);
        let config = &self.config;
        self.outbox.configure(config);
        self.sender = Some(Sender::new(&self.page, self.fetch.clone(), &config.url, done));
        self.paused = false;
        if config.sessions {
            self.storage = Some(Storage::open(&self.page, config.persistent));
            self.open_session(described);
        }
    }

    fn open_session(&mut self, page: Described) {
        let now = self.clock.now();
        let kept = self.storage.as_ref().and_then(Storage::read).and_then(|kept| Session::resume(kept, now));
        match kept {
            // A page that names another session than the one that was kept means it.
            Some(mut kept) if page.id.is_empty() || page.id == kept.id() => {
                kept.describe(page);
                self.enter_session(kept, "session_resume", now);
            }
            _ => {
                let session = Session::open(page, now, self.config.sampling_rate, &mut self.outbox.chance);
                self.enter_session(session, "session_start", now);
            }
        }
    }

    /// Makes `session` the current one and announces it.
    fn enter_session(&mut self, mut session: Session, announcement: &str, now: f64) {
        session.touch(now);
        self.session = Some(session);
        self.tell_session(now);
        let mut item = Writer::default();
        item.text(announcement);
        item.count(0);
        item.count(0);
        self.submit(Kind::Event, OWN, now, &item.0, now);
    }

    /// Puts the current session into the meta and into storage.
    fn tell_session(&mut self, now: f64) {
        if let Some(session) = &self.session {
            let mut members = Vec::new();
            session.members(Teller::Meta, &mut members);
            self.outbox.context.set(SESSION, &members);
            self.outbox.context.session = session.id().to_owned();
        }
        self.store(Store::Now, now);
    }

    fn follow_session(&mut self, page: Option<Described>, now: f64) {
        if let Some(session) = &self.session {
            let next = session.follow(page, now, self.config.sampling_rate, &mut self.outbox.chance);
            self.enter_session(next, "session_extend", now);
        }
    }

    /// What crosses as numbers, by the codes of `CALL` in `npm/src/agent.ts`. Lengths are bytes of the scratch buffer.
    pub fn call(&mut self, what: u32, a: u32, b: u32, c: f64) -> u32 {
        let length = b as usize;
        match what {
            // The address of a scratch buffer of that length, what it held kept; 0 when there is none to be had.
            0 => return self.scratch(length),
            // An item of kind `a & 7` with the flags above that, of the time `c`, 0 for now.
            1 => self.push(a & 7, Flags(a >> 3), c, length),
            2 => self.vital(a, length),
            // A span of a request, by fetch (0) or XMLHttpRequest; its handle, 0 when it is not observed.
            3 => return self.request_start(a, length),
            4 => self.request_end(a, c as u16, length),
            5 => self.describe(a as usize, length),
            6 => self.paused = a != 0,
            7 => self.vitals.restore(self.clock.now(), &mut self.outbox.chance),
            // Batches are to go out: the page asks (0), goes (1), or wants no more of it (2).
            8 => {
                let now = self.clock.now();
                self.outbox.seal(now);
                self.store(Store::Now, now);
                self.flush = Some(if a == 0 { Stay::Stays } else { Stay::Goes });
                self.over = a == 2;
            }
            9 => self.configure(length),
            _ => {}
        }
        0
    }

    /// Whether the page wants no more of it.
    pub fn is_over(&self) -> bool {
        self.over
    }

    fn scratch(&mut self, length: usize) -> u32 {
        if length > policy::SCRATCH_MAX {
            self.outbox.drops.add(Reason::Malformed, 1);
            return 0;
        }
        let length = length.max(policy::SCRATCH_FIRST);
        if self.scratch.len() < length {
            self.scratch.resize(length, 0);
        }
        self.scratch.as_ptr() as usize as u32
    }

    /// Takes an item out of the scratch buffer.
    fn push(&mut self, kind: u32, flags: Flags, at: f64, length: usize) {
        let Some(kind) = Kind::of(kind) else { return };
        let now = self.clock.now();
        let scratch = std::mem::take(&mut self.scratch);
        self.submit_live(kind, flags, if at > 0.0 { at } else { now }, scratch.get(..length).unwrap_or_default(), now);
        self.scratch = scratch;
    }

    /// Takes an item as it came over the border. A session that is over is followed by the next one first.
    fn submit_live(&mut self, kind: Kind, flags: Flags, at: f64, item: &[u8], now: f64) {
        match &mut self.session {
            Some(session) if session.is_over(now) && !self.paused => self.follow_session(None, now),
            Some(session) => session.touch(now),
            None => {}
        }
        self.submit(kind, flags, at, item, now);
    }

    fn submit(&mut self, kind: Kind, flags: Flags, at: f64, item: &[u8], now: f64) {
        let mut reader = Reader::new(item);
        let trace = if flags.has_trace() { (reader.text(), reader.text()) } else { ("", "") };
        let error = kind == Kind::Exception;
        let refused = if self.paused {
            Some(Reason::Paused)
        } else if self.session.as_ref().is_some_and(|session| !session.sampled) {
            Some(Reason::Unsampled)
        } else if error && signal::is_ignored(reader, flags, &self.config.ignored) {
            Some(Reason::Ignored)
        } else if self.config.dedupe && !flags.skip_dedupe() && self.dedupe.repeats(kind, reader.rest()) {
            Some(Reason::Duplicate)
        } else {
            None
        };
        if let Some(reason) = refused {
            return self.outbox.drops.add(reason, 1);
        }
        let timestamp = self.stamp.text(at);
        let (domain, page) = (&self.config.domain, &self.outbox.context.address);
        let around = Around { flags, timestamp, trace, domain, page };
        self.line.clear();
        if signal::transcribe(kind, reader, &around, &mut self.line) {
            self.outbox.emit(kind, &self.line, now);
        } else {
            self.outbox.drops.add(Reason::Malformed, 1);
        }
        self.arm(now);
    }

    /// Takes an entry of a performance observer out of the scratch buffer.
    fn vital(&mut self, code: u32, length: usize) {
        let now = self.clock.now();
        let scratch = std::mem::take(&mut self.scratch);
        let mut reader = Reader::new(scratch.get(..length).unwrap_or_default());
        let mut items: Vec<Writer> = Vec::new();
        self.vitals.take(code, &mut reader, &mut |report| {
            let mut item = Writer::default();
            report.write(&mut item);
            items.push(item);
        });
        items.iter().for_each(|item| self.submit_live(Kind::Measurement, OWN, now, &item.0, now));
        self.scratch = scratch;
    }

    /// Replaces a part of the meta by the members in the scratch buffer; the page's address follows its members, and
    /// nothing at all asks for a new session.
    fn describe(&mut self, part: usize, length: usize) {
        let scratch = std::mem::take(&mut self.scratch);
        let mut reader = Reader::new(scratch.get(..length).unwrap_or_default());
        if part == SESSION && length == 0 {
            self.follow_session(Some(Described::default()), self.clock.now());
        } else if part == SESSION {
            self.describe_session(Described::read(&mut reader));
        } else if part <= RESOURCE {
            self.outbox.context.set(part, reader.text().as_bytes());
            if !reader.rest().is_empty() {
                self.outbox.context.address = reader.text().to_owned();
            }
        }
        self.scratch = scratch;
    }

    /// The page says more about its session, or names another.
    fn describe_session(&mut self, page: Described) {
        let now = self.clock.now();
        match &mut self.session {
            Some(session) if page.id.is_empty() || page.id == session.id() => {
                session.describe(page);
                self.tell_session(now);
            }
            _ => self.follow_session(Some(page), now),
        }
    }

    /// Opens the span of a request.
    fn request_start(&mut self, client: u32, length: usize) -> u32 {
        let mut reader = Reader::new(self.scratch.get(..length).unwrap_or_default());
        let (method, url) = (reader.text(), reader.text());
        let parent = Parent::new(reader.text(), reader.text());
        let sampled = self.session.as_ref().is_none_or(|session| session.sampled);
        if self.paused || !sampled || url == self.config.url || !reader.is_whole() {
            return 0;
        }
        let client = if client == 0 { Client::Fetch } else { Client::Xhr };
        let times = (self.clock.now(), self.clock.fine());
        let handle = self.requests.start(client, method, url, parent, times, &mut self.outbox.chance);
        if handle == 0 {
            self.outbox.drops.add(Reason::RequestsFull, 1);
        }
        handle
    }

    /// Closes a span.
    fn request_end(&mut self, handle: u32, status: u16, length: usize) {
        let Some(request) = self.requests.end(handle) else { return };
        let (now, fine) = (self.clock.now(), self.clock.fine());
        let mut reader = Reader::new(self.scratch.get(..length).unwrap_or_default());
        let end = End { fine, status, error: reader.text(), session: &self.outbox.context.session };
        let (mut span, mut event) = (Vec::new(), Writer::default());
        request.end(&end, &mut span, &mut event);
        self.submit_live(Kind::Event, OWN_TRACED, now, &event.0, now);
        // What stopped the event stops its span.
        if !self.paused && self.session.as_ref().is_none_or(|session| session.sampled) {
            self.outbox.emit(Kind::Span, &span, now);
            self.arm(now);
        }
    }

    /// What the page may look at: 0 the meta, 1 the session, 2 the counts, all as JSON; and 3 the `traceparent` of an
    /// open span. Empty when there is nothing.
    pub fn look(&mut self, at: u32, handle: u32) -> Vec<u8> {
        let mut out = Vec::new();
        match (at, &self.session) {
            (0, _) => {
                out = self.outbox.context.encoded().meta;
                json::put(&mut out, b"}");
            }
            (1, Some(session)) => {
                json::put(&mut out, b"{");
                session.members(Teller::Page, &mut out);
                json::put(&mut out, b"}");
            }
            (2, _) => self.outbox.stats(&mut out),
            (3, _) => {
                if let Some(request) = self.requests.get(handle) {
                    json::put(&mut out, b"\"");
                    request.traceparent(&mut out);
                    json::put(&mut out, b"\"");
                }
            }
            _ => {}
        }
        out
    }

    /// Counts those who were turned away at the door.
    pub fn turned_away(&mut self, calls: u32) {
        self.outbox.drops.add(Reason::Reentrant, calls);
    }

    /// Whether [`Agent::errand`] may have something.
    pub fn has_errands(&self) -> bool {
        self.flush.is_some() || self.outbox.has_questions()
    }

    /// The next thing to do when nothing is borrowed.
    pub fn errand(&mut self) -> Option<Errand> {
        if let Some(question) = self.outbox.question() {
            return Some(Errand::Ask(question));
        }
        let stay = self.flush?;
        let now = self.clock.now();
        if let Some(flight) = self.outbox.uploads.launch(now, stay) {
            let keepalive = flight.keepalive > 0;
            let session = flight.batch.session.clone();
            let key = flight.batch.key.clone();
            let headers = [
                ("content-type", "application/json"),
                ("x-api-key", &self.config.api_key),
                ("x-faro-session-id", &session),
                ("idempotency-key", &key),
                ("content-encoding", if flight.batch.packed { "gzip" } else { "" }),
            ];
            let sender = self.sender.as_ref()?;
            return Some(Errand::Send(sender.request(flight.id, flight.batch.body(now), &headers, keepalive)));
        }
        self.flush = None;
        self.store(Store::Throttled, now);
        self.arm(now);
        None
    }

    /// Takes the answer of the page's hook.
    pub fn answered(&mut self, question: &Question, answer: &Answer) {
        let now = self.clock.now();
        self.outbox.answered(question, answer, now);
        self.arm(now);
    }

    fn settled(&mut self, id: u32, outcome: Outcome, invalid: Option<bool>) {
        let now = self.clock.now();
        let current = self.outbox.uploads.session(id) == self.outbox.context.session;
        let roll = self.outbox.chance.roll();
        if let Some(fate) = self.outbox.uploads.settle(id, outcome, now, roll) {
            self.outbox.account(fate);
        }
        // Only ours says that a session is well.
        self.outbox.uploads.packs |= invalid == Some(false);
        if invalid == Some(true) && current {
            self.follow_session(None, now);
        }
        self.arm(now);
    }

    fn tick(&mut self) {
        self.timer.went_off();
        self.outbox.seal_due(self.clock.now());
        self.flush = Some(Stay::Stays);
    }

    fn store(&mut self, due: Store, now: f64) {
        if let (Some(session), Some(storage)) = (&mut self.session, &self.storage)
            && let Some(json) = session.store(now, due)
        {
            storage.write(&json);
        }
    }

    /// Sets the timer for the next thing to do; with nothing to do there is none.
    fn arm(&mut self, now: f64) {
        if let Some(due) = self.outbox.due() {
            self.timer.arm(due, now);
        }
    }
}

fn tick() {
    guard::enter(&mut Agent::tick);
}

fn done(id: u32, outcome: Outcome, invalid: Option<bool>) {
    guard::enter(&mut |agent| agent.settled(id, outcome, invalid));
}
