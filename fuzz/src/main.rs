//! libFuzzer on one target: `TARGET=mime fuzz CORPUS…`. All targets are in this one binary, so that it is linked once.
//!
//! `TARGET=mime SEEDS=directory fuzz` writes the first inputs of the target and ends; `LIST=1 fuzz` names all targets with
//! their longest input.

#![no_main]

use std::sync::OnceLock;

static RUN: OnceLock<fn(&[u8])> = OnceLock::new();

libfuzzer_sys::fuzz_target!(
    init: {
        if std::env::var_os("LIST").is_some() {
            for target in targets::TARGETS {
                println!("{} {}", target.name, target.bytes_max);
            }
            std::process::exit(0);
        }
        let name = std::env::var("TARGET").expect("TARGET=name");
        if let Some(out) = std::env::var_os("SEEDS") {
            write_seeds(&name, std::path::Path::new(&out));
            std::process::exit(0);
        }
        let target = targets::target(&name).unwrap_or_else(|| panic!("no target {name}"));
        RUN.set(target.run).expect("set once");
    },
    |data: &[u8]| RUN.get().expect("set before")(data)
);

fn write_seeds(target: &str, out: &std::path::Path) {
    std::fs::create_dir_all(out).expect("the directory can be made");
    for (nth, seed) in targets::seeds::of(target).iter().enumerate() {
        std::fs::write(out.join(format!("seed-{nth:04}")), seed).expect("a seed can be written");
    }
}
