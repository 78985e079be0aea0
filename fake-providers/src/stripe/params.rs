use std::collections::BTreeMap;

use super::problem::Problem;

/// The parameters of a request, in Stripe's bracket notation. What is not taken is not known, and refused.
#[derive(Debug)]
pub(super) struct Params {
    left: BTreeMap<String, String>,
}

impl Params {
    /// Reads a form.
    pub(super) fn of_form(body: &str) -> Self {
        Self { left: form_urlencoded::parse(body.as_bytes()).into_owned().collect() }
    }

    /// Reads a query.
    pub(super) fn of_query(query: &[(String, String)]) -> Self {
        Self { left: query.iter().cloned().collect() }
    }

    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        self.left.remove(name).filter(|value| !value.is_empty())
    }

    pub(super) fn required(&mut self, name: &str) -> Result<String, Problem> {
        self.take(name).ok_or_else(|| {
            Problem::invalid("parameter_missing", format!("Missing required param: {name}.")).param(name)
        })
    }

    pub(super) fn integer(&mut self, name: &str) -> Result<Option<i64>, Problem> {
        self.take(name)
            .map(|text| {
                text.parse().map_err(|_| {
                    Problem::invalid("parameter_invalid_integer", format!("Invalid integer: {text}"))
                        .param(name)
                })
            })
            .transpose()
    }

    pub(super) fn boolean(&mut self, name: &str) -> Result<bool, Problem> {
        match self.take(name).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(text) => Err(Problem::invalid("", format!("Invalid boolean: {text}")).param(name)),
        }
    }

    /// One of several words.
    pub(super) fn word(&mut self, name: &str, words: &[&str]) -> Result<Option<String>, Problem> {
        match self.take(name) {
            Some(word) if !words.contains(&word.as_str()) => {
                let message = format!("Invalid {name}: must be one of {}", words.join(", "));
                Err(Problem::invalid("", message).param(name))
            }
            word => Ok(word),
        }
    }

    /// Everything below a name: `metadata[…]`, `payment_method_types[…]`.
    pub(super) fn below(&mut self, name: &str) -> BTreeMap<String, String> {
        let prefix = format!("{name}[");
        let (below, left) =
            std::mem::take(&mut self.left).into_iter().partition(|(key, _)| key.starts_with(&prefix));
        self.left = left;
        let below: BTreeMap<String, String> = below;
        below
            .into_iter()
            .map(|(key, value)| (key.trim_start_matches(&prefix).trim_end_matches(']').to_owned(), value))
            .collect()
    }

    /// Nothing may be left.
    pub(super) fn finish(mut self) -> Result<(), Problem> {
        let _ = self.below("expand");
        match self.left.into_keys().next() {
            None => Ok(()),
            Some(name) => {
                Err(Problem::invalid("parameter_unknown", format!("Received unknown parameter: {name}"))
                    .param(&name))
            }
        }
    }
}
