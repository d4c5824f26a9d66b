//! What the decoder takes: Go's rules and what pages really send, each as a row of a table.

use proptest::prelude::*;
use serde_json::{Value, json};
use wire::decode::{self, DecodeError, payload};
use wire::trace::Value as Attribute;
use wire::{Payload, Text};

fn read(json: &str) -> Payload<'_> {
    payload(json.as_bytes()).unwrap_or_else(|error| panic!("{error}: {json}"))
}

fn log(json: &str) -> wire::Log<'_> {
    decode::value(json.as_bytes()).unwrap_or_else(|error| panic!("{error}: {json}"))
}

#[test]
fn texts_are_read_from_what_pages_send() {
    for (sent, expected) in [
        (r#""x""#, "x"),
        ("5", "5"),
        ("-0.50", "-0.50"),
        ("1e21", "1e21"),
        ("true", "true"),
        ("false", "false"),
        ("null", ""),
        (r#""\"\\\/\b\f\n\r\t\u0041""#, "\"\\/\u{8}\u{c}\n\r\tA"),
        (r#""né\u00e9 😀""#, "néé 😀"),
    ] {
        let json = format!("{{\"message\":{sent},\"context\":{{\"k\":{sent}}}}}");
        let log = log(&json);
        assert_eq!((&*log.message, log.context.get("k")), (expected, Some(expected)), "{sent}");
    }
}

#[test]
fn half_a_surrogate_pair_is_one_replacement_character() {
    for (sent, expected) in [
        (r"\ud83d", "\u{fffd}"),
        (r"\uDE00", "\u{fffd}"),
        (r"a\ud83db", "a\u{fffd}b"),
        (r"\ud83d\ude00", "😀"),
        (r"\uD83D\uDE00", "😀"),
        (r"\ud83d\ud83d\ude00", "\u{fffd}😀"),
        (r"\ud83d\n", "\u{fffd}\n"),
        (r"\ud83d\u0041", "\u{fffd}A"),
        (r"\ude00\ud83d", "\u{fffd}\u{fffd}"),
        (r"\\ud83d", "\\ud83d"),
    ] {
        let json = format!(
            r#"{{"meta":{{"app":{{"name":"{sent}"}},"session":{{"attributes":{{"{sent}":"{sent}"}}}}}},
                "logs":[{{"message":"{sent}","level":"info"}}],"events":[{{"name":"e","attributes":{{"{sent}":1}}}}],
                "{sent}":1,"measurements":[{{"type":"t","values":{{"{sent}":2}},"{sent}":[3]}}]}}"#
        );
        let p = read(&json);
        assert_eq!(&*p.logs[0].message, expected);
        assert_eq!(p.meta.app.as_ref().and_then(|app| app.name.as_deref()), Some(expected));
        let attributes = &p.meta.session.as_ref().expect("a session").attributes;
        assert_eq!(attributes.get(expected), Some(expected));
        assert_eq!(p.events[0].attributes.get(expected), Some("1"));
        assert_eq!(p.measurements[0].values.0, [(Text(expected.into()), Some(2.0))]);
        assert_eq!(p.measurements[0].more.get(expected), Some("[3]"));
        assert_eq!((p.logs.invalid, p.events.invalid, p.measurements.invalid), (0, 0, 0));
    }
}

#[test]
fn numbers_are_read_from_text_and_null() {
    for (sent, expected) in [("1.5", Some(1.5)), (r#""1.5""#, Some(1.5)), ("-2e3", Some(-2000.0)), ("null", None)] {
        let json = format!(r#"{{"measurements":[{{"values":{{"v":{sent}}}}}]}}"#);
        assert_eq!(read(&json).measurements[0].values.0, [("v".into(), expected)], "{sent}");
    }
    for bad in ["1e400", "true", "\"x\"", "\"\"", "\"NaN\"", "[]", "{}"] {
        let json = format!(r#"{{"measurements":[{{"values":{{"v":{bad}}}}},{{"type":"good"}}]}}"#);
        let p = read(&json);
        assert_eq!((p.measurements.len(), p.measurements.invalid), (1, 1), "{bad}");
    }
}

#[test]
fn lines_and_columns_are_whole_or_absent() {
    for (sent, expected) in
        [("5", Some(5)), ("\"5\"", Some(5)), ("5.5", Some(5)), ("-1", None), ("4294967296", None), ("null", None)]
    {
        let json = format!(r#"{{"exceptions":[{{"stacktrace":{{"frames":[{{"lineno":{sent}}}]}}}}]}}"#);
        let p = read(&json);
        assert_eq!(p.exceptions[0].stacktrace.as_ref().expect("a stack").frames[0].lineno, expected, "{sent}");
    }
}

#[test]
fn flags_are_read_from_text_and_numbers() {
    for (sent, expected) in [
        ("true", Some(true)),
        ("\"true\"", Some(true)),
        ("1", Some(true)),
        ("\"false\"", Some(false)),
        ("0", Some(false)),
        ("\"\"", None),
        ("null", None),
    ] {
        let json = format!(r#"{{"meta":{{"browser":{{"mobile":{sent}}}}}}}"#);
        assert_eq!(read(&json).meta.browser.and_then(|browser| browser.mobile), expected, "{sent}");
    }
}

#[test]
fn keys_match_in_any_case() {
    let json = r#"{"META":{"App":{"BUNDLEID":"b"},"browser":{"useragent":"u","ViewportWidth":5}},
        "Logs":[{"Message":"m","LEVEL":"info"}],
        "traces":{"resourcespans":[{"SCOPESPANS":[{"spans":[{"traceid":"0123456789abcdef0123456789abcdef",
            "SPANID":"0123456789abcdef","attributes":[{"KEY":"k","value":{"STRINGVALUE":"v"}}]}]}]}]}}"#;
    let p = read(json);
    let browser = p.meta.browser.as_ref().expect("a browser");
    assert_eq!(p.meta.app.as_ref().and_then(|app| app.bundle_id.as_deref()), Some("b"));
    assert_eq!((browser.user_agent.as_deref(), browser.viewport_width.as_deref()), (Some("u"), Some("5")));
    assert_eq!((&*p.logs[0].message, &*p.logs[0].level), ("m", "info"));
    let span = &p.traces.as_ref().expect("traces").resource_spans[0].scope_spans[0].spans[0];
    assert_eq!(span.attributes[0].value, Attribute::String("v".into()));
}

#[test]
fn of_repeated_keys_the_last_counts_and_objects_merge() {
    let p = read(
        r#"{"logs":[{"message":"first list"}],"logs":[{"message":"a","message":"b","context":{"x":1},"context":{"y":2,"y":3}}],
            "meta":{"app":{"name":"n","version":"1"}},"meta":{"app":{"name":"m"},"user":{"id":"u"},"user":null}}"#,
    );
    assert_eq!((p.logs.len(), &*p.logs[0].message), (1, "b"));
    assert_eq!((p.logs[0].context.get("x"), p.logs[0].context.get("y")), (Some("1"), Some("3")));
    let app = p.meta.app.as_ref().expect("an app");
    assert_eq!((app.name.as_deref(), app.version.as_deref()), (Some("m"), Some("1")));
    assert_eq!(p.meta.user, None);
}

#[test]
fn nulls_are_absent_wherever_they_are() {
    assert_eq!(read(" null "), Payload::default());
    for key in ["meta", "logs", "events", "measurements", "exceptions", "traces"] {
        assert_eq!(read(&format!("{{\"{key}\":null}}")), Payload::default(), "{key}");
    }
    let p = read(
        r#"{"meta":{"app":null,"session":{"id":null,"attributes":null}},"logs":[{"message":null,"context":null,
            "timestamp":null,"trace":null,"action":null}],"exceptions":[{"stacktrace":null,"fatal":null}]}"#,
    );
    assert_eq!(p.logs[0], wire::Log::default());
    assert_eq!(p.exceptions[0], wire::Exception::default());
}

#[test]
fn unknown_levels_and_times_are_kept_as_they_are() {
    for (level, timestamp) in [("\"verbose\"", "\"yesterday\""), ("3", "1700000000000"), ("null", "\"\"")] {
        let json = format!("{{\"level\":{level},\"timestamp\":{timestamp}}}");
        let log = log(&json);
        assert_eq!(*log.level, *level.trim_matches('"').replace("null", ""));
        assert_eq!(*log.timestamp, *timestamp.trim_matches('"'));
    }
}

#[test]
fn unknown_members_of_items_are_kept_within_bounds() {
    let l = log(r#"{"message":"m","new":"te\u0078t","n":5,"o":{"a":[1, 2]},"z":null,"Message2":true}"#);
    let kept: Vec<(&str, &str)> = l.more.0.iter().map(|(key, value)| (&**key, &**value)).collect();
    assert_eq!(kept, [("new", "text"), ("n", "5"), ("o", r#"{"a":[1, 2]}"#), ("z", ""), ("Message2", "true")]);
    let many: Vec<String> = (0..100).map(|n| format!("\"k{n}\":{n}")).collect();
    assert_eq!(log(&format!("{{{}}}", many.join(","))).more.0.len(), wire::limits::MORE);
    let long = format!("{{\"k\":\"{}\"}}", "x".repeat(wire::limits::MORE_BYTES));
    assert_eq!(log(&long).more.0.len(), 0);
}

#[test]
fn nested_values_of_pairs_are_kept_as_json() {
    let l = log(r#"{"context":{"list":[1,{"a":"b"}],"object": {"x" : null},"after":"x"}}"#);
    assert_eq!(l.context.get("list"), Some(r#"[1,{"a":"b"}]"#));
    assert_eq!(l.context.get("object"), Some(r#"{"x" : null}"#));
    assert_eq!(l.context.get("after"), Some("x"));
}

#[test]
fn one_bad_item_is_left_out_and_counted_with_its_place() {
    let p = read(
        "{\"logs\":[{\"message\":\"a\"},\n{\"message\":{\"x\":[1,\"]\"]}},7,{\"message\":\"b\"}],\"events\":[{}]}",
    );
    assert_eq!(p.logs.iter().map(|l| &*l.message).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!((p.logs.invalid, p.events.len()), (2, 1));
    let reason = "invalid type: map, expected a string, a number or a boolean at line 2 column 12";
    assert_eq!(p.logs.reason.as_deref(), Some(reason));
}

#[test]
fn items_past_the_limit_are_counted_unread() {
    let body = format!(r#"{{"events":[{}{{}}]}}"#, "{},".repeat(wire::limits::ITEMS + 4));
    let p = read(&body);
    assert_eq!((p.events.len(), p.events.over_limit), (wire::limits::ITEMS, 5));
}

#[test]
fn a_span_needs_its_ids() {
    let good = r#"{"traceId":"0123456789abcdef0123456789abcdef","spanId":"0123456789abcdef","startTimeUnixNano":"17",
        "endTimeUnixNano":18,"kind":"SPAN_KIND_CLIENT","status":{"code":2},"parentSpanId":""}"#;
    for bad in [
        r#"{"traceId":"zz","spanId":"0123456789abcdef"}"#,
        r#"{"traceId":"00000000000000000000000000000000","spanId":"0123456789abcdef"}"#,
        r#"{"traceId":"0123456789abcdef0123456789abcdef"}"#,
        r#"{"traceId":"0123456789abcdef0123456789abcdef","spanId":"0123456789abcdef","parentSpanId":"1"}"#,
        "null",
        "5",
    ] {
        let json = format!(r#"{{"traces":{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{bad},{good}]}}]}}]}}}}"#);
        let p = read(&json);
        let spans = &p.traces.as_ref().expect("traces").resource_spans[0].scope_spans[0].spans;
        assert_eq!((spans.len(), spans.invalid), (1, 1), "{bad}");
        let span = &spans[0];
        assert_eq!((span.start_time_unix_nano.0, span.end_time_unix_nano.0), (17, 18));
        assert_eq!((span.kind, span.status.as_ref().map(|status| status.code)), (3, Some(2)));
        assert_eq!(span.parent_span_id, None);
    }
}

#[test]
fn attribute_values_have_all_their_kinds() {
    for (sent, expected) in [
        (r#"{"stringValue":"s"}"#, Attribute::String("s".into())),
        (r#"{"string_value":5}"#, Attribute::String("5".into())),
        (r#"{"boolValue":true}"#, Attribute::Bool(true)),
        (r#"{"intValue":"-5"}"#, Attribute::Int(-5)),
        (r#"{"intValue":5.0}"#, Attribute::Int(5)),
        (r#"{"doubleValue":"1.5"}"#, Attribute::Double(1.5)),
        (r#"{"doubleValue":"-Infinity"}"#, Attribute::Double(f64::NEG_INFINITY)),
        (
            r#"{"arrayValue":{"values":[{"intValue":1},{}]}}"#,
            Attribute::Array(vec![Attribute::Int(1), Attribute::Empty]),
        ),
        (r#"{"arrayValue":{}}"#, Attribute::Array(vec![])),
        (r#"{"bytesValue":"AA=="}"#, Attribute::Bytes("AA==".into())),
        (r#"{"newValue":{"x":1}}"#, Attribute::Empty),
        ("{}", Attribute::Empty),
        ("null", Attribute::Empty),
    ] {
        let json = format!("{{\"key\":\"k\",\"value\":{sent}}}");
        let pair: wire::trace::KeyValue = decode::value(json.as_bytes()).expect("it reads");
        assert_eq!((&*pair.key, pair.value), ("k", expected), "{sent}");
    }
    for (levels, fine) in [(wire::limits::DEPTH, true), (wire::limits::DEPTH + 1, false), (20_000, false)] {
        let json =
            format!("{{\"value\":{}{{}}{}}}", "{\"arrayValue\":{\"values\":[".repeat(levels), "]}}".repeat(levels));
        assert_eq!(decode::value::<wire::trace::KeyValue>(json.as_bytes()).is_ok(), fine, "{levels}");
    }
}

#[test]
fn refuses_what_is_not_a_payload() {
    for (bad, reason) in [
        ("", "unexpected end at line 1 column 1"),
        ("[]", "invalid type: list, expected an object at line 1 column 1"),
        ("{", "a key must be a string at line 1 column 2"),
        ("{\n \"logs\":{}}", "invalid type: map, expected a list at line 2 column 9"),
        ("{\"meta\":5}", "invalid type: number, expected an object at line 1 column 9"),
        ("{} x", "trailing characters at line 1 column 4"),
        ("\u{feff}{}", "expected a value at line 1 column 1"),
        ("{\"a\":tru}", "expected a value at line 1 column 6"),
        ("{\"a\":01}", "expected `,` or `}` at line 1 column 7"),
        ("{\"a\":\"\\x\"}", "invalid escape at line 1 column 7"),
        ("{\"a\":\"\n\"}", "control character in a string at line 1 column 7"),
        ("{\"logs\":[{\"message\":-}]}", "invalid number at line 1 column 22"),
    ] {
        assert_eq!(payload(bad.as_bytes()), Err(DecodeError::NotPayload(reason.to_owned())), "{bad}");
    }
    assert_eq!(payload(b"{\"a\":\"\xff\"}"), Err(DecodeError::NotUtf8(6)));
    for deep in ["[", "{\"a\":", "-"] {
        let json = format!("{{\"logs\":[{{\"message\":{}", deep.repeat(1_000_000));
        assert!(payload(json.as_bytes()).is_err());
    }
}

#[test]
fn a_stack_of_a_hundred_thousand_levels_is_passed_over() {
    let deep = |open: &str, close: &str| {
        format!("{{\"x\":{}1{},\"logs\":[{{}}]}}", open.repeat(100_000), close.repeat(100_000))
    };
    assert_eq!(read(&deep("[", "]")).logs.len(), 1);
    assert_eq!(read(&deep("{\"k\":", "}")).logs.len(), 1);
    assert_eq!(read(&deep("[{\"k\":", "}]")).logs.len(), 1);
    assert!(payload(deep("[{\"k\":", "]}").as_bytes()).is_err());
}

/// Any JSON, with the names that mean something more often than not.
fn any_json() -> impl Strategy<Value = Value> {
    let key = prop_oneof![
        prop::sample::select(vec![
            "meta",
            "logs",
            "events",
            "message",
            "context",
            "attributes",
            "traces",
            "app",
            "name"
        ])
        .prop_map(str::to_owned),
        any::<String>()
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from)
    ];
    leaf.prop_recursive(5, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect()))
        ]
    })
}

proptest! {
    #[test]
    fn texts_read_as_serde_json_reads_them(text in any::<String>()) {
        let json = json!({ "message": text, "context": { text.clone(): text } }).to_string();
        let log = log(&json);
        prop_assert_eq!(&*log.message, &text);
        prop_assert_eq!(log.context.get(&text), Some(&*text));
    }

    #[test]
    fn any_json_is_passed_over(value in any_json(), pretty in any::<bool>()) {
        let json = json!({ "unknown": value, "logs": [{ "message": "after" }] });
        let json = if pretty { serde_json::to_string_pretty(&json) } else { serde_json::to_string(&json) };
        let json = json.expect("JSON");
        prop_assert_eq!(&*read(&json).logs[0].message, "after");
    }

    #[test]
    fn what_is_damaged_is_json_for_both_or_for_neither(value in any_json(), at in any::<prop::sample::Index>(), byte in 0x20_u8..0x7f) {
        // Under a name that nobody knows only the grammar counts.
        let mut json = json!({ "unknown": value }).to_string().into_bytes();
        let at = at.index(json.len());
        json[at] = byte;
        let ours = payload(&json);
        let theirs = serde_json::from_slice::<Value>(&json);
        let lone = json.windows(3).any(|three| three.eq_ignore_ascii_case(b"\\ud"));
        match theirs {
            Ok(theirs) if theirs.as_object().is_some_and(|object| object.keys().all(|key| key == "unknown" || !key.is_ascii())) =>
                prop_assert!(ours.is_ok(), "{:?} {}", ours, String::from_utf8_lossy(&json)),
            Err(error) if !lone && !error.to_string().contains("out of range") =>
                prop_assert!(ours.is_err(), "{} {}", error, String::from_utf8_lossy(&json)),
            _ => {}
        }
    }

    #[test]
    fn nothing_makes_it_panic(value in any_json(), cut in any::<prop::sample::Index>()) {
        let json = value.to_string();
        let _ = payload(&json.as_bytes()[..cut.index(json.len() + 1)]);
        let _ = payload(json.as_bytes());
    }
}
