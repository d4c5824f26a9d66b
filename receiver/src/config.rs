//! The configuration: flags and environment now, read once into types that name what is wrong.

use clap::{Parser, ValueEnum};
use reqwest::Url;
use std::ffi::OsString;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Where payloads are received unless told otherwise: Alloy's port, on loopback.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 12347);

/// Where health, metrics and the viewer are served unless told otherwise.
const OPERATIONS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 12348);

/// Why the receiver cannot be configured.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// Not a URL, or not an http one.
    #[error("{key}: {value:?} is not an http or https URL: {reason}")]
    Url {
        /// Flag and variable.
        key: &'static str,
        /// What was given.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no home directory to put the data under.
    #[error("no data directory: set --data-dir or FAROL_DATA_DIR, XDG_DATA_HOME or HOME")]
    DataDir,
    /// An origin that can never match.
    #[error("--cors-allowed-origins: {0:?} is not an origin: write https://shop.example, https://*.shop.example or *")]
    Origin(String),
}

/// When the viewer runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Viewer {
    /// Always.
    On,
    /// Never.
    Off,
    /// When there is no sink.
    #[default]
    Auto,
}

/// Real user monitoring that you own: takes Faro payloads on /collect, keeps them, delivers them.
#[derive(Parser)]
#[command(name = "farol", version)]
struct Args {
    /// Address that receives payloads.
    #[arg(long, env = "FAROL_LISTEN", default_value_t = LISTEN)]
    listen: SocketAddr,
    /// Address of health, metrics and the viewer.
    #[arg(long, env = "FAROL_OPERATIONS", default_value_t = OPERATIONS)]
    operations: SocketAddr,
    /// Directory of the journal and the viewer's store [default: $XDG_DATA_HOME/farol or ~/.local/share/farol].
    #[arg(long, env = "FAROL_DATA_DIR")]
    data_dir: Option<PathBuf>,
    /// Key that payloads must bring, as x-api-key or as /collect/KEY.
    #[arg(long, env = "FAROL_API_KEY", hide_env_values = true)]
    api_key: Option<String>,
    /// Origins whose pages may post, separated by commas [default: * on loopback, else none].
    #[arg(long, env = "FAROL_CORS_ALLOWED_ORIGINS")]
    cors_allowed_origins: Option<String>,
    /// Loki, as base or push URL.
    #[arg(long, env = "LOKI_URL", hide_env_values = true)]
    loki_url: Option<String>,
    /// Tenant, sent to Loki as X-Scope-OrgID.
    #[arg(long, env = "LOKI_TENANT")]
    loki_tenant: Option<String>,
    /// OTLP/HTTP base URL; /v1/traces and /v1/logs are appended.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", hide_env_values = true)]
    otlp_endpoint: Option<String>,
    /// OTLP/HTTP URL for traces, in full.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", hide_env_values = true)]
    otlp_traces_endpoint: Option<String>,
    /// OTLP/HTTP URL for logs, in full.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", hide_env_values = true)]
    otlp_logs_endpoint: Option<String>,
    /// Whether the viewer runs; auto: when no sink is configured.
    #[arg(long, env = "FAROL_VIEWER", value_enum, default_value_t)]
    viewer: Viewer,
    /// error, warn, info, debug, trace, or a list such as info,farol=debug.
    #[arg(long, env = "LOG_LEVEL", default_value = "info")]
    log_level: String,
    /// Bytes that the journal may take on disk.
    #[arg(long, env = "FAROL_JOURNAL_MAX_BYTES", default_value_t = 1 << 30)]
    journal_max_bytes: u64,
}

/// What the receiver runs with.
#[derive(Clone, PartialEq)]
pub struct Config {
    /// Address that receives payloads.
    pub listen: SocketAddr,
    /// Address of health, metrics and the viewer.
    pub operations: SocketAddr,
    /// Directory of everything that is stored.
    pub data_dir: PathBuf,
    /// Key that payloads must bring; `None` takes all.
    pub api_key: Option<String>,
    /// Origins whose pages may post.
    pub cors_allowed_origins: Vec<String>,
    /// Loki's push URL.
    pub loki_push: Option<Url>,
    /// Loki's tenant.
    pub loki_tenant: Option<String>,
    /// Where traces go, in full.
    pub otlp_traces: Option<Url>,
    /// Where logs go, in full.
    pub otlp_logs: Option<Url>,
    /// Whether the viewer runs, `auto` decided.
    pub viewer: bool,
    /// Filter of the log.
    pub log_level: String,
    /// Bytes that the journal may take on disk.
    pub journal_max_bytes: u64,
}

