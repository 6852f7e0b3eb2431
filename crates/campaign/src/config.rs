//! Settings of the campaigns wing.

use model::config::{Fault, Faults};
use model::name::Name;
use model::units::Span;

/// Settings of the campaigns wing.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Public address of the tracking endpoints, `https://click.example.com`: links, pixels and the unsubscribe page of
    /// mails lead there.
    pub base_url: String,
    /// Domain of the return paths of campaigns, one for each recipient; its MX must be our own inbound listener.
    pub bounce_domain: String,
    /// Domain for unsubscribing by mail (`unsubscribe@…`); its MX must be our own inbound listener. Empty: the mails
    /// offer the web way only.
    pub unsubscribe_domain: String,
    /// Stream of a campaign that names none.
    pub stream: Name,
    /// Recipients handed over to the engine at once, 1 to 4096.
    pub feed_batch: u32,
    /// First delay before a hand-over that was refused for want of room is tried again; doubles up to `retry_max`.
    pub retry_min: Span,
    /// Longest such delay.
    pub retry_max: Span,
    /// Opens and clicks that may wait for the event log; further ones are counted as lost.
    pub touches_max: u32,
    /// Events folded into reports in one transaction.
    pub fold_batch: u32,
    /// Largest file that is imported, in bytes.
    pub import_max: model::units::Size,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            base_url: "http://localhost:8080".to_owned(),
            bounce_domain: "bounces.localhost".to_owned(),
            unsubscribe_domain: String::new(),
            stream: Name::from("bulk"),
            feed_batch: 2_000,
            retry_min: Span::ms(200),
            retry_max: Span::s(30),
            touches_max: 65_536,
            fold_batch: 2_000,
            import_max: model::units::Size::mb(64),
        }
    }
}

impl Config {
    /// Checks what the types do not.
    ///
    /// # Errors
    /// Every mistake.
    pub fn validate(&self) -> Result<(), Faults> {
        let mut faults = Faults::default();
        let url = &self.base_url;
        let is_web = url.starts_with("http://") || url.starts_with("https://");
        faults.unless(is_web && !url.ends_with('/'), || {
            let rule = "must begin with http:// or https:// and not end with a slash";
            Fault::new("base_url", rule).example("\"https://click.example.com\"")
        });
        faults.unless(!self.bounce_domain.is_empty(), || {
            let rule = "must name a domain whose mail reaches this program";
            Fault::new("bounce_domain", rule).example("\"bounce.example.com\"")
        });
        faults.unless(!self.stream.is_empty(), || Fault::new("stream", "must not be empty"));
        faults.within("feed_batch", self.feed_batch, 1..=model::submission::Submission::RECIPIENTS_MAX as u32);
        faults.unless(!self.retry_min.0.is_zero(), || Fault::new("retry_min", "must be longer than 0s"));
        faults.unless(self.retry_min <= self.retry_max, || {
            Fault::new("retry_min", "must not be longer than").than("retry_max")
        });
        faults.at_least("touches_max", self.touches_max, 1);
        faults.at_least("fold_batch", self.fold_batch, 1);
        faults.result()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl FnOnce(&mut Config), key: &str) {
        let mut config = Config::default();
        change(&mut config);
        let reason = config.validate().expect_err(key).to_string();
        assert!(reason.contains(key), "{reason}");
    }

    #[test]
    fn wrong_settings_are_named() {
        assert_eq!(Config::default().validate(), Ok(()));
        check(|config| config.base_url = "example.com".into(), "base_url");
        check(|config| config.bounce_domain.clear(), "bounce_domain");
        check(|config| config.feed_batch = 5_000, "feed_batch");
        check(|config| config.retry_max = Span::ms(1), "retry_min");
        check(|config| config.fold_batch = 0, "fold_batch");
    }
}
