//! Browser and system out of a `User-Agent` text: the names that dashboards group by, no more. The receiver knows better.

use crate::json::{as_text, position};

/// What a `User-Agent` text tells.
#[derive(Debug, Default, PartialEq)]
pub struct Client<'a> {
    /// `Chrome`, `Firefox`, ...
    pub browser: &'a str,
    /// Its version, empty when unknown.
    pub version: &'a str,
    /// `Windows`, `macOS`, ...
    pub os: &'a str,
    /// Its version with dots or underscores as it was written, empty when unknown.
    pub os_version: &'a str,
}

/// Marks and the browser behind each, the ones that pretend to be others first.
const BROWSERS: [(&str, &str); 10] = [
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("HeadlessChrome/", "Chrome Headless"),
    ("Chrome/", "Chrome"),
    ("Version/", "Safari"),
];

/// Marks and the system behind each.
const SYSTEMS: [(&str, &str); 7] = [
    ("Windows NT ", "Windows"),
    ("Android ", "Android"),
    ("iPhone OS ", "iOS"),
    ("CPU OS ", "iOS"),
    ("Mac OS X ", "macOS"),
    ("CrOS ", "Chrome OS"),
    ("Linux", "Linux"),
];

/// Reads `user_agent`; what it does not name is `unknown`.
pub fn parse(user_agent: &str) -> Client<'_> {
    let (browser, version) = first(&BROWSERS, user_agent);
    let (os, os_version) = first(&SYSTEMS, user_agent);
    // Since Windows 11 the number is frozen, and Linux is followed by an architecture.
    Client { browser, version, os, os_version: if os == "Linux" { "" } else { os_version } }
}

fn first<'a>(marks: &[(&str, &'a str)], text: &'a str) -> (&'a str, &'a str) {
    for (mark, name) in marks {
        if let Some(at) = position(text.as_bytes(), mark.as_bytes()) {
            let rest = text.as_bytes().get(at + mark.len()..).unwrap_or_default();
            let end = rest.iter().position(|b| !(b.is_ascii_digit() || matches!(b, b'.' | b'_'))).unwrap_or(rest.len());
            return (name, as_text(rest.get(..end).unwrap_or_default()));
        }
    }
    ("unknown", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_browsers_that_matter() {
        let check = |user_agent, browser, version, os, os_version| {
            assert_eq!(parse(user_agent), Client { browser, version, os, os_version }, "{user_agent}");
        };
        let webkit = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/156.0.0.0 Safari/537.36";
        check(webkit, "Chrome Headless", "156.0.0.0", "Linux", "");
        check(
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36 Edg/150.0.3000.1",
            "Edge",
            "150.0.3000.1",
            "Windows",
            "10.0",
        );
        check(
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
            "Safari",
            "18.1",
            "iOS",
            "18_1",
        );
        check(
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0",
            "Firefox",
            "140.0",
            "macOS",
            "10.15",
        );
        check("curl", "unknown", "", "unknown", "");
        check("", "unknown", "", "unknown", "");
    }
}