impl Config {
    /// Reads flags and environment of this process. Prints help, version or a usage error and exits when asked for.
    pub fn from_process() -> Result<Config, ConfigError> {
        Config::new(Args::parse(), |name| std::env::var_os(name).filter(|value| !value.is_empty()))
    }

    fn new(args: Args, env: impl Fn(&str) -> Option<OsString>) -> Result<Config, ConfigError> {
        let loki_push = url("--loki-url (LOKI_URL)", args.loki_url)?.map(|base| with_path(base, "/loki/api/v1/push"));
        let otlp = url("--otlp-endpoint (OTEL_EXPORTER_OTLP_ENDPOINT)", args.otlp_endpoint)?;
        let otlp_traces =
            url("--otlp-traces-endpoint (OTEL_EXPORTER_OTLP_TRACES_ENDPOINT)", args.otlp_traces_endpoint)?
                .or_else(|| otlp.clone().map(|base| with_path(base, "/v1/traces")));
        let otlp_logs = url("--otlp-logs-endpoint (OTEL_EXPORTER_OTLP_LOGS_ENDPOINT)", args.otlp_logs_endpoint)?
            .or_else(|| otlp.map(|base| with_path(base, "/v1/logs")));
        let viewer = match args.viewer {
            Viewer::On => true,
            Viewer::Off => false,
            Viewer::Auto => loki_push.is_none() && otlp_traces.is_none() && otlp_logs.is_none(),
        };
        Ok(Config {
            listen: args.listen,
            operations: args.operations,
            data_dir: args.data_dir.filter(|dir| !dir.as_os_str().is_empty()).map_or_else(|| data_dir(env), Ok)?,
            api_key: non_empty(args.api_key),
            cors_allowed_origins: origins(args.cors_allowed_origins, args.listen.ip())?,
            loki_push,
            loki_tenant: non_empty(args.loki_tenant),
            otlp_traces,
            otlp_logs,
            viewer,
            log_level: args.log_level,
            journal_max_bytes: args.journal_max_bytes,
        })
    }
}

/// Nothing secret: a configuration may be logged.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let host = |url: &Option<Url>| url.as_ref().and_then(|url| url.host_str().map(str::to_owned));
        f.debug_struct("Config")
            .field("listen", &self.listen)
            .field("operations", &self.operations)
            .field("data_dir", &self.data_dir)
            .field("api_key", &self.api_key.is_some())
            .field("cors_allowed_origins", &self.cors_allowed_origins)
            .field("loki", &host(&self.loki_push))
            .field("otlp_traces", &host(&self.otlp_traces))
            .field("otlp_logs", &host(&self.otlp_logs))
            .field("viewer", &self.viewer)
            .field("journal_max_bytes", &self.journal_max_bytes)
            .finish_non_exhaustive()
    }
}

