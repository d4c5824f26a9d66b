//! Time to first byte, and where it went.

use super::{Press, Reported, Scale, Time};

/// Reports it, once the browser says when the answer began.
pub fn report(reported: &mut Reported, press: &mut Press) {
    let navigation = press.navigation;
    if navigation.at(Time::ResponseStart) <= 0.0 {
        return;
    }
    let at = |time| navigation.since_activation(navigation.at(time));
    let (wait, lookup) = (at(Time::WaitEnd), at(Time::DomainLookup));
    let (connect, connected) = (at(Time::ConnectStart), at(Time::ConnectEnd));
    let value = navigation.ttfb();
    let values = [
        ("dns_duration", connect - lookup),
        ("connection_duration", connected - connect),
        ("request_duration", value - connected),
        ("waiting_duration", wait),
        ("cache_duration", lookup - wait),
    ];
    press.report(&Scale("ttfb", 800.0, 1_800.0, b"1"), reported, value, &values, &[]);
}
