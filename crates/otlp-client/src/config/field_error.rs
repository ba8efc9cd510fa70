//! What is wrong with a field of the configuration: which one, where it stands, what it is, and what it may be.
//!
//! What must hold: no value of a field that may hold a secret gets into an error.

use std::{fmt, ops::RangeInclusive};

/// A field that cannot be used. Its `Display` is one line that says all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    field: String,
    place: Option<Place>,
    problem: FieldProblem,
}

/// A place in a configuration file, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: u64,
    /// The column, in characters.
    pub column: u64,
}

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FieldProblem {
    /// Its value is not accepted.
    Value {
        /// The value, or a description of it where it may be a secret.
        value: String,
        /// What is accepted.
        accepted: String,
    },
    /// There is no such field.
    Unknown {
        /// The known field whose name is most like it, unless none is.
        nearest: Option<String>,
        /// The fields that there are.
        known: Vec<&'static str>,
    },
    /// It has no default and is not there.
    Missing,
    /// It contradicts another field, or cannot be used as things are.
    Contradiction {
        /// Why, and what to do.
        reason: String,
    },
    /// A reference to a variable or a file in it leads nowhere.
    Reference {
        /// Why, and what to do; it names the variable or the file.
        reason: String,
    },
}

impl FieldError {
    pub(crate) fn new(field: impl Into<String>, problem: FieldProblem) -> Self {
        FieldError { field: field.into(), place: None, problem }
    }

    /// A value that is not accepted and may be shown.
    pub(crate) fn value(field: impl Into<String>, value: impl fmt::Display, accepted: impl Into<String>) -> Self {
        FieldError::new(field, FieldProblem::Value { value: value.to_string(), accepted: accepted.into() })
    }

    /// Two fields of which one has to change.
    pub(crate) fn contradiction(field: impl Into<String>, reason: impl Into<String>) -> Self {
        FieldError::new(field, FieldProblem::Contradiction { reason: reason.into() })
    }

    /// The same error, of a field that stands there.
    pub(crate) fn at(mut self, place: Option<Place>) -> Self {
        self.place = self.place.or(place);
        self
    }

    /// The field's name, with those of the parts it is in: `batch.max_batch_size`. Empty for the whole configuration.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// Where in the file it stands; `None` for a configuration that is in no file.
    pub fn place(&self) -> Option<Place> {
        self.place
    }

    /// What is wrong.
    pub fn problem(&self) -> &FieldProblem {
        &self.problem
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(if self.field.is_empty() { "the configuration" } else { &self.field })?;
        match &self.problem {
            FieldProblem::Value { value, accepted } => write!(f, " is {value}, but takes {accepted}"),
            FieldProblem::Unknown { nearest, known } => {
                f.write_str(" is not known")?;
                if let Some(nearest) = nearest {
                    write!(f, "; the nearest is {nearest:?}")?;
                }
                write!(f, "; accepted: {}", known.join(", "))
            }
            FieldProblem::Missing => f.write_str(" is missing, and has no default"),
            FieldProblem::Contradiction { reason } | FieldProblem::Reference { reason } => write!(f, ": {reason}"),
        }
    }
}

impl std::error::Error for FieldError {}

/// A part of the configuration that can say what is wrong with it.
pub(crate) trait Check {
    /// The first field that cannot be used; `path` is what the part is called.
    fn check(&self, path: &str) -> Result<(), FieldError>;
}

/// `error`, unless it holds.
pub(crate) fn check(holds: bool, error: impl FnOnce() -> FieldError) -> Result<(), FieldError> {
    if holds { Ok(()) } else { Err(error()) }
}

/// Whether a field is within its range, which no NaN is.
pub(crate) fn in_range<T: PartialOrd + fmt::Debug>(
    path: &str,
    name: &str,
    value: T,
    range: RangeInclusive<T>,
    accepted: &str,
) -> Result<(), FieldError> {
    check(range.contains(&value), || FieldError::value(format!("{path}.{name}"), format_args!("{value:?}"), accepted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_place_field_value_and_what_is_accepted() {
        let error = in_range("batch", "max_batch_size", 0, 1..=9, "1 to 9 items").unwrap_err();
        assert_eq!(error.to_string(), "batch.max_batch_size is 0, but takes 1 to 9 items");
        let error = error.at(Some(Place { line: 3, column: 7 }));
        assert_eq!(error.to_string(), "line 3, column 7: batch.max_batch_size is 0, but takes 1 to 9 items");
        let unknown = FieldProblem::Unknown { nearest: Some("batch".into()), known: vec!["batch", "retry"] };
        let error = FieldError::new("bath", unknown).to_string();
        assert_eq!(error, "bath is not known; the nearest is \"batch\"; accepted: batch, retry");
    }

    #[test]
    fn what_is_no_number_is_in_no_range() {
        for value in [f64::NAN, f64::INFINITY, -0.1] {
            assert!(in_range("retry", "randomization_factor", value, 0.0..=1.0, "0.0 to 1.0").is_err(), "{value}");
        }
    }
}
