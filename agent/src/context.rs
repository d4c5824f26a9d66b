//! What holds for every item: the meta, its JSON, and the resource of the spans that follows from it.

use wire::meta::{Brands, Meta};
use wire::trace::{KeyValue, Resource, Scope, Value};
use wire::{Text, encode};

/// The agent's name in `sdk.name` and as the scope of its spans.
pub const NAME: &str = "farol";
/// The agent's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What a batch takes from the meta that its items were pushed under.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Head {
    /// The `meta` object without its closing brace, so that delivery data can follow.
    pub meta: Vec<u8>,
    /// The `resource` of the spans.
    pub resource: Vec<u8>,
    /// The `scope` of the spans.
    pub scope: Vec<u8>,
    /// The session's id, empty without sessions.
    pub session: String,
}

/// The meta and its encoded form, which is made anew when it is asked for after a change.
#[derive(Default)]
pub struct Context {
    meta: Meta<'static>,
    head: Head,
    stale: bool,
}

impl Context {
    /// The meta as it is now.
    pub fn meta(&self) -> &Meta<'static> {
        &self.meta
    }

    /// The meta, to be changed.
    pub fn edit(&mut self) -> &mut Meta<'static> {
        self.stale = true;
        &mut self.meta
    }

    /// Whether the meta may differ from what [`Context::head`] last saw.
    pub fn is_stale(&self) -> bool {
        self.stale
    }

    /// The encoded meta as of the last [`Context::refresh`]: what the open batch was begun with.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Encodes the meta after a change.
    pub fn refresh(&mut self) {
        self.stale = false;
        self.head = self.encoded();
    }

    /// The meta as it is now, encoded.
    pub fn encoded(&self) -> Head {
        let mut head = Head::default();
        encode::json(&self.meta, &mut head.meta);
        head.meta.pop();
        encode::json(&resource(&self.meta), &mut head.resource);
        encode::json(&scope(), &mut head.scope);
        let session = self.meta.session.as_ref().and_then(|session| session.id.as_deref());
        head.session = session.unwrap_or_default().to_owned();
        head
    }
}

/// The scope of every span.
pub fn scope() -> Scope<'static> {
    Scope { name: Some(NAME.into()), version: Some(VERSION.into()) }
}

/// The OpenTelemetry resource: `service.*` and `deployment.*` of the app, `browser.*`, `telemetry.*`.
pub fn resource<'m>(meta: &'m Meta) -> Resource<'m> {
    let mut attributes = Vec::new();
    let mut text = |key: &'static str, value: &'m Option<Text>| {
        if let Some(value) = value {
            attributes.push(KeyValue::text(key, value));
        }
    };
    if let Some(app) = &meta.app {
        text("service.name", &app.name);
        text("service.namespace", &app.namespace);
        text("service.version", &app.version);
        text("deployment.environment.name", &app.environment);
        text("deployment.environment", &app.environment);
    }
    if let Some(browser) = &meta.browser {
        text("browser.language", &browser.language);
        text("browser.platform", &browser.os);
        text("user_agent.original", &browser.user_agent);
        if let Some(mobile) = browser.mobile {
            attributes.push(KeyValue { key: "browser.mobile".into(), value: Value::Bool(mobile) });
        }
        if let Some(Brands::List(brands)) = &browser.brands {
            let names = brands.iter().filter_map(|brand| brand.brand.as_deref());
            let names = names.map(|name| Value::String(name.into())).collect();
            attributes.push(KeyValue { key: "browser.brands".into(), value: Value::Array(names) });
        }
    }
    attributes.push(KeyValue::text("telemetry.sdk.language", "webjs"));
    attributes.push(KeyValue::text("telemetry.sdk.name", NAME));
    attributes.push(KeyValue::text("telemetry.sdk.version", VERSION));
    Resource { attributes: attributes.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::meta::{App, Session};

    #[test]
    fn a_change_shows_in_the_head_after_a_refresh() {
        let mut context = Context::default();
        context.edit().app = Some(App { name: Some("shop".into()), ..App::default() });
        context.refresh();
        assert_eq!(context.head().meta, br#"{"app":{"name":"shop"}"#);
        assert!(!context.is_stale());
        context.edit().session = Some(Session { id: Some("s1".into()), ..Session::default() });
        assert!(context.is_stale());
        assert_eq!(context.head().session, "");
        context.refresh();
        assert_eq!(context.head().session, "s1");
        let resource = String::from_utf8_lossy(&context.head().resource);
        assert!(resource.contains(r#"{"key":"service.name","value":{"stringValue":"shop"}}"#), "{resource}");
    }
}
