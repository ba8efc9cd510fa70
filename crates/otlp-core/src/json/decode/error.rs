//! Why a text is no OTLP JSON, and where.

use std::fmt;

use super::node::Node;

/// A text that cannot be read as OTLP JSON: the path to what is wrong, and what would be accepted there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonError {
    path: String,
    message: String,
}

impl JsonError {
    /// The text is no JSON, or is nested too deep.
    pub(super) fn syntax(error: serde_json::Error) -> Self {
        JsonError { path: String::new(), message: error.to_string() }
    }

    /// `got` stands at `path`, where only `accepted` may stand.
    #[cold]
    pub(super) fn unexpected(path: &Path<'_>, got: &Node<'_>, accepted: &str) -> Self {
        JsonError { path: path.to_string(), message: format!("{got} is not {accepted}") }
    }

    /// The path from the outermost object, like `resourceSpans[0].scopeSpans[2].spans[1].kind`; empty if the text is no
    /// JSON at all.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is wrong, and what would be accepted.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("invalid OTLP JSON: ")?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for JsonError {}

/// Where a value stands, as a list on the stack that costs nothing until an error prints it.
#[derive(Clone, Copy)]
pub(super) struct Path<'p> {
    parent: Option<&'p Path<'p>>,
    step: Step<'p>,
}

#[derive(Clone, Copy)]
enum Step<'p> {
    Root,
    Key(&'p str),
    Index(usize),
}

impl<'p> Path<'p> {
    pub(super) const ROOT: Path<'static> = Path { parent: None, step: Step::Root };

    pub(super) fn key(&'p self, key: &'p str) -> Path<'p> {
        Path { parent: Some(self), step: Step::Key(key) }
    }

    pub(super) fn index(&'p self, index: usize) -> Path<'p> {
        Path { parent: Some(self), step: Step::Index(index) }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match (self.step, self.parent.map(|parent| parent.step)) {
            (Step::Root, _) => Ok(()),
            (Step::Key(key), None | Some(Step::Root)) => f.write_str(key),
            (Step::Key(key), _) => write!(f, ".{key}"),
            (Step::Index(index), _) => write!(f, "[{index}]"),
        }
    }
}
