//! Tracer, meter and logger.

pub mod clock;
