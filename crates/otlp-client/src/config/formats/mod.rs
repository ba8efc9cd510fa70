//! How single values are written in a configuration file: durations and sizes as people write them, choices by their
//! names.

pub(crate) mod attempts;
pub(crate) mod bytes;
pub(crate) mod compression;
pub(crate) mod duration;
pub(crate) mod optional;
