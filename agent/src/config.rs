//! The options of `initializeFaro` that the agent itself needs, and the parts of the meta, read by tables of paths.

use crate::json;
use crate::policy;

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
    /// Texts that an error must not contain, under their places in the list.
    pub ignore_errors: Vec<(String, String)>,
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
        let item_limit = number(read, "batching.itemLimit", f64::from(policy::ITEM_LIMIT)) as u32;
        let mut domain = text(read, "eventDomain");
        if domain.is_empty() {
            domain.push_str("browser");
        }
        Config {
            url: text(read, "url"),
            api_key: text(read, "apiKey"),
            domain,
            dedupe: flag(read, "dedupe", true),
            paused: flag(read, "paused", false),
            ignore_errors: pairs(read, "ignoreErrors"),
            send_timeout: number(read, "batching.sendTimeout", policy::SEND_TIMEOUT_MS),
            item_limit: if flag(read, "batching.enabled", true) { item_limit.max(1) } else { 1 },
            sessions: flag(read, "sessionTracking.enabled", true),
            persistent: flag(read, "sessionTracking.persistent", false),
            sampling_rate: number(read, "sessionTracking.samplingRate", 1.0),
        }
    }
}

/// The members of `meta.app`.
pub const APP: &[&str] =
    &["name", "namespace", "release", "version", "environment", "bundleId", "gitHash", "installationId"];
/// The members of `meta.user`.
pub const USER: &[&str] = &["email", "id", "username", "fullName", "roles", "hash", "attributes"];
/// The members of `meta.view`.
pub const VIEW: &[&str] = &["name"];
/// The members of `meta.page` beside its address.
pub const PAGE: &[&str] = &["id", "attributes"];
/// The members of `meta.session.overrides`.
pub const OVERRIDES: &[&str] = &["serviceName", "geoLocationTrackingEnabled"];

/// The members of a table that are there, as JSON members without the braces around them.
pub fn members(read: Read, table: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    for name in table {
        match read(name) {
            Value::Flag(flag) => json::flag(&mut out, name, flag),
            Value::Pairs(pairs) if !pairs.is_empty() => {
                let mut members = Vec::new();
                pairs.iter().for_each(|(key, value)| json::text(&mut members, key, value));
                json::object(&mut out, name, &members);
            }
            value => json::optional(&mut out, name, &plain(value)),
        }
    }
    out
}

/// Reads below `prefix`.
pub fn under<'r>(read: Read<'r>, prefix: &'r str) -> impl Fn(&str) -> Value + 'r {
    move |path| {
        let mut full = String::from(prefix);
        full.push_str(path);
        read(&full)
    }
}

/// A string, or a number as a page writes its ids; empty when it is neither.
pub fn text(read: Read, path: &str) -> String {
    plain(read(path))
}

fn plain(value: Value) -> String {
    match value {
        Value::Text(text) => text,
        Value::Number(number) => {
            let mut digits = Vec::new();
            wire::encode::number(number, &mut digits);
            json::into_text(digits)
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

/// The members of an object.
pub fn pairs(read: Read, path: &str) -> Vec<(String, String)> {
    match read(path) {
        Value::Pairs(pairs) => pairs,
        _ => Vec::new(),
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// Reads JSON text as the browser's reader reads an object.
    pub fn reader(json: serde_json::Value) -> impl Fn(&str) -> Value {
        use serde_json::Value as Json;
        move |path| match path.split('.').try_fold(&json, |at, key| at.get(key)) {
            Some(Json::String(text)) => Value::Text(text.clone()),
            Some(Json::Number(number)) => Value::Number(number.as_f64().expect("a number")),
            Some(Json::Bool(flag)) => Value::Flag(*flag),
            Some(Json::Object(map)) => {
                let text = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                Value::Pairs(map.iter().map(|(key, value)| (key.clone(), text(value))).collect())
            }
            _ => Value::Missing,
        }
    }

    #[test]
    fn what_is_absent_or_wrong_has_its_default() {
        let config = Config::read(&reader(serde_json::json!({"url": true, "dedupe": "no"})));
        assert_eq!((config.url.as_str(), config.domain.as_str(), config.dedupe), ("", "browser", true));
        assert_eq!((config.send_timeout, config.item_limit, config.sampling_rate), (250.0, 50, 1.0));
    }

    #[test]
    fn batching_switched_off_sends_each_item() {
        let limit = |json| Config::read(&reader(serde_json::json!({ "batching": json }))).item_limit;
        assert_eq!(limit(serde_json::json!({"enabled": false, "itemLimit": 20})), 1);
        assert_eq!(limit(serde_json::json!({"itemLimit": 20})), 20);
        assert_eq!(limit(serde_json::json!({"itemLimit": -3})), 1);
    }

    #[test]
    fn a_table_reads_what_is_there() {
        let user = serde_json::json!({"id": 42, "email": "", "hash": null, "attributes": {"plan": "paid", "n": [1]}});
        let members = members(&reader(user), USER);
        assert_eq!(String::from_utf8_lossy(&members), r#""id":"42","attributes":{"n":"[1]","plan":"paid"}"#);
        let overrides = serde_json::json!({"o": {"serviceName": "svc", "geoLocationTrackingEnabled": true}});
        let read = reader(overrides);
        let members = super::members(&under(&read, "o."), OVERRIDES);
        assert_eq!(String::from_utf8_lossy(&members), r#""serviceName":"svc","geoLocationTrackingEnabled":true"#);
    }
}
