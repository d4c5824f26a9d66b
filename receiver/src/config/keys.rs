//! Every key there is: where it stands in the file, its flag, its variables, its default, what it means.
//!
//! Flags, environment, file, schema and reference are all read from this one table.

use std::sync::LazyLock;

/// What a key's value looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// Text that is never logged or shown.
    Secret,
    /// `true` or `false`.
    Switch,
    /// A whole number between the two.
    Integer(u64, u64),
    /// A number that is not negative.
    Number,
    /// A number from 0 to 1.
    Share,
    /// A number with a unit, such as `5MiB`; a bare number is bytes.
    Bytes,
    /// A number with a unit, such as `90s` or `7d`.
    Duration,
    /// An http or https URL.
    Url,
    /// A path of this machine.
    Path,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Texts; separated by commas where there is only one line.
    List,
    /// Texts by name; `name=text,name=text` where there is only one line.
    Map,
}

/// One key.
#[derive(Clone, Debug)]
pub struct Key {
    /// Its place in the file: names joined by dots, `[]` behind a list's name.
    pub path: String,
    /// What its value looks like.
    pub kind: Kind,
    /// What holds without it, as the reference says it.
    pub default: &'static str,
    /// Its flag, without the dashes.
    pub flag: Option<&'static str>,
    /// Names that operators know, beside `FAROL_` and the path.
    pub env: &'static [&'static str],
    /// What it means, in one sentence or two.
    pub doc: &'static str,
}

impl Key {
    /// Its own variable: `FAROL_SERVER_PORT` for `server.port`. Where the path has `[]`, this has `[]` too, for a number.
    pub fn own_variable(&self) -> String {
        let name = self.path.replace("[].", "_[]_").replace('.', "_");
        format!("FAROL_{}", name.to_ascii_uppercase())
    }
}

/// All keys, in the order of the reference.
pub static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| {
    let plain = ROWS.iter().map(|row| row.key(row.path.to_owned()));
    let exporters = SIGNALS.iter().flat_map(|(signal, kinds)| {
        let rows = kinds.iter().flat_map(|(kind, rows)| rows.iter().map(move |row| (kind, row)));
        rows.map(move |(kind, row)| row.key(format!("{signal}.exporter.{kind}.{}", row.path)))
    });
    plain.chain(exporters).collect()
});

/// A row of the table.
struct Row {
    path: &'static str,
    kind: Kind,
    default: &'static str,
    flag: &'static str,
    env: &'static [&'static str],
    doc: &'static str,
}

impl Row {
    fn key(&self, path: String) -> Key {
        let flag = (!self.flag.is_empty()).then_some(self.flag);
        Key { path, kind: self.kind, default: self.default, flag, env: self.env, doc: self.doc }
    }
}

const fn row(path: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Row {
    Row { path, kind, default, flag: "", env: &[], doc }
}

impl Row {
    const fn flag(self, flag: &'static str) -> Row {
        Row { flag, ..self }
    }

    const fn env(self, env: &'static [&'static str]) -> Row {
        Row { env, ..self }
    }
}

use Kind::{Bytes, Duration, Integer, List, Map, Number, Path, Secret, Share, Switch, Text, Url, Word};

