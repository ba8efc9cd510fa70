//! otlp-client
