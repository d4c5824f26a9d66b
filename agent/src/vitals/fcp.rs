//! First contentful paint.

use super::{Finding, Navigation};

/// The paint at `time`.
pub fn find(navigation: &Navigation, time: f64) -> Finding {
    let value = navigation.since_activation(time);
    Finding {
        value,
        values: vec![("first_byte_to_fcp", value - navigation.ttfb()), ("time_to_first_byte", navigation.ttfb())],
        context: vec![("load_state", navigation.load_state(time).to_owned())],
    }
}
