//! What the headers of a request say of its body, whatever the protocol.

use http::{
    HeaderMap,
    header::{CONTENT_TYPE, HeaderName},
};

use crate::Encoding;

/// The media type without its parameters.
pub(super) fn content_type(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or(value).trim())
}

/// The compression that a header names; `None` if it is not one that we know.
pub(super) fn encoding(headers: &HeaderMap, name: &HeaderName) -> Option<Encoding> {
    let name = headers.get(name).map_or(Some("identity"), |value| value.to_str().ok());
    name.and_then(Encoding::from_name)
}
