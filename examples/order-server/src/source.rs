//! Where settings come from: the environment, and before it a file. What is read is kept as text until it is understood.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::Path;

use secrecy::{ExposeSecret, SecretString};

use crate::setting::SETTINGS;

/// Everything that is wrong with a configuration. A value is never repeated: it may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, Default, thiserror::Error)]
pub struct Mistakes(Vec<(String, String)>);

impl Mistakes {
    /// Adds one.
    pub fn add(&mut self, setting: impl Into<String>, problem: impl Into<String>) {
        self.0.push((setting.into(), problem.into()));
    }

    /// Which settings are wrong, in the order in which they were looked at.
    pub fn settings(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(setting, _)| setting.as_str())
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration has {} mistake(s):", self.0.len())?;
        self.0.iter().try_for_each(|(setting, problem)| write!(f, "\n  {setting}: {problem}"))
    }
}

/// The texts of the settings that were given.
#[derive(Debug, Default)]
pub(crate) struct Source {
    texts: BTreeMap<&'static str, SecretString>,
    pub(crate) mistakes: Mistakes,
}

impl Source {
    /// Reads the file, if there is one, and then the environment, which wins. An empty text counts as not given.
    pub(crate) fn read(file: Option<&Path>, environment: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let mut source = Self::default();
        if let Some(path) = file {
            source.read_file(path);
        }
        for setting in SETTINGS {
            let mut given = None;
            for name in [Some(setting.name), setting.alias].into_iter().flatten() {
                let Some(value) = environment(name).filter(|value| !value.is_empty()) else { continue };
                let Ok(text) = value.into_string() else {
                    source.mistakes.add(name, "is not UTF-8");
                    continue;
                };
                if given.as_ref().is_some_and(|earlier| *earlier != text) {
                    source.mistakes.add(name, format!("differs from {}", setting.name));
                }
                given.get_or_insert(text);
            }
            if let Some(text) = given {
                source.texts.insert(setting.name, text.into());
            }
        }
        source
    }

    fn read_file(&mut self, path: &Path) {
        let name = path.display().to_string();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => return self.mistakes.add(name, format!("can't be read: {}", error.kind())),
        };
        match text.parse::<toml::Table>() {
            Ok(table) => table.into_iter().for_each(|(key, value)| self.take(&key, &value)),
            Err(error) => {
                let line = error.span().map_or(1, |span| {
                    text.get(..span.start).map_or(0, |before| before.matches('\n').count()).saturating_add(1)
                });
                self.mistakes.add(name, format!("is not TOML: look at line {line}"));
            }
        }
    }

    fn take(&mut self, key: &str, value: &toml::Value) {
        let is_named = |name: &str| key == name.to_lowercase();
        let known = SETTINGS.iter().find(|one| is_named(one.name) || one.alias.is_some_and(is_named));
        let Some(setting) = known else {
            return self.mistakes.add(key, "is not a setting; see --help");
        };
        let text = match value {
            toml::Value::String(text) => text.clone(),
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Boolean(truth) => truth.to_string(),
            toml::Value::Array(items) if items.iter().all(toml::Value::is_str) => {
                items.iter().filter_map(toml::Value::as_str).collect::<Vec<_>>().join(",")
            }
            toml::Value::Float(_)
            | toml::Value::Datetime(_)
            | toml::Value::Array(_)
            | toml::Value::Table(_) => {
                return self
                    .mistakes
                    .add(key, "must be a text, a whole number, true, false or a list of texts");
            }
        };
        if self.texts.insert(setting.name, text.into()).is_some() {
            self.mistakes.add(key, "is given twice, under two names");
        }
    }

    /// The text of a setting.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(ExposeSecret::expose_secret).filter(|text| !text.is_empty())
    }

    /// Reads a setting; what can't be read is a mistake, and the default takes its place until all are listed.
    pub(crate) fn parse<T>(
        &mut self,
        name: &str,
        default: T,
        expected: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> T {
        let Some(read) = self.text(name).map(read) else { return default };
        read.unwrap_or_else(|| {
            self.mistakes.add(name, format!("must be {expected}"));
            default
        })
    }

    /// Reads a yes or no.
    pub(crate) fn flag(&mut self, name: &str, default: bool) -> bool {
        self.parse(name, default, "true or false", |text| text.parse().ok())
    }

    /// Reads a whole number within bounds.
    pub(crate) fn number(&mut self, name: &str, default: u32, bounds: std::ops::RangeInclusive<u32>) -> u32 {
        let expected = format!("a whole number from {} to {}", bounds.start(), bounds.end());
        self.parse(name, default, &expected, |text| {
            text.parse().ok().filter(|number| bounds.contains(number))
        })
    }
}

/// The value of one of several names.
pub(crate) fn choice<T: Copy, const N: usize>(text: &str, choices: [(&str, T); N]) -> Option<T> {
    choices.into_iter().find(|(name, _)| *name == text).map(|(_, value)| value)
}
