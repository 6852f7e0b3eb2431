//! The program as its users run it: real processes, real sockets, one scenario in each file.

mod configuration;
mod demo;
mod peers;
mod references;
mod second_serve;

use std::path::PathBuf;
use std::process::Command;

/// The program.
fn ies() -> Command {
    Command::new(env!("CARGO_BIN_EXE_ies"))
}

/// A file of the project, by its path from the root.
fn project_file(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}
