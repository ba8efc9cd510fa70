//! YAML, and with it JSON, into structures and back.
//!
//! The text becomes a tree of values with their places, and the tree becomes structures: so an error can name the field
//! and the place, and a range that is checked later still finds where its field stands. What must hold: no text,
//! however it is made, takes more than a small multiple of its own size, and none panics.

mod deserializer;
mod fault;
mod node;

use serde::{Serialize, de::DeserializeOwned};

use self::deserializer::NodeDeserializer;
pub(crate) use self::node::Node;
use super::{ConfigFileError, FieldError, Place};

/// Parts within parts. The configuration has five levels.
const MAX_DEPTH: usize = 16;
/// Values in all. The configuration has two hundred fields, and lists of what it has several of.
const MAX_NODES: usize = 20_000;

/// Reads the one document of `text`.
pub(crate) fn parse(text: &str) -> Result<Node, ConfigFileError> {
    let options = serde_saphyr::options! {
        // A snippet of the file may show a secret.
        with_snippet: false,
        strict_booleans: true,
        reject_unsupported_tags: true,
        // The field that it is in has a range, and says so.
        non_finite_float_policy: serde_saphyr::NonFiniteFloatPolicy::PassThrough,
        // A configuration of five levels gains nothing by anchors, and is easier to read without.
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            max_nodes: MAX_NODES,
            max_anchors: 0,
            max_aliases: 0,
            max_merge_keys: 0,
            // A second one has an error of its own.
            max_documents: 2,
        },
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| syntax(&error))
}

/// The structure that `node` says. `known` are the fields that the document may have beside those of the structure, for
/// the error of one that is not known.
pub(crate) fn structure<T: DeserializeOwned>(node: &Node, known: &[&'static str]) -> Result<T, FieldError> {
    T::deserialize(NodeDeserializer::new(node)).map_err(|fault| fault.into_error(known))
}

/// A structure as YAML.
pub(crate) fn write(value: &impl Serialize) -> Result<String, ConfigFileError> {
    serde_saphyr::to_string(value).map_err(|error| ConfigFileError::Write { problem: error.to_string() })
}

fn syntax(error: &serde_saphyr::Error) -> ConfigFileError {
    use serde_saphyr::Error;
    let place = error.location().map(|location| Place { line: location.line(), column: location.column() });
    let problem = match error {
        Error::DuplicateMappingKey { key: Some(key), .. } => {
            format!("the field {:?} is there twice; leave one of them out", node::shown_key(key))
        }
        Error::MultipleDocuments { .. } => "a second document begins; a configuration is one document".to_owned(),
        Error::Budget { .. } => {
            format!(
                "more than a configuration needs: at most {MAX_NODES} values, {MAX_DEPTH} levels deep, without anchors \
                 (&name), aliases (*name) and merge keys (<<)"
            )
        }
        other => {
            let text = other.to_string();
            let suffix = place.map(|place| format!(" at {place}")).unwrap_or_default();
            text.strip_suffix(&suffix).unwrap_or(&text).to_owned()
        }
    };
    ConfigFileError::Syntax { place, problem }
}
