//! Values as people write them: sizes, times, addresses, networks, origins, secrets.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("***")
    }
}

/// A network, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: u128,
    bits: u32,
    v4: bool,
}

impl Network {
    /// Whether `address` is in it. An IPv4 address in IPv6 clothes is an IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (number, width, v4) = number(address.to_canonical());
        v4 == self.v4 && (self.bits == 0 || (number ^ self.address) >> (width - self.bits) == 0)
    }
}

fn number(address: IpAddr) -> (u128, u32, bool) {
    match address {
        IpAddr::V4(ip) => (u32::from(ip).into(), 32, true),
        IpAddr::V6(ip) => (ip.into(), 128, false),
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Network, String> {
        let wrong = || format!("{text:?} is not an address or a network such as 10.0.0.0/8");
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let (address, width, v4) = number(address.parse().map_err(|_| wrong())?);
        let bits = bits.map_or(Ok(width), str::parse).map_err(|_| wrong())?;
        if bits > width { Err(wrong()) } else { Ok(Network { address, bits, v4 }) }
    }
}

/// `5MiB`, `1 GB`, `1024`.
pub fn bytes(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is not a size such as 5MiB");
    let (number, unit) = split_unit(text).ok_or_else(wrong)?;
    let unit: f64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "kb" | "k" => 1e3,
        "mb" | "m" => 1e6,
        "gb" | "g" => 1e9,
        "kib" | "ki" => 1024.0,
        "mib" | "mi" => 1024.0 * 1024.0,
        "gib" | "gi" => 1024.0 * 1024.0 * 1024.0,
        _ => return Err(wrong()),
    };
    // What a disk can hold is far below 2^53.
    Ok((number * unit) as u64)
}

/// `500ms`, `90s`, `1h30m`, `7d`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a time such as 90s, 15m, 24h or 7d");
    let (mut rest, mut total) = (text.trim(), 0.0);
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(wrong)?;
        let next = rest[end..].find(|c: char| !c.is_ascii_alphabetic()).map_or(rest.len(), |at| end + at);
        let number: f64 = rest[..end].trim().parse().map_err(|_| wrong())?;
        total += number
            * match &rest[end..next] {
                "ms" => 0.001,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                "d" => 86_400.0,
                "w" => 604_800.0,
                _ => return Err(wrong()),
            };
        rest = &rest[next..];
    }
    Duration::try_from_secs_f64(total).map_err(|_| wrong())
}

/// A time in which a bare number is milliseconds, as OpenTelemetry has it.
pub fn milliseconds(text: &str) -> Result<Duration, String> {
    text.trim().parse().map(Duration::from_millis).or_else(|_| duration(text))
}

fn split_unit(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let number: f64 = text[..end].trim().parse().ok()?;
    (number.is_finite() && number >= 0.0).then_some((number, &text[end..]))
}

/// A yes or a no.
pub fn switch(text: &str) -> Result<bool, String> {
    match text {
        "true" | "on" | "yes" | "1" => Ok(true),
        "false" | "off" | "no" | "0" => Ok(false),
        _ => Err(format!("{text:?} is not true or false")),
    }
}

/// A number from 0 to 1.
pub fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| format!("{text:?} is not a number from 0 to 1"))
}

/// A number above 0.
pub fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate > 0.0);
    rate.ok_or_else(|| format!("{text:?} is not a number above 0"))
}

/// A whole number in a range.
pub fn integer<T: TryFrom<u64>>(least: u64, most: u64) -> impl Fn(&str) -> Result<T, String> {
    move |text| {
        let number = text.parse().ok().filter(|number| (least..=most).contains(number));
        let number = number.and_then(|number| T::try_from(number).ok());
        number.ok_or_else(|| format!("{text:?} is not a whole number from {least} to {most}"))
    }
}

/// An address to listen on.
pub fn host(text: &str) -> Result<IpAddr, String> {
    if text == "localhost" {
        return Ok(Ipv4Addr::LOCALHOST.into());
    }
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse().map_err(|_| format!("{text:?} is not an address such as 0.0.0.0 or ::1"))
}

/// An address with its port; a port alone is on loopback.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    let wrong = || format!("{text:?} is not an address and port such as 0.0.0.0:12347");
    let (name, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let name = if name.is_empty() { "localhost" } else { name };
    Ok(SocketAddr::new(host(name).map_err(|_| wrong())?, port.parse().map_err(|_| wrong())?))
}

