//! The languages this wing speaks to people who have no account: pages and printed reports.

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    French,
}

impl Language {
    /// The better liked of the two in an Accept-Language header (RFC 9110 12.5.4); English when neither is named.
    pub(crate) fn preferred(languages: &str) -> Self {
        let mut best = (Language::English, 0.0_f32);
        for entry in languages.split(',').take(32) {
            let mut parts = entry.split(';');
            let tag = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
            let language = match tag.split('-').next() {
                Some("fr") => Language::French,
                Some("en") => Language::English,
                _ => continue,
            };
            let quality = parts.find_map(|part| part.trim().strip_prefix("q=")?.parse().ok()).unwrap_or(1.0);
            if quality > best.1 {
                best = (language, quality);
            }
        }
        best.0
    }

    /// The word in this language.
    pub(crate) const fn pick(self, english: &'static str, french: &'static str) -> &'static str {
        match self {
            Language::English => english,
            Language::French => french,
        }
    }

    /// Two letters, for `lang` attributes.
    pub(crate) const fn code(self) -> &'static str {
        self.pick("en", "fr")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(languages: &str, expected: Language) {
        assert_eq!(Language::preferred(languages), expected, "{languages:?}");
    }

    #[test]
    fn the_better_liked_language_is_chosen() {
        check("", Language::English);
        check("de-DE,de;q=0.9", Language::English);
        check("fr-FR,fr;q=0.9,en;q=0.8", Language::French);
        check("en;q=0.5, fr;q=0.7", Language::French);
        check("en-GB,fr;q=0.9", Language::English);
        check("fr;q=x", Language::French);
        check("fr;q=0", Language::English);
    }
}
