//! Names with a value each, of which the values may be secrets: headers, and properties of other programs.
//!
//! What must hold: no value is shown by `Debug`.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

/// Names with a value each. A value may be a reference, see [`ProductionConfig`](super::ProductionConfig), and is never
/// shown.
///
/// ```
/// use otlp_client::config::SecretValues;
///
/// let headers = SecretValues::from([("x-api-key", "${API_KEY}")]);
/// assert_eq!(format!("{headers:?}"), r#"{"x-api-key": "(hidden)"}"#);
/// ```
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretValues(pub BTreeMap<String, String>);

impl SecretValues {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<const N: usize> From<[(&str, &str); N]> for SecretValues {
    fn from(values: [(&str, &str); N]) -> Self {
        SecretValues(values.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

impl fmt::Debug for SecretValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.keys().map(|name| (name, "(hidden)"))).finish()
    }
}
