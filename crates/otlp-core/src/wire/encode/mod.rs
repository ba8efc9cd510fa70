//! The protobuf writer: appends to a `Vec<u8>` that the caller owns and reuses.
//!
//! Call sites encode with the functions that write one field or attribute each. [`span`], [`log`] and [`metric`] encode
//! owned data, and [`spans`], [`logs`] and [`metrics`] whole requests of it.

mod field;
mod log;
mod metric;
mod origin;
mod owned;
mod request;
mod span;
mod value;

pub use self::{
    field::{
        bytes_len, put_bytes, put_fixed32, put_fixed64, put_len, put_sint32, put_string, put_uint, put_uint_always,
        put_varint, tag_len, varint_len,
    },
    log::log,
    metric::metric,
    origin::{resource, scope},
    request::{logs, metrics, spans},
    span::span,
    value::{MAX_DEPTH, ValueLimit, any_value_len, key_value_len, put_any_value, put_key_value, truncate},
};
