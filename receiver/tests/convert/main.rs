//! Conversion, held to golden files: `UPDATE=1 cargo test -p farol --test convert` rewrites them, to be reviewed as a diff.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod otlp;
mod push;

use farol::convert::labels::LabelBudget;
use farol::convert::line::{Format, LINE_BYTES, Lines};
use farol::convert::{REQUEST_BYTES, logs, loki, traces};
use farol::enrich::{self, Enriched};
use farol::journal::Header;
use prost::Message;
use push::PushRequest;
use std::fmt::Write;
use std::path::Path;

/// What the real SDK sent, in one recorded session; and one batch as our agent sends it.
const RECORDED: &str = include_str!("../../../tests/fixtures/faro-sdk-2.12.1.json");
const AGENT: &str = include_str!("agent.json");

/// Each body with a name and the header of its record.
fn bodies() -> Vec<(String, String, Header)> {
    let recorded: serde_json::Value = serde_json::from_str(RECORDED).unwrap();
    let requests = recorded["out"].as_array().unwrap().iter().filter(|request| request["body"].is_object());
    let mut bodies: Vec<_> = requests
        .map(|request| {
            let user_agent = request["headers"]["user-agent"].as_str().unwrap().to_owned();
            let received = request["t"].as_u64().unwrap() * 1_000_000;
            let header = Header { received, user_agent, ..Header::default() };
            (request["step"].as_str().unwrap().to_owned(), request["body"].to_string(), header)
        })
        .collect();
    assert!(bodies.len() > 20, "the fixture has its bodies");
    let user_agent = "Mozilla/5.0 (agent)".to_owned();
    bodies.push((
        "agent".into(),
        AGENT.into(),
        Header { received: 1_795_223_637_500_000_000, user_agent, ..Header::default() },
    ));
    bodies
}

fn with_record<T>(body: &str, header: &Header, check: impl FnOnce(&Enriched) -> T) -> T {
    check(&enrich::payload(&wire::decode::payload(body.as_bytes()).unwrap(), header))
}

