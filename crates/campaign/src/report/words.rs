//! The words of the printed report: numbers, times, categories, providers, as the reader writes them. Pure.

use jiff::tz::TimeZone;
use model::time::Timestamp;

use super::tally::UNKNOWN;
use crate::language::Language;

/// How numbers, times and names are written.
#[derive(Clone, Copy)]
pub(super) struct Words(pub(super) Language);

impl Words {
    pub(super) fn pick(self, english: &'static str, french: &'static str) -> &'static str {
        self.0.pick(english, french)
    }

    pub(super) fn owned(self, english: &'static str, french: &'static str) -> String {
        self.pick(english, french).to_owned()
    }

    /// `19,214` or `19 214`.
    pub(super) fn number(self, number: u64) -> String {
        let digits = number.to_string();
        let mut text = String::with_capacity(digits.len() + digits.len() / 3);
        for (place, digit) in digits.char_indices() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                text.push_str(self.pick(",", "\u{202f}"));
            }
            text.push(digit);
        }
        text
    }

    fn decimal(self, number: f64) -> String {
        format!("{number:.1}").replace('.', self.pick(".", ","))
    }

    /// `96.1%` or `96,1 %`, or nothing where there is nothing to compare with. What is not nought is never shown as it.
    pub(super) fn share(self, part: u64, whole: u64) -> String {
        if whole == 0 {
            return String::new();
        }
        let percent = part as f64 * 100.0 / whole as f64;
        let number = match percent {
            0.0 => self.decimal(0.0),
            small if small < 0.05 => format!("<\u{202f}{}", self.decimal(0.1)),
            percent if percent < 0.995 => format!("{percent:.2}").replace('.', self.pick(".", ",")),
            percent => self.decimal(percent),
        };
        format!("{number}{}", self.pick("%", "\u{a0}%"))
    }

    /// `1.4 s`, `12 min`, `3.5 h`.
    pub(super) fn delay(self, seconds: Option<f64>) -> String {
        match seconds {
            None => "–".to_owned(),
            Some(seconds) if seconds < 100.0 => format!("{}\u{a0}s", self.decimal(seconds)),
            Some(seconds) if seconds < 6_000.0 => format!("{:.0}\u{a0}min", seconds / 60.0),
            Some(seconds) => format!("{}\u{a0}h", self.decimal(seconds / 3_600.0)),
        }
    }

    /// `second`, `5 s`, `minute`, `10 min`, `2 h`, `7 days`: behind "per".
    pub(super) fn span(self, seconds: i64) -> String {
        match seconds {
            1 => self.owned("second", "seconde"),
            60 => "minute".to_owned(),
            3_600 => self.owned("hour", "heure"),
            86_400 => self.owned("day", "jour"),
            days if days % 86_400 == 0 => format!("{}\u{a0}{}", days / 86_400, self.pick("days", "jours")),
            hours if hours % 3_600 == 0 => format!("{}\u{a0}h", hours / 3_600),
            minutes if minutes % 60 == 0 => format!("{}\u{a0}min", minutes / 60),
            seconds => format!("{seconds}\u{a0}s"),
        }
    }

    pub(super) fn time(self, at: Timestamp) -> String {
        let time = at.to_jiff().to_zoned(TimeZone::UTC);
        format!("{} UTC", time.strftime(self.pick("%Y-%m-%d %H:%M", "%d/%m/%Y %H:%M")))
    }

    /// A provider by the name that people know; one that no rule names is called by the domain of its hosts.
    pub(super) fn provider(self, name: &str) -> String {
        if name == UNKNOWN {
            return self.owned("No provider found", "Aucun opérateur trouvé");
        }
        let known = KNOWN.iter().find(|(known, _)| *known == name);
        known.map_or(name, |(_, label)| label).to_owned()
    }

    /// A bounce category in words; its name where there are none.
    pub(super) fn category(self, name: &str) -> String {
        let known = CATEGORIES.iter().find(|(known, ..)| *known == name);
        known.map_or(name, |(_, english, french)| self.pick(english, french)).to_owned()
    }
}

/// Names of providers that are not written as they are called.
const KNOWN: [(&str, &str); 12] = [
    ("gmail", "Gmail"),
    ("outlook", "Outlook.com"),
    ("microsoft365", "Microsoft 365"),
    ("yahoo", "Yahoo"),
    ("icloud", "iCloud"),
    ("orange", "Orange"),
    ("free", "Free"),
    ("sfr", "SFR"),
    ("laposte", "La Poste"),
    ("gmx", "GMX"),
    ("bouygues", "Bouygues Telecom"),
    ("comcast", "Comcast"),
];

