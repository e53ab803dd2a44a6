#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| c10k_fuzz::play("http", bytes));
