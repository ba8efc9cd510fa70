//! otlp-reliability
