//! What holds for every item of a batch: who, where, which app and which session.

use crate::{List, Pairs, Text};
use serde::Serialize;

/// The `meta` object of a payload. Absent parts are left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Meta<'a> {
    /// The agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sdk: Option<Sdk<'a>>,
    /// The application.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app: Option<App<'a>>,
    /// The signed-in user, as the application tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<User<'a>>,
    /// The view, as the application names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub view: Option<View<'a>>,
    /// The browser.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub browser: Option<Browser<'a>>,
    /// The operating system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os: Option<Os<'a>>,
    /// The page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<Page<'a>>,
    /// The load test that drives the browser.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub k6: Option<K6<'a>>,
    /// The session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<Session<'a>>,
    /// What only Farol's agent sends, to make loss and skew visible.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub farol: Option<Delivery<'a>>,
}

/// The agent's name and version.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Sdk<'a> {
    /// `farol` or `faro-web`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Text<'a>>,
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Text<'a>>,
    /// What is switched on.
    #[serde(skip_serializing_if = "List::is_empty")]
    pub integrations: List<Integration<'a>>,
}

/// A named part of the agent.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Integration<'a> {
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Text<'a>>,
    /// Version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Text<'a>>,
}

/// The application; `service.*` and `deployment.*` of OpenTelemetry come from here.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct App<'a> {
    /// Becomes `service.name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Text<'a>>,
    /// Becomes `service.namespace`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Text<'a>>,
    /// Release, the key of source maps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<Text<'a>>,
    /// Becomes `service.version`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Text<'a>>,
    /// Becomes `deployment.environment.name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<Text<'a>>,
    /// Id of the bundle, for source maps.
    #[serde(rename = "bundleId", skip_serializing_if = "Option::is_none")]
    pub bundle_id: Option<Text<'a>>,
    /// Commit it was built from.
    #[serde(rename = "gitHash", skip_serializing_if = "Option::is_none")]
    pub git_hash: Option<Text<'a>>,
    /// Installation, for apps installed more than once.
    #[serde(rename = "installationId", skip_serializing_if = "Option::is_none")]
    pub installation_id: Option<Text<'a>>,
}

/// The signed-in user.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct User<'a> {
    /// Mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<Text<'a>>,
    /// Id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Text<'a>>,
    /// Login name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<Text<'a>>,
    /// Full name.
    #[serde(rename = "fullName", skip_serializing_if = "Option::is_none")]
    pub full_name: Option<Text<'a>>,
    /// Roles, comma separated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roles: Option<Text<'a>>,
    /// Hash of an id, where the id itself must not travel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<Text<'a>>,
    /// The application's own pairs.
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    pub attributes: Pairs<'a>,
}

/// The view.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct View<'a> {
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Text<'a>>,
}

/// The browser, as it describes itself. Viewport sizes are CSS pixels, sent as text.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Browser<'a> {
    /// `Chrome`, `Firefox`, ...
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Text<'a>>,
    /// Full version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Text<'a>>,
    /// Name and version of the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os: Option<Text<'a>>,
    /// The `User-Agent` text.
    #[serde(rename = "userAgent", skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<Text<'a>>,
    /// BCP 47 tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<Text<'a>>,
    /// Whether it says it is a phone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mobile: Option<bool>,
    /// Client-hint brands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brands: Option<Brands<'a>>,
    /// Width.
    #[serde(rename = "viewportWidth", skip_serializing_if = "Option::is_none")]
    pub viewport_width: Option<Text<'a>>,
    /// Height.
    #[serde(rename = "viewportHeight", skip_serializing_if = "Option::is_none")]
    pub viewport_height: Option<Text<'a>>,
}

/// Client-hint brands: a list, or a word such as `unknown`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Brands<'a> {
    /// `Sec-CH-UA` as objects.
    List(Vec<Brand<'a>>),
    /// The word.
    Word(Text<'a>),
}

impl Default for Brands<'_> {
    fn default() -> Self {
        Brands::List(Vec::new())
    }
}

/// One brand.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Brand<'a> {
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brand: Option<Text<'a>>,
    /// Major version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Text<'a>>,
}

/// The operating system.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Os<'a> {
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Text<'a>>,
    /// Version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Text<'a>>,
    /// Build.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_id: Option<Text<'a>>,
    /// Anything more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<Text<'a>>,
}

/// The page.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Page<'a> {
    /// The application's id of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Text<'a>>,
    /// Its address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<Text<'a>>,
    /// The application's own pairs.
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    pub attributes: Pairs<'a>,
}

/// A k6 browser test.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct K6<'a> {
    /// Always true when sent.
    #[serde(rename = "isK6Browser", skip_serializing_if = "Option::is_none")]
    pub is_k6_browser: Option<bool>,
    /// The run.
    #[serde(rename = "testRunId", skip_serializing_if = "Option::is_none")]
    pub test_run_id: Option<Text<'a>>,
}

/// The session.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Session<'a> {
    /// 10 characters from Faro, up to 128 allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Text<'a>>,
    /// The application's own pairs; `previousSession` is one.
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    pub attributes: Pairs<'a>,
    /// What the application overrides for this session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overrides: Option<Overrides<'a>>,
}

/// Overrides of a session.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Overrides<'a> {
    /// Takes the place of `app.name`.
    #[serde(rename = "serviceName", skip_serializing_if = "Option::is_none")]
    pub service_name: Option<Text<'a>>,
    /// Whether the receiver may look up where the client is.
    #[serde(rename = "geoLocationTrackingEnabled", skip_serializing_if = "Option::is_none")]
    pub geo_location_tracking_enabled: Option<bool>,
}

/// Loss accounting and clock: travels in `meta.farol`, which other receivers ignore.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Delivery<'a> {
    /// Client clock when the batch was sent, milliseconds since the epoch.
    #[serde(rename = "sentAt", skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<f64>,
    /// This page load; sequences count inside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<Text<'a>>,
    /// Number of this batch, from 0, without gaps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u32>,
    /// Items dropped so far in this page load, by reason.
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    pub dropped: Pairs<'a>,
}
