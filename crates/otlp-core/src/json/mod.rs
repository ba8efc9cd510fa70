//! OTLP JSON (OTLP specification, "JSON Protobuf Encoding").
//!
//! It is protobuf's own JSON mapping with three differences: trace and span ids are hex and not base64, enums are
//! numbers and not names, and keys are lowerCamelCase alone. Fields with their default value are left out.
//!
//! Encoding goes straight from protobuf bytes, by [views](crate::wire::view), into one buffer. Decoding yields owned
//! data, and takes more than it writes: ids in either case, enums by name too, 64-bit integers as numbers or strings,
//! base64 of both alphabets with or without padding, `null` for an absent field, unknown fields.

mod decode;
mod encode;

pub use self::{
    decode::{JsonError, logs as decode_logs, metrics as decode_metrics, spans as decode_spans},
    encode::{
        encode, logs as encode_logs, metrics as encode_metrics, request as encode_request, spans as encode_spans,
    },
};
