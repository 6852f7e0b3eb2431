//! The report of a campaign on paper: words and numbers in the language of the reader. Pure; `paper` does the setting.

use jiff::tz::TimeZone;
use model::time::Timestamp;
use paper::{Chart, Fact, Report, Series, Table};

use super::types::{CampaignReport, MinuteReport, ProviderReport};
use crate::language::Language;
use crate::sending::Campaign;

/// Points of the curve; longer campaigns get wider steps.
const POINTS: i64 = 240;

/// Rows of a table; the rest is left to the screen.
const ROWS_MAX: usize = 40;

/// Longest cell, in characters.
const CELL_MAX: usize = 140;

/// The report of one campaign.
pub(super) fn paper(campaign: &Campaign, report: &CampaignReport, language: Language) -> Report {
    let words = Words(language);
    let sent = campaign.started_at.map_or_else(String::new, |at| words.time(at));
    Report {
        language: language.code().to_owned(),
        title: cut(&campaign.name),
        subtitle: format!("{} {sent}", language.pick("Sent off", "Envoyée le")),
        facts: facts(report, words),
        chart: chart(report, words),
        tables: tables(report, words),
        footer: format!("{} {}", language.pick("As of", "État au"), words.time(report.at)),
        made_at: report.at,
    }
}

/// How numbers and times are written.
#[derive(Clone, Copy)]
struct Words(Language);

impl Words {
    fn pick(self, english: &'static str, french: &'static str) -> &'static str {
        self.0.pick(english, french)
    }

    fn owned(self, english: &'static str, french: &'static str) -> String {
        self.pick(english, french).to_owned()
    }

    /// `19,214` or `19 214`.
    fn number(self, number: u64) -> String {
        let digits = number.to_string();
        let mut text = String::with_capacity(digits.len() + digits.len() / 3);
        for (place, digit) in digits.char_indices() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                text.push_str(self.pick(",", "\u{a0}"));
            }
            text.push(digit);
        }
        text
    }

    fn decimal(self, number: f64) -> String {
        format!("{number:.1}").replace('.', self.pick(".", ","))
    }

    /// `96.1 %`, or nothing where there is nothing to compare with.
    fn share(self, part: u64, whole: u64) -> String {
        if whole == 0 {
            return String::new();
        }
        format!("{}\u{a0}%", self.decimal(part as f64 * 100.0 / whole as f64))
    }

    fn seconds(self, seconds: Option<f64>) -> String {
        seconds.map_or_else(|| "–".to_owned(), |seconds| format!("{}\u{a0}s", self.decimal(seconds)))
    }

    fn time(self, at: Timestamp) -> String {
        let time = at.to_jiff().to_zoned(TimeZone::UTC);
        format!("{} UTC", time.strftime(self.pick("%Y-%m-%d %H:%M", "%d/%m/%Y %H:%M")))
    }
}

fn facts(report: &CampaignReport, words: Words) -> Vec<Fact> {
    let fact = |english, french, value: u64, whole: u64| Fact {
        label: words.owned(english, french),
        value: words.number(value),
        note: words.share(value, whole),
    };
    vec![
        fact("Audience", "Audience", report.audience, 0),
        fact("Delivered", "Délivrés", report.delivered, report.handed_over),
        fact("Bounced", "Rejetés", report.bounced, report.handed_over),
        fact("Expired", "Expirés", report.expired, report.handed_over),
        fact("Suppressed", "Écartés", report.suppressed, report.handed_over),
        fact("Still waiting", "Encore en attente", report.queued, report.handed_over),
        fact("Opened", "Ouvreurs", report.opens.unique, report.delivered),
        fact("Clicked", "Cliqueurs", report.clicks.unique, report.delivered),
        fact("Unsubscribed", "Désabonnés", report.unsubscribes, report.delivered),
        fact("Complained", "Plaintes", report.complaints, report.delivered),
    ]
}

