use super::*;
use crate::signal::{Around, Kind, OWN, transcribe};

/// The navigation entry as the border packs it.
#[derive(Clone, Copy)]
struct Entry {
    activation: f64,
    response_start: f64,
}

const NAVIGATION: Entry = Entry { activation: 0.0, response_start: 7.5 };

impl Entry {
    fn write(&self, out: &mut Writer) {
        let times = [self.activation, 1.5, 1.5, 1.5, 1.5, self.response_start, 100.0, 120.0, 200.0];
        times.iter().for_each(|time| out.number(*time));
        out.text("navigate");
    }
}

/// An entry with its code, as it comes over the border.
type Packed = (u32, Writer);

fn pack(code: u32, numbers: &[f64], texts: &[&str]) -> Packed {
    let mut out = Writer::default();
    numbers.iter().for_each(|number| out.number(*number));
    texts.iter().for_each(|text| out.text(text));
    (code, out)
}

fn with(mut packed: Packed, navigation: Entry) -> Packed {
    navigation.write(&mut packed.1);
    packed
}

fn loaded(navigation: Entry) -> Packed {
    with(pack(0, &[], &[]), navigation)
}

fn first_paint(time: f64) -> Packed {
    with(pack(1, &[time, 0.0], &[]), NAVIGATION)
}

fn paint(time: f64, element: &str) -> Packed {
    pack(2, &[time, 0.0, 0.0], &[element])
}

fn shift(time: f64, value: f64) -> Packed {
    pack(3, &[time, value], &["#moved"])
}

fn click(id: f64, start: f64, duration: f64) -> Packed {
    pack(4, &[id, start, duration, start + 1.0, start + 3.0], &["click", "#b"])
}

fn first_input() -> Packed {
    pack(5, &[], &[])
}

fn hidden(interactions: f64) -> Packed {
    pack(6, &[9_000.0, interactions], &[])
}

fn vitals(first_hidden: f64) -> Vitals {
    let mut vitals = Vitals::new(1_795_223_618_015.0, &mut Chance::new([1, 1]));
    vitals.hidden = Some(first_hidden);
    vitals.navigation = Navigation::read(&mut Reader::new(&loaded(NAVIGATION).1.0));
    vitals
}

