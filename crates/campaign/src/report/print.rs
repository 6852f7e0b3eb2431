//! The report of a campaign on paper: words and numbers in the language of the reader. Pure; `paper` does the setting.

use jiff::tz::TimeZone;
use model::time::Timestamp;
use paper::{Chart, Fact, Report, Series, Table};

use super::types::{CampaignReport, MinuteReport, ProviderReport};
use super::words::Words;
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
    let mut subtitle = match campaign.started_at {
        Some(at) => format!("{} {}", language.pick("Sent off", "Envoyée le"), words.time(at)),
        None => words.owned("Not sent yet", "Pas encore envoyée"),
    };
    if !campaign.subject_example.is_empty() {
        let subject = cut(&campaign.subject_example);
        subtitle = format!("{}{subject}\n{subtitle}", language.pick("Subject: ", "Objet\u{a0}: "));
    }
    let (chart, tables) = (chart(report, words), tables(report, words));
    let note = if chart.is_none() && tables.is_empty() {
        words.owned("There are no results yet.", "Il n’y a encore aucun résultat.")
    } else {
        String::new()
    };
    Report {
        language: language.code().to_owned(),
        title: cut(&campaign.name),
        subtitle,
        facts: facts(report, words),
        note,
        chart,
        tables,
        footer: format!("{} {}", language.pick("As of", "État au"), words.time(report.at)),
        made_at: report.at,
    }
}

fn facts(report: &CampaignReport, words: Words) -> Vec<Fact> {
    let fact = |english, french, value: u64, (whole, of_english, of_french): (u64, &'static str, &'static str)| {
        let share = words.share(value, whole);
        let note = if share.is_empty() { share } else { format!("{share} {}", words.pick(of_english, of_french)) };
        Fact { label: words.owned(english, french), value: words.number(value), note }
    };
    let sent = (report.handed_over, "of sent", "des envois");
    let delivered = (report.delivered, "of delivered", "des remis");
    vec![
        fact("Audience", "Audience", report.audience, (0, "", "")),
        fact("Delivered", "Remis", report.delivered, sent),
        fact("Bounced", "Rejetés", report.bounced, sent),
        fact("Expired", "Expirés", report.expired, sent),
        fact("Suppressed", "Exclus", report.suppressed, sent),
        fact("Still waiting", "En attente", report.queued, sent),
        fact("Opened", "Ouvreurs", report.opens.unique, delivered),
        fact("Clicked", "Cliqueurs", report.clicks.unique, delivered),
        fact("Unsubscribed", "Désabonnés", report.unsubscribes, delivered),
        fact("Complained", "Plaintes", report.complaints, delivered),
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
    let names = [("Delivered", "Remis"), ("Deferred", "Différés"), ("Bounced", "Rejetés")];
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
        ("Sent", "Envoyés"),
        ("Delivered", "Remis"),
        ("Deferrals", "Différés"),
        ("Bounced", "Rejetés"),
        ("Complaints", "Plaintes"),
        ("Opened", "Ouvreurs"),
        ("Clicked", "Cliqueurs"),
        ("Median", "Médiane"),
        ("95 %", "95 %"),
    ];
    let categories = report.by_category.iter().take(ROWS_MAX).map(|entry| {
        let name = words.category(&entry.category);
        let text = if entry.sample.is_empty() {
            name
        } else {
            format!("{name}{}{}", words.pick(": ", "\u{a0}: "), entry.sample)
        };
        vec![cut(&text), words.number(entry.count)]
    });
    let links = report
        .links
        .iter()
        .take(ROWS_MAX)
        .map(|link| vec![breakable(&cut(&link.url)), words.number(link.clicks), words.number(link.unique)]);
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
    let mut row = vec![cut(&words.provider(&entry.provider))];
    row.extend(counts.map(|count| words.number(count)));
    row.extend([words.delay(entry.p50_s), words.delay(entry.p95_s)]);
    row
}

/// An address that may be broken where its parts end.
fn breakable(url: &str) -> String {
    let mut text = String::with_capacity(url.len() + 16);
    for letter in url.chars() {
        text.push(letter);
        if matches!(letter, '/' | '?' | '&' | '=' | '_') {
            text.push('\u{200b}');
        }
    }
    text
}

fn cut(text: &str) -> String {
    if text.chars().count() <= CELL_MAX {
        return text.to_owned();
    }
    text.chars().take(CELL_MAX - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests;
