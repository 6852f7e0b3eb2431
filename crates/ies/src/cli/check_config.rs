//! `ies check-config`: is the file one that `ies serve` would take?

use std::path::PathBuf;

use clap::Args;

use crate::config::Config;

/// Check a configuration file and the files it names, and say everything that is wrong, with line, key and value.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ies check-config /etc/ies/ies.toml")]
pub(super) struct CheckConfig {
    /// The configuration file.
    #[arg(default_value = "ies.toml")]
    file: PathBuf,
    /// Print the whole configuration, defaults included.
    #[arg(long)]
    print: bool,
}

impl CheckConfig {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let config = Config::read_with_files(&self.file)?;
        if self.print {
            print!("{}", toml::to_string_pretty(&config)?);
        } else {
            println!("{}: fine", self.file.display());
        }
        Ok(())
    }
}
