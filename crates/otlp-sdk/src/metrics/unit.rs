//! [`Unit`]: the unit of an instrument.

use std::borrow::Cow;

/// The unit of an instrument, in the case-sensitive notation of UCUM: `s`, `By`, `{request}`, `1`.
///
/// It is carried as it is; the specification asks for at most 63 ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unit(Cow<'static, str>);

impl Unit {
    /// A unit of this notation.
    pub fn new(notation: impl Into<Cow<'static, str>>) -> Self {
        Unit(notation.into())
    }

    /// The notation.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&'static str> for Unit {
    fn from(notation: &'static str) -> Self {
        Unit::new(notation)
    }
}

impl From<String> for Unit {
    fn from(notation: String) -> Self {
        Unit::new(notation)
    }
}
