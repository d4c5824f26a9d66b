//! From an item to a sealed batch: asks the page's hook, groups by meta, and counts what does not get through.

use crate::batch::{Delivery, Open};
use crate::browser::hook::{Answer, Hook, Question};
use crate::config::Config;
use crate::context::Context;
use crate::drops::{self, Drops, Reason};
use crate::json;
use crate::policy;
use crate::sampling::Chance;
use crate::signal::Kind;
use crate::upload::{Fate, Uploads};

/// Items on their way out.
pub struct Outbox {
    /// The meta that the next item has.
    pub context: Context,
    /// What was dropped.
    pub drops: Drops,
    /// Sealed batches.
    pub uploads: Uploads,
    /// Ids and rolls.
    pub chance: Chance,
    open: Open,
    opened: f64,
    hook: Option<Hook>,
    questions: Vec<Question>,
    depth: u8,
    instance: String,
    sequence: u32,
    sent: u32,
    send_timeout: f64,
    item_limit: u32,
    has_url: bool,
}

impl Outbox {
    /// An empty one.
    pub fn new(hook: Option<Hook>, mut chance: Chance) -> Self {
        Outbox {
            context: Context::new(),
            drops: Drops::default(),
            uploads: Uploads::default(),
            open: Open::new(),
            opened: 0.0,
            hook,
            questions: Vec::new(),
            depth: 0,
            instance: chance.short_id(10),
            chance,
            sequence: 0,
            sent: 0,
            send_timeout: 0.0,
            item_limit: 0,
            has_url: false,
        }
    }

    /// Takes the options that it needs.
    pub fn configure(&mut self, config: &Config) {
        self.send_timeout = config.send_timeout;
        self.item_limit = config.item_limit;
        self.has_url = !config.url.is_empty();
        self.uploads.packs = config.compression;
    }

    /// Sends an item, or asks the hook about it first.
    pub fn emit(&mut self, kind: Kind, json: &[u8], now: f64) {
        let Some(hook) = &self.hook else { return self.add(kind, json, now) };
        // A hook may push; what is pushed because of that must not go on for ever.
        if self.depth > 1 || self.questions.len() >= policy::HOOK_WAITING {
            return self.drops.add(Reason::Reentrant, 1);
        }
        let mut alone = Open::new();
        alone.add(kind, json);
        let mut payload = Vec::new();
        alone.payload(&self.context.encoded(), &mut payload);
        self.questions.push(hook.question(kind as u32, self.depth, payload));
    }

    /// The next question for the hook. Until its answer, pushed items count as pushed by the hook.
    pub fn question(&mut self) -> Option<Question> {
        if self.questions.is_empty() {
            return None;
        }
        let question = self.questions.remove(0);
        self.depth = question.depth + 1;
        Some(question)
    }

    /// Whether there are questions.
    pub fn has_questions(&self) -> bool {
        !self.questions.is_empty()
    }

    /// Takes the hook's answer.
    pub fn answered(&mut self, question: &Question, answer: &Answer, now: f64) {
        self.depth = 0;
        match (answer, Kind::of(question.tag)) {
            (Answer::Send(text), Some(kind)) => self.add(kind, text.as_bytes(), now),
            (Answer::Drop, _) => self.drops.add(Reason::BeforeSend, 1),
            _ => self.drops.add(Reason::HookFailed, 1),
        }
    }

    fn add(&mut self, kind: Kind, json: &[u8], now: f64) {
        if !self.has_url {
            return self.drops.add(Reason::NoUrl, 1);
        }
        if self.context.is_stale() {
            self.seal(now);
            self.context.refresh();
        }
        if self.open.overflows(self.context.head(), json.len()) {
            self.seal(now);
        }
        if self.open.items() == 0 {
            self.opened = now;
        }
        self.open.add(kind, json);
        // While another batch waits to go, a full one takes more: fewer requests carry a burst, and a page's last ones.
        if self.open.items() >= self.item_limit && !self.uploads.is_busy() {
            self.seal(now);
        }
    }

    /// Closes the open batch.
    pub fn seal(&mut self, now: f64) {
        if self.open.items() == 0 {
            return;
        }
        let dropped = self.drops.members(drops::as_text);
        let delivery = Delivery { instance: &self.instance, sequence: self.sequence, dropped };
        if let Some(batch) = self.open.seal(self.context.head(), &delivery, now, self.chance.short_id(20)) {
            self.sequence += 1;
            let dropped = self.uploads.push(batch);
            self.drops.add(Reason::QueueFull, dropped);
        }
    }

    /// Closes the open batch when it has waited long enough.
    pub fn seal_due(&mut self, now: f64) {
        if self.batch_due().is_some_and(|due| due <= now) {
            self.seal(now);
        }
    }

    fn batch_due(&self) -> Option<f64> {
        (self.open.items() > 0 && self.send_timeout > 0.0).then_some(self.opened + self.send_timeout)
    }

    /// When something is to be done, if nothing happens before. `None`: nothing waits.
    pub fn due(&self) -> Option<f64> {
        match (self.batch_due(), self.uploads.due()) {
            (Some(batch), Some(upload)) => Some(batch.min(upload)),
            (batch, upload) => batch.or(upload),
        }
    }

    /// Counts what became of a batch.
    pub fn account(&mut self, fate: Fate) {
        match fate {
            Fate::Sent(items) => self.sent = self.sent.saturating_add(items),
            Fate::Dropped(reason, items) => self.drops.add(reason, items),
            Fate::Waits(items) => self.drops.add(Reason::QueueFull, items),
        }
    }

    /// The counts as the page sees them.
    pub fn stats(&self, out: &mut Vec<u8>) {
        let queued = self.open.items() + self.uploads.items() + self.questions.len() as u32;
        json::put(out, b"{");
        json::number(out, "queued", f64::from(queued));
        json::number(out, "sent", f64::from(self.sent));
        json::put(out, b",\"dropped\":{");
        json::put(out, &self.drops.members(drops::as_number));
        json::put(out, b"}}");
    }
}
