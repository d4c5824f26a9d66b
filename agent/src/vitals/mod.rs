//! Web vitals as web-vitals 6 defines them, fed with entries and reported with Faro's values and context.
//!
//! All times are milliseconds since the navigation started, as the entries have them.

mod cls;
mod fcp;
mod inp;
mod lcp;
mod ttfb;

use crate::sampling::Chance;
use crate::signal::Reader;

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
            kind: reader.text().replace('_', "-"),
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
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// `cls`, `fcp`, `inp`, `lcp` or `ttfb`.
    pub name: &'static str,
    /// The value: milliseconds, or the score of CLS.
    pub value: f64,
    /// What it grew by since the last report.
    pub delta: f64,
    /// `good`, `needs-improvement` or `poor`.
    pub rating: &'static str,
    /// The same for every report of one metric on one page.
    pub id: String,
    /// The type of the navigation.
    pub navigation: String,
    /// More numbers; zeros are left out on the wire, as Faro does.
    pub values: Vec<(&'static str, f64)>,
    /// More texts; empty ones are left out.
    pub context: Vec<(&'static str, String)>,
}

/// What a metric found, before it is known whether it is new.
#[derive(Default)]
struct Finding {
    value: f64,
    values: Vec<(&'static str, f64)>,
    context: Vec<(&'static str, String)>,
}

/// One metric of one page view: its thresholds, and what was reported of it.
struct Metric {
    name: &'static str,
    good: f64,
    poor: f64,
    id: String,
    reported: Option<f64>,
}

impl Metric {
    fn report(&mut self, finding: Finding, navigation: &str) -> Option<Report> {
        let delta = finding.value - self.reported.unwrap_or(0.0);
        if self.reported.is_some() && delta == 0.0 {
            return None;
        }
        self.reported = Some(finding.value);
        let rating = match finding.value {
            value if value > self.poor => "poor",
            value if value > self.good => "needs-improvement",
            _ => "good",
        };
        Some(Report {
            name: self.name,
            value: finding.value,
            delta,
            rating,
            id: self.id.clone(),
            navigation: navigation.to_owned(),
            values: finding.values,
            context: finding.context,
        })
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
    /// The metrics of a page that was first hidden at `first_hidden`; infinity when it never was.
    pub fn new(first_hidden: f64, now: f64, chance: &mut Chance) -> Self {
        let mut metric = |name, good, poor| Metric { name, good, poor, id: chance.vital_id(now), reported: None };
        Vitals {
            navigation: Navigation::default(),
            first_hidden,
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
        let mut fresh = Vitals::new(f64::INFINITY, now, chance);
        fresh.navigation = std::mem::take(&mut self.navigation);
        fresh.navigation.kind = "back-forward-cache".to_owned();
        fresh.fcp.1 = true;
        fresh.lcp.1.finish();
        *self = fresh;
    }

    /// Takes the navigation entry as it is by now; the browser fills it in while the page loads.
    pub fn navigate(&mut self, navigation: Navigation) {
        if self.navigation.kind != "back-forward-cache" {
            self.navigation = navigation;
        }
    }

    /// Takes an entry and hands out what there is to report after it.
    pub fn take(&mut self, entry: Entry, mut out: impl FnMut(Report)) {
        let navigation = &self.navigation;
        let kind = navigation.kind.as_str();
        let mut report = |metric: &mut Metric, finding: Option<Finding>| {
            if let Some(report) = finding.and_then(|finding| metric.report(finding, kind)) {
                out(report);
            }
        };
        match entry {
            Entry::Navigation => report(&mut self.ttfb, ttfb::find(navigation)),
            Entry::FirstPaint(time) => {
                if time < self.first_hidden && !self.fcp.1 {
                    self.fcp.1 = true;
                    report(&mut self.fcp.0, Some(fcp::find(navigation, time)));
                }
            }
            Entry::LargestPaint(paint) => {
                if paint.time < self.first_hidden {
                    self.lcp.1.paint(&paint);
                }
            }
            Entry::FirstInput => report(&mut self.lcp.0, self.lcp.1.finish().map(|paint| paint.find(navigation))),
            Entry::Shift { time, value, target } => self.cls.1.shift(time, value, target),
            Entry::Interaction(interaction) => self.inp.1.interact(&interaction),
            Entry::Hidden { time, interactions } => {
                self.first_hidden = self.first_hidden.min(time);
                report(&mut self.lcp.0, self.lcp.1.finish().map(|paint| paint.find(navigation)));
                // A page that painted nothing has nothing that could shift.
                if self.fcp.1 {
                    report(&mut self.cls.0, Some(self.cls.1.find(navigation)));
                }
                report(&mut self.inp.0, self.inp.1.find(interactions, navigation));
            }
        }
    }
}

#[cfg(test)]
mod tests;
