//! Interaction to next paint: the longest interaction, one left out for each fifty.

use super::{Metric, Navigation, Out};
use crate::policy;
use crate::signal::Reader;

/// An event of an interaction.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Interaction {
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
    /// Whether it was a key.
    pub keyboard: bool,
    /// The selector of what was acted on.
    pub target: String,
}

impl Interaction {
    /// Reads the fields in their order, the event's name in place of the flag.
    pub fn read(reader: &mut Reader) -> Self {
        Interaction {
            id: reader.number(),
            start: reader.number(),
            duration: reader.number(),
            processing_start: reader.number(),
            processing_end: reader.number(),
            keyboard: reader.text().as_bytes().first() == Some(&b'k'),
            target: reader.text().to_owned(),
        }
    }
}

/// The longest interactions, and the range of the ids of all.
#[derive(Default)]
pub struct Inp {
    longest: Vec<Interaction>,
    lowest: f64,
    highest: f64,
}

impl Inp {
    /// Takes an event. Those of one interaction count as the longest of them.
    pub fn interact(&mut self, event: Interaction) {
        self.lowest = if self.highest == 0.0 { event.id } else { self.lowest.min(event.id) };
        self.highest = self.highest.max(event.id);
        if let Some(known) = self.longest.iter_mut().find(|known| known.id == event.id) {
            return merge(known, event);
        }
        if self.longest.len() < policy::INTERACTIONS {
            return self.longest.push(event);
        }
        if let Some(shortest) = self.longest.iter_mut().reduce(|a, b| if b.duration < a.duration { b } else { a })
            && shortest.duration < event.duration
        {
            *shortest = event;
        }
    }

    /// The one that so many others are longer than, or the shortest.
    fn ranked(&self, longer: usize) -> Option<&Interaction> {
        let longer = longer.min(self.longest.len().checked_sub(1)?);
        self.longest.iter().enumerate().find_map(|(at, one)| {
            // Of two that are as long, the earlier counts as the longer.
            let ahead = |(other_at, other): &(usize, &Interaction)| {
                other.duration > one.duration || other.duration == one.duration && *other_at < at
            };
            (self.longest.iter().enumerate().filter(ahead).count() == longer).then_some(one)
        })
    }

    /// Reports the interaction that stands for the page. `counted` is the browser's own count, 0 where it has none.
    pub fn report(&self, metric: &mut Metric, counted: f64, navigation: &Navigation, out: Out) {
        // Ids grow by 7 from one interaction to the next.
        let seen = (self.highest - self.lowest) / 7.0 + 1.0;
        let left_out = (counted.max(seen) / 50.0) as usize;
        let Some(long) = self.ranked(left_out) else { return };
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
fn merge(known: &mut Interaction, mut new: Interaction) {
    let one_frame = (known.start + known.duration - new.start - new.duration).abs() <= policy::FRAME_MS;
    let begun = known.processing_start.min(new.processing_start);
    let ended = known.processing_end.max(new.processing_end);
    if new.duration > known.duration {
        if new.target.is_empty() {
            std::mem::swap(&mut new.target, &mut known.target);
        }
        *known = new;
    } else if known.target.is_empty() {
        known.target = new.target;
    }
    if one_frame {
        (known.processing_start, known.processing_end) = (begun, ended);
    }
}
