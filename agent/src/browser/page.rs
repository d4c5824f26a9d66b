//! Facts about the page and its browser.

use super::options::{get, read};
use crate::client;
use crate::config::{number, text};
use crate::trace::Parent;
use wasm_bindgen::JsValue;
use wire::Text;
use wire::meta::{Brand, Brands, Browser, Os};

/// The address, with query and fragment.
pub fn address() -> Option<Text<'static>> {
    text(&global, "location.href")
}

/// Width and height of the viewport in CSS pixels.
pub fn viewport() -> (f64, f64) {
    (number(&global, "innerWidth", 0.0), number(&global, "innerHeight", 0.0))
}

/// What the browser says about itself, and the system it runs on when that is known.
pub fn browser() -> (Browser<'static>, Option<Os<'static>>) {
    let user_agent = text(&global, "navigator.userAgent").unwrap_or_default();
    let client = client::parse(&user_agent);
    let version = |text: &str| Some(Text::from(text.replace('_', "."))).filter(|text| !text.is_empty());
    let os_version = version(client.os_version);
    let mut system = String::from(client.os);
    system.push(' ');
    system.push_str(os_version.as_deref().unwrap_or("unknown"));
    let os = Os { name: Some(client.os.to_owned().into()), version: os_version, ..Os::default() };
    let (width, height) = viewport();
    let browser = Browser {
        name: Some(client.browser.to_owned().into()),
        version: version(client.version),
        os: Some(system.into()),
        language: text(&global, "navigator.language"),
        mobile: Some(client::position(user_agent.as_bytes(), b"Mobi").is_some()),
        brands: brands(),
        viewport_width: Some(pixels(width)),
        viewport_height: Some(pixels(height)),
        user_agent: Some(user_agent.clone()),
    };
    let known = client.os != "unknown";
    (browser, known.then_some(os))
}

/// A size as the wire has it.
pub fn pixels(size: f64) -> Text<'static> {
    itoa::Buffer::new().format(size as u32).to_owned().into()
}

/// The client hints' brands, `unknown` in browsers without them.
fn brands() -> Option<Brands<'static>> {
    let mut list = Vec::new();
    if let Some(brands) = get(&js_sys::global(), "navigator.userAgentData.brands") {
        // Browsers give three; what a page put there instead may be anything.
        for at in ["0", "1", "2", "3"] {
            let Some(brand) = get(&brands, at) else { break };
            list.push(Brand {
                brand: text(&|path| read(&brand, path), "brand"),
                version: text(&|path| read(&brand, path), "version"),
            });
        }
    }
    Some(if list.is_empty() { Brands::Word("unknown".into()) } else { Brands::List(list) })
}

/// The span that a driver of the page has set as the parent of what starts now.
pub fn driver() -> Option<Parent> {
    let driver = get(&js_sys::global(), "__TRACE_CONTEXT__")?;
    let id = |path| text(&|path: &str| read(&driver, path), path).map(|id| id.0.into_owned());
    Parent::new(id("traceId")?, id("spanId")?)
}

fn global(path: &str) -> crate::config::Value {
    let global: JsValue = js_sys::global().into();
    read(&global, path)
}
