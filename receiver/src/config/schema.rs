//! What an editor and a reader need of the table of keys: the JSON Schema of the file, and the reference.

use super::keys::{KEYS, Key, Kind};
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// A JSON Schema (draft 2020-12) of the file.
pub fn schema() -> Value {
    let mut root = branch();
    for key in KEYS.iter() {
        let mut at = &mut root;
        let names: Vec<&str> = key.path.split('.').collect();
        let Some((last, above)) = names.split_last() else { continue };
        for name in above {
            at = match name.strip_suffix("[]") {
                Some(list) => {
                    let list = child(at, list, || json!({ "type": "array", "items": branch() }));
                    &mut list["items"]
                }
                None => child(at, name, branch),
            };
        }
        child(at, last, || value(key));
    }
    root["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    root["title"] = "Configuration of farol".into();
    root
}

/// A member of a branch; a value left empty in YAML is null, which leaves the default.
fn child<'v>(branch: &'v mut Value, name: &str, new: impl FnOnce() -> Value) -> &'v mut Value {
    let members = branch["properties"].as_object_mut().expect("every branch is made with properties");
    members.entry(name).or_insert_with(new)
}

fn branch() -> Value {
    json!({ "type": ["object", "null"], "additionalProperties": false, "properties": Map::new() })
}

fn value(key: &Key) -> Value {
    let text = json!({ "type": ["string", "number", "boolean"] });
    let mut value = match key.kind {
        Kind::Text | Kind::Secret | Kind::Url | Kind::Path => {
            json!({ "type": ["string", "number", "boolean", "null"] })
        }
        Kind::Switch => json!({ "enum": [true, false, "on", "off", "yes", "no", null] }),
        Kind::Integer(least, most) => json!({ "type": ["integer", "null"], "minimum": least, "maximum": most }),
        Kind::Number => json!({ "type": ["number", "null"], "exclusiveMinimum": 0 }),
        Kind::Share => json!({ "type": ["number", "null"], "minimum": 0, "maximum": 1 }),
        Kind::Bytes => json!({ "type": ["integer", "string", "null"], "pattern": "^[0-9.]+ *([KkMmGg]i?)?[Bb]?$" }),
        Kind::Duration => {
            json!({ "type": ["integer", "string", "null"], "pattern": "^([0-9.]+ *(ms|s|m|h|d|w)? *)+$" })
        }
        Kind::Word(words) => {
            // YAML reads a bare on and off as a switch.
            let mut words: Vec<Value> = words.iter().map(|&word| word.into()).collect();
            words.extend(
                [true, false].into_iter().filter(|_| words.contains(&"on".into())).map(Value::from).collect::<Vec<_>>(),
            );
            words.push(Value::Null);
            json!({ "enum": words })
        }
        Kind::List => json!({ "type": ["array", "string", "null"], "items": text }),
        Kind::Map => json!({ "type": ["object", "null"], "additionalProperties": text }),
    };
    value["description"] = key.doc.into();
    value
}

/// The reference: every key with its flag, its variables, its default and its meaning, as Markdown.
pub fn reference() -> String {
    let mut text = String::new();
    let mut section = "";
    for key in KEYS.iter() {
        let own = key.path.split('.').next().unwrap_or_default();
        let own = if key.path.contains('.') { own } else { "the top" };
        if own != section {
            let _ = write!(text, "\n### {own}\n\n| key | default | flag, variables | |\n| --- | --- | --- | --- |\n");
            section = own;
        }
        let flag = key.flag.map(|flag| format!("`--{flag}`"));
        let known = key.env.iter().map(|name| format!("`{name}`"));
        let names: Vec<_> = flag.into_iter().chain(known).chain([format!("`{}`", key.own_variable())]).collect();
        let default = match key.default {
            "" => String::new(),
            words if words.contains(' ') => words.to_owned(),
            value => format!("`{value}`"),
        };
        let doc = key.doc.replace('|', "\\|");
        let _ = writeln!(text, "| `{}` | {default} | {} | {doc} |", key.path, names.join(" "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_knows_the_keys_where_they_stand() {
        let schema = schema();
        let at = |path: &str| schema.pointer(path).unwrap_or_else(|| panic!("no {path}"));
        assert_eq!(at("/properties/server/properties/port/maximum"), 65_535);
        assert_eq!(
            at("/properties/server/properties/apps/items/properties/rate_limiting/properties/rate/type")[0],
            "number"
        );
        assert_eq!(at("/properties/events/properties/exporter/properties/loki/properties/labels/type")[0], "object");
        assert_eq!(at("/properties/traces/properties/exporter/additionalProperties"), false);
        assert!(schema.pointer("/properties/traces/properties/exporter/properties/loki").is_none());
    }

    /// Rewritten by `UPDATE=1 cargo test -p farol config::schema`.
    #[test]
    fn the_reference_is_what_the_table_says() {
        const MARK: &str = "<!-- from here on: UPDATE=1 cargo test -p farol config::schema -->\n";
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md");
        let page = std::fs::read_to_string(path).unwrap();
        let (written, _) = page.split_once(MARK).expect("the page has its mark");
        let expected = format!("{written}{MARK}{}", reference());
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(path, &expected).unwrap();
        } else {
            assert!(page == expected, "docs/configuration.md is out of date");
        }
    }
}
