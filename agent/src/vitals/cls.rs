//! Cumulative layout shift: the worst session window of shifts.

use super::{Metric, Navigation, Out};
use crate::policy;

/// The window under way and the worst one.
#[derive(Default)]
pub struct Cls {
    window: Window,
    worst: Window,
}

#[derive(Clone, Default)]
struct Window {
    score: f64,
    first: f64,
    last: f64,
    largest: f64,
    largest_time: f64,
    largest_target: String,
}

impl Cls {
    /// Takes a shift that no input caused.
    pub fn shift(&mut self, time: f64, value: f64, target: &str) {
        let window = &mut self.window;
        let goes_on = window.score > 0.0
            && time - window.last < policy::SHIFT_GAP_MS
            && time - window.first < policy::SHIFT_WINDOW_MS;
        if !goes_on {
            *window = Window { first: time, ..Window::default() };
        }
        window.score += value;
        window.last = time;
        if value > window.largest {
            (window.largest, window.largest_time) = (value, time);
            window.largest_target.clear();
            window.largest_target.push_str(target);
        }
        if window.score > self.worst.score {
            self.worst.clone_from(window);
        }
    }

    /// Reports the score; 0 for a page on which nothing moved.
    pub fn report(&self, metric: &mut Metric, navigation: &Navigation, out: Out) {
        let worst = &self.worst;
        let values = [("largest_shift_value", worst.largest), ("largest_shift_time", worst.largest_time)];
        let state = if worst.score > 0.0 { navigation.load_state(worst.largest_time) } else { "" };
        let context = [("load_state", state), ("largest_shift_target", &worst.largest_target)];
        metric.report(worst.score, &values, &context, navigation, out);
    }
}