/// An origin, or a pattern of one.
pub fn origin(text: &str) -> Result<String, String> {
    let authority = text.split_once("://").map(|(_, authority)| authority);
    let is_origin = authority.is_some_and(|authority| !authority.is_empty() && !authority.contains('/'));
    let is_pattern = text.matches('*').count() <= 1;
    if text == "*" || text == "null" || (is_origin && is_pattern) {
        return Ok(text.to_owned());
    }
    Err(format!("{text:?} is not an origin: write https://shop.example, https://*.shop.example or *"))
}

/// The name of a header, in lower case.
pub fn header(text: &str) -> Result<String, String> {
    let name = axum::http::HeaderName::from_str(text).map_err(|_| format!("{text:?} is not the name of a header"))?;
    Ok(name.as_str().to_owned())
}

/// What stands before `/collect`: empty, or parts that each begin with a slash.
pub fn prefix(text: &str) -> Result<String, String> {
    let text = text.trim_end_matches('/');
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.~".contains(c);
    if text.is_empty() || (text.starts_with('/') && !text.contains("//") && text.chars().all(plain)) {
        return Ok(text.to_owned());
    }
    Err(format!("{text:?} is not a path such as /faro"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_have_units() {
        let size = |text, expected| assert_eq!(bytes(text).ok(), expected, "{text}");
        size("1024", Some(1024));
        size("5MiB", Some(5 << 20));
        size("1.5 GB", Some(1_500_000_000));
        size("256Mi", Some(256 << 20));
        for wrong in ["", "MiB", "-1", "5 parsecs", "nan"] {
            size(wrong, None);
        }
        let time =
            |text, millis: Option<u64>| assert_eq!(duration(text).ok(), millis.map(Duration::from_millis), "{text}");
        time("500ms", Some(500));
        time("90s", Some(90_000));
        time("1h30m", Some(5_400_000));
        time("7d", Some(604_800_000));
        for wrong in ["", "10", "s", "-5s", "5 y", "1e400s"] {
            time(wrong, None);
        }
        assert_eq!(milliseconds("10000"), Ok(Duration::from_secs(10)));
        assert_eq!(milliseconds("10s"), Ok(Duration::from_secs(10)));
    }

    #[test]
    fn networks_hold_their_addresses() {
        let check = |network: &str, address: &str, held: bool| {
            let network: Network = network.parse().unwrap();
            assert_eq!(network.contains(address.parse().unwrap()), held, "{network:?} {address}");
        };
        check("10.0.0.0/8", "10.200.3.4", true);
        check("10.0.0.0/8", "11.0.0.1", false);
        check("10.0.0.0/8", "::ffff:10.1.1.1", true);
        check("0.0.0.0/0", "203.0.113.9", true);
        check("0.0.0.0/0", "2001:db8::1", false);
        check("192.168.1.7", "192.168.1.7", true);
        check("192.168.1.7", "192.168.1.8", false);
        check("2001:db8::/32", "2001:db8:ffff::1", true);
        check("::1", "::1", true);
        for wrong in ["10.0.0.0/33", "10.0.0/8", "", "a/8", "10.0.0.0/", "::1/129"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn addresses_are_read_with_and_without_names() {
        let check = |text, expected: Option<&str>| {
            assert_eq!(address(text).ok().map(|address| address.to_string()).as_deref(), expected, "{text}");
        };
        check("0.0.0.0:1", Some("0.0.0.0:1"));
        check("localhost:12347", Some("127.0.0.1:12347"));
        check(":12347", Some("127.0.0.1:12347"));
        check("[::]:12347", Some("[::]:12347"));
        check("12347", None);
        check("shop.example:80", None);
        check("0.0.0.0:70000", None);
    }

    #[test]
    fn prefixes_are_paths() {
        let check = |text, expected: Option<&str>| assert_eq!(prefix(text).ok().as_deref(), expected, "{text}");
        check("", Some(""));
        check("/", Some(""));
        check("/faro/", Some("/faro"));
        check("/a/b-c", Some("/a/b-c"));
        for wrong in ["faro", "//", "/a//b", "/{a}", "/a b", "/a?b"] {
            check(wrong, if wrong == "//" { Some("") } else { None });
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        assert!(!format!("{:?}", Secret("hush".into())).contains("hush"));
    }
}
