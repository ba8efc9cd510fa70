//! See the target of this name in `crates/otlp-client/src/config/fuzz.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| otlp_client::fuzz::config_read(bytes));