/// A report that outlives the vitals it came from.
#[derive(Debug, PartialEq)]
struct Owned {
    name: &'static str,
    value: f64,
    delta: f64,
    rating: &'static str,
    navigation: String,
    values: Vec<(&'static str, f64)>,
    context: Vec<(&'static str, String)>,
}

fn feed(vitals: &mut Vitals, entries: impl IntoIterator<Item = Packed>) -> Vec<Owned> {
    let mut reports = Vec::new();
    let mut out = |report: &Report| {
        let Report { name, value, delta, rating, id, navigation, values, context } = *report;
        assert!(id.starts_with("v6-1795223") && id.len() == 30, "{id}");
        let context = context.iter().map(|(key, text)| (*key, (*text).to_owned())).collect();
        reports.push(Owned {
            name,
            value,
            delta,
            rating,
            navigation: navigation.into(),
            values: values.into(),
            context,
        });
    };
    entries.into_iter().for_each(|(code, packed)| {
        let mut reader = Reader::new(&packed.0);
        vitals.take(code, &mut reader, &mut out);
        assert!(reader.is_whole(), "entry {code} has more than was read");
    });
    reports
}

#[test]
fn a_report_is_a_measurement_with_faros_names() {
    let mut vitals = vitals(f64::INFINITY);
    let mut item = Writer::default();
    let (code, packed) = first_paint(7.5);
    vitals.take(code, &mut Reader::new(&packed.0), &mut |report| report.write(&mut item));
    let around = Around { flags: OWN, timestamp: "t", trace: ("", ""), domain: "", page: "" };
    let mut json = Vec::new();
    assert!(transcribe(Kind::Measurement, Reader::new(&item.0), &around, &mut json));
    let found: wire::Measurement = wire::decode::value(&json).expect("a measurement");
    assert_eq!(&*found.kind, "web-vitals");
    // Zeros are left out, apart from the value and its delta.
    let values = [("fcp", 7.5), ("delta", 7.5), ("time_to_first_byte", 7.5)];
    assert_eq!(found.values.0, values.map(|(name, value)| (name.into(), Some(value))));
    assert_eq!(found.context.get("rating"), Some("good"));
    assert_eq!(found.context.get("navigation_type"), Some("navigate"));
    assert_eq!(found.context.get("load_state"), Some("loading"));
}

fn value(reports: &[Owned], name: &str) -> Option<f64> {
    reports.iter().find(|report| report.name == name).map(|report| report.value)
}

#[test]
fn ttfb_is_reported_once_and_in_parts() {
    let mut vitals = vitals(f64::INFINITY);
    let reports = feed(&mut vitals, [loaded(NAVIGATION), loaded(NAVIGATION)]);
    let report = reports.first().expect("one");
    assert_eq!((reports.len(), report.name, report.value, report.delta, report.rating), (1, "ttfb", 7.5, 7.5, "good"));
    assert!(report.values.contains(&("request_duration", 6.0)) && report.values.contains(&("waiting_duration", 1.5)));
    assert_eq!(report.navigation, "navigate");
    let mut unknown = self::vitals(f64::INFINITY);
    assert_eq!(feed(&mut unknown, [loaded(Entry { response_start: 0.0, ..NAVIGATION })]), []);
}

#[test]
fn a_prerendered_page_begins_when_it_is_shown() {
    let mut vitals = vitals(f64::INFINITY);
    let shown = Entry { activation: 500.0, ..NAVIGATION };
    let first_paint = with(pack(1, &[400.0, 0.0], &[]), shown);
    let reports = feed(&mut vitals, [loaded(shown), first_paint, paint(650.0, "#h"), hidden(0.0)]);
    assert_eq!(
        (value(&reports, "ttfb"), value(&reports, "fcp"), value(&reports, "lcp")),
        (Some(0.0), Some(0.0), Some(150.0))
    );
}

#[test]
fn fcp_says_how_far_the_page_was() {
    let reports = feed(&mut vitals(f64::INFINITY), [first_paint(110.0), first_paint(110.0)]);
    let report = reports.first().expect("one");
    assert_eq!((reports.len(), report.value), (1, 110.0));
    assert_eq!(report.context, [("load_state", "dom-interactive".to_owned())]);
    assert_eq!(report.values, [("first_byte_to_fcp", 102.5), ("time_to_first_byte", 7.5)]);
    let states = [50.0, 110.0, 150.0, 200.0].map(|time| vitals(0.0).navigation.load_state(time));
    assert_eq!(states, ["loading", "dom-interactive", "dom-content-loaded", "complete"]);
    assert_eq!(Navigation::default().load_state(50.0), "loading");
}

#[test]
fn paints_after_the_page_was_hidden_do_not_count() {
    let reports = feed(&mut vitals(50.0), [first_paint(60.0), paint(70.0, "#h"), hidden(0.0)]);
    assert_eq!(reports, []);
}

#[test]
fn lcp_is_the_last_candidate_before_the_user_acts() {
    let mut vitals = vitals(f64::INFINITY);
    let entries =
        [paint(300.0, "#small"), paint(2_600.0, "#large"), first_input(), paint(5_000.0, "#late"), hidden(0.0)];
    let reports = feed(&mut vitals, entries);
    assert_eq!(reports.len(), 1);
    let report = reports.first().expect("one");
    assert_eq!((report.name, report.value, report.rating), ("lcp", 2_600.0, "needs-improvement"));
    assert_eq!(report.context, [("element", "#large".to_owned())]);
}

#[test]
fn the_parts_of_lcp_add_up() {
    let check = |request_start, response_end, parts: [f64; 4]| {
        let paint = pack(2, &[1_000.0, request_start, response_end], &[""]);
        let reports = feed(&mut vitals(f64::INFINITY), [paint, first_input()]);
        let values: Vec<f64> =
            reports.iter().flat_map(|report| report.values.iter().map(|(_, value)| *value)).collect();
        assert_eq!(values, parts);
        assert_eq!(values.iter().sum::<f64>(), 1_000.0);
    };
    check(0.0, 0.0, [992.5, 0.0, 0.0, 7.5]);
    check(207.5, 507.5, [492.5, 200.0, 300.0, 7.5]);
    // A resource that ended after the paint, as a progressive image does.
    check(207.5, 1_500.0, [0.0, 200.0, 792.5, 7.5]);
}

#[test]
fn cls_is_the_worst_window() {
    let mut vitals = vitals(f64::INFINITY);
    let shifts = [shift(100.0, 0.05), shift(900.0, 0.1), shift(2_000.0, 0.02), shift(2_500.0, 0.04)];
    let reports = feed(&mut vitals, [first_paint(50.0)].into_iter().chain(shifts).chain([hidden(0.0), hidden(0.0)]));
    let report = reports.iter().find(|report| report.name == "cls").expect("cls");
    assert!((report.value - 0.15).abs() < 1e-12);
    assert_eq!((report.rating, reports.len()), ("needs-improvement", 2));
    assert_eq!(report.values, [("largest_shift_value", 0.1), ("largest_shift_time", 900.0)]);
    assert_eq!(report.context, [("load_state", "complete".to_owned()), ("largest_shift_target", "#moved".to_owned())]);
    // A worse window later is reported as the difference.
    let later = feed(&mut vitals, [shift(9_500.0, 0.4), hidden(0.0)]);
    let report = later.first().expect("cls again");
    assert!((report.delta - 0.25).abs() < 1e-12 && report.value == 0.4 && report.rating == "poor");
}

#[test]
fn a_window_of_shifts_lasts_five_seconds() {
    let mut vitals = vitals(f64::INFINITY);
    let shifts = (0..12).map(|n| shift(f64::from(n) * 900.0, 0.01));
    let reports = feed(&mut vitals, [first_paint(50.0)].into_iter().chain(shifts).chain([hidden(0.0)]));
    assert!((value(&reports, "cls").expect("cls") - 0.06).abs() < 1e-12);
}

#[test]
fn a_page_that_stood_still_has_a_score_of_zero_and_a_blank_one_has_none() {
    let still = feed(&mut vitals(f64::INFINITY), [first_paint(50.0), hidden(0.0)]);
    assert_eq!(value(&still, "cls"), Some(0.0));
    assert_eq!(feed(&mut vitals(f64::INFINITY), [hidden(0.0)]), []);
}

#[test]
fn inp_is_the_longest_interaction_with_its_phases() {
    let mut vitals = vitals(f64::INFINITY);
    let reports = feed(
        &mut vitals,
        [click(7.0, 1_000.0, 48.0), click(14.0, 2_000.0, 616.0), click(21.0, 3_000.0, 40.0), hidden(0.0)],
    );
    let report = reports.first().expect("inp");
    assert_eq!((report.name, report.value, report.rating), ("inp", 616.0, "poor"));
    assert_eq!(
        report.values,
        [
            ("interaction_time", 2_000.0),
            ("presentation_delay", 613.0),
            ("input_delay", 1.0),
            ("processing_duration", 2.0),
            ("next_paint_time", 2_616.0),
        ]
    );
    assert!(report.context.contains(&("interaction_type", "pointer".to_owned())));
    assert_eq!(feed(&mut vitals, [hidden(0.0)]), []);
}

#[test]
fn events_of_one_interaction_count_once() {
    let mut vitals = vitals(f64::INFINITY);
    let down = pack(4, &[7.0, 1_000.0, 104.0, 1_002.0, 1_010.0], &["pointerdown", "#b"]);
    let up = pack(4, &[7.0, 1_020.0, 88.0, 1_030.0, 1_090.0], &["pointerup", ""]);
    let reports = feed(&mut vitals, [down, up, hidden(0.0)]);
    let report = reports.first().expect("inp");
    assert_eq!(report.value, 104.0);
    assert!(report.values.contains(&("processing_duration", 88.0)), "{:?}", report.values);
    assert!(report.context.contains(&("interaction_target", "#b".to_owned())));
}

#[test]
fn one_interaction_in_fifty_is_left_out() {
    let check = |interactions: f64, expected: f64| {
        let mut vitals = vitals(f64::INFINITY);
        let clicks =
            (0..20).map(|n| click(7.0 + 7.0 * f64::from(n), f64::from(n) * 1_000.0, 100.0 + 8.0 * f64::from(n)));
        let reports = feed(&mut vitals, clicks.chain([hidden(interactions)]));
        assert_eq!(value(&reports, "inp"), Some(expected));
    };
    check(0.0, 252.0);
    check(49.0, 252.0);
    check(50.0, 244.0);
    check(149.0, 236.0);
    // Only the ten longest are remembered.
    check(5_000.0, 180.0);
}

#[test]
fn a_restored_page_counts_shifts_and_interactions_anew() {
    let mut vitals = vitals(f64::INFINITY);
    feed(&mut vitals, [first_paint(50.0), paint(60.0, "#h"), shift(100.0, 0.3), click(7.0, 500.0, 300.0), hidden(0.0)]);
    vitals.restore(1_795_223_700_000.0, &mut Chance::new([2, 2]));
    feed(&mut vitals, [loaded(Entry { response_start: 0.0, ..NAVIGATION })]);
    let reports =
        feed(&mut vitals, [paint(9_500.0, "#h"), shift(9_600.0, 0.01), click(14.0, 9_700.0, 64.0), hidden(0.0)]);
    assert_eq!(
        (value(&reports, "cls"), value(&reports, "inp"), value(&reports, "lcp")),
        (Some(0.01), Some(64.0), None)
    );
    assert!(reports.iter().all(|report| report.navigation == "back-forward-cache" && report.delta == report.value));
}