/// Compares with the golden file, or rewrites it.
fn golden(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        return std::fs::write(path, found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    for (number, (found, expected)) in found.lines().zip(expected.lines()).enumerate() {
        assert_eq!(found, expected, "{name}, line {}", number + 1);
    }
    assert_eq!(found.lines().count(), expected.lines().count(), "lines of {name}");
}

fn admitted(records: &[Enriched]) -> LabelBudget {
    let mut labels = LabelBudget::default();
    let other: usize = records.iter().map(|record| labels.admit(record)).sum();
    assert_eq!(other, 0);
    labels
}

fn pushed(records: &[Enriched], format: Format) -> PushRequest {
    let labels = admitted(records);
    let count = records.iter().map(Enriched::items).sum();
    let converted = loki::push(records, 0..count, &loki::Options { format, labels: &labels });
    assert_eq!(converted.end, count, "one request holds it");
    PushRequest::decode(&*converted.body).unwrap()
}

#[test]
fn recorded_bodies_become_loki_streams() {
    let mut out = String::new();
    for (step, body, header) in bodies() {
        writeln!(out, "## {step}").unwrap();
        let push = with_record(&body, &header, |record| pushed(std::slice::from_ref(record), Format::Logfmt));
        for stream in push.streams {
            writeln!(out, "{}", stream.labels).unwrap();
            for entry in stream.entries {
                writeln!(out, "  {} {}", entry.nanos(), entry.line).unwrap();
                for pair in entry.structured_metadata {
                    writeln!(out, "    {}: {}", pair.name, pair.value).unwrap();
                }
            }
        }
    }
    golden("loki.txt", &out);
}

#[test]
fn recorded_bodies_become_json_lines() {
    let mut out = String::new();
    for (step, body, header) in bodies() {
        writeln!(out, "## {step}").unwrap();
        let push = with_record(&body, &header, |record| pushed(std::slice::from_ref(record), Format::Json));
        for entry in push.streams.iter().flat_map(|stream| &stream.entries) {
            let value: serde_json::Value = serde_json::from_str(&entry.line).unwrap();
            assert!(value.is_object());
            writeln!(out, "{}", entry.line).unwrap();
        }
    }
    golden("lines.jsonl", &out);
}

#[test]
fn recorded_bodies_become_otlp_logs() {
    let mut out = String::new();
    for (step, body, header) in bodies() {
        writeln!(out, "## {step}").unwrap();
        let converted =
            with_record(&body, &header, |record| logs::request(std::slice::from_ref(record), 0..record.items()));
        otlp::logs(&converted.body, &mut out);
    }
    golden("logs.txt", &out);
}

#[test]
fn recorded_bodies_become_otlp_traces() {
    let mut out = String::new();
    for (step, body, header) in bodies() {
        let converted =
            with_record(&body, &header, |record| traces::request(std::slice::from_ref(record), 0..record.spans()));
        // An envelope without spans is not to be sent: its body is empty.
        if !converted.body.is_empty() {
            writeln!(out, "## {step}").unwrap();
            otlp::traces(&converted.body, &mut out);
        }
    }
    golden("traces.txt", &out);
}

/// A payload and the line that Alloy's own tests expect of it, as logfmt and as JSON.
fn alloy(body: &str, logfmt: &str, json: &str) {
    with_record(body, &Header::default(), |record| {
        for (format, expected) in [(Format::Logfmt, logfmt), (Format::Json, json)] {
            let mut line = Vec::new();
            Lines::new(&record.payload.meta, format, usize::MAX).write(record.item(0).unwrap(), &mut line);
            assert_eq!(String::from_utf8(line).unwrap(), expected);
        }
    });
}

#[test]
fn lines_are_those_of_alloy() {
    alloy(
        r#"{"logs":[{"message":"React Router Future Flag Warning","level":"info","timestamp":"2021-09-30T10:46:17.680Z",
            "trace":{"trace_id":"a363d4f4417aa83158c437febd2d8838","span_id":"42876ecc4c1feafa"}}]}"#,
        r#"timestamp="2021-09-30 10:46:17.68 +0000 UTC" kind=log message="React Router Future Flag Warning" level=info traceID=a363d4f4417aa83158c437febd2d8838 spanID=42876ecc4c1feafa browser_mobile=false"#,
        r#"{"browser_mobile":"false","kind":"log","level":"info","message":"React Router Future Flag Warning","spanID":"42876ecc4c1feafa","timestamp":"2021-09-30 10:46:17.68 +0000 UTC","traceID":"a363d4f4417aa83158c437febd2d8838"}"#,
    );
    alloy(
        r#"{"exceptions":[{"type":"Error","value":"Cannot read property 'find' of undefined","timestamp":"2021-09-30T10:46:17.680Z",
            "stacktrace":{"frames":[
                {"filename":"http://fe:3002/static/js/vendors~main.chunk.js","function":"?","lineno":8639,"colno":42},
                {"filename":"http://fe:3002/static/js/vendors~main.chunk.js","function":"dispatchAction","lineno":268095,"colno":9}]}}]}"#,
        r#"timestamp="2021-09-30 10:46:17.68 +0000 UTC" kind=exception type=Error value="Cannot read property 'find' of undefined" stacktrace="Error: Cannot read property 'find' of undefined\n  at ? (http://fe:3002/static/js/vendors~main.chunk.js:8639:42)\n  at dispatchAction (http://fe:3002/static/js/vendors~main.chunk.js:268095:9)" hash=2735541995122471342 browser_mobile=false"#,
        r#"{"browser_mobile":"false","hash":"2735541995122471342","kind":"exception","stacktrace":"Error: Cannot read property 'find' of undefined\n  at ? (http://fe:3002/static/js/vendors~main.chunk.js:8639:42)\n  at dispatchAction (http://fe:3002/static/js/vendors~main.chunk.js:268095:9)","timestamp":"2021-09-30 10:46:17.68 +0000 UTC","type":"Error","value":"Cannot read property 'find' of undefined"}"#,
    );
    alloy(
        r#"{"measurements":[{"type":"sum","values":{"ttfp":20.12,"ttfcp":22.12,"ttfb":14},"timestamp":"2021-09-30T10:46:17.680Z",
            "context":{"host":"localhost"},
            "trace":{"trace_id":"a363d4f4417aa83158c437febd2d8838","span_id":"42876ecc4c1feafa"}}]}"#,
        r#"timestamp="2021-09-30 10:46:17.68 +0000 UTC" kind=measurement type=sum ttfb=14.000000 ttfcp=22.120000 ttfp=20.120000 traceID=a363d4f4417aa83158c437febd2d8838 spanID=42876ecc4c1feafa context_host=localhost value_ttfb=14 value_ttfcp=22.12 value_ttfp=20.12 browser_mobile=false"#,
        r#"{"browser_mobile":"false","context_host":"localhost","kind":"measurement","spanID":"42876ecc4c1feafa","timestamp":"2021-09-30 10:46:17.68 +0000 UTC","traceID":"a363d4f4417aa83158c437febd2d8838","ttfb":"14.000000","ttfcp":"22.120000","ttfp":"20.120000","type":"sum","value_ttfb":14,"value_ttfcp":22.12,"value_ttfp":20.12}"#,
    );
    alloy(
        r#"{"events":[{"name":"click_login_button","domain":"frontend","attributes":{"button_name":"login"},"timestamp":"2021-09-30T10:46:17.680Z",
            "trace":{"trace_id":"a363d4f4417aa83158c437febd2d8838","span_id":"42876ecc4c1feafa"}}]}"#,
        r#"timestamp="2021-09-30 10:46:17.68 +0000 UTC" kind=event event_name=click_login_button event_domain=frontend event_data_button_name=login traceID=a363d4f4417aa83158c437febd2d8838 spanID=42876ecc4c1feafa browser_mobile=false"#,
        r#"{"browser_mobile":"false","event_data_button_name":"login","event_domain":"frontend","event_name":"click_login_button","kind":"event","spanID":"42876ecc4c1feafa","timestamp":"2021-09-30 10:46:17.68 +0000 UTC","traceID":"a363d4f4417aa83158c437febd2d8838"}"#,
    );
    alloy(
        r#"{"logs":[{"message":"hello, world","level":"info","context":{"env":"dev"},"timestamp":"2021-01-01T00:00:00.000Z",
            "trace":{"trace_id":"0","span_id":"0"}}]}"#,
        r#"timestamp="2021-01-01 00:00:00 +0000 UTC" kind=log message="hello, world" level=info context_env=dev traceID=0 spanID=0 browser_mobile=false"#,
        r#"{"browser_mobile":"false","context_env":"dev","kind":"log","level":"info","message":"hello, world","spanID":"0","timestamp":"2021-01-01 00:00:00 +0000 UTC","traceID":"0"}"#,
    );
}