/// An empty variable is one that is not set, as OpenTelemetry has it.
fn non_empty(text: Option<String>) -> Option<String> {
    text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn url(key: &'static str, text: Option<String>) -> Result<Option<Url>, ConfigError> {
    let Some(text) = non_empty(text) else { return Ok(None) };
    let error = |reason: String| ConfigError::Url { key, value: text.clone(), reason };
    let url = Url::parse(&text).map_err(|e| error(e.to_string()))?;
    match url.scheme() {
        "http" | "https" => Ok(Some(url)),
        scheme => Err(error(format!("scheme {scheme}"))),
    }
}

/// `base` with `path` behind its own, unless it ends so already.
fn with_path(mut base: Url, path: &str) -> Url {
    let own = base.path().trim_end_matches('/').to_owned();
    if !own.ends_with(path) {
        base.set_path(&format!("{own}{path}"));
    }
    base
}

fn data_dir(env: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, ConfigError> {
    // The XDG specification says to ignore a path that is not absolute.
    let data = env("XDG_DATA_HOME").map(PathBuf::from).filter(|dir| dir.is_absolute());
    let data = data.or_else(|| env("HOME").map(|home| Path::new(&home).join(".local/share")));
    data.map(|dir| dir.join("farol")).ok_or(ConfigError::DataDir)
}

fn origins(list: Option<String>, listen: IpAddr) -> Result<Vec<String>, ConfigError> {
    let Some(list) = non_empty(list) else {
        // A receiver that only this machine reaches may take from any page on it; others must be told.
        return Ok(if listen.is_loopback() { vec!["*".to_owned()] } else { Vec::new() });
    };
    let origins = list.split(',').map(str::trim).filter(|origin| !origin.is_empty());
    origins
        .map(|origin| {
            let authority = origin.split_once("://").map(|(_, authority)| authority);
            let is_origin = authority.is_some_and(|authority| !authority.is_empty() && !authority.contains('/'));
            let is_pattern = origin.matches('*').count() <= 1;
            if origin == "*" || origin == "null" || (is_origin && is_pattern) {
                Ok(origin.to_owned())
            } else {
                Err(ConfigError::Origin(origin.to_owned()))
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(flags: &[&str]) -> Result<Config, ConfigError> {
        let args = Args::try_parse_from(["farol"].iter().chain(flags)).unwrap();
        Config::new(args, |name| (name == "HOME").then(|| "/home/u".into()))
    }

    #[test]
    fn needs_no_flag() {
        let config = config(&[]).unwrap();
        assert_eq!((config.listen, config.operations), (LISTEN, OPERATIONS));
        assert_eq!(config.data_dir, Path::new("/home/u/.local/share/farol"));
        assert_eq!(config.cors_allowed_origins, ["*"]);
        assert_eq!((config.viewer, config.api_key, config.loki_push, config.otlp_traces), (true, None, None, None));
    }

    #[test]
    fn sink_urls_are_base_or_whole() {
        let check = |flags: &[&str], loki: Option<&str>, traces: Option<&str>, logs: Option<&str>| {
            let config = config(flags).unwrap();
            assert_eq!(config.loki_push.as_ref().map(Url::as_str), loki, "{flags:?}");
            assert_eq!(config.otlp_traces.as_ref().map(Url::as_str), traces, "{flags:?}");
            assert_eq!(config.otlp_logs.as_ref().map(Url::as_str), logs, "{flags:?}");
            assert_eq!(config.viewer, loki.is_none() && traces.is_none() && logs.is_none());
        };
        let push = Some("http://loki:3100/loki/api/v1/push");
        check(&["--loki-url=http://loki:3100"], push, None, None);
        check(&["--loki-url=http://loki:3100/"], push, None, None);
        check(&["--loki-url=http://loki:3100/loki/api/v1/push"], push, None, None);
        check(&["--loki-url=https://a/logs/"], Some("https://a/logs/loki/api/v1/push"), None, None);
        check(&["--loki-url="], None, None, None);
        let (traces, logs) = (Some("http://o:4318/v1/traces"), Some("http://o:4318/v1/logs"));
        check(&["--otlp-endpoint=http://o:4318"], None, traces, logs);
        check(&["--otlp-traces-endpoint=http://t/x"], None, Some("http://t/x"), None);
        check(&["--otlp-endpoint=http://o:4318/", "--otlp-logs-endpoint=http://l/y"], None, traces, Some("http://l/y"));
    }

    #[test]
    fn the_viewer_can_be_asked_for() {
        assert!(config(&["--loki-url=http://l", "--viewer=on"]).unwrap().viewer);
        assert!(!config(&["--viewer=off"]).unwrap().viewer);
    }

    #[test]
    fn other_pages_are_let_in_only_on_loopback_or_when_named() {
        let check = |flags: &[&str], origins: &[&str]| assert_eq!(config(flags).unwrap().cors_allowed_origins, origins);
        check(&["--listen=[::1]:1"], &["*"]);
        check(&["--listen=0.0.0.0:1"], &[]);
        check(
            &["--cors-allowed-origins=https://a.example, https://*.b.example:8443"],
            &["https://a.example", "https://*.b.example:8443"],
        );
    }

    #[test]
    fn errors_name_the_key() {
        let check = |flags: &[&str], words: &str| {
            let error = config(flags).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        };
        check(&["--loki-url=loki:3100"], "--loki-url (LOKI_URL): \"loki:3100\" is not an http or https URL");
        check(&["--otlp-endpoint=nonsense"], "OTEL_EXPORTER_OTLP_ENDPOINT");
        check(&["--cors-allowed-origins=shop.example"], "\"shop.example\" is not an origin");
        check(&["--cors-allowed-origins=https://a.example/"], "is not an origin");
        let args = Args::try_parse_from(["farol"]).unwrap();
        assert!(matches!(Config::new(args, |_| None), Err(ConfigError::DataDir)));
    }

    #[test]
    fn a_logged_configuration_has_no_secret() {
        let config = config(&["--api-key=hush-1", "--loki-url=http://u:hush-2@loki"]).unwrap();
        let text = format!("{config:?}");
        assert!(!text.contains("hush"), "{text}");
    }
}