/// The same words as on the screen.
const CATEGORIES: [(&str, &str, &str); 24] = [
    ("bad-configuration", "Remote set-up", "Réglage distant"),
    ("bad-connection", "Connection broken", "Connexion rompue"),
    ("bad-domain", "No such domain", "Domaine inexistant"),
    ("bad-mailbox", "No such mailbox", "Boîte inexistante"),
    ("content-related", "Content", "Contenu"),
    ("inactive-mailbox", "Mailbox disabled", "Boîte désactivée"),
    ("invalid-sender", "Sender not accepted", "Expéditeur refusé"),
    ("message-expired", "Expired", "Expiré"),
    ("no-answer-from-host", "No answer", "Sans réponse"),
    ("other", "Other", "Autre"),
    ("policy-related", "Policy", "Politique du destinataire"),
    ("protocol-errors", "Protocol", "Protocole"),
    ("quota-issues", "Mailbox full", "Boîte pleine"),
    ("relaying-issues", "Relaying", "Relais refusé"),
    ("routing-errors", "Routing", "Routage"),
    ("spam-related", "Taken for spam", "Pris pour du spam"),
    ("virus-related", "Taken for a virus", "Pris pour un virus"),
    ("authentication-failed", "SPF, DKIM, DMARC", "SPF, DKIM, DMARC"),
    ("rate-limited", "Too fast", "Trop rapide"),
    ("greylisted", "Greylisted", "Liste grise"),
    ("reputation", "Reputation", "Réputation"),
    ("too-many-recipients", "Too many recipients", "Trop de destinataires"),
    ("auto-reply", "Answer by a machine", "Réponse automatique"),
    ("suppressed", "Suppressed", "Exclu"),
];

#[cfg(test)]
mod tests {
    use model::category::Category;

    use super::*;

    const ENGLISH: Words = Words(Language::English);
    const FRENCH: Words = Words(Language::French);

    #[test]
    fn numbers_are_written_as_the_reader_does() {
        assert_eq!(ENGLISH.number(1_234_567), "1,234,567");
        assert_eq!(FRENCH.number(19_214), "19\u{202f}214");
        assert_eq!(ENGLISH.number(7), "7");
        assert_eq!(ENGLISH.time(Timestamp::from_unix_s(1_790_000_000)), "2026-09-21 14:13 UTC");
    }

    #[test]
    fn shares_are_as_exact_as_they_matter() {
        for (part, whole, english, french) in [
            (1, 3, "33.3%", "33,3\u{a0}%"),
            (1, 0, "", ""),
            (0, 9, "0.0%", "0,0\u{a0}%"),
            (14, 19_214, "0.07%", "0,07\u{a0}%"),
            (1, 19_214, "<\u{202f}0.1%", "<\u{202f}0,1\u{a0}%"),
            (5, 5, "100.0%", "100,0\u{a0}%"),
        ] {
            assert_eq!((ENGLISH.share(part, whole).as_str(), FRENCH.share(part, whole).as_str()), (english, french));
        }
    }

    #[test]
    fn delays_have_a_fitting_unit() {
        for (seconds, expected) in
            [(None, "–"), (Some(1.36), "1,4\u{a0}s"), (Some(754.0), "13\u{a0}min"), (Some(12_600.0), "3,5\u{a0}h")]
        {
            assert_eq!(FRENCH.delay(seconds), expected);
        }
    }

    #[test]
    fn spans_have_a_fitting_unit() {
        for (seconds, expected) in [
            (1, "seconde"),
            (5, "5\u{a0}s"),
            (60, "minute"),
            (600, "10\u{a0}min"),
            (3_600, "heure"),
            (43_200, "12\u{a0}h"),
            (604_800, "7\u{a0}jours"),
        ] {
            assert_eq!(FRENCH.span(seconds), expected);
        }
    }

    #[test]
    fn every_category_has_words() {
        for category in Category::ALL {
            let name = category.as_str();
            assert!(CATEGORIES.iter().any(|(known, ..)| *known == name), "{name}");
        }
        assert_eq!(FRENCH.category("bad-mailbox"), "Boîte inexistante");
        assert_eq!(FRENCH.provider("unknown"), "Aucun opérateur trouvé");
        assert_eq!(FRENCH.provider("ovh.net"), "ovh.net");
    }
}