/// By the rules of Alloy's ordered map, which its tests do not show.
#[test]
fn repeated_empty_and_unsorted_fields_follow_alloy() {
    alloy(
        r#"{"meta":{"app":{"name":"shop"}},"measurements":[{"type":"t","timestamp":"",
            "values":{"type":1,"app_name":2,"b":null,"value_b":3},"context":{"z":"1","a":"","z":"2"}}]}"#,
        "timestamp=\"0001-01-01 00:00:00 +0000 UTC\" kind=measurement type=1.000000 app_name=shop b=0.000000 value_b=0 \
         context_z=2 value_app_name=2 value_type=1 value_value_b=3 browser_mobile=false",
        r#"{"app_name":"shop","b":"0.000000","browser_mobile":"false","context_z":"2","kind":"measurement","timestamp":"0001-01-01 00:00:00 +0000 UTC","type":"1.000000","value_app_name":2,"value_b":0,"value_type":1,"value_value_b":3}"#,
    );
    alloy(
        r#"{"exceptions":[{"type":"","value":"","timestamp":"","stacktrace":{"frames":[{"filename":"f","function":"","module":"m"}]}}]}"#,
        r#"timestamp="0001-01-01 00:00:00 +0000 UTC" kind=exception stacktrace=": \n  at  (m|f:0:0)" hash=3244421341483603138 browser_mobile=false"#,
        r#"{"browser_mobile":"false","hash":"3244421341483603138","kind":"exception","stacktrace":": \n  at  (m|f:0:0)","timestamp":"0001-01-01 00:00:00 +0000 UTC"}"#,
    );
    alloy(
        r#"{"meta":{"sdk":{"name":"s","integrations":[{"name":"a","version":"1"},{"name":"b","version":"2"}]},
            "browser":{"mobile":true,"name":"B","viewportHeight":"7"},"view":{"name":"v"}},"events":[{"name":"e","attributes":{"":"x","k k":"<&>"}}]}"#,
        r#"timestamp="0001-01-01 00:00:00 +0000 UTC" kind=event event_name=e event_data_=x event_data_kk=<&> sdk_name=s sdk_integrations=a:1,b:2 browser_name=B browser_mobile=true browser_viewportHeight=7 view_name=v"#,
        r#"{"browser_mobile":"true","browser_name":"B","browser_viewportHeight":"7","event_data_":"x","event_data_k k":"\u003c\u0026\u003e","event_name":"e","kind":"event","sdk_integrations":"a:1,b:2","sdk_name":"s","timestamp":"0001-01-01 00:00:00 +0000 UTC","view_name":"v"}"#,
    );
}

#[test]
fn long_lines_are_cut_whole_and_marked() {
    let long = "é\\n".repeat(LINE_BYTES);
    let frames = format!(r#"{{"filename":"{}","function":"f"}}"#, "x".repeat(LINE_BYTES));
    let body = format!(
        r#"{{"meta":{{"app":{{"name":"shop"}},"user":{{"email":"{}"}}}},
            "exceptions":[{{"type":"T","value":"{long}","stacktrace":{{"frames":[{frames}]}},"context":{{"a":"b"}}}}]}}"#,
        "u".repeat(100_000)
    );
    with_record(&body, &Header::default(), |record| {
        for format in [Format::Logfmt, Format::Json] {
            let mut line = Vec::new();
            Lines::new(&record.payload.meta, format, 64 * 1024).write(record.item(0).unwrap(), &mut line);
            let line = String::from_utf8(line).unwrap();
            assert!(line.len() <= LINE_BYTES, "{} bytes", line.len());
            assert!(line.len() > LINE_BYTES / 2, "much of it is kept: {} bytes", line.len());
            assert!(!line.contains("user_email"), "what is past the share of a batch's own fields is left out");
            match format {
                Format::Json => {
                    let value: serde_json::Value = serde_json::from_str(&line).unwrap();
                    assert_eq!((&value["farol_cut"], &value["context_a"]), (&"true".into(), &"b".into()));
                }
                Format::Logfmt => {
                    assert!(
                        line.ends_with(" app_name=shop browser_mobile=false farol_cut=true"),
                        "{}",
                        &line[line.len() - 90..]
                    );
                    assert_eq!(line.matches('"').count(), 6, "every quote is closed");
                }
            }
        }
    });
}

