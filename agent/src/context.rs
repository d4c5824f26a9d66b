//! What holds for every item: the meta in its parts, and the resource of the spans that follows from it.

use crate::client::{self, Client};
use crate::config::{self, Read};
use crate::json;

/// The agent's name in `sdk.name` and as the scope of its spans.
const NAME: &str = "farol";
/// The agent's version.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A part of the meta, in the order on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The agent.
    Sdk,
    /// The application.
    App,
    /// The user.
    User,
    /// The view.
    View,
    /// The browser.
    Browser,
    /// The system.
    Os,
    /// The page.
    Page,
    /// The session.
    Session,
}

impl Part {
    const NAMES: [&'static str; 8] = ["sdk", "app", "user", "view", "browser", "os", "page", "session"];
}

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

/// What the browser says about itself.
#[derive(Debug, Default)]
pub struct Facts {
    /// The `User-Agent` text.
    pub user_agent: String,
    /// BCP 47 tag.
    pub language: String,
    /// Client-hint brands with their versions.
    pub brands: Vec<(String, String)>,
}

/// The meta and its encoded form, which is made anew when it is asked for after a change.
#[derive(Default)]
pub struct Context {
    parts: [Vec<u8>; Part::NAMES.len()],
    app: Vec<u8>,
    browser: Vec<u8>,
    page: Vec<u8>,
    resource: Vec<u8>,
    head: Head,
    stale: bool,
    /// The page's address.
    pub address: String,
    /// The session's id.
    pub session: String,
}

impl Context {
    /// Puts the members of a part in place of what they were; none leave it out.
    pub fn set(&mut self, part: Part, members: &[u8]) {
        if let Some(place) = self.parts.get_mut(part as usize)
            && place != members
        {
            place.clear();
            json::put(place, members);
            self.stale = true;
        }
    }

    /// Says who the agent is.
    pub fn set_sdk(&mut self) {
        let mut members = Vec::new();
        json::text(&mut members, "name", NAME);
        json::text(&mut members, "version", VERSION);
        self.set(Part::Sdk, &members);
    }

    /// Takes the application.
    pub fn set_app(&mut self, read: Read) {
        const ATTRIBUTES: [(&str, &str); 5] = [
            ("name", "service.name"),
            ("namespace", "service.namespace"),
            ("version", "service.version"),
            ("environment", "deployment.environment.name"),
            ("environment", "deployment.environment"),
        ];
        self.app.clear();
        for (member, attribute) in ATTRIBUTES {
            let value = config::text(read, member);
            if !value.is_empty() {
                json::attribute(&mut self.app, attribute, &value, false);
            }
        }
        self.set(Part::App, &config::members(read, config::APP));
    }

    /// Takes what the browser says; what it runs on follows from that.
    pub fn set_browser(&mut self, facts: &Facts) {
        let Client { browser, version, os, os_version } = client::parse(&facts.user_agent);
        let mut system = os.as_bytes().to_vec();
        json::put(&mut system, b" ");
        json::put(&mut system, if os_version.is_empty() { b"unknown" } else { os_version.as_bytes() });
        let system = json::into_text(system);
        let mobile = json::position(facts.user_agent.as_bytes(), b"Mobi").is_some();
        let out = &mut self.browser;
        json::text(out, "name", browser);
        json::text(out, "version", version);
        json::text(out, "os", &system);
        json::text(out, "userAgent", &facts.user_agent);
        json::text(out, "language", &facts.language);
        json::flag(out, "mobile", mobile);
        let mut brands = Vec::new();
        for (brand, version) in &facts.brands {
            let open = if brands.is_empty() { b"[{" } else { b",{" };
            json::put(&mut brands, open);
            json::text(&mut brands, "brand", brand);
            json::text(&mut brands, "version", version);
            json::put(&mut brands, b"}");
        }
        let close: &[u8] = if brands.is_empty() { b"\"unknown\"" } else { b"]" };
        json::put(&mut brands, close);
        json::raw(out, "brands", &brands);
        let out = &mut self.resource;
        let attributes = [
            ("browser.language", facts.language.as_str()),
            ("browser.platform", &system),
            ("user_agent.original", &facts.user_agent),
            ("telemetry.sdk.language", "webjs"),
            ("telemetry.sdk.name", NAME),
            ("telemetry.sdk.version", VERSION),
        ];
        attributes.iter().for_each(|(name, value)| json::attribute(out, name, value, false));
        let mut members = Vec::new();
        if os != "unknown" {
            json::text(&mut members, "name", os);
            json::optional(&mut members, "version", os_version);
        }
        self.set(Part::Os, &members);
    }

    /// Takes the size of the viewport in CSS pixels.
    pub fn set_viewport(&mut self, width: f64, height: f64) {
        let mut members = self.browser.clone();
        json::text(&mut members, "viewportWidth", &json::decimal(width));
        json::text(&mut members, "viewportHeight", &json::decimal(height));
        self.set(Part::Browser, &members);
    }

    /// Takes what the application says about the page, and its address.
    pub fn set_page(&mut self, read: Read, address: String) {
        self.page = config::members(read, config::PAGE);
        self.set_address(address);
    }

