//! The protobuf wire format of OTLP: [`encode`] writes it, the views over encoded bytes read it.

pub mod encode;
