//! A YAML document as a tree of values that know where they stand.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Unexpected, Visitor},
};
use serde_saphyr::Spanned;

use crate::config::Place;

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    /// In the order of the document; the parser has refused fields that are there twice.
    Fields(Vec<Field>),
}

#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) place: Place,
    pub(super) name: String,
    pub(super) node: Node,
}

impl Node {
    /// Takes the fields of these names out of the document, into one of their own.
    pub(crate) fn split_off(&mut self, names: &[&str]) -> Node {
        let taken = match &mut self.value {
            Value::Fields(fields) => {
                let (taken, rest) =
                    std::mem::take(fields).into_iter().partition(|field| names.contains(&field.name.as_str()));
                *fields = rest;
                taken
            }
            _ => Vec::new(),
        };
        Node { place: self.place, value: Value::Fields(taken) }
    }

    /// Whether the document says something of the field `path`, like `transport.protocol`.
    pub(crate) fn says(&self, path: &str) -> bool {
        path.split('.').try_fold(self, |node, name| node.field(name)).is_some()
    }

    /// Where the field `path` stands, or the part of it that is in the document.
    pub(crate) fn place_of(&self, path: &str) -> Place {
        let mut node = self;
        for name in path.split(['.', '[']) {
            let Some(inner) = node.field(name).or_else(|| node.entry(name)) else { break };
            node = inner;
        }
        node.place
    }

    /// Lets the document say an empty text of the field `name`, if it says nothing of it.
    pub(crate) fn or_empty_text(&mut self, name: &str) {
        let place = self.place;
        let is_there = self.field(name).is_some();
        if let Value::Fields(fields) = &mut self.value
            && !is_there
        {
            let node = Node { place, value: Value::Text(String::new()) };
            fields.push(Field { place, name: name.to_owned(), node });
        }
    }

    /// The entry of a list that stands behind the `[` of a path, like `1]`.
    fn entry(&self, name: &str) -> Option<&Node> {
        let Value::List(entries) = &self.value else { return None };
        entries.get(name.strip_suffix(']')?.parse::<usize>().ok()?)
    }

    fn field(&self, name: &str) -> Option<&Node> {
        let Value::Fields(fields) = &self.value else { return None };
        fields.iter().find(|field| field.name == name).map(|field| &field.node)
    }
}

/// A name as it may be shown: what follows a character that is in no name may be a secret that was put there by
/// mistake.
pub(super) fn shown_key(key: &str) -> &str {
    let is_in_names = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.');
    let end = key.char_indices().take(64).find(|(_, letter)| !is_in_names(*letter));
    let longest = key.char_indices().nth(64).map_or(key.len(), |(at, _)| at);
    &key[..end.map_or(longest, |(at, _)| at)]
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Spanned { value, referenced, .. } = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Node { place: Place { line: referenced.line(), column: referenced.column() }, value })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a number of 64 bits, true, false, a list or fields")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Unsigned(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(u64::try_from(value).map_or(Value::Signed(value), Value::Unsigned))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(entry) = entries.next_element()? {
            list.push(entry);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut fields = Vec::new();
        while let Some((name, node)) = entries.next_entry::<Node, Node>()? {
            let Value::Text(text) = name.value else {
                return Err(A::Error::invalid_type(Unexpected::Other("a name that is no text"), &"names of fields"));
            };
            fields.push(Field { place: name.place, name: text, node });
        }
        Ok(Value::Fields(fields))
    }
}
