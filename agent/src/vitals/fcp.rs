//! First contentful paint.

use super::{Press, Reported, Scale};

/// Reports the paint at `time`.
pub fn report(reported: &mut Reported, time: f64, press: &mut Press) {
    let navigation = press.navigation;
    let (value, ttfb) = (navigation.since_activation(time), navigation.ttfb());
    let values = [("first_byte_to_fcp", value - ttfb), ("time_to_first_byte", ttfb)];
    let context = [("load_state", navigation.load_state(time))];
    press.report(&Scale("fcp", 1_800.0, 3_000.0, b"2"), reported, value, &values, &context);
}
