//! See the target of this name in `crates/otlp-core/tests/it/targets.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| otlp_fuzz::propagation(bytes));
