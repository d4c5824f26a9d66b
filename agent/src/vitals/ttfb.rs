//! Time to first byte, and where it went.

use super::{Finding, Navigation};

/// `None` while the browser does not say when the answer began.
pub fn find(navigation: &Navigation) -> Option<Finding> {
    if navigation.response_start <= 0.0 {
        return None;
    }
    let at = |time| navigation.since_activation(time);
    let (wait, lookup) = (at(navigation.wait_end), at(navigation.domain_lookup));
    let (connect, connected) = (at(navigation.connect_start), at(navigation.connect_end));
    let value = navigation.ttfb();
    let values = vec![
        ("dns_duration", connect - lookup),
        ("connection_duration", connected - connect),
        ("request_duration", value - connected),
        ("waiting_duration", wait),
        ("cache_duration", lookup - wait),
    ];
    Some(Finding { value, values, context: Vec::new() })
}
