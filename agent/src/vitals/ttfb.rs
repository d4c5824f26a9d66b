//! Time to first byte, and where it went.

use super::{Metric, Navigation, Out};

/// Reports it, once the browser says when the answer began.
pub fn report(metric: &mut Metric, navigation: &Navigation, out: Out) {
    if navigation.response_start <= 0.0 {
        return;
    }
    let at = |time| navigation.since_activation(time);
    let (wait, lookup) = (at(navigation.wait_end), at(navigation.domain_lookup));
    let (connect, connected) = (at(navigation.connect_start), at(navigation.connect_end));
    let value = navigation.ttfb();
    let values = [
        ("dns_duration", connect - lookup),
        ("connection_duration", connected - connect),
        ("request_duration", value - connected),
        ("waiting_duration", wait),
        ("cache_duration", lookup - wait),
    ];
    metric.report(value, &values, &[], navigation, out);
}
