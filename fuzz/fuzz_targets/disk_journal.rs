//! See the target of this name in `crates/otlp-batch/src/disk/fuzz.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| otlp_batch::fuzz::disk_journal(bytes));
