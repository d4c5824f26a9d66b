//! Label templates: text with `{{ .App.Name }}` and its like, read once into segments.

use std::str::FromStr;

/// What a template may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// `.App.Name`: `meta.app.name`.
    AppName,
    /// `.App.Environment`: `meta.app.environment`.
    AppEnvironment,
    /// `.Kind`: log, exception, event or measurement.
    Kind,
    /// `.Name`: the name of an event, the type of a measurement or an exception.
    Name,
}

const FIELDS: [(&str, Field); 4] = [
    (".App.Name", Field::AppName),
    (".App.Environment", Field::AppEnvironment),
    (".Kind", Field::Kind),
    (".Name", Field::Name),
];

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Segment {
    /// Text as it stands.
    Text(Box<str>),
    /// The value of a field.
    Field(Field),
}

/// The text of a label.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Template(pub Vec<Segment>);

impl FromStr for Template {
    type Err = String;

    fn from_str(text: &str) -> Result<Template, String> {
        let (mut segments, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((name, after)) = after.split_once("}}") else {
                return Err(format!("{text:?} has a {{{{ that is not closed"));
            };
            let name = name.trim_matches(|c: char| c == '-' || c.is_whitespace());
            let Some((_, field)) = FIELDS.iter().find(|(known, _)| *known == name) else {
                let known: Vec<_> = FIELDS.iter().map(|(known, _)| format!("{{{{ {known} }}}}")).collect();
                return Err(format!("{{{{ {name} }}}} is not known, use {}", known.join(", ")));
            };
            if !before.is_empty() {
                segments.push(Segment::Text(before.into()));
            }
            segments.push(Segment::Field(*field));
            rest = after;
        }
        if !rest.is_empty() {
            segments.push(Segment::Text(rest.into()));
        }
        Ok(Template(segments))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_text_and_fields() {
        let text = |text: &str| Segment::Text(text.into());
        let check =
            |template: &str, expected: &[Segment]| assert_eq!(template.parse(), Ok(Template(expected.to_vec())));
        check("", &[]);
        check("exception", &[text("exception")]);
        check("{{ .App.Name }}", &[Segment::Field(Field::AppName)]);
        check("{{.Kind}}", &[Segment::Field(Field::Kind)]);
        check("{{- .Name -}}", &[Segment::Field(Field::Name)]);
        check(
            "web-{{ .App.Environment }}/{{ .Kind }}!",
            &[text("web-"), Segment::Field(Field::AppEnvironment), text("/"), Segment::Field(Field::Kind), text("!")],
        );
        check("a } b", &[text("a } b")]);
    }

    #[test]
    fn unknown_names_are_refused() {
        let check = |template: &str, words: &str| {
            let error = template.parse::<Template>().unwrap_err();
            assert!(error.contains(words), "{error}");
        };
        check("{{ .App.Version }}", "{{ .App.Version }} is not known, use {{ .App.Name }}, ");
        check("{{ .app.name }}", "is not known");
        check("{{ }}", "is not known");
        check("a {{ .Kind", "not closed");
        check("{{ .Kind | lower }}", "is not known");
    }
}
