//! The files that a configuration names: are they there, and can they be used?
//!
//! Asked by whoever is going to use them, not by every command that only looks for the suite.

use model::config::{Fault, Faults};

use super::Config;

/// Looks into the files.
pub(super) fn check(config: &Config) -> Result<(), Faults> {
    let mut faults = Faults::default();
    let mut wrong = |key: String, reason: String| faults.add(Fault::new(key, format!("cannot be used: {reason}")));
    for (place, key) in config.dkim.iter().enumerate() {
        if let Err(error) = crate::keys::dkim_key(config, key) {
            wrong(format!("dkim[{place}].key_file"), format!("{error:#}"));
        }
    }
    if let Err(error) = queue::providers::Providers::load(config.queue.providers_file.as_deref()) {
        wrong("queue.providers_file".to_owned(), error.to_string());
    }
    let tls = &config.intake.tls;
    for (key, file) in [("intake.tls.certificate", &tls.certificate), ("intake.tls.key", &tls.key)] {
        if let Some(Err(error)) = file.as_ref().map(std::fs::File::open) {
            wrong(key.to_owned(), error.to_string());
        }
    }
    if let Some(file) = &config.dns.zone_file {
        let text = std::fs::read_to_string(file).map_err(|error| error.to_string());
        if let Err(reason) = text.and_then(|text| dns::Zone::parse(&text).map_err(|error| error.to_string())) {
            wrong("dns.zone_file".to_owned(), reason);
        }
    }
    faults.result()
}
