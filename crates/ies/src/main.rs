//! `ies`: the one program. Reads the command line and calls the subcommand; everything else is in the library.

use std::process::ExitCode;

use clap::Parser as _;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    suite::cli::run(suite::cli::Cli::parse())
}
