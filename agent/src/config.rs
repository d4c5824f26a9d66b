//! The options of `initializeFaro` that the agent itself needs, as the border packs them.

use crate::policy;
use crate::signal::Reader;

/// The options, defaults filled in.
#[derive(Debug, Default, PartialEq)]
pub struct Config {
    /// Where batches go, empty for nowhere.
    pub url: String,
    /// The `x-api-key`, empty for none.
    pub api_key: String,
    /// The domain of events that name none.
    pub domain: String,
    /// Milliseconds that a batch waits for more items; 0 waits for the limit alone.
    pub send_timeout: f64,
    /// Items in a batch.
    pub item_limit: u32,
    /// The share of sessions that is sent.
    pub sampling_rate: f64,
    /// Whether repeats are left out.
    pub dedupe: bool,
    /// Whether there are sessions at all.
    pub sessions: bool,
    /// Whether the session outlives the tab.
    pub persistent: bool,
    /// Whether the collector is known to read gzip.
    pub compression: bool,
    /// Texts that an error must not contain.
    pub ignored: Vec<String>,
}

impl Config {
    /// Reads the options in the order of the fields. What was no number is `NaN`, and has its default.
    pub fn read(reader: &mut Reader) -> Self {
        let text = |reader: &mut Reader| reader.text().to_owned();
        let mut config = Config {
            url: text(reader),
            api_key: text(reader),
            domain: text(reader),
            send_timeout: or(reader.number(), policy::SEND_TIMEOUT_MS),
            item_limit: (or(reader.number(), f64::from(policy::ITEM_LIMIT)) as u32).max(1),
            sampling_rate: reader.number(),
            dedupe: reader.number() != 0.0,
            sessions: reader.number() != 0.0,
            persistent: reader.number() != 0.0,
            compression: reader.number() != 0.0,
            ignored: Vec::new(),
        };
        reader.list(&mut |reader| config.ignored.push(text(reader)));
        config
    }
}

fn or(number: f64, otherwise: f64) -> f64 {
    if number.is_nan() { otherwise } else { number }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Writer;

    #[test]
    fn options_read_as_they_were_packed() {
        let mut packed = Writer::default();
        ["http://c.test/collect", "key", "browser"].iter().for_each(|text| packed.text(text));
        [f64::NAN, -3.0, 0.5, 1.0, 0.0, 1.0, 1.0].iter().for_each(|number| packed.number(*number));
        packed.count(2);
        ["ResizeObserver", "x"].iter().for_each(|text| packed.text(text));
        let mut reader = Reader::new(&packed.0);
        let config = Config::read(&mut reader);
        assert!(reader.is_whole());
        let expected = Config {
            url: "http://c.test/collect".into(),
            api_key: "key".into(),
            domain: "browser".into(),
            send_timeout: 250.0,
            item_limit: 1,
            sampling_rate: 0.5,
            dedupe: true,
            sessions: false,
            persistent: true,
            compression: true,
            ignored: vec!["ResizeObserver".into(), "x".into()],
        };
        assert_eq!(config, expected);
    }
}
