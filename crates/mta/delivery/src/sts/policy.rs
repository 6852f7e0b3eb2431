//! MTA-STS policies as texts (RFC 8461 3): the TXT record, the policy file, which hosts it names. No IO.

use model::units::Span;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Longest policy text that is read, in bytes (RFC 8461 3.3 suggests 64 KB).
pub const POLICY_BYTES_MAX: usize = 64 << 10;

/// Hosts beyond so many are not looked at.
const HOSTS_MAX: usize = 500;

/// Longest time a policy is kept (RFC 8461 3.2: one year).
const MAX_AGE_S_MAX: u64 = 31_557_600;

/// What a domain wants of those who send to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// No mail to hosts that do not fulfil the policy.
    Enforce,
    /// Mail is sent all the same; failures are reported.
    Testing,
    /// The domain has given MTA-STS up.
    None,
}

/// A domain's policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// What it wants.
    pub mode: Mode,
    /// How long it may be kept, in seconds.
    pub max_age_s: u64,
    /// Its hosts: names, or `*.` and a name for one label before it.
    pub mx: Vec<String>,
}

/// The id in the domain's TXT records; `None` when it has no policy: no such record, or more than one (RFC 8461 3.1).
pub fn record_id(texts: &[String]) -> Option<String> {
    let mut records = texts.iter().filter(|text| {
        let rest = text.strip_prefix("v=STSv1");
        rest.is_some_and(|rest| rest.trim_start().starts_with(';') || rest.trim().is_empty())
    });
    let (record, None) = (records.next()?, records.next()) else { return None };
    let id = record.split(';').skip(1).find_map(|field| field.trim().strip_prefix("id="))?.trim();
    let sound = (1..=32).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    sound.then(|| id.to_owned())
}

impl Policy {
    /// Reads a policy file.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn parse(text: &str) -> Result<Policy, String> {
        if text.len() > POLICY_BYTES_MAX {
            return Err(format!("longer than {POLICY_BYTES_MAX} bytes"));
        }
        let (mut version, mut mode, mut max_age, mut mx) = (None, None, None, Vec::new());
        for line in text.lines() {
            let Some((key, value)) = line.split_once(':') else {
                if line.trim().is_empty() {
                    continue;
                }
                return Err("a line without a colon".to_owned());
            };
            let value = value.trim();
            // The first of several counts (RFC 8461 3.2).
            match key.trim() {
                "version" => _ = version.get_or_insert(value),
                "mode" => _ = mode.get_or_insert(value),
                "max_age" => _ = max_age.get_or_insert(value),
                "mx" if mx.len() < HOSTS_MAX => mx.push(value.trim_end_matches('.').to_ascii_lowercase()),
                _ => {}
            }
        }
        if version != Some("STSv1") {
            return Err("version is not STSv1".to_owned());
        }
        let mode = match mode {
            Some("enforce") => Mode::Enforce,
            Some("testing") => Mode::Testing,
            Some("none") => Mode::None,
            Some(other) => return Err(format!("mode {other:?} is not known")),
            None => return Err("no mode".to_owned()),
        };
        let max_age = max_age.ok_or("no max_age")?;
        let digits = max_age.len() <= 10 && max_age.bytes().all(|byte| byte.is_ascii_digit());
        let max_age_s = max_age.parse().ok().filter(|_| digits).ok_or("max_age is not a number of seconds")?;
        if mx.is_empty() && mode != Mode::None {
            return Err("no mx".to_owned());
        }
        Ok(Policy { mode, max_age_s: u64::min(max_age_s, MAX_AGE_S_MAX), mx })
    }

    /// How long it may be kept.
    pub fn max_age(&self) -> Span {
        Span(Duration::from_secs(self.max_age_s))
    }

    /// Whether it names this host (RFC 8461 4.1).
    pub fn names(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.');
        self.mx.iter().any(|pattern| match pattern.strip_prefix("*.") {
            Some(above) => {
                host.split_once('.').is_some_and(|(first, rest)| !first.is_empty() && rest.eq_ignore_ascii_case(above))
            }
            None => pattern.eq_ignore_ascii_case(host),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_names_the_version_of_the_policy() {
        let check = |texts: &[&str], expected: Option<&str>| {
            let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
            assert_eq!(record_id(&texts).as_deref(), expected, "{texts:?}");
        };
        check(&["v=STSv1; id=20160831085700Z;"], Some("20160831085700Z"));
        check(&["v=spf1 -all", "v=STSv1;id=1"], Some("1"));
        check(&["v=STSv1; x=y; id=1 ;z"], Some("1"));
        check(&["v=STSv1; id=1", "v=STSv1; id=2"], None);
        check(&["v=STSv10; id=1"], None);
        check(&["v=STSv1; id="], None);
        check(&["v=STSv1; id=a-b"], None);
        check(&["v=STSv1"], None);
        check(&[&format!("v=STSv1; id={}", "1".repeat(33))], None);
        check(&[], None);
    }

    #[test]
    fn policies_are_read_as_the_standard_says() {
        let check = |text: &str, expected: Result<(Mode, u64, &[&str]), &str>| {
            let found = Policy::parse(text);
            let found = found.as_ref().map(|policy| {
                (policy.mode, policy.max_age_s, policy.mx.iter().map(String::as_str).collect::<Vec<_>>())
            });
            let expected = expected.map(|(mode, age, mx)| (mode, age, mx.to_vec())).map_err(str::to_owned);
            assert_eq!(found.map_err(Clone::clone), expected, "{text}");
        };
        let example =
            "version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.Example.net.\r\nmax_age: 604800\r\n";
        check(example, Ok((Mode::Enforce, 604_800, &["mail.example.com", "*.example.net"])));
        check("version:STSv1\nmode:testing\nmx:a\nmax_age:99999999999", Err("max_age is not a number of seconds"));
        check("version:STSv1\nmode:testing\nmx:a\nmax_age:9999999999", Ok((Mode::Testing, MAX_AGE_S_MAX, &["a"])));
        check("version:STSv1\nmode:testing\nmx:a\nmax_age:+1", Err("max_age is not a number of seconds"));
        check("version: STSv1\nmode: none\nmode: enforce\nmax_age: 1\nnew: x", Ok((Mode::None, 1, &[])));
        check("version: STSv1\nmode: enforce\nmax_age: 1", Err("no mx"));
        check("version: STSv2\nmode: enforce\nmax_age: 1", Err("version is not STSv1"));
        check("version: STSv1\nmode: maybe\nmax_age: 1", Err("mode \"maybe\" is not known"));
        check("<html>", Err("a line without a colon"));
        check("", Err("version is not STSv1"));
        check(&"x".repeat(POLICY_BYTES_MAX + 1), Err("longer than 65536 bytes"));
    }

    #[test]
    fn which_hosts_a_policy_names() {
        let policy = Policy { mode: Mode::Enforce, max_age_s: 1, mx: vec!["mx.a.test".into(), "*.b.test".into()] };
        for (host, named) in [
            ("mx.a.test", true),
            ("MX.A.TEST.", true),
            ("a.test", false),
            ("x.b.test", true),
            ("x.y.b.test", false),
            ("b.test", false),
            (".b.test", false),
            ("xb.test", false),
        ] {
            assert_eq!(policy.names(host), named, "{host}");
        }
    }
}
