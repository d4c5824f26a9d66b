//! Web vitals as web-vitals 6 defines them, fed with entries and reported with Faro's values and context.
//!
//! All times are milliseconds since the navigation started, as the entries have them.

mod cls;
mod fcp;
mod inp;
mod lcp;
mod ttfb;

use crate::sampling::Chance;
use crate::signal::{Reader, Writer};

/// The navigation entry.
#[derive(Clone, Debug, Default)]
pub struct Navigation {
    activation: f64,
    wait_end: f64,
    domain_lookup: f64,
    connect_start: f64,
    connect_end: f64,
    response_start: f64,
    dom_interactive: f64,
    dom_content_loaded: f64,
    dom_complete: f64,
    kind: String,
}

impl Navigation {
    /// Reads the times in the order of the fields, and the type.
    pub fn read(reader: &mut Reader) -> Self {
        Navigation {
            activation: reader.number(),
            wait_end: reader.number(),
            domain_lookup: reader.number(),
            connect_start: reader.number(),
            connect_end: reader.number(),
            response_start: reader.number(),
            dom_interactive: reader.number(),
            dom_content_loaded: reader.number(),
            dom_complete: reader.number(),
            // The one name that Faro writes otherwise.
            kind: match reader.text() {
                "back_forward" => "back-forward",
                kind => kind,
            }
            .to_owned(),
        }
    }

    /// A time as the user felt it: a prerendered page begins when it is shown.
    fn since_activation(&self, time: f64) -> f64 {
        (time - self.activation).max(0.0)
    }

    fn ttfb(&self) -> f64 {
        self.since_activation(self.response_start)
    }

    /// How far the page was loaded at `time`.
    fn load_state(&self, time: f64) -> &'static str {
        let past = |mark: f64| mark > 0.0 && time >= mark;
        if !past(self.dom_interactive) {
            "loading"
        } else if !past(self.dom_content_loaded) {
            "dom-interactive"
        } else if !past(self.dom_complete) {
            "dom-content-loaded"
        } else {
            "complete"
        }
    }
}

/// One report of a metric, to become a measurement of type `web-vitals`.
#[derive(Clone, Debug, PartialEq)]
pub struct Report<'a> {
    /// `cls`, `fcp`, `inp`, `lcp` or `ttfb`.
    pub name: &'static str,
    /// The value: milliseconds, or the score of CLS.
    pub value: f64,
    /// What it grew by since the last report.
    pub delta: f64,
    /// `good`, `needs-improvement` or `poor`.
    pub rating: &'static str,
    /// The same for every report of one metric on one page.
    pub id: &'a str,
    /// The type of the navigation.
    pub navigation: &'a str,
    /// More numbers; zeros are left out on the wire, as Faro does.
    pub values: &'a [(&'static str, f64)],
    /// More texts; empty ones are left out.
    pub context: &'a [(&'static str, &'a str)],
}

impl Report<'_> {
    /// The measurement, as the border writes measurements, with Faro's names.
    pub fn write(&self, out: &mut Writer) {
        let Report { name, value, delta, rating, id, navigation, values, context } = *self;
        out.text("web-vitals");
        let mut list = out.begin();
        let mut put = |name: &str, value: f64| {
            list.length += 1;
            out.text(name);
            out.number(value);
        };
        put(name, value);
        put("delta", delta);
        values.iter().filter(|(_, value)| *value != 0.0).for_each(|(name, value)| put(name, *value));
        out.end(&list);
        let mut list = out.begin();
        let always =
            [("id", id), ("rating", rating), ("navigation_type", navigation), ("navigation_entry_id", "unknown")];
        [&always, context]
            .iter()
            .for_each(|pairs| pairs.iter().for_each(|(name, text)| out.pair(&mut list, name, text)));
        out.end(&list);
    }
}

/// Who takes reports.
type Out<'o> = &'o mut dyn FnMut(Report);

/// One metric of one page view: its thresholds, and what was reported of it.
struct Metric {
    name: &'static str,
    good: f64,
    poor: f64,
    id: String,
    reported: Option<f64>,
}

