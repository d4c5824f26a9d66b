//! What each way of configuring gives, and what each error says.

use super::exporters::{Compression, LanePlan, LineFormat, Loki, Otlp, Protocol, Signal};
use super::keys::{KEYS, Kind};
use super::scalar::Secret;
use super::*;
use crate::convert::template::{Field, Template};

const STACK: &str = include_str!("../../../tests/fixtures/faro.yml");

struct Sources<'s> {
    flags: &'s [&'s str],
    env: &'s [(&'s str, &'s str)],
    file: Option<&'s str>,
}

fn read(Sources { flags, env, file }: Sources) -> Result<Config, ConfigErrors> {
    let flags: Vec<_> = flags
        .iter()
        .map(|flag| {
            let (name, text) = flag.trim_start_matches("--").split_once('=').unwrap();
            (KEYS.iter().find(|key| key.flag == Some(name)).unwrap(), text.to_owned())
        })
        .collect();
    let home = ("HOME".to_owned(), "/home/u".to_owned());
    let env: Vec<_> = env.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).chain([home]).collect();
    Config::read(&flags, &env, file.map(|text| (Path::new("faro.yml"), text)))
}

fn flags(flags: &[&str]) -> Config {
    read(Sources { flags, env: &[], file: None }).unwrap()
}

fn env(env: &[(&str, &str)]) -> Config {
    read(Sources { flags: &[], env, file: None }).unwrap()
}

fn file(text: &str) -> Config {
    read(Sources { flags: &[], env: &[], file: Some(text) }).unwrap()
}

fn wrong(text: &str) -> String {
    read(Sources { flags: &[], env: &[], file: Some(text) }).unwrap_err().to_string()
}

fn url(text: &str) -> reqwest::Url {
    text.parse().unwrap()
}

#[test]
fn needs_nothing() {
    let config = flags(&[]);
    assert_eq!((config.server.listen, config.operations, config.metrics), (LISTEN, OPERATIONS, None));
    assert_eq!(config.data_dir, Path::new("/home/u/.local/share/farol"));
    assert_eq!(config.server.cors.allowed_origins, ["*"]);
    assert_eq!((config.server.api_key, config.server.rates), (None, RateLimiting::default()));
    assert!(config.viewer && config.exporters.is_empty() && !config.server.operations_routes);
    let none = Config::read(&[], &[], None).unwrap_err().to_string();
    assert_eq!(none, "data_dir: no directory: set it, XDG_DATA_HOME or HOME");
}

#[test]
fn the_stack_file_is_taken_as_it_is() {
    let config = file(STACK);
    assert_eq!(config.server.listen, "0.0.0.0:12347".parse().unwrap());
    assert_eq!(config.server.api_key, None);
    assert_eq!(config.server.rates, RateLimiting::default());
    assert_eq!(config.server.cors.allowed_origins.len(), 4);
    assert_eq!(config.server.cors.allowed_headers, ["content-type", "x-faro-session-id"]);
    assert!(config.server.operations_routes && !config.viewer);

    let push = url("http://loki:3100/loki/api/v1/push");
    let text = |text: &str| Template::parse(text).unwrap();
    let field = Template::field;
    let labels = |labels: &[(&str, Template)]| {
        Some(labels.iter().map(|(name, template)| ((*name).to_owned(), template.clone())).collect::<Vec<_>>())
    };
    let logs = labels(&[
        ("app", field(Field::AppName)),
        ("environment", field(Field::AppEnvironment)),
        ("kind", field(Field::Kind)),
    ]);
    let exceptions = labels(&[("app", field(Field::AppName)), ("kind", text("exception"))]);
    let events = labels(&[("app", field(Field::AppName)), ("event_name", field(Field::Name)), ("kind", text("event"))]);
    let tempo = Otlp {
        endpoint: url("http://tempo:4317"),
        protocol: Protocol::Grpc,
        compression: Compression::Gzip,
        timeout: None,
        headers: Vec::new(),
    };
    let expected = [
        LanePlan::Loki {
            loki: Loki { push, tenant: None, format: LineFormat::Logfmt, labels: logs.clone() },
            signals: vec![(Signal::Logs, logs), (Signal::Exceptions, exceptions), (Signal::Events, events)],
        },
        LanePlan::Traces(tempo),
        LanePlan::Samples(exporters::RemoteWrite { endpoint: url("http://prometheus:9090/api/v1/write") }),
    ];
    assert_eq!(config.exporters.lanes(), expected);
}

