//! Label templates: text with fields of an item in it, `{{ .App.Name }}`, as Go's `text/template` writes them.

use crate::enrich::{Enriched, Item};
use std::str::FromStr;
use wire::Text;

/// A field that may be in a template. Ids and addresses are not among them: they are structured metadata,
/// for a label's values have to be few.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The session's override of the service's name, else the app's name, else `unknown`.
    Service,
    /// The app's name.
    AppName,
    /// The app's environment.
    AppEnvironment,
    /// The app's namespace.
    AppNamespace,
    /// The app's version.
    AppVersion,
    /// The app's release.
    AppRelease,
    /// `log`, `exception`, `measurement` or `event`.
    Kind,
    /// `info`, `error` and so on, one of a few; what the sender calls it otherwise is `unknown`.
    Level,
    /// An event's name, an exception's or a measurement's type; nothing for a log line.
    Name,
    /// An event's name; nothing for others.
    EventName,
    /// The browser's name.
    BrowserName,
    /// The browser's system.
    BrowserOs,
    /// The agent's name.
    SdkName,
    /// The agent's version.
    SdkVersion,
    /// The view's name.
    ViewName,
}

/// Each field as it is written.
const FIELDS: [(&str, Field); 15] = [
    (".Service", Field::Service),
    (".App.Name", Field::AppName),
    (".App.Environment", Field::AppEnvironment),
    (".App.Namespace", Field::AppNamespace),
    (".App.Version", Field::AppVersion),
    (".App.Release", Field::AppRelease),
    (".Kind", Field::Kind),
    (".Level", Field::Level),
    (".Name", Field::Name),
    (".Event.Name", Field::EventName),
    (".Browser.Name", Field::BrowserName),
    (".Browser.OS", Field::BrowserOs),
    (".SDK.Name", Field::SdkName),
    (".SDK.Version", Field::SdkVersion),
    (".View.Name", Field::ViewName),
];

/// How many values a field has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// A few, whatever is sent.
    Few,
    /// One for each service.
    OfService,
    /// As many as senders like: they take from the service's budget.
    Open,
}

/// Why a text is no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// `{{` without `}}`.
    #[error("template {0:?}: \"{{{{\" is not closed")]
    Open(String),
    /// Not a field.
    #[error("template {template:?}: no field {field:?}, there are {}", fields())]
    Field {
        /// The whole text.
        template: String,
        /// What stands between the braces.
        field: String,
    },
}

fn fields() -> String {
    FIELDS.map(|(name, _)| name).join(", ")
}

/// A template, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template {
    segments: Vec<Segment>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Text(String),
    Field(Field),
}

impl Template {
    /// Reads a template. Text without braces is a template of that value.
    ///
    /// # Errors
    /// When braces are not closed, or hold anything but a field.
    pub fn parse(text: &str) -> Result<Template, TemplateError> {
        let (mut segments, mut rest) = (Vec::new(), text);
        while let Some((before, behind)) = rest.split_once("{{") {
            let (inside, after) = behind.split_once("}}").ok_or_else(|| TemplateError::Open(text.to_owned()))?;
            // Text beside fields is a label's own: there is no space around it that trim marks could take.
            let name = inside.trim_matches(|c: char| c == '-' || c.is_whitespace());
            let field = FIELDS.iter().find(|(known, _)| *known == name).map(|(_, field)| *field);
            let unknown = || TemplateError::Field { template: text.to_owned(), field: name.to_owned() };
            segments.extend((!before.is_empty()).then(|| Segment::Text(before.to_owned())));
            segments.push(Segment::Field(field.ok_or_else(unknown)?));
            rest = after;
        }
        segments.extend((!rest.is_empty()).then(|| Segment::Text(rest.to_owned())));
        Ok(Template { segments })
    }

    /// A template of one field.
    pub fn field(field: Field) -> Template {
        Template { segments: vec![Segment::Field(field)] }
    }

