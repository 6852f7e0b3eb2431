//! Settings of the campaigns wing.

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
    /// A sentence that names the key.
    pub fn validate(&self) -> Result<(), String> {
        let url = &self.base_url;
        if !(url.starts_with("http://") || url.starts_with("https://")) || url.ends_with('/') {
            return Err("base_url must begin with http:// or https:// and must not end with a slash".to_owned());
        }
        if self.bounce_domain.is_empty() {
            return Err("bounce_domain must name a domain whose mail reaches this program".to_owned());
        }
        if self.stream.is_empty() {
            return Err("stream must not be empty".to_owned());
        }
        let batch_max = model::submission::Submission::RECIPIENTS_MAX;
        if self.feed_batch == 0 || self.feed_batch as usize > batch_max {
            return Err(format!("feed_batch must be 1 to {batch_max}"));
        }
        if self.retry_min.0.is_zero() || self.retry_max < self.retry_min {
            return Err("retry_min must be longer than 0 and at most retry_max".to_owned());
        }
        for (key, value) in [("touches_max", self.touches_max), ("fold_batch", self.fold_batch)] {
            if value == 0 {
                return Err(format!("{key} must be at least 1"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl FnOnce(&mut Config), key: &str) {
        let mut config = Config::default();
        change(&mut config);
        let reason = config.validate().expect_err(key);
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