const PORT: Kind = Integer(0, 65_535);
const PROTOCOLS: Kind = Word(&["grpc", "http/protobuf"]);
const COMPRESSIONS: Kind = Word(&["gzip", "none"]);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    row("server.host", Text, "127.0.0.1", "Address that receives payloads."),
    row("server.port", PORT, "12347", "Its port."),
    row("server.listen", Text, "", "Address and port in one; wins over `host` and `port` given in the same place.")
        .flag("listen").env(&["FAROL_LISTEN"]),
    row("server.path_prefix", Text, "", "What stands before `/collect`, such as `/faro`."),
    row("server.api_key", Secret, "", "Key that payloads must bring, as `x-api-key` or as `/collect/KEY`. Empty: none is needed.")
        .flag("api-key").env(&["FAROL_API_KEY"]),
    row("server.api_key_file", Path, "", "File that holds it."),
    row("server.operations_routes", Switch, "true with a file, else false",
        "Whether `/health`, `/health/ready`, `/-/ready` and `/metrics` answer on this port too.")
        .env(&["FAROL_OPERATIONS_ROUTES"]),
    row("server.trusted_proxies", List, "", "Addresses and networks of proxies whose word on the client's address is taken."),
    row("server.forwarded_header", Word(&["x-forwarded-for", "forwarded"]), "x-forwarded-for",
        "The header that those proxies write. Only this one is read: the other would be the client's own."),
    row("server.max_allowed_payload_size", Bytes, "5MiB", "Bytes of one body, as sent and inflated."),
    row("server.max_requests", Integer(1, 100_000), "256", "Requests whose body is being received or written."),
    row("server.max_bodies", Bytes, "6MiB", "Bytes of bodies held at once."),
    row("server.max_connections", Integer(1, 100_000), "1024",
        "Connections open at once. One more cuts the one that has been idle longest."),
    row("server.head_timeout", Duration, "10s", "How long the head of a request may take from its first byte."),
    row("server.body_timeout", Duration, "30s", "How long a body may take to arrive."),
    row("server.idle_timeout", Duration, "75s", "How long a connection may be silent. Longer than the proxy's own."),
    row("server.cors.allowed_origins", List, "* on loopback, else none",
        "Origins whose pages may post; each may have one `*` in it.")
        .flag("cors-allowed-origins").env(&["FAROL_CORS_ALLOWED_ORIGINS"]),
    row("server.cors.allowed_headers", List, "", "Headers that pages may send beside the protocol's own."),
    row("server.rate_limiting.enabled", Switch, "true when a rate is given", "Whether the limits of this section hold."),
    row("server.rate_limiting.strategy", Word(&["global", "per_app"]), "global",
        "One bucket for all, or one for each `app.name` with `app.environment`."),
    row("server.rate_limiting.rate", Number, "50", "Requests a second that fill the bucket again."),
    row("server.rate_limiting.burst_size", Integer(1, 1_000_000), "100", "Requests that it holds."),
    row("server.rate_limiting.per_client.rate", Number, "", "Requests a second from one address (of IPv6: one /64). Empty: no limit."),
    row("server.rate_limiting.per_client.burst_size", Integer(1, 1_000_000), "100", "Requests at once from one address."),
    row("server.apps[].name", Text, "", "Name of an application that has keys of its own; a label of its metrics."),
    row("server.apps[].key", Secret, "", "Its key."),
    row("server.apps[].key_file", Path, "", "File that holds its key."),
    row("server.apps[].allowed_origins", List, "", "Origins that may use this key; a page elsewhere is refused. Empty: any."),
    row("server.apps[].max_allowed_payload_size", Bytes, "", "Bytes of one of its bodies, at most the server's."),
    row("server.apps[].sample_rate", Share, "1", "Share of its sessions that is kept; a session is kept whole or not at all."),
    row("server.apps[].rate_limiting.rate", Number, "", "Requests a second with this key. Empty: no limit."),
    row("server.apps[].rate_limiting.burst_size", Integer(1, 1_000_000), "100", "Requests at once with this key."),
    row("operations.listen", Text, "127.0.0.1:12348", "Address of health, metrics and the viewer.")
        .flag("operations").env(&["FAROL_OPERATIONS"]),
    row("metrics.port", PORT, "", "One more port, on the address that receives payloads, for health and metrics alone.")
        .env(&["METRICS_PORT"]),
    row("data_dir", Path, "$XDG_DATA_HOME/farol or ~/.local/share/farol", "Directory of the journal and the viewer's store.")
        .flag("data-dir"),
    row("journal.max_bytes", Bytes, "1GiB", "Bytes that the journal may take on disk.").flag("journal-max-bytes"),
    row("journal.max_age", Duration, "1d", "No record is kept longer, delivered or not."),
    row("viewer.enabled", Word(&["on", "off", "auto"]), "auto", "Whether the viewer runs; auto: when there is no exporter.")
        .flag("viewer").env(&["FAROL_VIEWER"]),
    row("viewer.max_bytes", Bytes, "256MiB", "Bytes of its store."),
    row("viewer.max_age", Duration, "7d", "How long it shows what arrived."),
    row("retention_period", Duration, "", "Sets `journal.max_age` and `viewer.max_age`, where they are not set.")
        .env(&["RETENTION_PERIOD"]),
    row("environment", Text, "", "Where this receiver runs; a field of its log and a label of `farol_build_info`.")
        .env(&["ENVIRONMENT"]),
    row("telemetry.trace_sample_rate", Share, "0", "Share of the receiver's own traces that is exported.")
        .env(&["TRACE_SAMPLE_RATE"]),
    row("log.level", Text, "info", "error, warn, info, debug, trace, or a list such as `info,farol=debug`.")
        .flag("log-level").env(&["LOG_LEVEL"]),
    row("log.format", Word(&["json", "pretty"]), "json", "How log lines are written.").flag("log-format").env(&["LOG_FORMAT"]),
    row("loki.url", Url, "", "Loki, as base or push URL: for logs, exceptions, events and measurements that name no exporter, \
        and in place of a URL of the file when given by flag or variable.").flag("loki-url").env(&["LOKI_URL"]),
    row("loki.tenant", Text, "", "Tenant, sent to Loki as X-Scope-OrgID.").flag("loki-tenant").env(&["LOKI_TENANT"]),
    row("otlp.endpoint", Text, "", "OTLP for all that names no exporter: an http URL to which /v1/traces and /v1/logs are \
        appended, or `host:port` for gRPC. Given by flag or variable it also replaces the file's endpoints.")
        .flag("otlp-endpoint").env(&["OTEL_EXPORTER_OTLP_ENDPOINT", "OTLP_ENDPOINT"]),
    row("otlp.traces_endpoint", Text, "", "The same for traces alone; a URL is taken as it is.")
        .flag("otlp-traces-endpoint").env(&["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]),
    row("otlp.logs_endpoint", Text, "", "The same for logs alone; a URL is taken as it is.")
        .flag("otlp-logs-endpoint").env(&["OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"]),
    row("otlp.protocol", PROTOCOLS, "grpc for host:port, http/protobuf for a URL", "What is spoken there.")
        .env(&["OTEL_EXPORTER_OTLP_PROTOCOL"]),
    row("otlp.insecure", Switch, "false", "Whether `host:port` is reached without TLS.").env(&["OTEL_EXPORTER_OTLP_INSECURE"]),
    row("otlp.compression", COMPRESSIONS, "gzip", "How requests are compressed.").env(&["OTEL_EXPORTER_OTLP_COMPRESSION"]),
    row("otlp.timeout", Duration, "10s", "How long a request may take; a bare number is milliseconds.")
        .env(&["OTEL_EXPORTER_OTLP_TIMEOUT"]),
    row("otlp.headers", Map, "", "Headers sent along, such as an access token.").env(&["OTEL_EXPORTER_OTLP_HEADERS"]),
];

type Exporter = (&'static str, &'static [Row]);

const LOKI: Exporter = (
    "loki",
    &[
        row("url", Url, "", "Loki, as base or push URL."),
        row("tenant", Text, "", "Tenant, sent as X-Scope-OrgID."),
        row("format", Word(&["logfmt", "json"]), "logfmt", "How lines are written."),
        row(
            "labels",
            Map,
            "service_name, app, environment, kind, level, event_name",
            "Labels by name: text with `{{ .App.Name }}`, `{{ .App.Environment }}`, `{{ .Kind }}` and `{{ .Name }}` in it.",
        ),
    ],
);

const OTLP: Exporter = (
    "otlp",
    &[
        row("endpoint", Text, "", "`host:port` for gRPC, or an http URL; one without a path gets the signal's own."),
        row("protocol", PROTOCOLS, "grpc for host:port, http/protobuf for a URL", "What is spoken there."),
        row("insecure", Switch, "false", "Whether `host:port` is reached without TLS."),
        row("compression", COMPRESSIONS, "gzip", "How requests are compressed."),
        row("timeout", Duration, "10s", "How long a request may take."),
        row("headers", Map, "", "Headers sent along, such as an access token."),
    ],
);

const PROMETHEUS: Exporter = ("prometheus", &[row("endpoint", Url, "", "Remote-write URL.")]);

/// The signals and the exporters that each may name.
const SIGNALS: &[(&str, &[Exporter])] = &[
    ("logs", &[LOKI, OTLP]),
    ("traces", &[OTLP]),
    ("measurements", &[PROMETHEUS, LOKI, OTLP]),
    ("exceptions", &[LOKI, OTLP]),
    ("events", &[LOKI, OTLP]),
];
