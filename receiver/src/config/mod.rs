//! The configuration: flags, environment and a file, read once into types, with every error named by its place and key.

pub mod args;
pub mod exporters;
mod file;
pub mod keys;
pub mod scalar;
pub mod schema;
mod server;
mod values;

pub use args::{Command, Invocation};
pub use exporters::Exporters;
pub use server::{App, Bucket, Cors, ForwardedHeader, Proxies, RateLimiting, Server, Strategy};
pub use values::Place;

use crate::log::Format;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;
use thiserror::Error;
use values::Values;

/// Where payloads are received unless told otherwise: Alloy's port, on loopback.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 12347);

/// Where health, metrics and the viewer are served unless told otherwise.
const OPERATIONS: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 12348);

/// A gibibyte: how far behind lanes may fall.
const JOURNAL_BYTES: u64 = 1 << 30;

/// The least that a journal can work with: four segments of a payload each, and some.
const JOURNAL_LEAST: u64 = 64 << 20;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// What the viewer's store may take: it fits beside the journal on the smallest disk a receiver is given.
const VIEWER_BYTES: u64 = 256 << 20;

/// Something that is wrong with the configuration.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        reason: String,
    },
    /// The file is not YAML.
    #[error("{place}: {reason}")]
    Syntax {
        /// The line.
        place: Place,
        /// The reader's reason.
        reason: String,
    },
    /// A key that is not there, or a value that it cannot have.
    #[error("{place}: {key}: {reason}")]
    Key {
        /// The line, the variable or the flag.
        place: Place,
        /// The key.
        key: String,
        /// What is wrong.
        reason: String,
    },
    /// A key that has to be given.
    #[error("{key}: {reason}")]
    Missing {
        /// The key.
        key: String,
        /// What is wrong.
        reason: String,
    },
}

/// All that is wrong with it, one line each.
#[derive(Debug, Error, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let lines: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

/// What the receiver runs with.
#[derive(Clone, PartialEq)]
pub struct Config {
    /// The ingest server.
    pub server: Server,
    /// Address of health, metrics and the viewer.
    pub operations: SocketAddr,
    /// One more address, for health and metrics alone.
    pub metrics: Option<SocketAddr>,
    /// Directory of everything that is stored.
    pub data_dir: PathBuf,
    /// Bytes that the journal may take on disk.
    pub journal_max_bytes: u64,
    /// How long a record is kept, delivered or not.
    pub journal_max_age: Duration,
    /// Whether the viewer runs, `auto` decided.
    pub viewer: bool,
    /// Bytes of the viewer's store.
    pub viewer_max_bytes: u64,
    /// How long the viewer shows what arrived.
    pub viewer_max_age: Duration,
    /// Where this receiver runs.
    pub environment: Option<String>,
    /// Filter of the log.
    pub log_level: String,
    /// How log lines are written.
    pub log_format: Format,
    /// Where signals go.
    pub exporters: Exporters,
}

/// Nothing secret: a configuration may be logged.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let lanes: Vec<_> = self.exporters.lanes().iter().map(args::describe).collect();
        f.debug_struct("Config")
            .field("server", &self.server)
            .field("operations", &self.operations)
            .field("metrics", &self.metrics)
            .field("data_dir", &self.data_dir)
            .field("exporters", &lanes)
            .field("viewer", &self.viewer)
            .field("journal_max_bytes", &self.journal_max_bytes)
            .finish_non_exhaustive()
    }
}

impl Config {
    /// This configuration with all of `new` that may change while the receiver runs.
    pub fn with_what_reloads(&self, new: &Config) -> Config {
        let Server { api_key, apps, cors, proxies, rates, limits, .. } = new.server.clone();
        let limits = crate::ingest::Limits {
            requests: self.server.limits.requests,
            bodies: self.server.limits.bodies,
            ..limits
        };
        let server = Server { api_key, apps, cors, proxies, rates, limits, ..self.server.clone() };
        Config { server, log_level: new.log_level.clone(), ..self.clone() }
    }

