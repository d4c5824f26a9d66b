//! One timer for all that waits: set for the earliest, and not there when nothing waits.

use gloo_timers::callback::Timeout;

/// The timer.
pub struct Timer {
    armed: Option<(f64, Timeout)>,
    fire: fn(),
}

impl Timer {
    /// A timer that calls `fire`.
    pub fn new(fire: fn()) -> Self {
        Timer { armed: None, fire }
    }

    /// Sets it for `due`, milliseconds since the epoch, unless it goes off before.
    pub fn arm(&mut self, due: f64, now: f64) {
        if self.armed.as_ref().is_some_and(|(armed, _)| *armed <= due) {
            return;
        }
        self.armed = Some((due, Timeout::new((due - now).clamp(0.0, 2e9) as u32, self.fire)));
    }

    /// Takes note that it went off.
    pub fn went_off(&mut self) {
        self.armed = None;
    }
}