impl Metric {
    fn report(
        &mut self,
        value: f64,
        values: &[(&'static str, f64)],
        context: &[(&'static str, &str)],
        navigation: &Navigation,
        out: Out,
    ) {
        let delta = value - self.reported.unwrap_or(0.0);
        if self.reported.is_some() && delta == 0.0 {
            return;
        }
        self.reported = Some(value);
        let rating = if value > self.poor {
            "poor"
        } else if value > self.good {
            "needs-improvement"
        } else {
            "good"
        };
        let (name, id, navigation) = (self.name, self.id.as_str(), navigation.kind.as_str());
        out(Report { name, value, delta, rating, id, navigation, values, context });
    }
}

/// The five metrics.
pub struct Vitals {
    navigation: Navigation,
    first_hidden: f64,
    lcp: (Metric, lcp::Lcp),
    cls: (Metric, cls::Cls),
    inp: (Metric, inp::Inp),
    fcp: (Metric, bool),
    ttfb: Metric,
}

impl Vitals {
    /// The metrics of a page; paints before it was first hidden are the border's to leave out.
    pub fn new(now: f64, chance: &mut Chance) -> Self {
        let mut metric = |name, good, poor| Metric { name, good, poor, id: chance.vital_id(now), reported: None };
        Vitals {
            navigation: Navigation::default(),
            first_hidden: f64::INFINITY,
            lcp: (metric("lcp", 2_500.0, 4_000.0), lcp::Lcp::default()),
            cls: (metric("cls", 0.1, 0.25), cls::Cls::default()),
            inp: (metric("inp", 200.0, 500.0), inp::Inp::default()),
            fcp: (metric("fcp", 1_800.0, 3_000.0), false),
            ttfb: metric("ttfb", 800.0, 1_800.0),
        }
    }

    /// The metrics of a page that came back from the back/forward cache: what it paints and loads is
    /// done, shifts and interactions count anew.
    pub fn restore(&mut self, now: f64, chance: &mut Chance) {
        let mut fresh = Vitals::new(now, chance);
        fresh.navigation = std::mem::take(&mut self.navigation);
        fresh.navigation.kind = RESTORED.to_owned();
        fresh.fcp.1 = true;
        fresh.lcp.1.is_final = true;
        *self = fresh;
    }

    /// Takes an entry as the border hands it over and hands out what there is to report after it. Where it
    /// matters, the navigation entry as it is by now comes along: the browser fills it in while the page loads.
    pub fn take(&mut self, entry: u32, reader: &mut Reader, out: Out) {
        let Vitals { navigation, first_hidden, lcp, cls, inp, fcp, ttfb } = self;
        let (time, value) = match entry {
            0 | 2 | 4 | 5 => (0.0, 0.0),
            _ => (reader.number(), reader.number()),
        };
        match entry {
            2 => lcp.1.paint(&lcp::Paint::read(reader), *first_hidden),
            3 => cls.1.shift(time, value, reader.text()),
            4 => inp.1.interact(inp::Interaction::read(reader)),
            _ => {
                if !reader.rest().is_empty() {
                    let now = Navigation::read(reader);
                    let restored = navigation.kind == RESTORED;
                    *navigation = now;
                    if restored {
                        navigation.kind = RESTORED.to_owned();
                    }
                }
            }
        }
        match entry {
            0 => ttfb::report(ttfb, navigation, out),
            // The first paint, at a time.
            1 if time < *first_hidden && !fcp.1 => {
                fcp.1 = true;
                fcp::report(&mut fcp.0, time, navigation, out);
            }
            // The user began to act.
            5 => lcp.1.finish(&mut lcp.0, navigation, out),
            // The page is hidden, at a time; the browser has counted so many interactions, 0 where it does not count.
            6 => {
                *first_hidden = first_hidden.min(time);
                lcp.1.finish(&mut lcp.0, navigation, out);
                // A page that painted nothing has nothing that could shift.
                if fcp.1 {
                    cls.1.report(&mut cls.0, navigation, out);
                }
                inp.1.report(&mut inp.0, value, navigation, out);
            }
            _ => {}
        }
    }
}

/// The type of a navigation that was none: the page came back from the back/forward cache.
const RESTORED: &str = "back-forward-cache";

#[cfg(test)]
mod tests;
