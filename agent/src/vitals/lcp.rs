//! Largest contentful paint: the last candidate before the user acts or leaves.

use super::{Metric, Navigation, Out};
use crate::signal::Reader;

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

impl<'a> Paint<'a> {
    /// Reads the fields in their order.
    pub fn read(reader: &mut Reader<'a>) -> Self {
        let (time, request_start, response_end) = (reader.number(), reader.number(), reader.number());
        Paint { time, request_start, response_end, element: reader.text() }
    }
}

/// The candidate so far.
#[derive(Default)]
pub struct Lcp {
    largest: Option<Largest>,
    /// Set when no later paint counts.
    pub is_final: bool,
}

/// A candidate that was kept.
struct Largest {
    time: f64,
    request_start: f64,
    response_end: f64,
    element: String,
}

impl Lcp {
    /// Takes a candidate: browsers report only larger ones. Nothing counts from when the page was first hidden.
    pub fn paint(&mut self, paint: &Paint, first_hidden: f64) {
        if !self.is_final && paint.time < first_hidden {
            let Paint { time, request_start, response_end, element } = *paint;
            self.largest = Some(Largest { time, request_start, response_end, element: element.to_owned() });
        }
    }

    /// Reports the last candidate with its four parts, which follow each other without gaps. Later ones don't count.
    pub fn finish(&mut self, metric: &mut Metric, navigation: &Navigation, out: Out) {
        self.is_final = true;
        let Some(largest) = &self.largest else { return };
        let value = navigation.since_activation(largest.time);
        let ttfb = navigation.ttfb();
        let request = ttfb.max(navigation.since_activation(largest.request_start));
        let response = request.max(navigation.since_activation(largest.response_end)).min(value);
        let request = request.min(response);
        let values = [
            ("element_render_delay", value - response),
            ("resource_load_delay", request - ttfb),
            ("resource_load_duration", response - request),
            ("time_to_first_byte", ttfb),
        ];
        metric.report(value, &values, &[("element", &largest.element)], navigation, out);
    }
}
