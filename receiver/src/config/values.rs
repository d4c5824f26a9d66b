//! What was given, by path: from flags, environment and file, the stronger in front, each with the place it came from.

use super::file;
use super::keys::{KEYS, Key, Kind};
use super::{ConfigError, ConfigErrors};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// Where a value came from, the weakest first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A line of the file.
    File(PathBuf, u64),
    /// An environment variable.
    Variable(String),
    /// A flag.
    Flag(String),
}

impl Place {
    fn rank(&self) -> u8 {
        match self {
            Place::File(..) => 1,
            Place::Variable(_) => 2,
            Place::Flag(_) => 3,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Place::File(path, line) => write!(f, "{}:{line}", path.display()),
            Place::Variable(name) => f.write_str(name),
            Place::Flag(name) => write!(f, "--{name}"),
        }
    }
}

/// A value and its place.
#[derive(Clone, Debug)]
struct Given {
    text: String,
    place: Place,
}

/// Everything that was given, and what was wrong with it.
#[derive(Default)]
pub(super) struct Values {
    given: BTreeMap<String, Given>,
    errors: Vec<ConfigError>,
}

impl Values {
    /// Adds a file's text.
    pub fn add_file(&mut self, path: &Path, text: &str) {
        let leaves = match file::leaves(text) {
            Ok(leaves) => leaves,
            Err((line, reason)) => {
                let place = Place::File(path.to_owned(), line);
                return self.errors.push(ConfigError::Syntax { place, reason });
            }
        };
        for leaf in leaves {
            let place = Place::File(path.to_owned(), leaf.line);
            match (find(&leaf.path), leaf.text) {
                (Found::Key(_), Some(text)) => self.give(leaf.path, text, place),
                // `key:` alone leaves the default.
                (Found::Key(_) | Found::Branch, None) => {}
                (Found::Branch, Some(_)) => {
                    self.wrong(place, &leaf.path, "has keys of its own, not a value".into());
                }
                (Found::Nothing, _) => {
                    let (above, known) = nearest(&leaf.path);
                    self.wrong(place, &leaf.path, format!("no such key; {above} has {}", known.join(", ")));
                }
            }
        }
    }

    /// Adds what environment variables say.
    pub fn add_environment(&mut self, variables: &[(String, String)]) {
        for key in KEYS.iter() {
            let own = key.own_variable();
            if let Some((before, after)) = own.split_once("[]") {
                for (name, text) in variables {
                    let number = name.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
                    if let Some(number) = number.and_then(|number| number.parse::<usize>().ok()) {
                        self.set(
                            key,
                            &key.path.replace("[]", &format!("[{number}]")),
                            text,
                            Place::Variable(name.clone()),
                        );
                    }
                }
                continue;
            }
            // The first that is set and not empty, as OpenTelemetry has it.
            let names = std::iter::once(own.as_str()).chain(key.env.iter().copied());
            let mut values = names.filter_map(|name| variables.iter().find(|(known, _)| known == name));
            if let Some((name, text)) = values.find(|(_, text)| !text.trim().is_empty() && !linked(key, text)) {
                self.set(key, &key.path, text, Place::Variable(name.clone()));
            }
        }
    }

    /// Adds a flag's value.
    pub fn add_flag(&mut self, key: &Key, text: &str) {
        let name = key.flag.unwrap_or_default().to_owned();
        self.set(key, &key.path, text, Place::Flag(name));
    }

