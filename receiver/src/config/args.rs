//! The command line: flags from the table of keys, and the commands.

use super::exporters::LanePlan;
use super::keys::{KEYS, Key, Kind};
use super::{Config, ConfigError, ConfigErrors};
use clap::{Arg, ArgMatches};
use std::path::PathBuf;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Receive, until asked to stop.
    Run,
    /// Say whether the configuration is right.
    Check,
    /// Print the JSON Schema of the file.
    Schema,
    /// Ask a running receiver whether it is ready.
    Health,
}

/// The command line as given: read again for each reload.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// What is to be done.
    pub command: Command,
    file: Option<PathBuf>,
    flags: Vec<(&'static Key, String)>,
}

impl Invocation {
    /// Reads the arguments of this process. Prints help, version or a usage error and exits when asked for.
    pub fn from_process() -> Invocation {
        Invocation::from_matches(&command().get_matches())
    }

    fn from_matches(matches: &ArgMatches) -> Invocation {
        let command = match matches.subcommand() {
            Some(("check", _)) => Command::Check,
            Some(("config", _)) => Command::Schema,
            Some(("health", _)) => Command::Health,
            _ => Command::Run,
        };
        let flags = KEYS.iter().filter_map(|key| Some((key, matches.get_one::<String>(key.flag?)?.clone())));
        let variable = || std::env::var_os("FAROL_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from);
        let file = matches.get_one::<PathBuf>("config").cloned().or_else(variable);
        Invocation { command, file, flags: flags.collect() }
    }

    /// The configuration of now: the file and the environment are read each time.
    ///
    /// # Errors
    /// With everything that is wrong.
    pub fn config(&self) -> Result<Config, ConfigErrors> {
        let text = self.file.as_ref().map(|path| {
            std::fs::read_to_string(path).map_err(|error| {
                let reason = error.to_string();
                ConfigErrors(vec![ConfigError::File { path: path.clone(), reason }])
            })
        });
        let text = text.transpose()?;
        let file = self.file.as_deref().zip(text.as_deref());
        let text = |value: std::ffi::OsString| value.into_string().ok();
        let variables: Vec<_> = std::env::vars_os().filter_map(|(name, value)| text(name).zip(text(value))).collect();
        Config::read(&self.flags, &variables, file)
    }
}

fn command() -> clap::Command {
    let flags = KEYS.iter().filter_map(|key| {
        let flag = key.flag?;
        let variables: Vec<_> =
            std::iter::once(key.own_variable()).chain(key.env.iter().map(|&name| name.to_owned())).collect();
        let default = if key.default.is_empty() { String::new() } else { format!(" [default: {}]", key.default) };
        let help = format!("{} [env: {}]{default}", key.doc, variables.join(", "));
        let value = match key.kind {
            Kind::Word(words) => words.join("|"),
            kind => format!("{kind:?}").split('(').next().unwrap_or_default().to_uppercase(),
        };
        Some(Arg::new(flag).long(flag).value_name(value).help(help).global(true))
    });
    let file = Arg::new("config")
        .long("config")
        .value_name("FILE")
        .value_parser(clap::value_parser!(PathBuf))
        .global(true)
        .help("The configuration file; every key of it is in docs/configuration.md [env: FAROL_CONFIG]");
    clap::Command::new("farol")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Real user monitoring that you own: takes Faro payloads on /collect, keeps them, delivers them.")
        .arg(file)
        .args(flags)
        .subcommand(
            clap::Command::new("check").about("Says whether the configuration is right, and what is wrong with it"),
        )
        .subcommand(
            clap::Command::new("config")
                .about("About the configuration file")
                .subcommand_required(true)
                .subcommand(clap::Command::new("schema").about("Prints its JSON Schema")),
        )
        .subcommand(clap::Command::new("health").about("Asks a running receiver whether it is ready: exit code 0 or 1"))
}

/// A lane in words, without secrets.
pub(super) fn describe(lane: &LanePlan) -> String {
    let host = |url: &reqwest::Url| url.host_str().unwrap_or_default().to_owned();
    match lane {
        LanePlan::Loki { loki, .. } => format!("loki {}", host(&loki.push)),
        LanePlan::Traces(otlp) => format!("otlp traces {}", host(&otlp.endpoint)),
        LanePlan::Logs { otlp, .. } => format!("otlp logs {}", host(&otlp.endpoint)),
        LanePlan::Samples(write) => format!("prometheus {}", host(&write.endpoint)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn commands_take_the_same_flags() {
        let check = |line: &[&str], expected: Command| {
            let matches = command().try_get_matches_from(line).unwrap();
            let invocation = Invocation::from_matches(&matches);
            assert_eq!(invocation.command, expected, "{line:?}");
            assert_eq!(invocation.file.as_deref(), Some(std::path::Path::new("f.yml")), "{line:?}");
        };
        check(&["farol", "--config", "f.yml"], Command::Run);
        check(&["farol", "check", "--config=f.yml"], Command::Check);
        check(&["farol", "--config=f.yml", "check"], Command::Check);
        check(&["farol", "health", "--config=f.yml", "--operations=0.0.0.0:1"], Command::Health);
        check(&["farol", "config", "schema", "--config=f.yml"], Command::Schema);
        assert!(command().try_get_matches_from(["farol", "config"]).is_err());
    }
}
