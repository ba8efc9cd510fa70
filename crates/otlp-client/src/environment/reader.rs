//! Reading a variable: text, a choice, a number, a list, each with its warning.

use std::{fmt, str::FromStr, time::Duration};

/// A setting that could not be used, and what is used instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The variable or option.
    pub name: String,
    /// What is wrong with it, what is accepted, and what is used instead. Never a secret.
    pub problem: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.problem)
    }
}

/// Looks variables up and collects what is wrong with them.
pub(super) struct Reader<L> {
    lookup: L,
    pub(super) warnings: Vec<Warning>,
}

impl<L: Fn(&str) -> Option<String>> Reader<L> {
    pub(super) fn new(lookup: L) -> Self {
        Reader { lookup, warnings: Vec::new() }
    }

    /// Without white space around it; empty means unset.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        (self.lookup)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    pub(super) fn warn(&mut self, name: &str, problem: String) {
        let warning = Warning { name: name.to_owned(), problem };
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    pub(super) fn one_of<T: Copy>(&mut self, name: &str, choices: &[(&str, T)]) -> Option<T> {
        let value = self.text(name)?;
        self.choose(name, &value, choices)
    }

    /// The meaning of `value`, which is the value or a part of the value of `name`.
    pub(super) fn choose<T: Copy>(&mut self, name: &str, value: &str, choices: &[(&str, T)]) -> Option<T> {
        let found = choices.iter().find(|(choice, _)| choice.eq_ignore_ascii_case(value)).map(|(_, meaning)| *meaning);
        if found.is_none() {
            let accepted: Vec<&str> = choices.iter().map(|(choice, _)| *choice).collect();
            self.warn(name, format!("{value:?} is not known; accepted: {}; using the default", accepted.join(", ")));
        }
        found
    }

    /// What is not `true` is false, and warned of unless it is `false` ("Boolean" of the specification).
    pub(super) fn boolean(&mut self, name: &str, value: &str) -> bool {
        if !value.eq_ignore_ascii_case("true") && !value.eq_ignore_ascii_case("false") {
            self.warn(name, format!("{value:?} is neither true nor false; using false"));
        }
        value.eq_ignore_ascii_case("true")
    }

    /// A number within a range.
    pub(super) fn number<T>(&mut self, name: &str, least: T, most: T) -> Option<T>
    where
        T: FromStr + PartialOrd + fmt::Display,
    {
        let value = self.text(name)?;
        let parsed = value.parse().ok().filter(|number| *number >= least && *number <= most);
        if parsed.is_none() {
            self.warn(
                name,
                format!("{value:?} is not accepted: it takes a number from {least} to {most}; using the default"),
            );
        }
        parsed
    }

    /// A number of milliseconds within a range.
    pub(super) fn milliseconds(&mut self, name: &str, least: u64, most: u64) -> Option<Duration> {
        self.number(name, least, most).map(Duration::from_millis)
    }

    /// The parts of a list, each once.
    pub(super) fn list(&self, name: &str) -> Option<Vec<String>> {
        let mut parts: Vec<String> = Vec::new();
        for part in self.text(name)?.split(',').map(|part| part.trim().to_ascii_lowercase()) {
            if !part.is_empty() && !parts.contains(&part) {
                parts.push(part);
            }
        }
        Some(parts)
    }
}
