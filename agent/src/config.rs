//! The options of `initializeFaro` that the agent itself needs, and the parts of the meta, read by their paths.

use crate::policy;
use wire::{Pairs, Text, meta};

/// What stands at a path of an options object.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing, or what has no place in options.
    Missing,
    /// A string.
    Text(String),
    /// A number.
    Number(f64),
    /// True or false.
    Flag(bool),
    /// An object or a list, its own members as text.
    Pairs(Vec<(String, String)>),
}

/// Reads the value at a path such as `batching.sendTimeout`.
pub type Read<'r> = &'r dyn Fn(&str) -> Value;

/// The options, defaults filled in.
#[derive(Debug, PartialEq)]
pub struct Config {
    /// Where batches go.
    pub url: String,
    /// The `x-api-key`, empty for none.
    pub api_key: String,
    /// The domain of events that name none.
    pub domain: String,
    /// Whether repeats are left out.
    pub dedupe: bool,
    /// Whether it starts paused.
    pub paused: bool,
    /// Texts that an error must not contain.
    pub ignore_errors: Vec<String>,
    /// Milliseconds that a batch waits for more items; 0 waits for the limit alone.
    pub send_timeout: f64,
    /// Items in a batch.
    pub item_limit: u32,
    /// Whether there are sessions at all.
    pub sessions: bool,
    /// Whether the session outlives the tab.
    pub persistent: bool,
    /// The share of sessions that is sent.
    pub sampling_rate: f64,
}

impl Config {
    /// Reads the options. What is absent or of the wrong type has its default.
    pub fn read(read: Read) -> Self {
        let batching = flag(read, "batching.enabled", true);
        Config {
            url: string(read, "url"),
            api_key: string(read, "apiKey"),
            domain: text(read, "eventDomain").map_or_else(|| "browser".to_owned(), |domain| domain.0.into_owned()),
            dedupe: flag(read, "dedupe", true),
            paused: flag(read, "paused", false),
            ignore_errors: pairs(read, "ignoreErrors").0.into_iter().map(|(_, text)| text.0.into_owned()).collect(),
            send_timeout: number(read, "batching.sendTimeout", policy::SEND_TIMEOUT_MS).max(0.0),
            item_limit: if batching {
                (number(read, "batching.itemLimit", f64::from(policy::ITEM_LIMIT)) as u32).max(1)
            } else {
                1
            },
            sessions: flag(read, "sessionTracking.enabled", true),
            persistent: flag(read, "sessionTracking.persistent", false),
            sampling_rate: number(read, "sessionTracking.samplingRate", 1.0),
        }
    }
}

/// The application.
pub fn app(read: Read) -> meta::App<'static> {
    let text = |path: &str| text(read, path);
    meta::App {
        name: text("name"),
        namespace: text("namespace"),
        release: text("release"),
        version: text("version"),
        environment: text("environment"),
        bundle_id: text("bundleId"),
        git_hash: text("gitHash"),
        installation_id: text("installationId"),
    }
}

/// The user.
pub fn user(read: Read) -> meta::User<'static> {
    let text = |path: &str| text(read, path);
    meta::User {
        email: text("email"),
        id: text("id"),
        username: text("username"),
        full_name: text("fullName"),
        roles: text("roles"),
        hash: text("hash"),
        attributes: pairs(read, "attributes"),
    }
}

/// The session as a page describes it; also what storage holds of it.
pub fn session(read: Read) -> meta::Session<'static> {
    let service_name = text(read, "overrides.serviceName");
    let geo_location_tracking_enabled = match read("overrides.geoLocationTrackingEnabled") {
        Value::Flag(flag) => Some(flag),
        _ => None,
    };
    let overrides = meta::Overrides { service_name, geo_location_tracking_enabled };
    meta::Session {
        id: text(read, "id"),
        attributes: pairs(read, "attributes"),
        overrides: (overrides != meta::Overrides::default()).then_some(overrides),
    }
}

/// The page.
pub fn page(read: Read) -> meta::Page<'static> {
    meta::Page { id: text(read, "id"), url: text(read, "url"), attributes: pairs(read, "attributes") }
}

/// A string, or a number as a page writes its ids; absent when empty.
pub fn text(read: Read, path: &str) -> Option<Text<'static>> {
    Some(Text::from(string(read, path))).filter(|text| !text.is_empty())
}

fn string(read: Read, path: &str) -> String {
    match read(path) {
        Value::Text(text) => text,
        Value::Number(number) => {
            let mut digits = Vec::new();
            wire::encode::number(number, &mut digits);
            String::from_utf8(digits).unwrap_or_default()
        }
        _ => String::new(),
    }
}

/// A number, or `otherwise`.
pub fn number(read: Read, path: &str, otherwise: f64) -> f64 {
    match read(path) {
        Value::Number(number) => number,
        _ => otherwise,
    }
}

/// True or false, or `otherwise`.
pub fn flag(read: Read, path: &str, otherwise: bool) -> bool {
    match read(path) {
        Value::Flag(flag) => flag,
        _ => otherwise,
    }
}

fn pairs(read: Read, path: &str) -> Pairs<'static> {
    match read(path) {
        Value::Pairs(pairs) => Pairs(pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect()),
        _ => Pairs::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(values: Vec<(&'static str, Value)>) -> impl Fn(&str) -> Value {
        move |path| values.iter().find(|(key, _)| *key == path).map_or(Value::Missing, |(_, value)| value.clone())
    }

    #[test]
    fn what_is_absent_or_wrong_has_its_default() {
        let config = Config::read(&reader(vec![("url", Value::Flag(true)), ("dedupe", Value::Text("no".into()))]));
        assert_eq!((config.url.as_str(), config.domain.as_str(), config.dedupe), ("", "browser", true));
        assert_eq!((config.send_timeout, config.item_limit, config.sampling_rate), (250.0, 50, 1.0));
    }

    #[test]
    fn batching_switched_off_sends_each_item() {
        let config = Config::read(&reader(vec![
            ("batching.enabled", Value::Flag(false)),
            ("batching.itemLimit", Value::Number(20.0)),
        ]));
        assert_eq!(config.item_limit, 1);
        let config = Config::read(&reader(vec![("batching.itemLimit", Value::Number(-3.0))]));
        assert_eq!(config.item_limit, 1);
    }

    #[test]
    fn a_number_is_an_id_too() {
        let user = user(&reader(vec![
            ("id", Value::Number(42.0)),
            ("attributes", Value::Pairs(vec![("plan".into(), "paid".into())])),
        ]));
        assert_eq!(user.id, Some("42".into()));
        assert_eq!(user.attributes.get("plan"), Some("paid"));
        assert_eq!(user.email, None);
    }
}