/// Deliveries, deferrals and bounces over time; `None` when nothing happened yet.
fn chart(report: &CampaignReport, words: Words) -> Option<Chart> {
    let minute = |entry: &MinuteReport| entry.minute.as_unix_s().div_euclid(60);
    let (first, last) = (minute(report.timeline.first()?), minute(report.timeline.last()?));
    let step = (last - first) / POINTS + 1;
    let points = usize::try_from((last - first) / step + 1).unwrap_or(1);
    let mut lines = [vec![0.0; points], vec![0.0; points], vec![0.0; points]];
    for entry in &report.timeline {
        let place = usize::try_from((minute(entry) - first) / step).unwrap_or(0);
        for (line, count) in lines.iter_mut().zip([entry.delivered, entry.deferred, entry.bounced]) {
            line[place] += count as f64;
        }
    }
    let label = |point: usize| {
        let minute = first + step * i64::try_from(point).unwrap_or(0);
        let time = Timestamp::from_unix_s(minute * 60).to_jiff().to_zoned(TimeZone::UTC);
        time.strftime(if step > 30 { "%d/%m %H:%M" } else { "%H:%M" }).to_string()
    };
    let names = [("Delivered", "Délivrés"), ("Deferred", "Différés"), ("Bounced", "Rejetés")];
    let series = names.into_iter().zip(lines);
    Some(Chart {
        title: words.owned("Over time (UTC)", "Au fil du temps (UTC)"),
        labels: (0..points).map(label).collect(),
        series: series.map(|((en, fr), values)| Series { name: words.owned(en, fr), values }).collect(),
    })
}

fn tables(report: &CampaignReport, words: Words) -> Vec<Table> {
    let table = |title: String, columns: &[(&'static str, &'static str)], rows: Vec<Vec<String>>| Table {
        title,
        columns: columns.iter().map(|(english, french)| words.owned(english, french)).collect(),
        rows,
    };
    let providers = [
        ("Provider", "Opérateur"),
        ("Sent", "Traités"),
        ("Delivered", "Délivrés"),
        ("Deferrals", "Reports"),
        ("Bounced", "Rejetés"),
        ("Complaints", "Plaintes"),
        ("Opened", "Ouvreurs"),
        ("Clicked", "Cliqueurs"),
        ("Median", "Médiane"),
        ("95 %", "95 %"),
    ];
    let categories = report
        .by_category
        .iter()
        .take(ROWS_MAX)
        .map(|entry| vec![cut(&format!("{}: {}", entry.category, entry.sample)), words.number(entry.count)]);
    let links = report
        .links
        .iter()
        .take(ROWS_MAX)
        .map(|link| vec![cut(&link.url), words.number(link.clicks), words.number(link.unique)]);
    let mut tables = vec![
        table(
            words.owned("By provider", "Par opérateur"),
            &providers,
            report.by_provider.iter().take(ROWS_MAX).map(|entry| provider_row(entry, words)).collect(),
        ),
        table(
            words.owned("Failed attempts", "Tentatives manquées"),
            &[("Category and a sample reply", "Catégorie et réponse type"), ("Attempts", "Tentatives")],
            categories.collect(),
        ),
        table(
            words.owned("Links", "Liens"),
            &[("Link", "Lien"), ("Clicks", "Clics"), ("Recipients", "Destinataires")],
            links.collect(),
        ),
    ];
    tables.retain(|table| !table.rows.is_empty());
    tables
}

fn provider_row(entry: &ProviderReport, words: Words) -> Vec<String> {
    let counts =
        [entry.sent, entry.delivered, entry.deferrals, entry.bounced, entry.complaints, entry.opens, entry.clicks];
    let mut row = vec![cut(&entry.provider)];
    row.extend(counts.map(|count| words.number(count)));
    row.extend([words.seconds(entry.p50_s), words.seconds(entry.p95_s)]);
    row
}

fn cut(text: &str) -> String {
    if text.chars().count() <= CELL_MAX {
        return text.to_owned();
    }
    text.chars().take(CELL_MAX - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_the_reader_does() {
        let (english, french) = (Words(Language::English), Words(Language::French));
        assert_eq!(english.number(1_234_567), "1,234,567");
        assert_eq!(french.number(19_214), "19\u{a0}214");
        assert_eq!(english.number(7), "7");
        assert_eq!(french.share(1, 3), "33,3\u{a0}%");
        assert_eq!(french.share(1, 0), "");
        assert_eq!(english.time(Timestamp::from_unix_s(1_790_000_000)), "2026-09-21 14:13 UTC");
    }
}
