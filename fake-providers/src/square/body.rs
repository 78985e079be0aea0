use serde_json::{Map, Value};

use super::problem::Problem;

/// The fields of a JSON object. What is not taken is not known, and refused.
#[derive(Debug)]
pub(super) struct Body {
    left: Map<String, Value>,
    name: String,
}

/// An amount with its currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Amount {
    pub(super) units: i64,
    pub(super) currency: String,
}

impl Body {
    /// Reads a request's body. An empty one has no fields.
    pub(super) fn of(text: &str) -> Result<Self, Problem> {
        let value = if text.is_empty() { Ok(Value::Object(Map::new())) } else { serde_json::from_str(text) };
        match value {
            Ok(Value::Object(left)) => Ok(Self { left, name: String::new() }),
            Ok(_) | Err(_) => Err(Problem::invalid("EXPECTED_JSON_BODY", "The body must be a JSON object.")),
        }
    }

    fn path(&self, name: &str) -> String {
        if self.name.is_empty() { name.to_owned() } else { format!("{}.{name}", self.name) }
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        self.left.remove(name).filter(|value| !value.is_null())
    }

    fn wrong(&self, code: &'static str, name: &str) -> Problem {
        Problem::invalid(code, format!("{code}: {name}")).field(&self.path(name))
    }

    fn missing(&self, name: &str) -> Problem {
        self.wrong("MISSING_REQUIRED_PARAMETER", name)
    }

    /// A text of at most so many characters.
    pub(super) fn text(&mut self, name: &str, most: usize) -> Result<Option<String>, Problem> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Err(self.wrong("VALUE_TOO_SHORT", name)),
            Some(Value::String(text)) if text.chars().count() > most => {
                Err(self.wrong("VALUE_TOO_LONG", name))
            }
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong("EXPECTED_STRING", name)),
        }
    }

    pub(super) fn required(&mut self, name: &str, most: usize) -> Result<String, Problem> {
        self.text(name, most)?.ok_or_else(|| self.missing(name))
    }

    pub(super) fn boolean(&mut self, name: &str) -> Result<Option<bool>, Problem> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(value)),
            Some(_) => Err(self.wrong("EXPECTED_BOOLEAN", name)),
        }
    }

    /// An object below.
    pub(super) fn below(&mut self, name: &str) -> Result<Option<Self>, Problem> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Object(left)) => Ok(Some(Self { left, name: self.path(name) })),
            Some(_) => Err(self.wrong("EXPECTED_OBJECT", name)),
        }
    }

    /// An amount, which is more than nothing.
    pub(super) fn amount(&mut self, name: &str) -> Result<Option<Amount>, Problem> {
        let Some(mut money) = self.below(name)? else { return Ok(None) };
        let units = match money.take("amount") {
            None => return Err(money.missing("amount")),
            Some(value) => value.as_i64().ok_or_else(|| money.wrong("EXPECTED_INTEGER", "amount"))?,
        };
        let currency = money.required("currency", 3)?;
        if units <= 0 {
            return Err(money.wrong("VALUE_TOO_LOW", "amount"));
        }
        money.finish()?;
        Ok(Some(Amount { units, currency }))
    }

    pub(super) fn required_amount(&mut self, name: &str) -> Result<Amount, Problem> {
        self.amount(name)?.ok_or_else(|| self.missing(name))
    }

    /// Nothing may be left.
    pub(super) fn finish(self) -> Result<(), Problem> {
        match self.left.keys().next() {
            None => Ok(()),
            Some(name) => Err(self.wrong("UNKNOWN_BODY_PARAMETER", name)),
        }
    }
}
