//! Interaction to next paint: the longest interaction, one left out for each fifty.

use super::{Metric, Navigation, Out};
use crate::policy;

/// An event of an interaction.
#[derive(Clone, Debug, PartialEq)]
pub struct Interaction<'a> {
    /// The browser's `interactionId`, above 0.
    pub id: f64,
    /// When the input came.
    pub start: f64,
    /// From then to the next paint, rounded to 8 ms.
    pub duration: f64,
    /// When the first handler began.
    pub processing_start: f64,
    /// When the last handler ended.
    pub processing_end: f64,
    /// `pointerdown`, `keyup`, ...
    pub name: &'a str,
    /// The selector of what was acted on.
    pub target: &'a str,
}

/// The longest interactions, the longest first, and how many there were.
#[derive(Default)]
pub struct Inp {
    longest: Vec<Long>,
    lowest: f64,
    highest: f64,
}

#[derive(Clone)]
struct Long {
    id: f64,
    start: f64,
    duration: f64,
    processing_start: f64,
    processing_end: f64,
    keyboard: bool,
    target: String,
}

impl Inp {
    /// Takes an event. Those of one interaction count as the longest of them.
    pub fn interact(&mut self, event: &Interaction) {
        let Interaction { id, start, duration, processing_start, processing_end, name, target } = *event;
        if id <= 0.0 {
            return;
        }
        self.lowest = if self.highest == 0.0 { id } else { self.lowest.min(id) };
        self.highest = self.highest.max(id);
        let keyboard = name.starts_with("key");
        let target = target.to_owned();
        let mut long = Long { id, start, duration, processing_start, processing_end, keyboard, target };
        if let Some(at) = self.longest.iter().position(|known| known.id == id) {
            let known = self.longest.remove(at);
            long = merge(known, long);
        }
        let at = self.longest.iter().position(|known| known.duration < long.duration).unwrap_or(self.longest.len());
        self.longest.insert(at, long);
        self.longest.truncate(policy::INTERACTIONS);
    }

    /// Reports the interaction that stands for the page. `counted` is the browser's own count, 0 where it has none.
    pub fn report(&self, metric: &mut Metric, counted: f64, navigation: &Navigation, out: Out) {
        // Ids grow by 7 from one interaction to the next.
        let seen = (self.highest - self.lowest) / 7.0 + 1.0;
        let left_out = (counted.max(seen) / 50.0) as usize;
        let Some(long) = self.longest.iter().take(left_out + 1).last() else { return };
        let next_paint = (long.start + long.duration).max(long.processing_start);
        let processing_start = long.processing_start.max(long.start);
        let processing_end = long.processing_end.min(next_paint).max(processing_start);
        let values = [
            ("interaction_time", long.start),
            ("presentation_delay", next_paint - processing_end),
            ("input_delay", processing_start - long.start),
            ("processing_duration", processing_end - processing_start),
            ("next_paint_time", next_paint),
        ];
        let context = [
            ("load_state", navigation.load_state(long.start)),
            ("interaction_target", &long.target),
            ("interaction_type", if long.keyboard { "keyboard" } else { "pointer" }),
        ];
        metric.report(long.duration, &values, &context, navigation, out);
    }
}

/// Two events of one interaction. When one frame showed both, their handlers ran as one.
fn merge(known: Long, new: Long) -> Long {
    let one_frame = (known.start + known.duration - new.start - new.duration).abs() <= policy::FRAME_MS;
    let span = (known.processing_start.min(new.processing_start), known.processing_end.max(new.processing_end));
    let target = if known.target.is_empty() { new.target.clone() } else { known.target.clone() };
    let mut longer = if new.duration > known.duration { new } else { known };
    if one_frame {
        (longer.processing_start, longer.processing_end) = span;
    }
    longer.target = target;
    longer
}
