//! Numbers as Go writes them, because dashboards made for Alloy's lines read them so.

use std::io::Write;
use std::ops::Range;

/// Appends `value` as Go's `%f`: six decimals.
pub fn fixed(value: f64, out: &mut Vec<u8>) {
    match whole(value) {
        Some(whole) => {
            integer(whole, out);
            out.extend_from_slice(b".000000");
        }
        // Writing to a Vec cannot fail.
        None => drop(write!(out, "{value:.6}")),
    }
}

/// Appends `value` as Go's `%v`: shortest digits, with an exponent below 1e-4 and from 1e6.
pub fn general(value: f64, out: &mut Vec<u8>) {
    shortest(value, 1e-4..1e6, 2, out);
}

/// Appends `value` as Go's `encoding/json`: shortest digits, with an exponent below 1e-6 and from 1e21.
pub fn json(value: f64, out: &mut Vec<u8>) {
    // Go strips the leading zero of a small negative exponent here, and nowhere else.
    shortest(value, 1e-6..1e21, 1, out);
}

/// Appends a whole number.
pub fn integer(mut value: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            return out.extend_from_slice(&digits[at..]);
        }
    }
}

/// The value when it is a whole number that is neither negative nor large: most are, and these are quick to write.
fn whole(value: f64) -> Option<u64> {
    (value.is_sign_positive() && value < 1e15 && value.fract() == 0.0).then_some(value as u64)
}

/// Shortest digits that read back as `value`; without an exponent when its size lies in `plain`.
fn shortest(value: f64, plain: Range<f64>, exponent_digits: usize, out: &mut Vec<u8>) {
    if value == 0.0 || plain.contains(&value.abs()) {
        return match whole(value) {
            Some(whole) => integer(whole, out),
            None => drop(write!(out, "{value}")),
        };
    }
    let start = out.len();
    let _ = write!(out, "{value:e}");
    let mark = out[start..].iter().rposition(|byte| *byte == b'e').map(|at| start + at);
    let Some((mark, exponent)) =
        mark.and_then(|mark| Some((mark, std::str::from_utf8(&out[mark + 1..]).ok()?.parse::<i32>().ok()?)))
    else {
        return; // not finite: no such number comes out of JSON
    };
    out.truncate(mark + 1);
    out.push(if exponent < 0 { b'-' } else { b'+' });
    let _ = write!(out, "{:0exponent_digits$}", exponent.unsigned_abs());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(write: fn(f64, &mut Vec<u8>), cases: &[(f64, &str)]) {
        for (value, expected) in cases {
            let mut out = Vec::new();
            write(*value, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), *expected, "{value:e}");
        }
    }

    #[test]
    fn six_decimals() {
        check(
            fixed,
            &[
                (14.0, "14.000000"),
                (22.12, "22.120000"),
                (-0.0000004, "-0.000000"),
                (0.0, "0.000000"),
                (1e15, "1000000000000000.000000"),
                (999999999999999.0, "999999999999999.000000"),
                (-3.0, "-3.000000"),
                (-0.0, "-0.000000"),
                (1e21, "1000000000000000000000.000000"),
                (0.0000005, "0.000000"),
                (0.0000015, "0.000002"),
            ],
        );
    }

    #[test]
    fn general_numbers() {
        check(
            general,
            &[
                (14.0, "14"),
                (22.12, "22.12"),
                (0.0, "0"),
                (-0.0, "-0"),
                (123456.0, "123456"),
                (999999.5, "999999.5"),
                (999999.9999999999, "999999.9999999999"),
                (1000000.0, "1e+06"),
                (0.00009999999999999999, "9.999999999999999e-05"),
                (123456789.0, "1.23456789e+08"),
                (0.0001, "0.0001"),
                (0.00001234, "1.234e-05"),
                (-1.5e300, "-1.5e+300"),
            ],
        );
    }

    #[test]
    fn numbers_in_json() {
        check(
            json,
            &[
                (14.0, "14"),
                (22.12, "22.12"),
                (123456789.0, "123456789"),
                (1e20, "100000000000000000000"),
                (1e21, "1e+21"),
                (0.000001, "0.000001"),
                (1.5e-7, "1.5e-7"),
                (1e-10, "1e-10"),
            ],
        );
    }
}
