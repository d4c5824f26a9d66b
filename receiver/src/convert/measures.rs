//! What is measured: the web vitals with their histogram bounds, and how other measurements are kept.

use std::collections::HashMap;
use std::sync::Arc;
use wire::Measurement;

/// One web vital.
#[derive(Debug, PartialEq)]
pub struct Vital {
    /// Its key in a measurement's values.
    pub key: &'static str,
    /// What it is, for people.
    pub help: &'static str,
    /// OTLP unit: `ms`, or `1` for none.
    pub unit: &'static str,
    /// Upper bounds of the buckets; where good ends and poor begins (web.dev/articles/vitals) is among them,
    /// so that the share of good pages can be read off exactly.
    pub bounds: &'static [f64],
}

/// Every vital, in the order of their series.
pub static VITALS: [Vital; 5] = [
    Vital {
        key: "cls",
        help: "Cumulative layout shift",
        unit: "1",
        bounds: &[0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.35, 0.5, 1.0],
    },
    Vital {
        key: "fcp",
        help: "First contentful paint",
        unit: "ms",
        bounds: &[250.0, 500.0, 750.0, 1000.0, 1400.0, 1800.0, 2400.0, 3000.0, 4000.0, 6000.0, 10_000.0],
    },
    Vital {
        key: "inp",
        help: "Interaction to next paint",
        unit: "ms",
        bounds: &[16.0, 50.0, 100.0, 150.0, 200.0, 300.0, 400.0, 500.0, 750.0, 1000.0, 2000.0, 5000.0],
    },
    Vital {
        key: "lcp",
        help: "Largest contentful paint",
        unit: "ms",
        bounds: &[250.0, 500.0, 1000.0, 1500.0, 2000.0, 2500.0, 3000.0, 4000.0, 5000.0, 7500.0, 10_000.0, 20_000.0],
    },
    Vital {
        key: "ttfb",
        help: "Time to first byte",
        unit: "ms",
        bounds: &[50.0, 100.0, 200.0, 400.0, 600.0, 800.0, 1200.0, 1800.0, 2500.0, 4000.0, 8000.0],
    },
];

/// The bounds of a measurement nobody has said anything about: the default of OpenTelemetry's SDKs
/// (metrics SDK specification, "Explicit Bucket Histogram Aggregation").
pub const BOUNDS: [f64; 15] =
    [0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0, 2500.0, 5000.0, 7500.0, 10_000.0];

/// Most bounds that a histogram may have: each is a series.
pub const MOST_BOUNDS: usize = 64;

/// The vital that a measurement is about, with its value: the first that is named. Its other values
/// are parts of it, and not series.
pub fn vital(measurement: &Measurement) -> Option<(&'static Vital, Option<f64>)> {
    let named = |key: &str| VITALS.iter().find(|vital| vital.key == key);
    if !is_vital(measurement) {
        return None;
    }
    measurement.values.0.iter().find_map(|(key, value)| Some((named(key)?, *value)))
}

/// Says the sender that it is a vital?
pub fn is_vital(measurement: &Measurement) -> bool {
    &*measurement.kind == "web-vitals"
}

/// How the values of a measurement are kept.
#[derive(Clone, Debug, PartialEq)]
pub enum Measure {
    /// The last value.
    Gauge,
    /// How many values were at or under each bound.
    Histogram(Arc<[f64]>),
}

impl Measure {
    /// A histogram with these upper bounds; `None` unless they are finite, ascending and 1 to 64.
    pub fn histogram(bounds: &[f64]) -> Option<Measure> {
        let ascending = bounds.windows(2).all(|pair| pair[0] < pair[1]) && bounds.iter().all(|bound| bound.is_finite());
        (ascending && (1..=MOST_BOUNDS).contains(&bounds.len())).then(|| Measure::Histogram(bounds.into()))
    }
}

/// How measurements other than vitals are kept.
#[derive(Clone, Debug)]
pub struct Measures {
    /// All that are not named.
    pub default: Measure,
    /// By the measurement's `type`.
    pub by_type: HashMap<String, Measure>,
}

impl Default for Measures {
    fn default() -> Self {
        Measures { default: Measure::Histogram(BOUNDS.into()), by_type: HashMap::new() }
    }
}

impl Measures {
    /// How measurements of a type are kept.
    pub fn of(&self, kind: &str) -> &Measure {
        self.by_type.get(kind).unwrap_or(&self.default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_ascend_and_hold_the_thresholds() {
        let thresholds = [
            ("lcp", 2500.0, 4000.0),
            ("inp", 200.0, 500.0),
            ("cls", 0.1, 0.25),
            ("fcp", 1800.0, 3000.0),
            ("ttfb", 800.0, 1800.0),
        ];
        for (key, good, poor) in thresholds {
            let vital = VITALS.iter().find(|vital| vital.key == key).expect(key);
            assert!(Measure::histogram(vital.bounds).is_some(), "{key}");
            assert!(vital.bounds.contains(&good) && vital.bounds.contains(&poor), "{key}");
        }
        assert!(Measure::histogram(&BOUNDS).is_some());
        for bad in [&[][..], &[1.0, 1.0], &[2.0, 1.0], &[f64::NAN], &[f64::INFINITY], &[0.0; 65]] {
            assert_eq!(Measure::histogram(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_vital_is_the_first_that_is_named() {
        let of = |kind: &'static str, json: &str| {
            let payload = format!(r#"{{"meta":{{}},"measurements":[{{"type":"{kind}","values":{json}}}]}}"#);
            let payload = wire::decode::payload(payload.as_bytes()).expect("a payload");
            vital(&payload.measurements[0]).map(|(vital, value)| (vital.key, value))
        };
        assert_eq!(of("web-vitals", r#"{"delta":1,"fcp":64,"ttfb":7}"#), Some(("fcp", Some(64.0))));
        assert_eq!(of("web-vitals", r#"{"lcp":null}"#), Some(("lcp", None)));
        assert_eq!(of("web-vitals", r#"{"delta":1}"#), None);
        assert_eq!(of("custom", r#"{"lcp":1}"#), None);
    }
}
