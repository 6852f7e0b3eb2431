//! The program as its users run it: real processes, real sockets, one scenario in each file.

mod api_keys;
mod closed_after_dot;
mod configuration;
mod demo;
mod disk_full;
mod dkim_rotation;
mod events;
mod injection;
mod inspect;
mod malformed;
mod peers;
mod queue_orders;
mod references;
mod rules_in_force;
mod second_serve;
mod smtputf8;
mod torn_tail;
mod unknown_id;
mod world;

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
