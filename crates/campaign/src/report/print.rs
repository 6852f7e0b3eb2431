//! The report of a campaign on paper: words and numbers in the language of the reader. Pure; `paper` does the setting.

use jiff::tz::TimeZone;
use model::time::Timestamp;
use paper::{Chart, Fact, Report, Series, Table};

use super::course::course;
use super::tally::UNKNOWN;
use super::types::{CampaignReport, LinkReport, ProviderReport};
use super::words::Words;
use crate::content::pieces::plain;
use crate::language::Language;
use crate::sending::Campaign;

/// Points of the curve; longer campaigns get wider steps.
const POINTS: usize = 240;

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
    if !campaign.subject_pieces.is_empty() {
        let subject = cut(&plain(&campaign.subject_pieces));
        subtitle = format!("{}{subject}\n{subtitle}", language.pick("Subject: ", "Objet\u{a0}: "));
    }
    let (chart, tables) = (chart(report, words), tables(report, words));
    let note = if chart.is_none() && tables.is_empty() {
        words.owned("There are no results yet.", "Il n’y a encore aucun résultat.")
    } else {
        note(report, words)
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
    let audience = (report.audience, "of the audience", "de l’audience");
    let sent = (report.sent, "of sent", "des envois");
    let delivered = (report.delivered, "of delivered", "des remis");
    vec![
        fact("Audience", "Audience", report.audience, (0, "", "")),
        fact("Sent", "Envoyés", report.sent, audience),
        fact("Delivered", "Remis", report.delivered, sent),
        fact("Came back later", "Revenus plus tard", report.came_back, delivered),
        fact("Bounced", "Rejetés", report.bounced, sent),
        fact("Expired", "Expirés", report.expired, sent),
        fact("Cancelled or suppressed", "Annulés ou exclus", report.suppressed, sent),
        fact("Under way", "En cours", report.queued, sent),
        fact("Opened", "Ont ouvert", report.opens.unique, delivered),
        fact("Clicked", "Ont cliqué", report.clicks.unique, delivered),
        fact("Unsubscribed", "Désabonnés", report.unsubscribes, delivered),
        fact("Complained", "Plaintes", report.complaints, delivered),
    ]
}

/// What the figures leave open: whether they add up, and what programs did.
fn note(report: &CampaignReport, words: Words) -> String {
    let [sent, delivered, back, bounced, expired, suppressed, queued] = [
        report.sent,
        report.delivered,
        report.came_back,
        report.bounced,
        report.expired,
        report.suppressed,
        report.queued,
    ]
    .map(|count| words.number(count));
    let sum = words.pick(
        "{sent} sent = {delivered} delivered (of which {back} came back later) + {bounced} bounced (refused for good) + {expired} expired (given up after \
         the time allowed) + {suppressed} cancelled or suppressed + {queued} under way.",
        "{sent} envoyés = {delivered} remis (dont {back} revenus plus tard) + {bounced} rejetés (refus définitif) + {expired} expirés (abandonnés après \
         le délai prévu) + {suppressed} annulés ou exclus + {queued} en cours.",
    );
    let values = [
        ("{sent}", sent),
        ("{delivered}", delivered),
        ("{back}", back),
        ("{bounced}", bounced),
        ("{expired}", expired),
        ("{suppressed}", suppressed),
        ("{queued}", queued),
    ];
    let mut note = values.iter().fold(sum.to_owned(), |text, (name, value)| text.replace(name, value));
    if report.opens.automatic + report.clicks.automatic > 0 {
        let automatic = words.pick(
            " Opened and clicked count people. Programs that nobody asked to, such as link checkers, are left out: \
             {opens} of {all_opens} opens and {clicks} of {all_clicks} clicks.",
            " Ouvertures et clics comptent des personnes. Les programmes que personne n’a sollicités, comme les \
             vérificateurs de liens, sont laissés de côté\u{a0}: {opens} ouvertures sur {all_opens} et {clicks} clics sur \
             {all_clicks}.",
        );
        let values = [
            ("{opens}", report.opens.automatic),
            ("{all_opens}", report.opens.total),
            ("{clicks}", report.clicks.automatic),
            ("{all_clicks}", report.clicks.total),
        ];
        let text = |text: String, (name, value): &(&str, u64)| text.replace(name, &words.number(*value));
        note.push_str(&values.iter().fold(automatic.to_owned(), text));
    }
    note
}