#[test]
fn flag_beats_variable_beats_file_beats_default() {
    let text = "server: {port: 1, host: 0.0.0.0}\nlog: {level: warn}\n";
    let check = |flags: &[&str], env: &[(&str, &str)], listen: &str, level: &str| {
        let config = read(Sources { flags, env, file: Some(text) }).unwrap();
        assert_eq!((config.server.listen.to_string().as_str(), config.log_level.as_str()), (listen, level));
    };
    check(&[], &[], "0.0.0.0:1", "warn");
    check(&[], &[("FAROL_SERVER_PORT", "2"), ("LOG_LEVEL", "debug")], "0.0.0.0:2", "debug");
    check(&["--log-level=error"], &[("LOG_LEVEL", "debug")], "0.0.0.0:1", "error");
    check(&[], &[("FAROL_LOG_LEVEL", "trace"), ("LOG_LEVEL", "debug")], "0.0.0.0:1", "trace");
    check(&[], &[("FAROL_LISTEN", "127.0.0.1:3")], "127.0.0.1:3", "warn");
    check(&["--listen=127.0.0.1:4"], &[("FAROL_SERVER_PORT", "2")], "127.0.0.1:4", "warn");
    check(&[], &[("LOG_LEVEL", " "), ("FAROL_SERVER_PORT", "tcp://10.0.0.1:12347")], "0.0.0.0:1", "warn");
}

#[test]
fn every_key_has_a_variable_and_a_place_in_the_file() {
    let sample = |kind: Kind, path: &str| match kind {
        Kind::Word(words) if path == "viewer.enabled" => words[0].to_owned(),
        Kind::Word(words) => words[words.len() - 1].to_owned(),
        Kind::Switch => if path.ends_with("insecure") { "true" } else { "false" }.into(),
        Kind::Integer(..) => "7".into(),
        Kind::Number => "2.5".into(),
        Kind::Share => if path.starts_with("telemetry") { "0" } else { "0.5" }.into(),
        Kind::Bytes => if path.starts_with("journal") { "200MiB" } else { "7MiB" }.into(),
        Kind::Duration => "11s".into(),
        Kind::Url => "http://h:1".into(),
        Kind::List if path.ends_with("headers") => "x-a".into(),
        Kind::List if path.ends_with("proxies") => "10.0.0.0/8".into(),
        Kind::List => "https://a.example".into(),
        Kind::Map => "a=b".into(),
        Kind::Secret | Kind::Path => "hush".into(),
        Kind::Text if path.ends_with("listen") => "0.0.0.0:9".into(),
        Kind::Text if path.ends_with("host") => "0.0.0.0".into(),
        Kind::Text if path.ends_with("prefix") => "/p".into(),
        Kind::Text if path == "log.level" => "debug".into(),
        Kind::Text => "h:1".to_owned(),
    };
    let needs = "loki: {url: 'http://x'}\notlp: {endpoint: 'y:1'}\nserver:\n  rate_limiting: {rate: 1, per_client: {rate: 1}}\n  \
                 apps: [{name: a, key: b, rate_limiting: {rate: 1}}]\n";
    for key in KEYS.iter() {
        // Their files are read in another test; and the file above has what stands in their way.
        if key.path.ends_with("_file") || key.path.ends_with("max_allowed_payload_size") && key.path.contains("[]") {
            continue;
        }
        // An exporter is known by its address.
        let (text, near) = (sample(key.kind, &key.path), key.path.rsplit_once('.').map_or("", |(near, _)| near));
        let address = match near.rsplit_once('.').filter(|_| near.contains(".exporter.")) {
            Some((_, "loki")) => format!("FAROL_{}_URL", near.replace('.', "_").to_uppercase()),
            Some((_, "otlp")) => format!("FAROL_{}_ENDPOINT", near.replace('.', "_").to_uppercase()),
            Some(_) => "UNUSED".into(),
            None => "UNUSED".into(),
        };
        let name = key.own_variable().replace("[]", "0");
        let base = [(address.as_str(), if near.ends_with("loki") { "http://z:1" } else { "z:1" })];
        let before = read(Sources { flags: &[], env: &base, file: Some(needs) }).unwrap();
        let with = [(name.as_str(), text.as_str()), base[0]];
        let after = read(Sources { flags: &[], env: &with, file: Some(needs) });
        let after = after.unwrap_or_else(|error| panic!("{name}={text}: {error}"));
        // Zero is no sampling; empty was allowed to stand in for it.
        let same = before == after;
        assert_eq!(same, key.path.starts_with("telemetry"), "{name}={text} changes nothing");
    }
}

