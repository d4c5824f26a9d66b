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
        for (at, (name, value)) in [(name, value), ("delta", delta)].iter().chain(values).enumerate() {
            if at < 2 || *value != 0.0 {
                list.length += 1;
                out.text(name);
                out.number(*value);
            }
        }
        out.end(&list);
        let mut list = out.begin();
        let always =
            [("id", id), ("rating", rating), ("navigation_type", navigation), ("navigation_entry_id", "unknown")];
        always.iter().chain(context).for_each(|(name, text)| out.pair(&mut list, name, text));
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

/// An entry, as the border hands it over.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry<'a> {
    /// The navigation entry came with it.
    Navigation,
    /// First contentful paint at a time.
    FirstPaint(f64),
    /// A candidate for the largest paint.
    LargestPaint(lcp::Paint<'a>),
    /// The score of a shift, when, and where.
    Shift { time: f64, value: f64, target: &'a str },
    /// An event of an interaction.
    Interaction(inp::Interaction<'a>),
    /// The user began to act.
    FirstInput,
    /// The page is hidden at a time; the browser has counted so many interactions, 0 where it does not count.
    Hidden { time: f64, interactions: f64 },
}

impl<'a> Entry<'a> {
    /// Reads the entry that the border calls `code`.
    pub fn read(code: u32, reader: &mut Reader<'a>) -> Option<Self> {
        Some(match code {
            0 => Entry::Navigation,
            1 => Entry::FirstPaint(reader.number()),
            2 => Entry::LargestPaint(lcp::Paint {
                time: reader.number(),
                request_start: reader.number(),
                response_end: reader.number(),
                element: reader.text(),
            }),
            3 => Entry::Shift { time: reader.number(), value: reader.number(), target: reader.text() },
            4 => Entry::Interaction(inp::Interaction {
                id: reader.number(),
                start: reader.number(),
                duration: reader.number(),
                processing_start: reader.number(),
                processing_end: reader.number(),
                name: reader.text(),
                target: reader.text(),
            }),
            5 => Entry::FirstInput,
            6 => Entry::Hidden { time: reader.number(), interactions: reader.number() },
            _ => return None,
        })
    }
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
        fresh.navigation.kind = "back-forward-cache".to_owned();
        fresh.fcp.1 = true;
        fresh.lcp.1.is_final = true;
        *self = fresh;
    }

    /// Takes the navigation entry as it is by now; the browser fills it in while the page loads.
    pub fn navigate(&mut self, navigation: Navigation) {
        if self.navigation.kind != "back-forward-cache" {
            self.navigation = navigation;
        }
    }

    /// Takes an entry and hands out what there is to report after it.
    pub fn take(&mut self, entry: Entry, out: Out) {
        let Vitals { navigation, first_hidden, lcp, cls, inp, fcp, ttfb } = self;
        match entry {
            Entry::Navigation => ttfb::report(ttfb, navigation, out),
            Entry::FirstPaint(time) => {
                if time < *first_hidden && !fcp.1 {
                    fcp.1 = true;
                    fcp::report(&mut fcp.0, time, navigation, out);
                }
            }
            Entry::LargestPaint(paint) => {
                if paint.time < *first_hidden {
                    lcp.1.paint(&paint);
                }
            }
            Entry::FirstInput => lcp.1.finish(&mut lcp.0, navigation, out),
            Entry::Shift { time, value, target } => cls.1.shift(time, value, target),
            Entry::Interaction(interaction) => inp.1.interact(&interaction),
            Entry::Hidden { time, interactions } => {
                *first_hidden = first_hidden.min(time);
                lcp.1.finish(&mut lcp.0, navigation, out);
                // A page that painted nothing has nothing that could shift.
                if fcp.1 {
                    cls.1.report(&mut cls.0, navigation, out);
                }
                inp.1.report(&mut inp.0, interactions, navigation, out);
            }
        }
    }
}

#[cfg(test)]
mod tests;