    /// Reads a configuration: `file` has its path and its text, `variables` are the environment.
    ///
    /// # Errors
    /// With everything that is wrong, not only the first.
    pub fn read(
        flags: &[(&keys::Key, String)],
        variables: &[(String, String)],
        file: Option<(&Path, &str)>,
    ) -> Result<Config, ConfigErrors> {
        let mut values = Values::default();
        if let Some((path, text)) = file {
            values.add_file(path, text);
        }
        values.add_environment(variables);
        for (key, text) in flags {
            values.add_flag(key, text);
        }
        let config = build(&mut values, variables, file.is_some());
        values.check()?;
        config.ok_or_else(|| {
            let reason = "no directory: set it, XDG_DATA_HOME or HOME".into();
            ConfigErrors(vec![ConfigError::Missing { key: "data_dir".into(), reason }])
        })
    }
}

/// `None` without a data directory.
fn build(values: &mut Values, variables: &[(String, String)], from_file: bool) -> Option<Config> {
    let server = server::read(values, from_file);
    let exporters = exporters::read(values);
    let retention = values.get("retention_period", scalar::duration);
    let listen = server.listen;
    let sampled = values.get("telemetry.trace_sample_rate", scalar::share);
    if sampled.is_some_and(|share| share > 0.0) {
        let reason = "the receiver has no traces of its own yet: leave it out or set 0".into();
        values.wrong_at("telemetry.trace_sample_rate", reason);
    }
    let config = Config {
        operations: values.get("operations.listen", scalar::address).unwrap_or(OPERATIONS),
        metrics: values
            .get("metrics.port", scalar::integer(0, 65_535))
            .map(|port: u16| SocketAddr::new(listen.ip(), port)),
        data_dir: PathBuf::new(),
        journal_max_bytes: values.get("journal.max_bytes", at_least(JOURNAL_LEAST)).unwrap_or(JOURNAL_BYTES),
        journal_max_age: values.get("journal.max_age", scalar::duration).or(retention).unwrap_or(DAY),
        viewer: match values.word("viewer.enabled") {
            Some("on") => true,
            Some("off") => false,
            _ => exporters.is_empty(),
        },
        viewer_max_bytes: values.get("viewer.max_bytes", scalar::bytes).unwrap_or(VIEWER_BYTES),
        viewer_max_age: values.get("viewer.max_age", scalar::duration).or(retention).unwrap_or(7 * DAY),
        environment: values.text("environment"),
        log_level: values.get("log.level", level).unwrap_or_else(|| "info".to_owned()),
        log_format: match values.word("log.format") {
            Some("pretty") => Format::Pretty,
            _ => Format::Json,
        },
        server,
        exporters,
    };
    let data_dir = values.text("data_dir").map(PathBuf::from).or_else(|| data_dir(variables))?;
    Some(Config { data_dir, ..config })
}

fn level(text: &str) -> Result<String, String> {
    // `EnvFilter` takes any word for the name of a target; a filter of one word is meant as a level.
    let levels = ["error", "warn", "info", "debug", "trace", "off"];
    let wrong = || format!("{text:?} is not one of {}, or a list such as info,farol=debug", levels.join(", "));
    if !text.contains(['=', ',']) && !levels.contains(&text.to_ascii_lowercase().as_str()) {
        return Err(wrong());
    }
    tracing_subscriber::EnvFilter::try_new(text).map(|_| text.to_owned()).map_err(|_| wrong())
}

fn at_least(least: u64) -> impl Fn(&str) -> Result<u64, String> {
    move |text| {
        let bytes = scalar::bytes(text)?;
        if bytes < least { Err(format!("{text:?} is less than {} MiB", least >> 20)) } else { Ok(bytes) }
    }
}

fn data_dir(variables: &[(String, String)]) -> Option<PathBuf> {
    let variable = |name| variables.iter().find(|(known, text)| known == name && !text.is_empty());
    // The XDG specification says to ignore a path that is not absolute.
    let data = variable("XDG_DATA_HOME").map(|(_, path)| PathBuf::from(path)).filter(|path| path.is_absolute());
    let data = data.or_else(|| variable("HOME").map(|(_, home)| Path::new(home).join(".local/share")));
    data.map(|dir| dir.join("farol"))
}

#[cfg(test)]
mod tests;
