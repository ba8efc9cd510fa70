//! otlp-exporters