#[test]
fn the_table_tells_the_defaults_that_hold() {
    let mut text = String::new();
    for key in KEYS.iter().filter(|key| !key.path.contains("[]") && !key.path.contains(".exporter.")) {
        let is_value = !key.default.is_empty() && !key.default.contains(' ');
        let optional = key.path.starts_with("server.rate_limiting") || key.path.starts_with("otlp");
        if is_value && !optional {
            text += &format!("{}: {}\n", key.path, key.default);
        }
    }
    // Nested by hand: `a.b: c` as `a: {b: c}`.
    let mut sections: std::collections::BTreeMap<String, Vec<String>> = Default::default();
    for line in text.lines() {
        let (path, value) = line.split_once(": ").unwrap();
        let (section, name) = path.rsplit_once('.').unwrap();
        sections.entry(section.to_owned()).or_default().push(format!("{name}: \"{value}\""));
    }
    let text: String = sections.iter().map(|(name, keys)| format!("{name}: {{ {} }}\n", keys.join(", "))).collect();
    let config = file(&text);
    let operations_routes = Server { operations_routes: false, ..config.server };
    assert_eq!(Config { server: operations_routes, ..config }, flags(&[]), "{text}");
}

#[test]
fn known_variables_mean_what_operators_mean() {
    let config = env(&[
        ("METRICS_PORT", "9464"),
        ("FAROL_SERVER_HOST", "0.0.0.0"),
        ("ENVIRONMENT", "staging"),
        ("RETENTION_PERIOD", "48h"),
        ("FAROL_VIEWER", "on"),
        ("FAROL_API_KEY", "k"),
        ("FAROL_CORS_ALLOWED_ORIGINS", "https://a.example, https://*.b.example:8443"),
    ]);
    assert_eq!(config.metrics, Some("0.0.0.0:9464".parse().unwrap()));
    assert_eq!(config.environment.as_deref(), Some("staging"));
    assert_eq!((config.journal_max_age, config.viewer_max_age), (2 * DAY, 2 * DAY));
    assert_eq!(config.server.api_key, Some(Secret("k".into())));
    assert_eq!(config.server.cors.allowed_origins, ["https://a.example", "https://*.b.example:8443"]);
    assert_eq!(env(&[("FAROL_SERVER_HOST", "0.0.0.0")]).server.cors.allowed_origins, [""; 0]);
    let apps = [("FAROL_SERVER_APPS_0_NAME", "shop"), ("FAROL_SERVER_APPS_0_KEY", "k1")];
    assert_eq!(env(&apps).server.apps[0].name, "shop");
}