    /// A value of one line: lists and maps are taken apart, and what a weaker place gave of them is gone.
    fn set(&mut self, key: &Key, path: &str, text: &str, place: Place) {
        let of_list = format!("{path}[");
        let of_map = format!("{path}.");
        self.given
            .retain(|known, _| !(known.starts_with(&of_list) || key.kind == Kind::Map && known.starts_with(&of_map)));
        if key.kind != Kind::Map {
            return self.give(path.to_owned(), text.trim().to_owned(), place);
        }
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some((name, text)) => {
                    self.give(format!("{path}.{}", name.trim()), text.trim().to_owned(), place.clone())
                }
                None => self.wrong(place.clone(), path, "is written name=text,name=text".to_owned()),
            }
        }
    }

    fn give(&mut self, path: String, text: String, place: Place) {
        let weaker = self.given.get(&path).is_some_and(|given| given.place.rank() > place.rank());
        if !weaker {
            self.given.insert(path, Given { text, place });
        }
    }

    /// How strong the place of a value is; 0 when there is none, or an empty one.
    pub fn rank(&self, path: &str) -> u8 {
        self.given.get(path).filter(|given| !given.text.is_empty()).map_or(0, |given| given.place.rank())
    }

    /// Whether anything is given at a path or below it.
    pub fn any(&self, path: &str) -> bool {
        let below = |known: &String| {
            known.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        self.given
            .range(path.to_owned()..)
            .take_while(|(known, _)| known.starts_with(path))
            .any(|(known, _)| below(known))
    }

    /// The value of a key, if it has one that is not empty; what `parse` refuses is an error of the configuration.
    pub fn get<T>(&mut self, path: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        debug_assert!(matches!(find(path), Found::Key(_)), "{path} is not in the table");
        let given = self.given.get(path).filter(|given| !given.text.is_empty())?;
        match parse(&given.text) {
            Ok(value) => Some(value),
            Err(reason) => {
                let place = given.place.clone();
                self.wrong(place, path, reason);
                None
            }
        }
    }

    /// A text.
    pub fn text(&mut self, path: &str) -> Option<String> {
        self.get(path, |text| Ok(text.to_owned()))
    }

    /// One of the words that the table has for it.
    pub fn word(&mut self, path: &str) -> Option<&'static str> {
        let words = match find(path) {
            Found::Key(Key { kind: Kind::Word(words), .. }) => *words,
            _ => &[],
        };
        self.get(path, |text| {
            let word = words.iter().find(|word| text.eq_ignore_ascii_case(word));
            word.copied().ok_or_else(|| format!("{text:?} is not one of {}", words.join(", ")))
        })
    }

    /// The members of a list; `None` when the key is not given.
    pub fn list<T>(&mut self, path: &str, parse: impl Fn(&str) -> Result<T, String>) -> Option<Vec<T>> {
        let mut members = Vec::new();
        if let Some(line) = self.text(path) {
            let place = self.place(path);
            members.extend(line.split(',').map(|text| (path.to_owned(), place.clone(), text.trim().to_owned())));
        }
        for at in 0.. {
            let member = format!("{path}[{at}]");
            let Some(given) = self.given.get(&member) else { break };
            members.push((member, Some(given.place.clone()), given.text.clone()));
        }
        let given = !members.is_empty();
        let mut list = Vec::new();
        for (member, place, text) in members.into_iter().filter(|(_, _, text)| !text.is_empty()) {
            match (parse(&text), place) {
                (Ok(value), _) => list.push(value),
                (Err(reason), Some(place)) => self.wrong(place, &member, reason),
                (Err(_), None) => {}
            }
        }
        given.then_some(list)
    }

    /// The members of a map, by their names' order.
    pub fn map<T>(&mut self, path: &str, parse: impl Fn(&str, &str) -> Result<T, String>) -> Option<Vec<T>> {
        let below = format!("{path}.");
        let members: Vec<_> =
            self.given.range(below.clone()..).take_while(|(known, _)| known.starts_with(&below)).collect();
        let members: Vec<_> = members.into_iter().map(|(known, given)| (known.clone(), given.clone())).collect();
        let given = !members.is_empty();
        let mut map = Vec::new();
        for (member, Given { text, place }) in members {
            match parse(&member[below.len()..], &text) {
                Ok(value) => map.push(value),
                Err(reason) => self.wrong(place, &member, reason),
            }
        }
        given.then_some(map)
    }

    /// The numbers of a list's members, in order.
    pub fn members(&self, list: &str) -> Vec<usize> {
        let below = format!("{list}[");
        let mut numbers: Vec<usize> =
            self.given.keys().filter_map(|path| path.strip_prefix(&below)?.split_once(']')?.0.parse().ok()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    /// Where a value came from.
    pub fn place(&self, path: &str) -> Option<Place> {
        self.given.get(path).map(|given| given.place.clone())
    }

    /// Something is wrong with a key.
    pub fn wrong(&mut self, place: Place, key: &str, reason: String) {
        let error = ConfigError::Key { place, key: key.to_owned(), reason };
        // A value that holds for several signals is read once for each.
        if !self.errors.contains(&error) {
            self.errors.push(error);
        }
    }

    /// Something is wrong with what was given at a path or below it, if anything was.
    pub fn wrong_at(&mut self, path: &str, reason: String) {
        let place = self.given.iter().find(|(known, _)| known.starts_with(path)).map(|(_, given)| given.place.clone());
        match place {
            Some(place) => self.wrong(place, path, reason),
            None => self.errors.push(ConfigError::Missing { key: path.to_owned(), reason }),
        }
    }

    /// Fails with all that was wrong, in the order of their places.
    pub fn check(self) -> Result<(), ConfigErrors> {
        if self.errors.is_empty() { Ok(()) } else { Err(ConfigErrors(self.errors)) }
    }
}

/// In Kubernetes a service called `farol-server` sets `FAROL_SERVER_PORT` to such a URL; nobody meant us.
fn linked(key: &Key, text: &str) -> bool {
    matches!(key.kind, Kind::Integer(..)) && (text.starts_with("tcp://") || text.starts_with("udp://"))
}

enum Found {
    Key(&'static Key),
    Branch,
    Nothing,
}

/// The key of a path: numbers of lists and names of maps are whatever they are.
fn find(path: &str) -> Found {
    let shape = shape(path);
    let key = |path: &str| KEYS.iter().find(|key| key.path == path);
    let member = || key(shape.strip_suffix("[]")?).filter(|key| key.kind == Kind::List);
    let entry = || key(shape.rsplit_once('.')?.0).filter(|key| key.kind == Kind::Map);
    if let Some(key) = key(&shape).or_else(member).or_else(entry) {
        return Found::Key(key);
    }
    let below = |rest: &str| rest.is_empty() || rest.starts_with('.') || rest.starts_with("[]");
    match KEYS.iter().any(|key| key.path.strip_prefix(shape.as_str()).is_some_and(below)) {
        true => Found::Branch,
        false => Found::Nothing,
    }
}

/// `[3]` as `[]`.
fn shape(path: &str) -> String {
    let mut shape = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('[') {
        shape.push_str(before);
        shape.push_str("[]");
        rest = after.split_once(']').map_or("", |(_, after)| after);
    }
    shape + rest
}

/// The longest part of a path that there is, and what may stand there.
fn nearest(path: &str) -> (String, Vec<String>) {
    let shape = shape(path);
    let mut above = shape.as_str();
    loop {
        above = above.rsplit_once('.').map_or("", |(above, _)| above);
        let dot = if above.is_empty() { String::new() } else { format!("{above}.") };
        let mut names: Vec<String> = Vec::new();
        for rest in KEYS.iter().filter_map(|key| key.path.strip_prefix(&dot)) {
            let name = rest.split(['.', '[']).next().unwrap_or_default().to_owned();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        if !names.is_empty() || above.is_empty() {
            return (if above.is_empty() { "the file".into() } else { above.to_owned() }, names);
        }
    }
}
