//! The API key: one for all, in `x-api-key` or as the last part of the path.

use std::hint::black_box;

/// The key that payloads must bring, if any.
pub struct ApiKey(Option<Box<[u8]>>);

impl ApiKey {
    /// `None` takes every request.
    pub fn new(key: Option<&str>) -> ApiKey {
        ApiKey(key.map(|key| key.as_bytes().into()))
    }

    /// Whether one of the keys that a request brought is the right one.
    pub fn accepts<'k>(&self, brought: impl IntoIterator<Item = &'k [u8]>) -> bool {
        match &self.0 {
            None => true,
            // Every key is compared, to the end.
            Some(key) => brought.into_iter().fold(false, |accepted, brought| accepted | same(key, brought)),
        }
    }
}

/// Whether `brought` is `key`, in a time that depends on the length of `brought` alone.
fn same(key: &[u8], brought: &[u8]) -> bool {
    let mut difference = u8::from(key.len() != brought.len());
    for (at, byte) in brought.iter().enumerate() {
        difference |= black_box(byte ^ key[at % key.len().max(1)]);
    }
    black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_key_is_accepted() {
        let check = |brought: &[&str], accepted: bool| {
            let keys = brought.iter().map(|key| key.as_bytes());
            assert_eq!(ApiKey::new(Some("secret")).accepts(keys), accepted, "{brought:?}");
        };
        check(&["secret"], true);
        check(&["wrong!", "secret"], true);
        check(&["secret", ""], true);
        for wrong in ["", "s", "secre", "secrets", "secretsecret", "SECRET"] {
            check(&[wrong], false);
        }
        check(&[], false);
        assert!(ApiKey::new(None).accepts([]));
        assert!(ApiKey::new(None).accepts([&b"any"[..]]));
    }
}
