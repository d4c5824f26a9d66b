//! First contentful paint.

use super::{Metric, Navigation, Out};

/// Reports the paint at `time`.
pub fn report(metric: &mut Metric, time: f64, navigation: &Navigation, out: Out) {
    let (value, ttfb) = (navigation.since_activation(time), navigation.ttfb());
    let values = [("first_byte_to_fcp", value - ttfb), ("time_to_first_byte", ttfb)];
    metric.report(value, &values, &[("load_state", navigation.load_state(time))], navigation, out);
}