#[test]
fn one_address_serves_all_that_name_no_exporter() {
    let lanes = |sources: Sources| read(sources).unwrap().exporters.lanes();
    let only = |env: &[(&str, &str)]| lanes(Sources { flags: &[], env, file: None });
    let push = |lane: &LanePlan| match lane {
        LanePlan::Loki { loki, signals } => (loki.push.to_string(), signals.len()),
        other => panic!("{other:?}"),
    };
    for base in ["http://loki:3100", "http://loki:3100/", "http://loki:3100/loki/api/v1/push"] {
        let lanes = only(&[("LOKI_URL", base)]);
        assert_eq!(lanes.len(), 1);
        assert_eq!(push(&lanes[0]), ("http://loki:3100/loki/api/v1/push".into(), 4));
    }
    let otlp = |lane: &LanePlan| match lane {
        LanePlan::Traces(otlp) => (otlp.endpoint.to_string(), otlp.protocol),
        LanePlan::Logs { otlp, signals } => (format!("{} {}", otlp.endpoint, signals.len()), otlp.protocol),
        other => panic!("{other:?}"),
    };
    let check = |env: &[(&str, &str)], expected: &[(&str, Protocol)]| {
        let mut found: Vec<_> = only(env).iter().map(otlp).collect();
        found.sort_by(|a, b| a.0.cmp(&b.0));
        let expected: Vec<_> = expected.iter().map(|(text, protocol)| ((*text).to_owned(), *protocol)).collect();
        assert_eq!(found, expected, "{env:?}");
    };
    let base = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://o:4318");
    let http = Protocol::Http;
    check(&[base], &[("http://o:4318/v1/logs 4", http), ("http://o:4318/v1/traces", http)]);
    check(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://t/")], &[("http://t/", http)]);
    check(
        &[base, ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://l/y")],
        &[("http://l/y 4", http), ("http://o:4318/v1/traces", http)],
    );
    let grpc = [("https://tempo:4317/ 4", Protocol::Grpc), ("https://tempo:4317/", Protocol::Grpc)];
    let mut grpc = grpc;
    grpc.sort_by_key(|(text, _)| *text);
    check(&[("OTLP_ENDPOINT", "tempo:4317")], &grpc);
    check(
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://o:4317"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")],
        &[("http://o:4317/", Protocol::Grpc), ("http://o:4317/ 4", Protocol::Grpc)],
    );
    let headers = only(&[base, ("OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Bearer x,a=b")]);
    let LanePlan::Traces(traces) = headers.iter().find(|lane| matches!(lane, LanePlan::Traces(_))).unwrap() else {
        panic!()
    };
    assert_eq!(traces.headers, [("authorization".into(), Secret("Bearer x".into())), ("a".into(), Secret("b".into()))]);

    // A variable replaces the file's address, and leaves alone what the file sends elsewhere.
    let moved = lanes(Sources { flags: &[], env: &[("LOKI_URL", "http://other")], file: Some(STACK) });
    assert_eq!(push(&moved[0]), ("http://other/loki/api/v1/push".into(), 3));
    assert_eq!(moved.len(), 3);
    let moved =
        lanes(Sources { flags: &[], env: &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://o:4318")], file: Some(STACK) });
    assert_eq!(otlp(&moved[1]), ("http://o:4318/v1/traces".into(), http));
    let weaker = format!("loki: {{url: 'http://weak'}}\n{STACK}");
    assert_eq!(
        push(&lanes(Sources { flags: &[], env: &[], file: Some(&weaker) })[0]).0,
        "http://loki:3100/loki/api/v1/push"
    );
}

#[test]
fn the_viewer_runs_where_nothing_else_takes() {
    assert!(flags(&["--viewer=on", "--loki-url=http://l"]).viewer);
    assert!(!flags(&["--viewer=off"]).viewer);
    assert!(!flags(&["--loki-url=http://l"]).viewer);
    assert!(file("viewer: {enabled: on}\nloki: {url: 'http://l'}\n").viewer);
}

#[test]
fn errors_name_file_line_and_key() {
    let check = |text: &str, expected: &[&str]| {
        let found = wrong(text);
        assert_eq!(found.lines().collect::<Vec<_>>(), expected);
    };
    check(
        "server:\n  prot: 1\n",
        &[
            "faro.yml:2: server.prot: no such key; server has host, port, listen, path_prefix, api_key, api_key_file, operations_routes, trusted_proxies, forwarded_header, max_allowed_payload_size, max_requests, max_bodies, max_connections, head_timeout, body_timeout, idle_timeout, cors, rate_limiting, apps",
        ],
    );
    check(
        "server:\n  port: eighty\n  host: here\n",
        &[
            "faro.yml:3: server.host: \"here\" is not an address such as 0.0.0.0 or ::1",
            "faro.yml:2: server.port: \"eighty\" is not a whole number from 0 to 65535",
        ],
    );
    check(
        "\nlogs:\n  exporter:\n    loki:\n      url: http://l\n      labels:\n        app: \"{{ .App.Nam }}\"\n",
        &[
            "faro.yml:7: logs.exporter.loki.labels.app: template \"{{ .App.Nam }}\": no field \".App.Nam\", there are .Service, .App.Name, .App.Environment, .App.Namespace, .App.Version, .App.Release, .Kind, .Level, .Name, .Event.Name, .Browser.Name, .Browser.OS, .SDK.Name, .SDK.Version, .View.Name",
        ],
    );
    check(
        "logs:\n  exporter:\n    loki: {url: 'http://l', labels: {a-b: x}}\n",
        &["faro.yml:3: logs.exporter.loki.labels.a-b: \"a-b\" is not the name of a label"],
    );
    check(
        "traces:\n  exporter:\n    loki: {url: 'http://l'}\n",
        &["faro.yml:3: traces.exporter.loki.url: no such key; traces.exporter has otlp"],
    );
    check("server: 5\n", &["faro.yml:1: server: has keys of its own, not a value"]);
    check(
        "server:\n  cors:\n    allowed_origins:\n      - http://a\n      - shop\n",
        &[
            "faro.yml:5: server.cors.allowed_origins[1]: \"shop\" is not an origin: write https://shop.example, https://*.shop.example or *",
        ],
    );
    check("logs: {exporter: {loki: {tenant: t}}}\n", &["faro.yml:1: logs.exporter.loki: has no url"]);
    check(
        "traces: {exporter: {otlp: {endpoint: tempo}}}\n",
        &["faro.yml:1: traces.exporter.otlp.endpoint: \"tempo\" is not host:port or an http or https URL"],
    );
    check(
        "events: {exporter: {loki: {url: 'ftp://u:hush@l'}}}\n",
        &["faro.yml:1: events.exporter.loki.url: \"...@l\" is not an http or https URL: scheme ftp"],
    );
    check(
        "log: {level: loud}\n",
        &[
            "faro.yml:1: log.level: \"loud\" is not one of error, warn, info, debug, trace, off, or a list such as info,farol=debug",
        ],
    );
    check("server:\n  apps:\n    - name: a\n", &["faro.yml:3: server.apps[0]: needs a name and a key (or a key_file)"]);
    check(
        "server:\n  apps:\n    - {name: a, key: k}\n    - {name: b, key: k}\n",
        &["faro.yml:4: server.apps[1]: has the key of another"],
    );
    check(
        "server: {api_key: a, api_key_file: b}\n",
        &["faro.yml:1: server.api_key_file: stands beside server.api_key: give one of them"],
    );
    check(
        "telemetry: {trace_sample_rate: 0.1}\n",
        &["faro.yml:1: telemetry.trace_sample_rate: the receiver has no traces of its own yet: leave it out or set 0"],
    );
    check("journal: {max_bytes: 1MiB}\n", &["faro.yml:1: journal.max_bytes: \"1MiB\" is less than 64 MiB"]);
    assert!(wrong("server: [\n").starts_with("faro.yml:"), "{}", wrong("server: [\n"));
    let from = |flags: &[&str], env: &[(&str, &str)]| read(Sources { flags, env, file: None }).unwrap_err().to_string();
    assert_eq!(
        from(&["--loki-url=loki:3100"], &[]),
        "--loki-url: loki.url: \"loki:3100\" is not an http or https URL: scheme loki"
    );
    assert_eq!(
        from(&[], &[("METRICS_PORT", "x")]),
        "METRICS_PORT: metrics.port: \"x\" is not a whole number from 0 to 65535"
    );
}

#[test]
fn secrets_come_from_files_and_are_not_shown() {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("key");
    std::fs::write(&path, "hush-1\n").unwrap();
    let text = format!("server:\n  api_key_file: {}\n  apps: [{{name: a, key: hush-2}}]\n", path.display());
    let config = file(&text);
    assert_eq!(config.server.api_key, Some(Secret("hush-1".into())));
    let shown = format!("{config:?} {:?}", flags(&["--loki-url=http://u:hush-3@loki"]));
    assert!(!shown.contains("hush"), "{shown}");
    // A key given by flag or variable stands before the file's.
    let env = [("FAROL_API_KEY", "other")];
    let other = read(Sources { flags: &[], env: &env, file: Some(&text) }).unwrap();
    assert_eq!(other.server.api_key, Some(Secret("other".into())));
    let missing = wrong("server: {api_key_file: /nowhere/key}\n");
    assert!(missing.starts_with("faro.yml:1: server.api_key_file: /nowhere/key: "), "{missing}");
}

#[test]
fn rates_are_alloys_where_its_keys_are_used() {
    let rates = |text: &str| file(text).server.rates;
    let alloy = Bucket { rate: RATE_OF_ALLOY, burst: 100 };
    const RATE_OF_ALLOY: f64 = 50.0;
    assert_eq!(rates("server: {rate_limiting: {enabled: true}}\n").requests, Some((Strategy::Global, alloy)));
    assert_eq!(rates("server: {rate_limiting: {strategy: per_app}}\n").requests, Some((Strategy::PerApp, alloy)));
    assert_eq!(rates("server: {rate_limiting: {enabled: false, rate: 5}}\n"), RateLimiting::default());
    let client = rates("server: {rate_limiting: {per_client: {rate: 2, burst_size: 3}}}\n");
    assert_eq!(client, RateLimiting { requests: None, per_client: Some(Bucket { rate: 2.0, burst: 3 }) });
}

proptest::proptest! {
    /// A file is an operator's, but what generates it may be anything.
    #[test]
    fn no_file_and_no_variable_breaks_the_reader(
        lines in proptest::collection::vec("( {0,6}(- )?[a-z_]{1,8}: ?[\\[\\]{}\"'a-z0-9,:&*#|> .-]{0,20})|(.{0,30})", 0..12),
        known in proptest::sample::select(KEYS.iter().map(|key| key.path.clone()).collect::<Vec<_>>()),
        value in ".{0,20}",
    ) {
        let nested: String = known.split('.').enumerate().map(|(depth, name)| {
            let indent = "  ".repeat(depth);
            name.strip_suffix("[]").map_or(format!("\n{indent}{name}:"), |list| format!("\n{indent}{list}:\n{indent} -"))
        }).collect();
        let text = format!("{}{nested} {value}\n", lines.join("\n"));
        for text in [text, format!("{nested} {value}\n")] {
            // It is read, or each error has its place.
            if let Err(errors) = read(Sources { flags: &[], env: &[], file: Some(&text) }) {
                for line in errors.to_string().lines().take(1) {
                    proptest::prop_assert!(line.starts_with("faro.yml:") || line.contains(": "), "{}", line);
                }
            }
        }
        let key = KEYS.iter().find(|key| key.path == known).unwrap();
        let name = key.own_variable().replace("[]", "0");
        let _ = read(Sources { flags: &[], env: &[(&name, &value)], file: None });
    }

    #[test]
    fn no_text_breaks_a_value(text in ".{0,40}", near in "[0-9a-f:./\\[\\]kKmMiBshdw ]{0,20}") {
        for text in [text, near] {
            let _ = (text.parse::<scalar::Network>(), text.parse::<Template>(), scalar::bytes(&text), scalar::duration(&text));
            let _ = (scalar::address(&text), scalar::host(&text), scalar::origin(&text), scalar::prefix(&text), scalar::header(&text));
        }
    }
}
