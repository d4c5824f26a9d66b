//! Largest contentful paint: the last candidate before the user acts or leaves.

use super::{Finding, Navigation};

/// A candidate. The times of its resource are 0 when it has none.
#[derive(Clone, Debug, PartialEq)]
pub struct Paint<'a> {
    /// When it was painted.
    pub time: f64,
    /// When its resource was asked for.
    pub request_start: f64,
    /// When its resource was there.
    pub response_end: f64,
    /// Its selector.
    pub element: &'a str,
}

/// The candidate so far.
#[derive(Default)]
pub struct Lcp {
    largest: Option<Largest>,
    finished: bool,
}

/// A candidate that was kept.
pub struct Largest {
    time: f64,
    request_start: f64,
    response_end: f64,
    element: String,
}

impl Lcp {
    /// Takes a candidate: browsers report only larger ones.
    pub fn paint(&mut self, paint: &Paint) {
        if !self.finished {
            let Paint { time, request_start, response_end, element } = *paint;
            self.largest = Some(Largest { time, request_start, response_end, element: element.to_owned() });
        }
    }

    /// The final one, once.
    pub fn finish(&mut self) -> Option<Largest> {
        self.finished = true;
        self.largest.take()
    }
}

impl Largest {
    /// The value and its four parts, which follow each other without gaps.
    pub fn find(self, navigation: &Navigation) -> Finding {
        let value = navigation.since_activation(self.time);
        let ttfb = navigation.ttfb();
        let request = ttfb.max(navigation.since_activation(self.request_start));
        let response = request.max(navigation.since_activation(self.response_end)).min(value);
        let request = request.min(response);
        Finding {
            value,
            values: vec![
                ("element_render_delay", value - response),
                ("resource_load_delay", request - ttfb),
                ("resource_load_duration", response - request),
                ("time_to_first_byte", ttfb),
            ],
            context: vec![("element", self.element)],
        }
    }
}
