//! Web vitals as web-vitals 6 defines them, fed with entries and reported with Faro's values and context.
//!
//! All times are milliseconds since the navigation started, as the entries have them.

mod cls;
mod fcp;
mod inp;
mod lcp;
mod ttfb;

use crate::json;
use crate::sampling::Chance;
use crate::signal::{Reader, Writer};

/// The navigation entry.
#[derive(Clone, Debug, Default)]
pub struct Navigation {
    /// Its times in the order of [`Time`]. A list, because a struct of numbers takes three times the code.
    times: [f64; 9],
    kind: String,
}

/// The times of a navigation, in the order that the border packs them.
#[derive(Clone, Copy)]
enum Time {
    Activation,
    WaitEnd,
    DomainLookup,
    ConnectStart,
    ConnectEnd,
    ResponseStart,
    DomInteractive,
    DomContentLoaded,
    DomComplete,
}

impl Navigation {
    /// Reads the times and the type.
    pub fn read(reader: &mut Reader) -> Self {
        let mut times = [0.0; 9];
        times.iter_mut().for_each(|time| *time = reader.number());
        // The one name that Faro writes otherwise.
        let kind = match reader.text() {
            "back_forward" => "back-forward",
            kind => kind,
        };
        Navigation { times, kind: kind.to_owned() }
    }

    fn at(&self, time: Time) -> f64 {
        self.times.get(time as usize).copied().unwrap_or_default()
    }

    /// A time as the user felt it: a prerendered page begins when it is shown.
    fn since_activation(&self, time: f64) -> f64 {
        (time - self.at(Time::Activation)).max(0.0)
    }

    fn ttfb(&self) -> f64 {
        self.since_activation(self.at(Time::ResponseStart))
    }

    /// How far the page was loaded at `time`.
    fn load_state(&self, time: f64) -> &'static str {
        let past = |mark: Time| self.at(mark) > 0.0 && time >= self.at(mark);
        if !past(Time::DomInteractive) {
            "loading"
        } else if !past(Time::DomContentLoaded) {
            "dom-interactive"
        } else if !past(Time::DomComplete) {
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
type Out<'o> = &'o mut dyn FnMut(&Report);

/// What is the same for every page view of a metric: its name, the values up to which it is good and not poor, and the
/// digit that makes its id its own.
struct Scale(&'static str, f64, f64, &'static [u8]);

/// Who reports: the navigation, and the id that the metrics of this page view share, but for a digit.
struct Press<'v, 'o> {
    navigation: &'v Navigation,
    id: &'v str,
    out: Out<'o>,
}

/// What was last reported of a metric.
type Reported = Option<f64>;

impl Press<'_, '_> {
    fn report(
        &mut self,
        scale: &Scale,
        reported: &mut Reported,
        value: f64,
        values: &[(&'static str, f64)],
        context: &[(&'static str, &str)],
    ) {
        let delta = value - reported.unwrap_or(0.0);
        if reported.is_some() && delta == 0.0 {
            return;
        }
        *reported = Some(value);
        let Scale(name, good, poor, digit) = *scale;
        let mut id = self.id.as_bytes().to_vec();
        json::put(&mut id, digit);
        let rating = if value > poor {
            "poor"
        } else if value > good {
            "needs-improvement"
        } else {
            "good"
        };
        (self.out)(&Report {
            name,
            value,
            delta,
            rating,
            id: json::as_text(&id),
            navigation: &self.navigation.kind,
            values,
            context,
        });
    }
}

/// The five metrics.
#[derive(Default)]
pub struct Vitals {
    navigation: Navigation,
    id: String,
    hidden: Option<f64>,
    lcp: lcp::Lcp,
    cls: cls::Cls,
    inp: inp::Inp,
    fcp: Reported,
    ttfb: Reported,
}

impl Vitals {
    /// The metrics of a page; paints before it was first hidden are the border's to leave out.
    pub fn new(now: f64, chance: &mut Chance) -> Self {
        Vitals { id: chance.vital_id(now), ..Vitals::default() }
    }

    /// The metrics of a page that came back from the back/forward cache: what it paints and loads is
    /// done, shifts and interactions count anew.
    pub fn restore(&mut self, now: f64, chance: &mut Chance) {
        let mut navigation = std::mem::take(&mut self.navigation);
        navigation.kind = RESTORED.to_owned();
        *self = Vitals { navigation, ..Vitals::new(now, chance) };
        self.fcp = Some(0.0);
        self.lcp.is_final = true;
    }

    /// Takes an entry as the border hands it over and hands out what there is to report after it. Where it
    /// matters, the navigation entry as it is by now comes along: the browser fills it in while the page loads.
    pub fn take(&mut self, entry: u32, reader: &mut Reader, out: Out) {
        let Vitals { navigation, id, hidden, lcp, cls, inp, fcp, ttfb } = self;
        let (mut time, mut value) = (0.0, 0.0);
        if matches!(entry, 1 | 3 | 6) {
            (time, value) = (reader.number(), reader.number());
        }
        match entry {
            2 => lcp.paint(&lcp::Paint::read(reader), *hidden),
            3 => cls.shift(time, value, reader.text()),
            4 => inp.interact(inp::Interaction::read(reader)),
            _ if !reader.rest().is_empty() => {
                let kind = std::mem::take(&mut navigation.kind);
                *navigation = Navigation::read(reader);
                if kind == RESTORED {
                    navigation.kind = kind;
                }
            }
            _ => {}
        }
        let press = &mut Press { navigation, id, out };
        match entry {
            0 => ttfb::report(ttfb, press),
            // The first paint, at a time.
            1 if fcp.is_none() && is_before(time, *hidden) => fcp::report(fcp, time, press),
            // The user began to act.
            5 => lcp.finish(press),
            // The page is hidden, at a time; the browser has counted so many interactions, 0 where it does not count.
            6 => {
                hidden.get_or_insert(time);
                lcp.finish(press);
                // A page that painted nothing has nothing that could shift.
                if fcp.is_some() {
                    cls.report(press);
                }
                inp.report(value, press);
            }
            _ => {}
        }
    }
}

/// Whether something was seen before the page was first hidden.
fn is_before(time: f64, hidden: Option<f64>) -> bool {
    hidden.is_none_or(|hidden| time < hidden)
}

/// The type of a navigation that was none: the page came back from the back/forward cache.
const RESTORED: &str = "back-forward-cache";

#[cfg(test)]
mod tests;