    /// The fields in it.
    pub fn fields(&self) -> impl Iterator<Item = Field> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Field(field) => Some(*field),
            Segment::Text(_) => None,
        })
    }

    /// Appends the text, with `value` for each field. Nothing when all its fields are empty: text around nothing
    /// says nothing.
    pub fn render<'v>(&self, value: impl Fn(Field) -> &'v str, out: &mut String) {
        if self.fields().next().is_some() && self.fields().all(|field| value(field).is_empty()) {
            return;
        }
        for segment in &self.segments {
            out.push_str(match segment {
                Segment::Text(text) => text,
                Segment::Field(field) => value(*field),
            });
        }
    }
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Template, TemplateError> {
        Template::parse(text)
    }
}

impl Field {
    /// How many values it has among items of this kind.
    pub fn values(self, kind: &str) -> Values {
        match self {
            Field::Service | Field::AppName | Field::AppEnvironment => Values::OfService,
            Field::Kind | Field::Level => Values::Few,
            // Always empty.
            Field::Name if kind == "log" => Values::Few,
            Field::EventName if kind != "event" => Values::Few,
            Field::Name
            | Field::EventName
            | Field::AppNamespace
            | Field::AppVersion
            | Field::AppRelease
            | Field::BrowserName
            | Field::BrowserOs
            | Field::SdkName
            | Field::SdkVersion
            | Field::ViewName => Values::Open,
        }
    }

    /// Its value in a record; empty for what only an item has.
    pub fn of_record<'r>(self, record: &'r Enriched) -> &'r str {
        let meta = &record.payload.meta;
        let (app, browser, sdk) = (meta.app.as_ref(), meta.browser.as_ref(), meta.sdk.as_ref());
        fn text<'r>(text: Option<&'r Option<Text>>) -> &'r str {
            text.and_then(Option::as_deref).unwrap_or_default()
        }
        match self {
            Field::Service => record.service_name(),
            Field::AppName => text(app.map(|app| &app.name)),
            Field::AppEnvironment => text(app.map(|app| &app.environment)),
            Field::AppNamespace => text(app.map(|app| &app.namespace)),
            Field::AppVersion => text(app.map(|app| &app.version)),
            Field::AppRelease => text(app.map(|app| &app.release)),
            Field::BrowserName => text(browser.map(|browser| &browser.name)),
            Field::BrowserOs => text(browser.map(|browser| &browser.os)),
            Field::SdkName => text(sdk.map(|sdk| &sdk.name)),
            Field::SdkVersion => text(sdk.map(|sdk| &sdk.version)),
            Field::ViewName => text(meta.view.as_ref().map(|view| &view.name)),
            Field::Kind | Field::Level | Field::Name | Field::EventName => "",
        }
    }
}

/// What [`Field::Name`] is of an item.
pub fn name<'b>(item: Item<'b, '_>) -> &'b str {
    match item {
        Item::Log(_) => "",
        Item::Exception(exception) => &exception.kind,
        Item::Measurement(measurement) => &measurement.kind,
        Item::Event(event) => &event.name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_text_with_fields() {
        let value = |field| match field {
            Field::AppName => "shop",
            Field::Kind => "event",
            _ => "",
        };
        let check = |template: &str, expected: &str| {
            let mut out = String::new();
            Template::parse(template).unwrap().render(value, &mut out);
            assert_eq!(out, expected, "{template}");
        };
        check("{{ .App.Name }}", "shop");
        check("{{.App.Name}}", "shop");
        check("{{- .Kind -}}", "event");
        check("exception", "exception");
        check("", "");
        check("rum/{{ .App.Name }}-{{ .Kind }}!", "rum/shop-event!");
        check("v{{ .App.Version }}", "");
        check("{{ .App.Version }}{{ .Kind }}", "event");
        check("a}}b", "a}}b");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let check = |template: &str, words: &str| {
            let error = Template::parse(template).unwrap_err().to_string();
            assert!(error.contains(words) && error.contains(template), "{error}");
        };
        check("{{ .App.Nam }}", "no field \".App.Nam\", there are .Service, .App.Name,");
        check("{{ .Session.ID }}", "no field");
        check("{{ .App.Name | upper }}", "no field \".App.Name | upper\"");
        check("{{}}", "no field \"\"");
        check("{{ .App.Name", "\"{{\" is not closed");
    }
}
