//! `ies check-config`: is the file one that `ies serve` would take?

use std::path::PathBuf;

use clap::Args;
use queue::providers::Providers;
use queue::providers::lint::Severity;

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
        let rules = Providers::load(config.queue.providers_file.as_deref())?;
        let findings = rules.lint();
        findings.iter().for_each(|finding| eprintln!("{}:{}: {finding}", rules.file(), finding.line));
        let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
        anyhow::ensure!(errors == 0, "{}: {errors} rules or providers cannot work as they stand", rules.file());
        absent_addresses(&config).iter().for_each(|warning| eprintln!("warning: {warning}"));
        if self.print {
            print!("{}", toml::to_string_pretty(&config)?);
        } else {
            println!("{}: fine", self.file.display());
        }
        Ok(())
    }
}

/// Addresses of sources that are not on this machine. No mistake: the file may be for another one, or they come later.
fn absent_addresses(config: &Config) -> Vec<String> {
    let mut absent = Vec::new();
    for source in config.queue.effective_sources().into_iter().filter(|source| source.egress.is_empty()) {
        for address in source.address.into_iter().chain(source.address_v6.map(std::net::IpAddr::V6)) {
            let found = delivery::Dialer::probe(&delivery::Tcp, address);
            if found.is_err_and(|error| error.kind() == std::io::ErrorKind::AddrNotAvailable) {
                absent.push(format!("source {}: {address} is not an address of this machine", source.name));
            }
        }
    }
    absent
}
