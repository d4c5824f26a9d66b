//! What holds for every item: the meta in its parts, and the resource and scope of the spans.
//!
//! The page's side of the border writes the members of each part but the session's; here they are only kept,
//! compared and put together.

use crate::json;

/// The parts, in their order on the wire: the border knows them by number, and the session is the agent's own. The
/// last is not of the meta, it is the attributes of the spans' resource.
const NAMES: [&str; 8] = ["sdk", "app", "user", "view", "browser", "os", "page", "session"];
const SDK: usize = 0;
/// The session's number.
pub const SESSION: usize = 7;
/// The number of the resource's attributes.
pub const RESOURCE: usize = 8;

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
pub struct Context {
    parts: [Vec<u8>; RESOURCE + 1],
    head: Head,
    stale: bool,
    /// The page's address.
    pub address: String,
    /// The session's id.
    pub session: String,
}

impl Context {
    /// A meta without any part.
    pub fn new() -> Self {
        Context {
            parts: [const { Vec::new() }; RESOURCE + 1],
            head: Head::default(),
            stale: false,
            address: String::new(),
            session: String::new(),
        }
    }

    /// Puts the members of a part in place of what they were; none leave it out.
    pub fn set(&mut self, part: usize, members: &[u8]) {
        if let Some(place) = self.parts.get_mut(part)
            && place != members
        {
            place.clear();
            json::put(place, members);
            self.stale = true;
        }
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
        let mut head = Head { session: self.session.clone(), ..Head::default() };
        json::put(&mut head.meta, b"{");
        NAMES.iter().zip(&self.parts).for_each(|(name, members)| json::object(&mut head.meta, name, members));
        let around = |out: &mut Vec<u8>, open: &[u8], part: usize, close: &[u8]| {
            let members = self.parts.get(part).map(Vec::as_slice).unwrap_or_default();
            [open, members, close].iter().for_each(|bytes| json::put(out, bytes));
        };
        around(&mut head.resource, br#"{"attributes":["#, RESOURCE, b"]}");
        // The scope is the agent, as the meta has it.
        around(&mut head.scope, b"{", SDK, b"}");
        head
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A payload with one span under this head.
    fn payload(head: &Head) -> Vec<u8> {
        let span = br#"{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331"}"#;
        let mut meta = head.meta.clone();
        meta.push(b'}');
        let (resource, scope) = (head.resource.as_slice(), head.scope.as_slice());
        let parts = wire::encode::Parts { meta: &meta, spans: span, resource, scope, ..Default::default() };
        let mut body = Vec::new();
        wire::encode::payload(&parts, &mut body);
        body
    }

    #[test]
    fn the_head_is_a_meta_a_resource_and_a_scope() {
        let mut context = Context::new();
        context.set(SDK, br#""name":"farol","version":"1""#);
        context.set(1, br#""name":"shop","version":"1.2""#);
        context.set(6, br#""url":"http://shop.test/""#);
        context.set(RESOURCE, br#"{"key":"service.name","value":{"stringValue":"shop"}}"#);
        context.refresh();
        let body = payload(context.head());
        let payload = wire::decode::payload(&body).expect("a payload");
        assert_eq!(payload.meta.app.and_then(|app| app.version), Some("1.2".into()));
        assert_eq!(payload.meta.page.and_then(|page| page.url), Some("http://shop.test/".into()));
        assert_eq!(payload.meta.user, None);
        let spans = &payload.traces.expect("traces").resource_spans[0];
        let attributes = &spans.resource.as_ref().expect("a resource").attributes;
        assert_eq!(attributes.items, [wire::trace::KeyValue::text("service.name", "shop")]);
        assert_eq!(spans.scope_spans[0].scope.as_ref().and_then(|s| s.name.as_deref()), Some("farol"));
    }

    #[test]
    fn only_a_change_makes_it_stale() {
        let mut context = Context::new();
        context.set(2, br#""id":"u1""#);
        context.refresh();
        context.set(2, br#""id":"u1""#);
        assert!(!context.is_stale());
        context.set(SESSION, br#""id":"s1""#);
        context.session.push_str("s1");
        assert!(context.is_stale());
        assert_eq!(context.head().session, "");
        context.refresh();
        assert_eq!(context.head().session, "s1");
        context.set(SESSION, b"");
        context.set(99, b"no such part");
        assert_eq!(context.encoded().meta, br#"{"user":{"id":"u1"}"#);
    }
}
