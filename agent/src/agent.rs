//! The agent: owns the state, and lets each part do its own.

use crate::browser::clock::Clock;
use crate::browser::hook::{Answer, Hook, Question};
use crate::browser::storage::Store as Storage;
use crate::browser::timer::Timer;
use crate::browser::upload::Request;
use crate::browser::{options, page, random};
use crate::config::{self, Config};
use crate::context;
use crate::dedupe::Dedupe;
use crate::drops::Reason;
use crate::guard;
use crate::outbox::Outbox;
use crate::policy;
use crate::sampling::Chance;
use crate::session::{Session, Store};
use crate::signal::{self, Flags, Kind, Reader, Stamp, When};
use crate::trace::{self, Client, End, Requests};
use crate::upload::{Outcome, Page};
use crate::vitals::{Entry, Navigation, Report, Vitals};
use js_sys::{Function, Uint8Array};
use wasm_bindgen::JsValue;
use wire::encode;
use wire::meta::{Sdk, View};
use wire::{Event, Measurement, Numbers, Pairs, Text, TraceContext};

/// The state of a running agent.
pub struct Agent {
    config: Config,
    chance: Chance,
    clock: Clock,
    session: Option<Session>,
    storage: Storage,
    dedupe: Dedupe,
    requests: Requests,
    vitals: Vitals,
    stamp: Stamp,
    scratch: Vec<u8>,
    outbox: Outbox,
    timer: Timer,
    fetch: Function,
    paused: bool,
    own_address: bool,
    viewport: (f64, f64),
    /// Set while batches are to be handed out.
    flush: Option<Page>,
}

/// What is done on the way out, when nothing is borrowed.
pub enum Errand {
    /// Ask the page's hook.
    Ask(Question),
    /// Make a request.
    Send(Request),
}

/// What happens to the page, or what the page asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Its address changed.
    Address,
    /// `pause`.
    Pause,
    /// `unpause`.
    Unpause,
    /// `shutdown`.
    Shutdown,
    /// It came back from the back/forward cache.
    Restored,
    /// `flush`.
    Flush,
    /// It is hidden, left or frozen.
    Goes,
}

impl Moment {
    /// The moment that the border calls `code`.
    pub fn of(code: u32) -> Option<Moment> {
        use Moment::{Address, Flush, Goes, Pause, Restored, Shutdown, Unpause};
        [Address, Pause, Unpause, Shutdown, Restored, Flush, Goes].get(code as usize).copied()
    }
}

