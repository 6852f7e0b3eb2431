//! `ies`: the one program. Reads the command line and calls the subcommand; everything else is in the library.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    suite::cli::main(std::env::args_os())
}
