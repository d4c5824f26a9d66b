//! RFC 3339 to nanoseconds and back, for client times on the wire.

/// Nanoseconds since the epoch of an RFC 3339 time such as `2026-11-21T01:13:57.017Z`.
///
/// Offsets are applied and digits past the ninth ignored, as Go does. `None` when it is not such a
/// time or lies before 1970.
pub fn parse(text: &str) -> Option<u64> {
    let b = text.as_bytes();
    let digits = |range: std::ops::Range<usize>| -> Option<i64> {
        let part = b.get(range)?;
        part.iter().all(u8::is_ascii_digit).then(|| part.iter().fold(0, |n, d| n * 10 + i64::from(d - b'0')))
    };
    let mark = |at: usize, byte: u8| (b.get(at) == Some(&byte)).then_some(());
    let (year, month, day) = (digits(0..4)?, digits(5..7)?, digits(8..10)?);
    let (hour, minute, second) = (digits(11..13)?, digits(14..16)?, digits(17..19)?);
    mark(4, b'-')?;
    mark(7, b'-')?;
    mark(10, b'T')?;
    mark(13, b':')?;
    mark(16, b':')?;
    let valid = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 60;
    let mut at = 19;
    let mut nanos = 0;
    if b.get(at) == Some(&b'.') {
        let fraction = b.get(at + 1..)?.iter().take_while(|d| d.is_ascii_digit()).count();
        let kept = fraction.min(9);
        nanos = digits(at + 1..at + 1 + kept)? * 10_i64.pow(9 - u32::try_from(kept).ok()?);
        at += 1 + fraction;
        (fraction > 0).then_some(())?;
    }
    let offset = match b.get(at)? {
        b'Z' => (b.len() == at + 1).then_some(0)?,
        sign @ (b'+' | b'-') => {
            mark(at + 3, b':')?;
            let minutes = digits(at + 1..at + 3)? * 60 + digits(at + 4..at + 6)?;
            (b.len() == at + 6).then_some(if *sign == b'+' { minutes } else { -minutes })?
        }
        _ => return None,
    };
    let seconds = days_from_civil(year, month, day) * 86_400 + hour * 3_600 + (minute - offset) * 60 + second;
    valid.then(|| u64::try_from(seconds).ok())??.checked_mul(1_000_000_000)?.checked_add(nanos as u64)
}

/// The RFC 3339 text of milliseconds since the epoch, as JavaScript's `toISOString` writes it.
/// Times past the year 9999 are written as its last millisecond.
pub fn write_millis(millis: f64, out: &mut Vec<u8>) {
    let millis = if millis.is_finite() { millis.clamp(0.0, 253_402_300_799_999.0) as u64 } else { 0 };
    let (days, in_day) = ((millis / 86_400_000) as i64, millis % 86_400_000);
    let (year, month, day) = civil_from_days(days);
    let mut number = |value: u64, digits: u32, after: u8| {
        for place in (0..digits).rev() {
            out.push(b'0' + (value / 10_u64.pow(place) % 10) as u8);
        }
        out.push(after);
    };
    number(year, 4, b'-');
    number(month, 2, b'-');
    number(day, 2, b'T');
    number(in_day / 3_600_000, 2, b':');
    number(in_day / 60_000 % 60, 2, b':');
    number(in_day / 1_000 % 60, 2, b'.');
    number(in_day % 1_000, 3, b'Z');
}

/// Days since 1970-01-01 of a date in the proleptic Gregorian calendar.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    // March-based years make the leap day the last day of a year.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    y * 365 + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400) + (153 * m + 2) / 5 + day - 719_469
}

fn civil_from_days(days: i64) -> (u64, u64, u64) {
    let mut year = 1970 + days / 366;
    while days_from_civil(year + 1, 1, 1) <= days {
        year += 1;
    }
    let mut month = 1;
    while month < 12 && days_from_civil(year, month + 1, 1) <= days {
        month += 1;
    }
    (year as u64, month as u64, (days - days_from_civil(year, month, 1) + 1) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_go_reads() {
        let check = |text, nanos| assert_eq!(parse(text), nanos, "{text}");
        check("1970-01-01T00:00:00Z", Some(0));
        check("2026-11-21T01:13:57.017Z", Some(1_795_223_637_017_000_000));
        check("2021-09-30T12:46:17+02:00", Some(1_632_998_777_000_000_000));
        check("2021-09-30T10:46:17.1234567891Z", Some(1_632_998_777_123_456_789));
        check("2024-02-29T23:59:59.5-00:30", Some(1_709_252_999_500_000_000));
        for bad in [
            "",
            "2021-09-30 10:46:17",
            "2021-09-30T10:46:17",
            "2021-13-30T10:46:17Z",
            "2021-09-30T24:46:17Z",
            "2021-09-30T10:46:17.Z",
            "2021-09-30T10:46:17Zx",
            "1960-01-01T00:00:00Z",
            "2021-09-30t10:46:17z",
        ] {
            check(bad, None);
        }
    }

    #[test]
    fn writes_what_it_reads() {
        for millis in [0_u64, 951_782_400_000, 1_795_223_637_017, 4_107_542_399_999, 253_402_300_799_999] {
            let mut text = Vec::new();
            write_millis(millis as f64, &mut text);
            let text = String::from_utf8(text).expect("ASCII");
            if millis < 18_446_744_073_709 {
                assert_eq!(parse(&text), Some(millis * 1_000_000), "{text}");
            }
        }
        let mut last = Vec::new();
        write_millis(f64::MAX, &mut last);
        assert_eq!(last, b"9999-12-31T23:59:59.999Z");
    }
}