#[test]
fn equal_lines_of_one_moment_stay_apart_and_in_order() {
    let event = r#"{"name":"e","timestamp":"2026-11-21T01:13:57.000Z"}"#;
    let body = format!(
        r#"{{"meta":{{"farol":{{"sentAt":1795223638000}}}},"events":[{event},{event},{event},{}]}}"#,
        r#"{"name":"e","timestamp":"2026-11-21T01:13:57.001Z"}"#
    );
    let header = Header { received: 2_000_000_000_000_000_000, ..Header::default() };
    let push = with_record(&body, &header, |record| pushed(std::slice::from_ref(record), Format::Logfmt));
    let times: Vec<i64> = push.streams[0].entries.iter().map(|entry| entry.nanos()).collect();
    let sent = 1_999_999_999_000_000_000;
    assert_eq!(times, [sent, sent + 1, sent + 2, sent + 1_000_003]);
}

/// However a batch is divided into ranges, every item is in exactly one request, the same as ever.
#[test]
fn ranges_divide_a_batch_without_changing_an_item() {
    let header = Header { received: 1_795_223_637_500_000_000, ..Header::default() };
    let bodies = bodies();
    let payloads: Vec<_> = bodies.iter().map(|(_, body, _)| wire::decode::payload(body.as_bytes()).unwrap()).collect();
    let records: Vec<Enriched> = payloads.iter().map(|payload| enrich::payload(payload, &header)).collect();
    let labels = admitted(&records);
    let options = loki::Options { format: Format::Logfmt, labels: &labels };
    let entries = |request: PushRequest| {
        let streams = request.streams.into_iter();
        streams.flat_map(|stream| {
            stream.entries.into_iter().map(move |entry| (stream.labels.clone(), format!("{entry:?}")))
        })
    };
    let mut whole: Vec<_> = entries(pushed(&records, Format::Logfmt)).collect();
    let count: usize = records.iter().map(Enriched::items).sum();
    assert_eq!(whole.len(), count);
    let mut parts = Vec::new();
    for step in (0..count).step_by(7) {
        let converted = loki::push(&records, step..(step + 7).min(count), &options);
        assert_eq!(converted.end, (step + 7).min(count));
        parts.extend(entries(PushRequest::decode(&*converted.body).unwrap()));
    }
    whole.sort();
    parts.sort();
    assert_eq!(whole, parts);

    let spans: usize = records.iter().map(Enriched::spans).sum();
    let mut found = 0;
    for span in 0..spans {
        let converted = traces::request(&records, span..span + 1);
        assert_eq!(converted.end, span + 1);
        found += otlp::span_ids(&converted.body).len();
    }
    assert_eq!(found, spans);
    assert_eq!(otlp::span_ids(&traces::request(&records, 0..spans).body).len(), spans);
}

/// A payload that would blow up to hundreds of megabytes is converted a request at a time.
#[test]
fn requests_are_bounded_whatever_a_payload_holds() {
    let event = format!(r#"{{"name":"e","attributes":{{"a":"{}"}}}}"#, "x".repeat(300));
    let events = [event.as_str(); 8000].join(",");
    let url = "u".repeat(1_000_000);
    let body = format!(r#"{{"meta":{{"page":{{"url":"{url}"}},"app":{{"version":"{url}"}}}},"events":[{events}]}}"#);
    with_record(&body, &Header::default(), |record| {
        let records = std::slice::from_ref(record);
        let labels = admitted(records);
        let options = loki::Options { format: Format::Logfmt, labels: &labels };
        let (mut from, mut requests) = (0, 0);
        while from < record.items() {
            let converted = loki::push(records, from..record.items(), &options);
            assert!(converted.body.len() < REQUEST_BYTES + LINE_BYTES + 4096);
            assert!(logs::request(records, from..record.items()).body.len() < REQUEST_BYTES + 128 * 1024);
            (from, requests) = (converted.end, requests + 1);
        }
        assert!((2..10).contains(&requests), "{requests}");
    });
}