/// Deliveries, deferrals, bounces and expiries over time; `None` when nothing happened yet.
fn chart(report: &CampaignReport, words: Words) -> Option<Chart> {
    let course = course(&report.timeline, POINTS)?;
    let days = course.step_s * course.points.len() as i64 > 36 * 3_600;
    let form = match course.step_s {
        _ if days => "%d/%m %H:%M",
        step if step < 60 => "%H:%M:%S",
        _ => "%H:%M",
    };
    let label = |point: usize| {
        let second = course.first_s + course.step_s * i64::try_from(point).unwrap_or(0);
        Timestamp::from_unix_s(second).to_jiff().to_zoned(TimeZone::UTC).strftime(form).to_string()
    };
    let names = [("Delivered", "Remis"), ("Deferred", "Différés"), ("Bounced", "Rejetés"), ("Expired", "Expirés")];
    let series = names.into_iter().enumerate().map(|(place, (english, french))| Series {
        name: words.owned(english, french),
        values: course.points.iter().map(|point| point[place] as f64).collect(),
    });
    let per = words.span(course.step_s);
    let title = match course.of_s.map(|stretch| words.span(stretch)) {
        None => format!("{} {per} (UTC)", words.pick("Over time, per", "Au fil du temps, par")),
        Some(stretch) => format!(
            "{} {stretch}{} {per} (UTC)",
            words.pick("Over time, the first", "Au fil du temps, au début\u{a0}:"),
            words.pick(", per", ", par")
        ),
    };
    Some(Chart { title, labels: (0..course.points.len()).map(label).collect(), series: series.collect() })
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
        ("Came back", "Revenus"),
        ("Bounced", "Rejetés"),
        ("Expired", "Expirés"),
        ("Cancelled", "Annulés"),
        ("Under way", "En cours"),
        ("Complaints", "Plaintes"),
        ("Opened", "Ont ouvert"),
        ("Clicked", "Ont cliqué"),
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
        let counts = [entry.deferred, entry.bounced, entry.expired, entry.came_back];
        let mut row = vec![cut(&text)];
        row.extend(counts.map(|count| words.number(count)));
        row
    });
    // As on the screen: the most followed first.
    let mut links: Vec<&LinkReport> = report.links.iter().collect();
    links.sort_by_key(|link| std::cmp::Reverse(link.clicks));
    let links = links.into_iter().take(ROWS_MAX).map(|link| link_row(link, words));
    let mut tables = vec![
        table(
            words.owned("By provider", "Par opérateur"),
            &providers,
            report.by_provider.iter().take(ROWS_MAX).map(|entry| provider_row(entry, words)).collect(),
        ),
        table(
            words.owned(
                "Why attempts failed and mail came back: put off counts attempts, the others count recipients",
                "Échecs et retours\u{a0}: reportés compte des tentatives, les autres des destinataires",
            ),
            &[
                ("Category and a sample reply", "Catégorie et réponse type"),
                ("Put off", "Reportés"),
                ("Bounced", "Rejetés"),
                ("Expired", "Expirés"),
                ("Came back", "Revenus"),
            ],
            categories.collect(),
        ),
        table(
            words.owned("Links", "Liens"),
            &[("Link", "Lien"), ("Clicks", "Clics"), ("Automatic", "Automatiques"), ("People", "Personnes")],
            links.collect(),
        ),
    ];
    tables.retain(|table| !table.rows.is_empty());
    tables
}

fn provider_row(entry: &ProviderReport, words: Words) -> Vec<String> {
    let counts = [
        entry.sent,
        entry.delivered,
        entry.came_back,
        entry.bounced,
        entry.expired,
        entry.suppressed,
        entry.queued,
        entry.complaints,
        entry.opens,
        entry.clicks,
    ];
    let waits = entry.provider == UNKNOWN && entry.queued == entry.sent;
    let name =
        if waits { words.owned("Not attempted yet", "Pas encore tentés") } else { words.provider(&entry.provider) };
    let mut row = vec![cut(&name)];
    row.extend(counts.map(|count| words.number(count)));
    row.extend([words.delay(entry.p50_s), words.delay(entry.p95_s)]);
    row
}

fn link_row(link: &LinkReport, words: Words) -> Vec<String> {
    let mut row = vec![cut(&plain(&link.pieces))];
    row.extend([link.clicks, link.automatic, link.unique].map(|count| words.number(count)));
    row
}

fn cut(text: &str) -> String {
    if text.chars().count() <= CELL_MAX {
        return text.to_owned();
    }
    text.chars().take(CELL_MAX - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests;
