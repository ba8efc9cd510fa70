//! Where telemetry came from: the messages `Resource` and `InstrumentationScope`.
//!
//! The schema URLs of both are no part of these messages: they stand beside them in the envelope.

use super::{owned::put_attributes, put_string, put_uint};
use crate::data::{Resource, Scope};

/// Appends the content of a `Resource` message.
pub fn resource(resource: &Resource, out: &mut Vec<u8>) {
    put_attributes(out, 1, &resource.attributes);
    put_uint(out, 2, resource.dropped_attributes_count.into());
}

/// Appends the content of an `InstrumentationScope` message.
pub fn scope(scope: &Scope, out: &mut Vec<u8>) {
    put_string(out, 1, &scope.name);
    put_string(out, 2, &scope.version);
    put_attributes(out, 3, &scope.attributes);
    put_uint(out, 4, scope.dropped_attributes_count.into());
}
