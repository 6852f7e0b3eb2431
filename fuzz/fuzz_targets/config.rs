//! The configuration file.
//!
//! Holds: a file is read, or its line is named, and the line is one of the file; what was read is written as TOML that is
//! read as the same.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use suite::config::Config;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let lines = text.matches('\n').count() + 1;
    match Config::parse(&text, Path::new("ies.toml")) {
        Ok(config) => {
            let written = toml::to_string(&config).expect("a configuration can be written");
            match Config::parse(&written, Path::new("ies.toml")) {
                Ok(again) => assert_eq!(again, config),
                Err(error) => panic!("{error}\n{written}"),
            }
        }
        Err(error) => {
            assert!(error.line.is_none_or(|line| (1..=lines).contains(&line)), "{error} in {lines} lines");
            assert!(!error.message.is_empty());
        }
    }
});
