//! What goes wrong while a tree becomes structures: collects the path of the field and the place on its way out.

use std::fmt;

use serde::de::{self, Expected, Unexpected};

use super::node::{Field, Node, shown_key};
use crate::config::{FieldError, FieldProblem, Place, reference::has_reference};

/// The longest text of a file that an error shows.
const SHOWN: usize = 64;

#[derive(Debug)]
pub(super) struct Fault {
    /// Innermost first.
    path: Vec<String>,
    place: Option<Place>,
    problem: Problem,
}

#[derive(Debug)]
enum Problem {
    Value { value: String, accepted: String },
    Unknown { name: String, known: &'static [&'static str] },
    Missing,
    Other(String),
}

impl Fault {
    /// The same, within a field.
    pub(super) fn within(mut self, field: &Field) -> Self {
        self.path.push(shown_key(&field.name).to_owned());
        self
    }

    /// The same, within an entry of a list.
    pub(super) fn within_entry(mut self, index: usize) -> Self {
        self.path.push(format!("[{index}]"));
        self
    }

    /// The same, of a value that stands there.
    pub(super) fn at(mut self, place: Place) -> Self {
        self.place.get_or_insert(place);
        self
    }

    /// The same, of a value that takes what `accepted` says.
    pub(super) fn taking(mut self, accepted: impl Into<String>) -> Self {
        if let Problem::Value { accepted: known, .. } = &mut self.problem {
            *known = accepted.into();
        }
        self
    }

    pub(super) fn wrong_type(node: &Node, accepted: impl Into<String>) -> Self {
        let problem = Problem::Value { value: shown(&node.unexpected()), accepted: accepted.into() };
        Fault { path: Vec::new(), place: Some(node.place), problem }
    }

    /// The error for the user; `others` are known fields beside those of the structure.
    pub(super) fn into_error(self, others: &[&'static str]) -> FieldError {
        let mut field = String::new();
        for part in self.path.iter().rev() {
            if !field.is_empty() && !part.starts_with('[') {
                field.push('.');
            }
            field.push_str(part);
        }
        let problem = match self.problem {
            Problem::Unknown { name, known } => {
                let others = if field == shown_key(&name) { others } else { &[] };
                let known: Vec<&'static str> = known.iter().chain(others).copied().collect();
                FieldProblem::Unknown { nearest: nearest(&name, &known), known }
            }
            Problem::Value { accepted, .. } if may_be_secret(&field) => {
                FieldProblem::Value { value: "something else, which is not shown".to_owned(), accepted }
            }
            Problem::Value { value, accepted } if has_reference(&value) => {
                FieldProblem::Value { value, accepted: format!("{accepted}; references stand for text alone") }
            }
            Problem::Value { value, accepted } => FieldProblem::Value { value, accepted },
            Problem::Missing => FieldProblem::Missing,
            Problem::Other(reason) => FieldProblem::Contradiction { reason },
        };
        FieldError::new(field, problem).at(self.place)
    }

    fn new(problem: Problem) -> Self {
        Fault { path: Vec::new(), place: None, problem }
    }
}

/// Fields that may hold a token, a key, or a URL with a password, alone or in what is below them.
const SECRETS: [&str; 7] = [
    "endpoint",
    "security",
    "receivers.endpoints",
    "receivers.signal_endpoints",
    "receivers.headers",
    "service_discovery.consul",
    "kafka.properties",
];

/// Whether what stands in the place of a field may be a token or a key: what is below one of [`SECRETS`], what a webhook
/// is told, and a file of text alone, which may be the file of the token.
fn may_be_secret(field: &str) -> bool {
    let is_below =
        |of: &str| field.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
    field.is_empty() || field.starts_with("alerts.webhooks") || SECRETS.into_iter().any(is_below)
}

/// The known name that is fewest letters away from `given`, unless half of them are others.
fn nearest(given: &str, known: &[&str]) -> Option<String> {
    let distances =
        known.iter().map(|name| (strsim::damerau_levenshtein(&shown(&Unexpected::Other(given)), name), name));
    let (distance, name) = distances.min()?;
    (2 * distance <= name.chars().count().max(given.chars().count())).then(|| (*name).to_owned())
}

/// A value in words, cut where it is long.
fn shown(unexpected: &Unexpected<'_>) -> String {
    let cut = |text: &str| match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    };
    match unexpected {
        Unexpected::Str(text) => format!("the text {:?}", cut(text)),
        Unexpected::Bool(value) => value.to_string(),
        Unexpected::Unsigned(value) => value.to_string(),
        Unexpected::Signed(value) => value.to_string(),
        Unexpected::Float(value) => format!("{value:?}"),
        Unexpected::Unit => "empty".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a part with fields".to_owned(),
        Unexpected::Other(what) => cut(what),
        other => other.to_string(),
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field of the configuration cannot be used")
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Fault::new(Problem::Other(message.to_string()))
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Fault::new(Problem::Value { value: shown(&unexpected), accepted: expected.to_string() })
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Fault::invalid_type(unexpected, expected)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let mut accepted = expected.join(", ");
        if let Some(nearest) = nearest(variant, expected) {
            accepted = format!("{accepted}; the nearest is {nearest}");
        }
        Fault::new(Problem::Value { value: shown(&Unexpected::Str(variant)), accepted })
    }

    fn unknown_field(name: &str, known: &'static [&'static str]) -> Self {
        Fault::new(Problem::Unknown { name: name.to_owned(), known })
    }

    fn missing_field(field: &'static str) -> Self {
        Fault { path: vec![field.to_owned()], ..Fault::new(Problem::Missing) }
    }
}
