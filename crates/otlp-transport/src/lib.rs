//! otlp-transport