    /// Takes the page's address.
    pub fn set_address(&mut self, address: String) {
        let mut members = Vec::new();
        json::optional(&mut members, "url", &address);
        json::append(&mut members, &self.page);
        self.address = address;
        self.set(Part::Page, &members);
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
        let mut meta = vec![b'{'];
        for (name, members) in Part::NAMES.iter().zip(&self.parts) {
            json::object(&mut meta, name, members);
        }
        let mut resource = br#"{"attributes":["#.to_vec();
        json::append(&mut resource, &self.app);
        json::append(&mut resource, &self.resource);
        json::put(&mut resource, b"]}");
        // The scope is the agent, as the meta has it.
        let mut scope = vec![b'{'];
        json::append(&mut scope, self.parts.first().map(Vec::as_slice).unwrap_or_default());
        json::put(&mut scope, b"}");
        Head { meta, resource, scope, session: self.session.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::reader;
    use wire::meta;

    const USER_AGENT: &str =
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36";

    fn context() -> Context {
        let mut context = Context::default();
        context.set_sdk();
        let app = serde_json::json!({"name": "shop", "version": "1.2", "environment": "test", "bundleId": "b", "x": 1});
        context.set_app(&reader(app));
        let brands = vec![("Chromium".to_owned(), "156".to_owned())];
        context.set_browser(&Facts { user_agent: USER_AGENT.into(), language: "en-US".into(), brands });
        context.set_viewport(1280.0, 720.5);
        let page = serde_json::json!({"id": "cart", "attributes": {"a": "b"}});
        context.set_page(&reader(page), "http://shop.test/#cart".into());
        context.refresh();
        context
    }

    /// Decodes the head as the head of a payload.
    fn decoded(head: &Head) -> (Vec<u8>, Vec<u8>) {
        let span = br#"{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331"}"#;
        let mut meta = head.meta.clone();
        meta.push(b'}');
        let mut body = Vec::new();
        let (resource, scope) = (head.resource.as_slice(), head.scope.as_slice());
        wire::encode::payload(
            &wire::encode::Parts { meta: &meta, spans: span, resource, scope, ..Default::default() },
            &mut body,
        );
        (body, meta)
    }

    #[test]
    fn the_meta_is_what_wire_calls_a_meta() {
        let (body, written) = decoded(context().head());
        let payload = wire::decode::payload(&body).expect("a payload");
        let expected = meta::Meta {
            sdk: Some(meta::Sdk { name: Some("farol".into()), version: Some(VERSION.into()), ..Default::default() }),
            app: Some(meta::App {
                name: Some("shop".into()),
                version: Some("1.2".into()),
                environment: Some("test".into()),
                bundle_id: Some("b".into()),
                ..Default::default()
            }),
            browser: Some(meta::Browser {
                name: Some("Chrome".into()),
                version: Some("156.0.0.0".into()),
                os: Some("Linux unknown".into()),
                user_agent: Some(USER_AGENT.into()),
                language: Some("en-US".into()),
                mobile: Some(false),
                brands: Some(meta::Brands::List(vec![meta::Brand {
                    brand: Some("Chromium".into()),
                    version: Some("156".into()),
                }])),
                viewport_width: Some("1280".into()),
                viewport_height: Some("720".into()),
            }),
            os: Some(meta::Os { name: Some("Linux".into()), ..Default::default() }),
            page: Some(meta::Page {
                id: Some("cart".into()),
                url: Some("http://shop.test/#cart".into()),
                attributes: wire::Pairs(vec![("a".into(), "b".into())]),
            }),
            ..Default::default()
        };
        assert_eq!(payload.meta, expected);
        // Nothing was written that wire does not know.
        let (written, known): (serde_json::Value, _) =
            (serde_json::from_slice(&written).expect("JSON"), serde_json::to_value(&expected).expect("JSON"));
        assert_eq!(written, known);
    }

    #[test]
    fn the_resource_names_service_and_browser() {
        let (body, _) = decoded(context().head());
        let payload = wire::decode::payload(&body).expect("a payload");
        let mut spans = payload.traces.expect("traces").resource_spans.items.remove(0);
        let attributes = spans.resource.expect("a resource").attributes;
        assert_eq!(attributes.invalid, 0);
        let keys: Vec<&str> = attributes.iter().map(|attribute| &*attribute.key).collect();
        assert!(keys.contains(&"service.name") && keys.contains(&"user_agent.original"), "{keys:?}");
        assert_eq!(spans.scope_spans.items.remove(0).scope.and_then(|s| s.name), Some("farol".into()));
    }

    #[test]
    fn only_a_change_makes_it_stale() {
        let mut context = context();
        context.set_address("http://shop.test/#cart".into());
        context.set_viewport(1280.0, 720.0);
        assert!(!context.is_stale());
        context.set(Part::Session, br#""id":"s1""#);
        context.session.push_str("s1");
        assert!(context.is_stale());
        assert_eq!(context.head().session, "");
        context.refresh();
        assert_eq!(context.head().session, "s1");
        context.set(Part::Session, b"");
        assert!(!String::from_utf8_lossy(&context.encoded().meta).contains("session"));
    }
}