impl Agent {
    /// Reads the options and opens or resumes the session.
    pub fn start(options: &JsValue, fetch: Function, transform: Option<Function>) -> Option<Agent> {
        let read = |path: &str| options::read(options, path);
        let config = Config::read(&read);
        let clock = Clock::new();
        let now = clock.now();
        let mut chance = Chance::new(random::seed());
        let mut agent = Agent {
            vitals: Vitals::new(f64::INFINITY, now, &mut chance),
            outbox: Outbox::new(&config, transform.map(Hook::new), &mut chance),
            storage: Storage::open(config.persistent),
            paused: config.paused,
            config,
            chance,
            clock,
            session: None,
            dedupe: Dedupe::default(),
            requests: Requests::default(),
            stamp: Stamp::default(),
            scratch: Vec::new(),
            timer: Timer::new(tick),
            fetch,
            own_address: false,
            viewport: page::viewport(),
            flush: None,
        };
        let at = |part: &'static str| {
            move |path: &str| {
                let mut full = String::from(part);
                full.push_str(path);
                read(&full)
            }
        };
        let page = config::page(&at("pageTracking.page."));
        agent.own_address = page.url.is_some();
        let meta = agent.outbox.context.edit();
        let version = Some(context::VERSION.into());
        meta.sdk = Some(Sdk { name: Some(context::NAME.into()), version, ..Sdk::default() });
        meta.app = Some(config::app(&at("app.")));
        meta.user = some(config::user(&at("user.")));
        meta.view = config::text(&read, "view.name").map(|name| View { name: Some(name) });
        (meta.browser, meta.os) = match page::browser() {
            (browser, os) => (Some(browser), os),
        };
        meta.page = Some(page);
        agent.moment(Moment::Address);
        agent.open_session(config::session(&at("sessionTracking.session.")), now);
        Some(agent)
    }

    fn open_session(&mut self, page: wire::meta::Session<'static>, now: f64) {
        if !self.config.sessions {
            self.outbox.context.edit().session = some(page);
            return;
        }
        let kept = self.storage.read().and_then(|kept| Session::resume(&|path| options::read(&kept, path), now));
        // A page that names another session than the one that was kept means it.
        let kept = kept.filter(|kept| page.id.is_none() || page.id == kept.meta.id);
        let name = if kept.is_some() { "session_resume" } else { "session_start" };
        let session = match kept {
            Some(mut kept) => {
                kept.describe(page);
                kept
            }
            None => Session::open(page, now, self.config.sampling_rate, &mut self.chance),
        };
        self.enter_session(session, name, now);
    }

    /// Makes `session` the current one and announces it.
    fn enter_session(&mut self, mut session: Session, announcement: &'static str, now: f64) {
        session.touch(now);
        self.outbox.sampled = session.sampled;
        self.outbox.context.edit().session = Some(session.meta.clone());
        self.session = Some(session);
        self.store(Store::Now, now);
        if !self.paused {
            let event = Event {
                name: announcement.into(),
                domain: Some(self.config.domain.as_str().into()),
                timestamp: self.stamp.text(now).into(),
                ..Event::default()
            };
            self.outbox.emit(Kind::Event, &event, now, &mut self.chance);
        }
        self.arm(now);
    }

    fn follow_session(&mut self, meta: wire::meta::Session<'static>, now: f64) {
        if let Some(session) = &self.session {
            let next = session.follow(meta, now, self.config.sampling_rate, &mut self.chance);
            self.enter_session(next, "session_extend", now);
        }
    }

    /// Makes ready for an item: false while paused. A session that is over is followed by the next one.
    fn admit(&mut self, now: f64) -> bool {
        if self.paused {
            self.outbox.drops.add(Reason::Paused, 1);
            return false;
        }
        match &mut self.session {
            Some(session) if session.is_over(now) => {
                let meta = session.meta.clone();
                self.follow_session(meta, now);
            }
            Some(session) => session.touch(now),
            None => {}
        }
        if self.outbox.is_empty() {
            self.measure_viewport();
        }
        true
    }

    /// A window that was resized changes the meta, but only from the next batch on.
    fn measure_viewport(&mut self) {
        let viewport = page::viewport();
        if viewport != self.viewport {
            self.viewport = viewport;
            if let Some(browser) = &mut self.outbox.context.edit().browser {
                browser.viewport_width = Some(page::pixels(viewport.0));
                browser.viewport_height = Some(page::pixels(viewport.1));
            }
        }
    }

    /// The scratch buffer's address, or 0.
    pub fn scratch(&mut self, length: usize) -> usize {
        if length > policy::SCRATCH_MAX {
            self.outbox.drops.add(Reason::Malformed, 1);
            return 0;
        }
        let length = length.max(policy::SCRATCH_FIRST);
        if self.scratch.len() < length {
            self.scratch.resize(length, 0);
        }
        self.scratch.as_ptr() as usize
    }

    /// Takes an item out of the scratch buffer.
    pub fn push(&mut self, kind: u32, flags: Flags, at: f64, length: usize) {
        let now = self.clock.now();
        if !self.admit(now) {
            return;
        }
        let Some(kind) = Kind::of(kind) else { return };
        let page = match kind {
            Kind::Exception => self.outbox.context.meta().page.as_ref().and_then(|page| page.url.clone()),
            _ => None,
        };
        let mut reader = Reader::new(self.scratch.get(..length).unwrap_or_default());
        let trace =
            flags.has_trace().then(|| TraceContext { trace_id: reader.text().into(), span_id: reader.text().into() });
        if self.config.dedupe && !flags.skip_dedupe() && self.dedupe.repeats(kind, reader.rest()) {
            return self.outbox.drops.add(Reason::Duplicate, 1);
        }
        let timestamp = self.stamp.text(if at > 0.0 { at } else { now }).into();
        let when = When { timestamp, trace };
        let chance = &mut self.chance;
        match kind {
            Kind::Log => {
                let item = signal::log(&mut reader, when);
                if reader.is_whole() {
                    self.outbox.emit(kind, &item, now, chance);
                }
            }
            Kind::Event => {
                let item = signal::event(&mut reader, when, &self.config.domain);
                if reader.is_whole() {
                    self.outbox.emit(kind, &item, now, chance);
                }
            }
            Kind::Measurement => {
                let item = signal::measurement(&mut reader, when);
                if reader.is_whole() {
                    self.outbox.emit(kind, &item, now, chance);
                }
            }
            Kind::Exception => {
                let page = page.as_deref().unwrap_or_default();
                let (item, stack) = signal::exception(&mut reader, when, flags, page);
                if is_ignored(&self.config.ignore_errors, &[&item.value, &item.kind, stack]) {
                    return self.outbox.drops.add(Reason::Ignored, 1);
                }
                if reader.is_whole() {
                    self.outbox.emit(kind, &item, now, chance);
                }
            }
            Kind::Span => {}
        }
        if !reader.is_whole() {
            self.outbox.drops.add(Reason::Malformed, 1);
        }
        self.arm(now);
    }

    /// Takes an entry of a performance observer out of the scratch buffer.
    pub fn vital(&mut self, code: u32, length: usize) {
        let now = self.clock.now();
        let scratch = std::mem::take(&mut self.scratch);
        let mut reader = Reader::new(scratch.get(..length).unwrap_or_default());
        if let Some(entry) = Entry::read(code, &mut reader) {
            // The navigation entry comes along as it is by now, where it matters.
            if !reader.rest().is_empty() {
                self.vitals.navigate(Navigation::read(&mut reader));
            }
            let mut reports = Vec::new();
            self.vitals.take(entry, |report| reports.push(report));
            for report in &reports {
                if self.admit(now) {
                    let timestamp = self.stamp.text(now).into();
                    self.outbox.emit(Kind::Measurement, &measurement(report, timestamp), now, &mut self.chance);
                }
            }
            self.arm(now);
        }
        self.scratch = scratch;
    }

    /// Replaces a part of the meta.
    pub fn set_meta(&mut self, part: u32, value: &JsValue) {
        let read = |path: &str| options::read(value, path);
        let now = self.clock.now();
        match part {
            0 => self.outbox.context.edit().app = some(config::app(&read)),
            1 => self.outbox.context.edit().user = some(config::user(&read)),
            2 => {
                let name = config::text(&read, "name");
                self.outbox.context.edit().view = name.map(|name| View { name: Some(name) });
            }
            3 => {
                let page = config::page(&read);
                self.own_address = page.url.is_some();
                self.outbox.context.edit().page = Some(page);
                self.moment(Moment::Address);
            }
            4 => {
                let page = config::session(&read);
                match &mut self.session {
                    None => self.outbox.context.edit().session = some(page),
                    Some(session) if value.is_object() && (page.id.is_none() || page.id == session.meta.id) => {
                        session.describe(page);
                        self.outbox.context.edit().session = Some(session.meta.clone());
                        self.store(Store::Now, now);
                    }
                    Some(_) => self.follow_session(page, now),
                }
            }
            _ => {}
        }
    }

    /// Opens the span of a request.
    pub fn request_start(&mut self, client: u32, length: usize) -> u32 {
        let mut reader = Reader::new(self.scratch.get(..length).unwrap_or_default());
        let (method, url) = (reader.text(), reader.text());
        if self.paused || !self.outbox.sampled || url == self.config.url || !reader.is_whole() {
            return 0;
        }
        let client = if client == 0 { Client::Fetch } else { Client::Xhr };
        let times = (self.clock.now(), self.clock.fine());
        let handle = self.requests.start(client, method, url, page::driver(), times, &mut self.chance);
        if handle == 0 {
            self.outbox.drops.add(Reason::RequestsFull, 1);
        }
        handle
    }

    /// The header of an open span.
    pub fn traceparent(&self, handle: u32) -> String {
        self.requests.get(handle).map(trace::Request::traceparent).unwrap_or_default()
    }

    /// Closes a span.
    pub fn request_end(&mut self, handle: u32, status: u16, length: usize) {
        let (now, fine) = (self.clock.now(), self.clock.fine());
        let Some(request) = self.requests.end(handle) else { return };
        if !self.admit(now) {
            return;
        }
        let mut reader = Reader::new(self.scratch.get(..length).unwrap_or_default());
        let session = self.outbox.context.meta().session.as_ref().and_then(|session| session.id.clone());
        let end = End {
            fine,
            status,
            error: reader.text(),
            session: session.as_deref().unwrap_or_default(),
            timestamp: self.stamp.text(now),
        };
        let (span, event) = trace::spans(&request, &end);
        self.outbox.emit(Kind::Event, &event, now, &mut self.chance);
        self.outbox.emit(Kind::Span, &span, now, &mut self.chance);
        self.arm(now);
    }

    /// Something happened to the page, or the page asks for something.
    pub fn moment(&mut self, moment: Moment) {
        let now = self.clock.now();
        match moment {
            Moment::Address if !self.own_address => {
                let address = page::address();
                self.outbox.context.edit().page.get_or_insert_default().url = address;
            }
            Moment::Address => {}
            Moment::Pause => self.paused = true,
            Moment::Unpause => self.paused = false,
            Moment::Restored => self.vitals.restore(now, &mut self.chance),
            Moment::Flush => {
                self.outbox.seal(now, &mut self.chance);
                self.flush = Some(Page::Stays);
            }
            Moment::Goes | Moment::Shutdown => {
                self.outbox.seal(now, &mut self.chance);
                self.store(Store::Now, now);
                self.flush = Some(Page::Goes);
            }
        }
    }

    /// What the page may look at, as JSON; empty when there is nothing.
    pub fn look(&self, at: u32) -> String {
        let mut json = Vec::new();
        match at {
            0 => encode::json(self.outbox.context.meta(), &mut json),
            1 => match (&self.session, &self.outbox.context.meta().session) {
                (Some(session), _) => encode::json(&session.public(), &mut json),
                (None, Some(session)) => encode::json(session, &mut json),
                (None, None) => {}
            },
            2 => self.outbox.stats(&mut json),
            _ => {
                if let Some(driver) = page::driver() {
                    encode::json(&driver, &mut json);
                }
            }
        }
        String::from_utf8(json).unwrap_or_default()
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
        let page = self.flush?;
        let now = self.clock.now();
        if let Some(flight) = self.outbox.uploads.launch(now, page) {
            return Some(Errand::Send(Request {
                id: flight.id,
                url: self.config.url.clone(),
                fetch: self.fetch.clone(),
                keepalive: flight.keepalive > 0,
                headers: [
                    ("content-type", "application/json".to_owned()),
                    ("x-api-key", self.config.api_key.clone()),
                    ("x-faro-session-id", flight.batch.session.clone()),
                    ("idempotency-key", flight.batch.key.clone()),
                ],
                body: Uint8Array::from(flight.batch.body(now)),
                done,
            }));
        }
        self.flush = None;
        self.store(Store::Throttled, now);
        self.arm(now);
        None
    }

    /// Takes the answer of the page's hook.
    pub fn answered(&mut self, question: &Question, answer: &Answer) {
        let now = self.clock.now();
        self.outbox.answered(question, answer, now, &mut self.chance);
        self.arm(now);
    }

    fn settled(&mut self, id: u32, outcome: Outcome, invalid: bool) {
        let now = self.clock.now();
        let session = self.outbox.uploads.session(id).unwrap_or_default();
        if let Some(fate) = self.outbox.uploads.settle(id, outcome, now, self.chance.roll()) {
            self.outbox.account(fate);
        }
        if let Some(current) = &self.session
            && invalid
            && current.id() == session
        {
            let meta = current.meta.clone();
            self.follow_session(meta, now);
        }
        self.arm(now);
    }

    fn tick(&mut self) {
        let now = self.clock.now();
        self.timer.went_off();
        self.outbox.seal_due(now, &mut self.chance);
        self.flush = Some(Page::Stays);
    }

    fn store(&mut self, due: Store, now: f64) {
        if let Some(json) = self.session.as_mut().and_then(|session| session.store(now, due)) {
            self.storage.write(&json);
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
    guard::enter(Agent::tick);
}

fn done(id: u32, outcome: Outcome, invalid: bool) {
    guard::enter(|agent| agent.settled(id, outcome, invalid));
}

/// A part of the meta that says nothing is not there.
fn some<T: Default + PartialEq>(part: T) -> Option<T> {
    (part != T::default()).then_some(part)
}

fn is_ignored(patterns: &[String], texts: &[&str]) -> bool {
    let holds = |pattern: &String| {
        texts.iter().any(|text| crate::client::position(text.as_bytes(), pattern.as_bytes()).is_some())
    };
    patterns.iter().any(holds)
}

/// The measurement of a web vital, with Faro's names.
fn measurement<'a>(report: &'a Report, timestamp: Text<'a>) -> Measurement<'a> {
    let mut values: Vec<(Text, Option<f64>)> =
        vec![(report.name.into(), Some(report.value)), ("delta".into(), Some(report.delta))];
    let more = report.values.iter().filter(|(_, value)| *value != 0.0);
    values.extend(more.map(|(name, value)| (Text::from(*name), Some(*value))));
    let mut context: Vec<(Text, Text)> = vec![
        ("id".into(), report.id.as_str().into()),
        ("rating".into(), report.rating.into()),
        ("navigation_type".into(), report.navigation.as_str().into()),
        ("navigation_entry_id".into(), "unknown".into()),
    ];
    let more = report.context.iter().filter(|(_, text)| !text.is_empty());
    context.extend(more.map(|(name, text)| (Text::from(*name), Text::from(text.as_str()))));
    let (values, context) = (Numbers(values), Pairs(context));
    Measurement { kind: "web-vitals".into(), values, timestamp, context, ..Measurement::default() }
}
