//! The protobuf wire format of OTLP: [`encode`] writes it, [`decode`] reads it into owned data, [`view`] reads it where
//! it lies, and [`split`] cuts it where it is too large.

pub mod decode;
pub mod encode;
pub mod split;
pub mod view;
