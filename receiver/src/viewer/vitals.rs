//! Web vitals: their names and where good ends and poor begins (web.dev/articles/vitals, 75th percentile).

use serde::Serialize;

/// How a value is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rating {
    /// At or under the first threshold.
    Good,
    /// Between the two.
    NeedsImprovement,
    /// Over the second.
    Poor,
}

/// One vital: its key in a measurement's values, and its two thresholds. Milliseconds; CLS has no unit.
pub(super) struct Vital {
    pub key: &'static str,
    pub good: f64,
    pub poor: f64,
}

/// Every vital that is judged, in the order in which people read them.
pub(super) const ALL: [Vital; 5] = [
    Vital { key: "lcp", good: 2_500.0, poor: 4_000.0 },
    Vital { key: "inp", good: 200.0, poor: 500.0 },
    Vital { key: "cls", good: 0.1, poor: 0.25 },
    Vital { key: "fcp", good: 1_800.0, poor: 3_000.0 },
    Vital { key: "ttfb", good: 800.0, poor: 1_800.0 },
];

impl Vital {
    pub fn rate(&self, value: f64) -> Rating {
        match value {
            value if value <= self.good => Rating::Good,
            value if value <= self.poor => Rating::NeedsImprovement,
            _ => Rating::Poor,
        }
    }
}

/// The vital named `key`.
pub(super) fn named(key: &str) -> Option<&'static Vital> {
    ALL.iter().find(|vital| vital.key == key)
}

/// The vital that a measurement is about, with its value. A measurement is about one; the first named wins.
pub(super) fn of(measurement: &wire::Measurement) -> Option<(&'static Vital, f64)> {
    let named = |(key, value): &(wire::Text, Option<f64>)| Some((named(key)?, (*value)?));
    if &*measurement.kind != "web-vitals" {
        return None;
    }
    measurement.values.0.iter().find_map(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_belongs_to_the_better_side() {
        let check =
            |key, value, rating| assert_eq!(named(key).map(|vital| vital.rate(value)), Some(rating), "{key} {value}");
        check("lcp", 2_500.0, Rating::Good);
        check("lcp", 2_500.1, Rating::NeedsImprovement);
        check("lcp", 4_000.0, Rating::NeedsImprovement);
        check("lcp", 4_000.1, Rating::Poor);
        check("cls", 0.0, Rating::Good);
        check("cls", 0.26, Rating::Poor);
        assert!(named("delta").is_none());
    }
}
