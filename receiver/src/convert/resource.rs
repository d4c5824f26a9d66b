//! Who and where, as OpenTelemetry attributes: the resource, and what each record or span has of its
//! session (semantic conventions 1.38; names of ours where they have none).

use super::attribute::{Attribute, Shared, Value};
use crate::enrich::{Enriched, UserAgent};
use wire::Text;
use wire::meta::Brands;

/// `Resource.attributes`.
const RESOURCE_ATTRIBUTES: u8 = 1;

/// The resource: the service, the agent, the browser, the system, for one of at most `resources` such.
/// What is past their share of bytes is left out.
pub fn of_service<'b>(record: &'b Enriched<'b>, resources: usize) -> Shared<'b> {
    let meta = &record.payload.meta;
    let mut out = vec![Attribute::text("service.name", record.service_name())];
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
        out.push(Attribute::text("telemetry.sdk.language", "webjs"));
    }
    let browser = meta.browser.as_ref();
    if let Some(browser) = browser {
        match &browser.brands {
            Some(Brands::List(brands)) if !brands.is_empty() => {
                out.push(Attribute::new("browser.brands", "", Value::Brands(brands)));
            }
            _ => {}
        }
        optional("browser.language", &browser.language, &mut out);
        out.extend(browser.mobile.map(|mobile| Attribute::new("browser.mobile", "", Value::Bool(mobile))));
        optional("user_agent.name", &browser.name, &mut out);
        optional("user_agent.version", &browser.version, &mut out);
        optional("user_agent.original", &browser.user_agent, &mut out);
    }
    match record.user_agent {
        UserAgent::FromRequest(user_agent) if !user_agent.is_empty() => {
            out.push(Attribute::text("user_agent.original", user_agent));
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
    out.extend(described.and_then(|os| os.non_empty()).map(|os| Attribute::text("os.description", os)));
    if let Some(k6) = &meta.k6 {
        optional("k6.test_run.id", &k6.test_run_id, &mut out);
    }
    Shared::new(out, RESOURCE_ATTRIBUTES, super::share(resources))
}

/// What a record or span gets of its session, user, page and view.
pub fn of_session<'b>(record: &'b Enriched<'b>) -> Vec<Attribute<'b>> {
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
            out.push(Attribute::new("user.roles", "", Value::Words(roles)));
        }
    }
    if let Some(page) = &meta.page {
        optional("page.url", &page.url, &mut out);
        optional("page.id", &page.id, &mut out);
    }
    if let Some(view) = &meta.view {
        optional("view.name", &view.name, &mut out);
    }
    let groups = [
        ("session.attributes.", meta.session.as_ref().map(|session| &session.attributes)),
        ("user.attributes.", meta.user.as_ref().map(|user| &user.attributes)),
        ("page.attributes.", meta.page.as_ref().map(|page| &page.attributes)),
    ];
    for (prefix, pairs) in groups {
        let pairs = pairs.iter().flat_map(|pairs| &pairs.0);
        out.extend(pairs.map(|(key, value)| Attribute::new(prefix, key, Value::Text(value))));
    }
    out
}

fn optional<'b>(key: &'static str, value: &'b Option<Text>, out: &mut Vec<Attribute<'b>>) {
    out.extend(value.as_ref().and_then(|value| value.non_empty()).map(|value| Attribute::text(key, value)));
}
