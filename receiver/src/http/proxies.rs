//! The client's address behind proxies: told by a header, and believed only as far as those who wrote it are trusted.

use crate::config::{ForwardedHeader, Proxies};
use axum::http::HeaderMap;
use axum::http::header::{FORWARDED, HeaderName};
use std::net::{IpAddr, SocketAddr};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Hops that are followed; a chain of real proxies has three.
const HOPS: usize = 16;

/// Who asks: the peer itself, or, when it is a trusted proxy, the last address before it that is none.
pub fn client(peer: IpAddr, headers: &HeaderMap, proxies: &Proxies) -> IpAddr {
    let trusted = |address: IpAddr| proxies.networks.iter().any(|network| network.contains(address));
    if !trusted(peer) {
        return peer;
    }
    let name = match proxies.header {
        ForwardedHeader::XForwardedFor => X_FORWARDED_FOR,
        ForwardedHeader::Forwarded => FORWARDED,
    };
    let lines: Vec<&str> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
    // Each proxy writes at the end: what is nearest to us was written by the most trusted.
    let hops = lines.iter().rev().flat_map(|line| line.rsplit(','));
    let mut client = peer;
    for hop in hops.take(HOPS) {
        let told = match proxies.header {
            ForwardedHeader::XForwardedFor => address(hop.trim()),
            ForwardedHeader::Forwarded => forwarded_for(hop),
        };
        // What cannot be read ends the chain, and the last proxy stands for the client.
        let Some(told) = told else { break };
        client = told.to_canonical();
        if !trusted(client) {
            break;
        }
    }
    client
}

/// `for="[2001:db8::1]:47011"` among the pairs of one hop, RFC 7239.
fn forwarded_for(hop: &str) -> Option<IpAddr> {
    let mut pairs = hop.split(';').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    address(value.trim().trim_matches('"'))
}

/// An address, with or without brackets and port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    text.parse().ok().or_else(bare).or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn check(header: ForwardedHeader, peer: &str, lines: &[(&'static str, &'static str)], expected: &str) {
        let networks = ["10.0.0.0/8", "::1"].map(|network| network.parse().unwrap()).to_vec();
        let headers =
            lines.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, value);
        }
        let found = client(peer.parse().unwrap(), &map, &Proxies { networks, header });
        assert_eq!(found.to_string(), expected, "{peer} {lines:?}");
    }

    #[test]
    fn only_trusted_peers_are_believed() {
        let check = |peer, lines: &[_], expected| check(ForwardedHeader::XForwardedFor, peer, lines, expected);
        let x = "x-forwarded-for";
        check("203.0.113.9", &[(x, "198.51.100.1")], "203.0.113.9");
        check("10.0.0.1", &[(x, "198.51.100.1")], "198.51.100.1");
        check("10.0.0.1", &[], "10.0.0.1");
        check("::ffff:10.0.0.1", &[(x, "198.51.100.1")], "198.51.100.1");
        // What the client itself wrote stands further left.
        check("10.0.0.1", &[(x, "1.1.1.1, 198.51.100.1")], "198.51.100.1");
        check("10.0.0.1", &[(x, "1.1.1.1"), (x, "198.51.100.1, 10.2.3.4")], "198.51.100.1");
        check("10.0.0.1", &[(x, "10.9.9.9, 10.2.3.4")], "10.9.9.9");
        check("10.0.0.1", &[(x, "1.1.1.1, nonsense")], "10.0.0.1");
        check("10.0.0.1", &[(x, "1.1.1.1, , 10.2.3.4")], "10.2.3.4");
        check("::1", &[(x, "[2001:db8::7]:4711")], "2001:db8::7");
        check("10.0.0.1", &[(x, "198.51.100.1:80")], "198.51.100.1");
        // The other header is the client's own.
        check("10.0.0.1", &[("forwarded", "for=1.1.1.1")], "10.0.0.1");
    }

    #[test]
    fn the_header_of_the_rfc_is_read_where_it_is_asked_for() {
        let check = |lines: &[_], expected| check(ForwardedHeader::Forwarded, "10.0.0.1", lines, expected);
        let f = "forwarded";
        check(&[(f, "for=198.51.100.1;proto=https")], "198.51.100.1");
        check(&[(f, "proto=https; For=\"[2001:db8::7]:4711\"")], "2001:db8::7");
        check(&[(f, "for=1.1.1.1, for=198.51.100.1;by=10.0.0.1")], "198.51.100.1");
        check(&[(f, "for=unknown")], "10.0.0.1");
        check(&[(f, "for=_hidden, for=10.7.7.7")], "10.7.7.7");
        check(&[("x-forwarded-for", "1.1.1.1")], "10.0.0.1");
    }

    #[test]
    fn a_long_chain_is_not_followed_to_its_end() {
        let long: &'static str = Box::leak(format!("1.1.1.1{}", ", 10.0.0.2".repeat(1000)).into_boxed_str());
        check(ForwardedHeader::XForwardedFor, "10.0.0.1", &[("x-forwarded-for", long)], "10.0.0.2");
    }

    proptest::proptest! {
        #[test]
        fn no_header_breaks_the_chain(text in "[0-9a-f:.,;=\\[\\]\"for _]{0,80}") {
            let networks = vec!["0.0.0.0/0".parse().unwrap()];
            for header in [ForwardedHeader::XForwardedFor, ForwardedHeader::Forwarded] {
                let value = HeaderValue::from_str(&text).unwrap();
                let headers = HeaderMap::from_iter([(X_FORWARDED_FOR, value.clone()), (FORWARDED, value)]);
                client("10.0.0.1".parse().unwrap(), &headers, &Proxies { networks: networks.clone(), header });
            }
        }
    }
}
