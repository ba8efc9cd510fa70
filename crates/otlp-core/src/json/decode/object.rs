//! A JSON object whose members are taken one by one; what is left in the end is unknown, and ignored.
//!
//! An absent member, and one that is `null`, have protobuf's default.

use std::borrow::Cow;

use super::{
    error::{JsonError, Path},
    node::Node,
    scalar,
};
use crate::{SpanId, TraceId};

pub(super) struct Object<'p, 't> {
    members: Vec<(Cow<'t, str>, Node<'t>)>,
    path: &'p Path<'p>,
}

impl<'p, 't> Object<'p, 't> {
    pub(super) fn new(json: Node<'t>, path: &'p Path<'p>) -> Result<Self, JsonError> {
        match json {
            Node::Object(members) => Ok(Object { members, path }),
            other => Err(JsonError::unexpected(path, &other, "an object")),
        }
    }

    /// Takes the member and reads it, unless it is absent or `null`.
    pub(super) fn optional<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(Node<'t>, &Path<'_>) -> Result<T, JsonError>,
    ) -> Result<Option<T>, JsonError> {
        // From the end, so that the last of a key that occurs twice counts.
        let member = self.members.iter_mut().rev().find(|(name, _)| name == key);
        match member.map(|(_, node)| std::mem::take(node)) {
            None | Some(Node::Null) => Ok(None),
            Some(json) => read(json, &self.path.key(key)).map(Some),
        }
    }

    fn or_default<T: Default>(
        &mut self,
        key: &str,
        read: impl FnOnce(Node<'t>, &Path<'_>) -> Result<T, JsonError>,
    ) -> Result<T, JsonError> {
        Ok(self.optional(key, read)?.unwrap_or_default())
    }

    pub(super) fn string(&mut self, key: &str) -> Result<String, JsonError> {
        self.or_default(key, scalar::string)
    }

    pub(super) fn uint32(&mut self, key: &str) -> Result<u32, JsonError> {
        self.or_default(key, scalar::uint32)
    }

    pub(super) fn uint64(&mut self, key: &str) -> Result<u64, JsonError> {
        self.or_default(key, scalar::uint64)
    }

    pub(super) fn int32(&mut self, key: &str) -> Result<i32, JsonError> {
        self.or_default(key, scalar::int32)
    }

    pub(super) fn double(&mut self, key: &str) -> Result<f64, JsonError> {
        self.or_default(key, scalar::double)
    }

    pub(super) fn optional_double(&mut self, key: &str) -> Result<Option<f64>, JsonError> {
        self.optional(key, scalar::double)
    }

    pub(super) fn boolean(&mut self, key: &str) -> Result<bool, JsonError> {
        self.or_default(key, scalar::boolean)
    }

    /// The number of an enum, which may also be told by one of the names, whose prefix is left out here.
    pub(super) fn enumeration(&mut self, key: &str, prefix: &str, names: &[(&str, i32)]) -> Result<i32, JsonError> {
        self.or_default(key, |json, path| scalar::enumeration(json, path, prefix, names))
    }

    pub(super) fn trace_id(&mut self, key: &str) -> Result<TraceId, JsonError> {
        self.or_default(key, |json, path| scalar::id(json, path, "a trace id of 32 hex digits"))
    }

    pub(super) fn span_id(&mut self, key: &str) -> Result<SpanId, JsonError> {
        self.or_default(key, |json, path| scalar::id(json, path, "a span id of 16 hex digits"))
    }

    /// The trace id, if it is there and valid.
    pub(super) fn valid_trace_id(&mut self, key: &str) -> Result<Option<TraceId>, JsonError> {
        self.trace_id(key).map(|id| Some(id).filter(|id| id.is_valid()))
    }

    /// The span id, if it is there and valid.
    pub(super) fn valid_span_id(&mut self, key: &str) -> Result<Option<SpanId>, JsonError> {
        self.span_id(key).map(|id| Some(id).filter(|id| id.is_valid()))
    }

    /// A nested object.
    pub(super) fn nested<T: Default>(
        &mut self,
        key: &str,
        read: impl FnOnce(&mut Object<'_, 't>) -> Result<T, JsonError>,
    ) -> Result<T, JsonError> {
        Ok(self.optional_nested(key, read)?.unwrap_or_default())
    }

    /// A nested object, if it is there.
    pub(super) fn optional_nested<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(&mut Object<'_, 't>) -> Result<T, JsonError>,
    ) -> Result<Option<T>, JsonError> {
        self.optional(key, |json, path| read(&mut Object::new(json, path)?))
    }

    /// Calls `visit` for each object of a list.
    pub(super) fn for_each(
        &mut self,
        key: &str,
        mut visit: impl FnMut(Object<'_, 't>) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        self.or_default(key, |json, path| {
            for (index, item) in list(json, path)?.into_iter().enumerate() {
                visit(Object::new(item, &path.index(index))?)?;
            }
            Ok(())
        })
    }

    /// A list of objects.
    pub(super) fn objects<T>(
        &mut self,
        key: &str,
        read: impl Fn(&mut Object<'_, 't>) -> Result<T, JsonError>,
    ) -> Result<Vec<T>, JsonError> {
        self.items(key, |json, path| read(&mut Object::new(json, path)?))
    }

    /// A list of anything.
    pub(super) fn items<T>(
        &mut self,
        key: &str,
        read: impl Fn(Node<'t>, &Path<'_>) -> Result<T, JsonError>,
    ) -> Result<Vec<T>, JsonError> {
        self.or_default(key, |json, path| {
            let items = list(json, path)?.into_iter().enumerate();
            items.map(|(index, item)| read(item, &path.index(index))).collect()
        })
    }
}

fn list<'t>(json: Node<'t>, path: &Path<'_>) -> Result<Vec<Node<'t>>, JsonError> {
    match json {
        Node::List(items) => Ok(items),
        other => Err(JsonError::unexpected(path, &other, "a list")),
    }
}
