//! Who and where, as OpenTelemetry attributes: the resource, and what each record or span has of its
//! session (semantic conventions 1.38; names of ours where they have none).

use crate::enrich::{Enriched, UserAgent};
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, any_value::Value};
use wire::meta::Brands;
use wire::{Pairs, Text};

/// An attribute.
pub fn attribute(key: impl Into<String>, value: Value) -> KeyValue {
    KeyValue { key: key.into(), value: Some(AnyValue { value: Some(value) }), ..Default::default() }
}

/// A text attribute.
pub fn text(key: impl Into<String>, text: &str) -> KeyValue {
    attribute(key, Value::StringValue(text.to_owned()))
}

/// Adds what `attributes` lacks, or has only as an empty text.
pub fn fill(attributes: &mut Vec<KeyValue>, more: &[KeyValue]) {
    let own = attributes.len();
    for extra in more {
        match attributes[..own].iter_mut().find(|attribute| attribute.key == extra.key) {
            None => attributes.push(extra.clone()),
            Some(present) if is_empty(present) => present.value.clone_from(&extra.value),
            Some(_) => {}
        }
    }
}

fn is_empty(attribute: &KeyValue) -> bool {
    match attribute.value.as_ref().and_then(|value| value.value.as_ref()) {
        None => true,
        Some(Value::StringValue(text)) => text.is_empty(),
        Some(_) => false,
    }
}

/// The resource: the service, the agent, the browser, the system, for one of at most `resources` such.
/// What is past their share of bytes is left out.
pub fn of_service(record: &Enriched, resources: usize) -> Vec<KeyValue> {
    let meta = &record.payload.meta;
    let mut out = vec![text("service.name", record.service_name())];
    if let Some(app) = &meta.app {
        optional("service.namespace", &app.namespace, &mut out);
        optional("service.version", &app.version, &mut out);
        optional("deployment.environment.name", &app.environment, &mut out);
        optional("app.release", &app.release, &mut out);
        optional("app.bundle_id", &app.bundle_id, &mut out);
        optional("app.installation.id", &app.installation_id, &mut out);
        optional("vcs.ref.head.revision", &app.git_hash, &mut out);
    }
    if let Some(sdk) = &meta.sdk {
        optional("telemetry.sdk.name", &sdk.name, &mut out);
        optional("telemetry.sdk.version", &sdk.version, &mut out);
        out.push(text("telemetry.sdk.language", "webjs"));
    }
    let browser = meta.browser.as_ref();
    if let Some(browser) = browser {
        match &browser.brands {
            Some(Brands::List(brands)) if !brands.is_empty() => {
                let name = |text: &Text| Value::StringValue((**text).to_owned());
                let names = brands.iter().filter_map(|brand| brand.brand.as_ref());
                let values = names.map(|brand| AnyValue { value: Some(name(brand)) }).collect();
                out.push(attribute("browser.brands", Value::ArrayValue(ArrayValue { values })));
            }
            _ => {}
        }
        optional("browser.language", &browser.language, &mut out);
        out.extend(browser.mobile.map(|mobile| attribute("browser.mobile", Value::BoolValue(mobile))));
        optional("user_agent.name", &browser.name, &mut out);
        optional("user_agent.version", &browser.version, &mut out);
        optional("user_agent.original", &browser.user_agent, &mut out);
    }
    match record.user_agent {
        UserAgent::FromRequest(user_agent) if !user_agent.is_empty() => {
            out.push(text("user_agent.original", user_agent));
        }
        _ => {}
    }
    let os = meta.os.as_ref();
    if let Some(os) = os {
        optional("os.name", &os.name, &mut out);
        optional("os.version", &os.version, &mut out);
        optional("os.build_id", &os.build_id, &mut out);
    }
    let described = os.and_then(|os| os.detail.as_ref()).or_else(|| browser.and_then(|browser| browser.os.as_ref()));
    out.extend(described.and_then(|os| os.non_empty()).map(|os| text("os.description", os)));
    if let Some(k6) = &meta.k6 {
        optional("k6.test_run.id", &k6.test_run_id, &mut out);
    }
    keep_share(&mut out, resources);
    out
}

/// What a record or span gets of its session, user, page and view, for one of `items` such. What is
/// past their share of bytes is left out.
pub fn of_session(record: &Enriched, items: usize) -> Vec<KeyValue> {
    let meta = &record.payload.meta;
    let mut out = Vec::with_capacity(16);
    if let Some(session) = &meta.session {
        optional("session.id", &session.id, &mut out);
    }
    if let Some(user) = &meta.user {
        optional("user.id", &user.id, &mut out);
        optional("user.name", &user.username, &mut out);
        optional("user.email", &user.email, &mut out);
        optional("user.full_name", &user.full_name, &mut out);
        optional("user.hash", &user.hash, &mut out);
        if let Some(roles) = user.roles.as_ref().and_then(|roles| roles.non_empty()) {
            let role = |role: &str| AnyValue { value: Some(Value::StringValue(role.trim().to_owned())) };
            let values = roles.split(',').map(role).collect();
            out.push(attribute("user.roles", Value::ArrayValue(ArrayValue { values })));
        }
    }
    if let Some(page) = &meta.page {
        optional("page.url", &page.url, &mut out);
        optional("page.id", &page.id, &mut out);
    }
    if let Some(view) = &meta.view {
        optional("view.name", &view.name, &mut out);
    }
    let none = Pairs::default();
    let groups = [
        ("session.attributes.", meta.session.as_ref().map_or(&none, |session| &session.attributes)),
        ("user.attributes.", meta.user.as_ref().map_or(&none, |user| &user.attributes)),
        ("page.attributes.", meta.page.as_ref().map_or(&none, |page| &page.attributes)),
    ];
    for (prefix, pairs) in groups {
        out.extend(pairs.0.iter().map(|(key, value)| text([prefix, key].concat(), value)));
    }
    keep_share(&mut out, items);
    out
}

fn keep_share(attributes: &mut Vec<KeyValue>, of: usize) {
    let mut left = super::share(of);
    attributes.retain(|attribute| {
        let size = prost::Message::encoded_len(attribute);
        let fits = size <= left;
        left -= if fits { size } else { 0 };
        fits
    });
}

fn optional(key: &str, value: &Option<Text>, out: &mut Vec<KeyValue>) {
    out.extend(value.as_ref().and_then(|value| value.non_empty()).map(|value| text(key, value)));
}

/// The bytes of a hex id of `N` bytes, or none when it is no such id or all zero.
pub fn id<const N: usize>(hex: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let bytes = hex.as_bytes().chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?));
    match bytes.collect::<Option<Vec<u8>>>() {
        Some(bytes) if hex.len() == 2 * N && bytes.iter().any(|byte| *byte != 0) => bytes,
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_only_what_is_absent_or_empty() {
        let mut attributes = vec![text("service.name", "theirs"), text("service.version", "")];
        fill(&mut attributes, &[text("service.name", "ours"), text("service.version", "1"), text("os.name", "Linux")]);
        assert_eq!(
            attributes,
            [text("service.name", "theirs"), text("service.version", "1"), text("os.name", "Linux")]
        );
    }

    #[test]
    fn ids_are_whole_and_not_zero() {
        assert_eq!(id::<8>("00f067aa0ba902B7"), [0, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7]);
        for bad in ["", "0", "0000000000000000", "00f067aa0ba902b", "00f067aa0ba902b7aa", "00f067aa0ba902bé"] {
            assert!(id::<8>(bad).is_empty(), "{bad}");
        }
    }
}
