//! When things happened: client times set right by the batch's send time, and times as Go prints them.

use wire::Meta;

/// An entry whose age at sending is under this keeps its place in time, nanoseconds: long enough for
/// a batch that waited out a few retries, short enough that no store refuses it as out of order.
pub const ORDERED_WITHIN: u64 = 10 * 60 * 1_000_000_000;

/// Send times past the year 2200 are a broken clock, milliseconds; what is below stays far from overflow.
const LAST_SENT_AT: f64 = 7_258_118_400_000.0;

/// When the client says it sent the batch, nanoseconds since the epoch of its own clock.
pub fn sent_at(meta: &Meta) -> Option<u64> {
    let millis = meta.farol.as_ref()?.sent_at?;
    // Nanoseconds of today do not fit a float exactly; whole milliseconds do.
    let nanos = || millis.trunc() as u64 * 1_000_000 + (millis.fract() * 1_000_000.0) as u64;
    (millis > 0.0 && millis < LAST_SENT_AT).then(nanos)
}

/// What to add to client times so that they are ours, nanoseconds; 0 when the send time is unknown.
/// The time on the way counts as skew: it is small, and cannot be told apart.
pub fn skew(received: u64, sent_at: Option<u64>) -> i64 {
    sent_at.map_or(0, |sent_at| received.wrapping_sub(sent_at) as i64)
}

/// A client time moved by `skew`. 0 means unknown and stays 0.
pub fn corrected(client: u64, skew: i64) -> u64 {
    if client == 0 { 0 } else { client.saturating_add_signed(skew) }
}

/// Where an item stands on a store's time line: the received time less the item's age when it was
/// sent, if both are known and the age is sane; else the received time.
pub fn entry(received: u64, sent_at: Option<u64>, client: Option<u64>) -> u64 {
    let age = sent_at.zip(client).and_then(|(sent_at, client)| sent_at.checked_sub(client));
    match age {
        Some(age) if age < ORDERED_WITHIN => received.saturating_sub(age),
        _ => received,
    }
}

/// Appends an RFC 3339 time as Go's `time.Time.String` prints it: `2021-09-30 10:46:17.68 +0000 UTC`.
/// What is not such a time is Go's zero time.
pub fn write_go(text: &str, out: &mut Vec<u8>) {
    if wire::time::parse(text).is_none() {
        return out.extend_from_slice(b"0001-01-01 00:00:00 +0000 UTC");
    }
    // The shape is known now: date, `T`, time, perhaps a fraction, `Z` or an offset.
    let (date, clock) = text.split_at(10);
    out.extend_from_slice(date.as_bytes());
    out.push(b' ');
    out.extend_from_slice(&clock.as_bytes()[1..9]);
    let rest = &clock[9..];
    let zone_at = rest.find(['Z', '+', '-']).unwrap_or(rest.len());
    let (fraction, zone) = rest.split_at(zone_at);
    let fraction = fraction.get(..10).unwrap_or(fraction).trim_end_matches('0');
    if fraction.len() > 1 {
        out.extend_from_slice(fraction.as_bytes());
    }
    match zone {
        "Z" | "+00:00" | "-00:00" => out.extend_from_slice(b" +0000 UTC"),
        zone => {
            for _ in 0..2 {
                out.push(b' ');
                out.extend(zone.bytes().filter(|byte| *byte != b':'));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_times_as_go_does() {
        let check = |text: &str, expected: &str| {
            let mut out = Vec::new();
            write_go(text, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), expected, "{text}");
        };
        check("2021-09-30T10:46:17.680Z", "2021-09-30 10:46:17.68 +0000 UTC");
        check("2021-01-01T00:00:00.000Z", "2021-01-01 00:00:00 +0000 UTC");
        check("2021-09-30T12:46:17+02:00", "2021-09-30 12:46:17 +0200 +0200");
        check("2021-09-30T12:46:17.5-05:30", "2021-09-30 12:46:17.5 -0530 -0530");
        check("2021-09-30T12:46:17.1234567899Z", "2021-09-30 12:46:17.123456789 +0000 UTC");
        check("2021-09-30T12:46:17+00:00", "2021-09-30 12:46:17 +0000 UTC");
        check("", "0001-01-01 00:00:00 +0000 UTC");
        check("yesterday", "0001-01-01 00:00:00 +0000 UTC");
    }

    #[test]
    fn an_entry_keeps_its_age_when_it_is_sane() {
        let second = 1_000_000_000;
        let received = 10_000 * second;
        let check = |sent_at: Option<u64>, client: Option<u64>, expected: u64| {
            let scaled = |time: Option<u64>| time.map(|time| time * second);
            assert_eq!(entry(received, scaled(sent_at), scaled(client)), expected * second, "{sent_at:?} {client:?}");
        };
        check(Some(500), Some(497), 9_997);
        check(Some(500), Some(500), 10_000);
        check(Some(500), Some(501), 10_000);
        check(Some(5_000), Some(4_401), 9_401);
        check(Some(5_000), Some(4_400), 10_000);
        check(None, Some(497), 10_000);
        check(Some(500), None, 10_000);
    }

    #[test]
    fn skew_moves_times_both_ways_and_leaves_the_unknown_alone() {
        assert_eq!(skew(50, Some(80)), -30);
        assert_eq!(skew(80, Some(50)), 30);
        assert_eq!(skew(80, None), 0);
        assert_eq!(corrected(100, -30), 70);
        assert_eq!(corrected(0, 30), 0);
        assert_eq!(corrected(10, -30), 0);
    }
}
