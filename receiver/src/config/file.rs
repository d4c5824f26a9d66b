//! The file: YAML to one text for each leaf, with the line where it stands.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};
use std::fmt;

/// A leaf of the file, or an empty branch.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Leaf {
    /// Names joined by dots, `[n]` for the n-th of a list.
    pub path: String,
    /// Its text as written; `None` for nothing at all: null, `[]` and `{}`.
    pub text: Option<String>,
    /// The line, from 1.
    pub line: u64,
}

/// All leaves of `text` in their order. Fails with a line and what is wrong there.
pub(super) fn leaves(text: &str) -> Result<Vec<Leaf>, (u64, String)> {
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        // The reader takes no document at all for an error.
        return Ok(Vec::new());
    }
    let options = serde_saphyr::options! { with_snippet: false };
    let root: Spanned<Node> = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let line = error.location().map_or(1, |location| location.line());
        (line, error.without_snippet().to_string().lines().next().unwrap_or_default().to_owned())
    })?;
    let mut leaves = Vec::new();
    match &root.value {
        Node::Nothing => {}
        Node::Branch(_) => flatten(text, String::new(), &root, &mut leaves),
        _ => return Err((root.referenced.line(), "a configuration is keys with values".into())),
    }
    Ok(leaves)
}

enum Node {
    Nothing,
    Text(String),
    /// A number or a switch: what was written is read from the source, so that a key of `0123` stays one.
    Plain(String),
    List(Vec<Spanned<Node>>),
    Branch(Vec<(Spanned<String>, Spanned<Node>)>),
}

fn flatten(source: &str, path: String, node: &Spanned<Node>, leaves: &mut Vec<Leaf>) {
    let line = node.referenced.line();
    let mut leaf = |text| leaves.push(Leaf { path: path.clone(), text, line });
    match &node.value {
        Node::Nothing => leaf(None),
        Node::Text(text) => leaf(Some(text.clone())),
        Node::Plain(read) => leaf(Some(written(source, &node.defined).unwrap_or(read).to_owned())),
        Node::List(items) if items.is_empty() => leaf(None),
        Node::Branch(pairs) if pairs.is_empty() => leaf(None),
        Node::List(items) => {
            for (at, item) in items.iter().enumerate() {
                flatten(source, format!("{path}[{at}]"), item, leaves);
            }
        }
        Node::Branch(pairs) => {
            for (name, value) in pairs {
                let dot = if path.is_empty() { "" } else { "." };
                let first = leaves.len();
                flatten(source, format!("{path}{dot}{}", name.value), value, leaves);
                // A value may be lines below its name; the name is what an error speaks of.
                if let [only] = &mut leaves[first..]
                    && only.path.len() == path.len() + dot.len() + name.value.len()
                {
                    only.line = name.referenced.line();
                }
            }
        }
    }
}

fn written<'s>(source: &'s str, place: &Location) -> Option<&'s str> {
    let start = usize::try_from(place.span().byte_offset()?).ok()?;
    let length = usize::try_from(place.span().byte_len()?).ok()?;
    source.get(start..start + length).map(str::trim).filter(|text| !text.is_empty())
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(AnyNode)
    }
}

struct AnyNode;

impl<'de> Visitor<'de> for AnyNode {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a value, a list or keys")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Nothing)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Nothing)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(AnyNode)
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Plain(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Plain(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Plain(value.to_string()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Node, E> {
        Ok(Node::Plain(value.to_string()))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Node, E> {
        Ok(Node::Plain(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Plain(value.to_string()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Node::Branch(pairs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_have_their_path_text_and_line() {
        let text = "# a comment\nserver:\n  port: 12347\n  api_key: 0123\n  host: \"0.0.0.0\"\n  cors:\n    \
                    allowed_origins: [\"http://a\",\n      http://b]\n  apps:\n    - name: shop\n      key: 'x'\n    \
                    - name: yes\nlog:\nviewer: {}\nbig: 1_000\nexp: 1e3\nlong:\n  text\n";
        let leaves = leaves(text).unwrap();
        let found: Vec<_> = leaves.iter().map(|leaf| (leaf.path.as_str(), leaf.text.as_deref(), leaf.line)).collect();
        let expected = [
            ("server.port", Some("12347"), 3),
            ("server.api_key", Some("0123"), 4),
            ("server.host", Some("0.0.0.0"), 5),
            ("server.cors.allowed_origins[0]", Some("http://a"), 7),
            ("server.cors.allowed_origins[1]", Some("http://b"), 8),
            ("server.apps[0].name", Some("shop"), 10),
            ("server.apps[0].key", Some("x"), 11),
            ("server.apps[1].name", Some("yes"), 12),
            ("log", None, 13),
            ("viewer", None, 14),
            ("big", Some("1_000"), 15),
            ("exp", Some("1e3"), 16),
            ("long", Some("text"), 17),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn aliases_are_followed_and_empty_files_are_empty() {
        let found = leaves("a: &x {k: 1}\nb: *x\n").unwrap();
        assert_eq!(found[1], Leaf { path: "b.k".into(), text: Some("1".into()), line: 2 });
        for empty in ["", "\n# nothing\n", "---\n"] {
            assert_eq!(leaves(empty).unwrap_or_default(), [], "{empty:?}");
        }
    }

    #[test]
    fn what_is_no_yaml_is_told_with_its_line() {
        let check = |text: &str, line: u64| {
            let (found, reason) = leaves(text).unwrap_err();
            assert_eq!(found, line, "{reason}");
            assert!(!reason.is_empty() && !reason.contains('\n'), "{reason}");
        };
        check("a: 1\nb: [1, 2\nc: 3\n", 3);
        check("a: 1\na: 2\n", 2);
        check("just text\n", 1);
        check("a:\n  - b\n  c: d\n", 3);
    }

    #[test]
    fn a_bomb_of_aliases_is_refused() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..9 {
            let below = level - 1;
            text += &format!("a{level}: &a{level} [{}]\n", vec![format!("*a{below}"); 9].join(", "));
        }
        assert!(leaves(&text).is_err());
    }
}
