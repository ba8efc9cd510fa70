//! The bodies of the fuzz targets, shared with the tests of `otlp-core`.

#[path = "../../crates/otlp-core/tests/it/targets.rs"]
mod targets;

macro_rules! targets {
    ($($name:ident)*) => {$(
        /// Does with these bytes what the target is for; panics if what must hold does not.
        pub fn $name(bytes: &[u8]) {
            targets::$name(bytes);
        }
    )*};
}

targets!(traces logs metrics json_traces json_logs json_metrics split propagation);
