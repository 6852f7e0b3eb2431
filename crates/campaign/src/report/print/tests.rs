//! The printed report: what stands in it in both languages, and that it can be set.

use model::id::CampaignId;

use super::super::types::{CategoryReport, MomentReport, TouchCount};
use super::*;
use crate::audience::field::Registry;
use crate::content::pieces::pieces;
use crate::content::types::Format;
use crate::sending::CampaignState;

fn campaign() -> Campaign {
    Campaign {
        id: CampaignId(1),
        name: "Lettre d’automne — Maison Aubépine".into(),
        state: CampaignState::Sent,
        subject: "{{ first_name }}, les thés d’automne sont là".into(),
        subject_pieces: pieces("{{ first_name }}, les thés d’automne sont là", &Registry::default()),
        preheader: String::new(),
        from_name: String::new(),
        from_address: "lettre@example.com".into(),
        reply_to: String::new(),
        list: None,
        format: Format::Mjml,
        body: String::new(),
        text: String::new(),
        stream: "bulk".into(),
        pool: String::new(),
        track_opens: true,
        track_clicks: true,
        created_at: Timestamp::from_unix_s(1_789_900_000),
        version: 1,
        changed_at: Timestamp::from_unix_s(1_789_900_000),
        changed_by: String::new(),
        started_at: Some(Timestamp::from_unix_s(1_790_000_000)),
        finished_at: None,
        trouble: None,
        counts: None,
    }
}

fn provider(name: &str, delivered: u64, seconds: f64) -> ProviderReport {
    ProviderReport {
        provider: name.into(),
        sent: delivered + delivered / 40 + delivered / 600,
        delivered,
        deferrals: delivered / 9,
        bounced: delivered / 40,
        expired: delivered / 600,
        complaints: delivered / 2_000,
        opens: delivered / 3,
        clicks: delivered / 21,
        p50_s: Some(seconds),
        p95_s: Some(seconds * 31.0),
        ..ProviderReport::default()
    }
}

/// Categories of failures, how often, and a reply.
const FAILURES: [(&str, u64, &str); 4] = [
    (
        "bad-mailbox",
        412,
        "550 5.1.1 <jean.dupont@orange.example>: Adresse d au moins un destinataire invalide. OFR_416",
    ),
    (
        "rate-limited",
        1_904,
        "421 4.7.28 Gmail has detected an unusual rate of unsolicited mail originating from your IP",
    ),
    ("greylisted", 333, "451 4.7.1 Greylisted, please try again in 300 seconds"),
    ("quota-issues", 57, "552 5.2.2 Mailbox full"),
];

fn report() -> CampaignReport {
    let names = ["gmail", "orange", "outlook", "microsoft365", "yahoo", "laposte", "free", "sfr", "icloud", "gmx"];
    let mut by_provider: Vec<ProviderReport> = names
        .iter()
        .enumerate()
        .map(|(n, name)| provider(name, 6_100 / (n as u64 + 1), 1.2 + n as f64 * 4.7))
        .collect();
    by_provider.push(provider("mail.mairie-de-saint-jean.example", 12, 0.8));
    by_provider.push(ProviderReport { provider: "unknown".into(), sent: 31, bounced: 31, ..ProviderReport::default() });
    let timeline = |minute: i64| MomentReport {
        at: Timestamp::from_unix_s(1_789_999_980 + minute * 60),
        span_s: 60,
        delivered: (2_400.0 / (1.0 + minute as f64 * 0.4)) as u64,
        deferred: (minute as u64 * 37) % 211,
        bounced: (60 / (minute + 1)) as u64,
        expired: u64::from(minute > 70) * 8,
        ..MomentReport::default()
    };
    let link = |index: u16, url: &str, clicks: u64| LinkReport {
        index,
        url: url.into(),
        pieces: pieces(url, &Registry::default()),
        clicks,
        automatic: clicks / 10,
        unique: clicks * 4 / 5,
    };
    CampaignReport {
        campaign: CampaignId(1),
        at: Timestamp::from_unix_s(1_790_020_000),
        audience: 20_000,
        handed_over: 19_996,
        queued: 38,
        sent: 19_996,
        delivered: 19_214,
        came_back: 23,
        deferred_now: 38,
        bounced: 466,
        expired: 31,
        suppressed: 247,
        complaints: 14,
        unsubscribes: 96,
        opens: TouchCount { total: 9_114, automatic: 0, unique: 6_402 },
        clicks: TouchCount { total: 1_243, automatic: 328, unique: 915 },
        by_provider,
        by_category: FAILURES
            .map(|(category, count, sample)| CategoryReport {
                category: category.into(),
                count,
                deferred: count - count / 3,
                bounced: count / 3,
                sample: sample.into(),
                ..CategoryReport::default()
            })
            .into(),
        links: vec![
            link(
                0,
                "https://shop.maison-aubepine.example/automne?utm_source=lettre&utm_medium=email&utm_campaign=automne-2026",
                812,
            ),
            link(1, "https://shop.maison-aubepine.example/the-fume", 305),
            link(2, "https://www.maison-aubepine.example/produit/{{ last_product }}", 126),
        ],
        timeline: (0..75).map(timeline).collect(),
        ..empty()
    }
}

/// Of a draft, or of a campaign of which nothing is known yet.
fn empty() -> CampaignReport {
    serde_json::from_value(serde_json::json!({
        "campaign": CampaignId(1), "at": Timestamp(0), "audience": 0, "handed_over": 0, "skipped": 0, "queued": 0,
        "sent": 0, "delivered": 0, "deferred_now": 0, "bounced": 0, "expired": 0, "suppressed": 0, "complaints": 0,
        "unsubscribes": 0, "opens": {"total": 0, "automatic": 0, "unique": 0},
        "clicks": {"total": 0, "automatic": 0, "unique": 0}, "by_provider": [],
        "by_category": [], "links": [], "skips": [], "timeline": [],
    }))
    .unwrap()
}

/// Every text of a report, a line each.
fn texts(report: &Report) -> String {
    let mut lines = vec![report.title.clone(), report.subtitle.clone(), report.note.clone()];
    lines.extend(report.facts.iter().map(|fact| format!("{} {} {}", fact.label, fact.value, fact.note)));
    lines.extend(report.chart.iter().map(|chart| chart.title.clone()));
    for table in &report.tables {
        lines.extend([table.title.clone(), table.columns.join(" | ")]);
        lines.extend(table.rows.iter().map(|row| row.join(" | ")));
    }
    lines.push(report.footer.clone());
    lines.join("\n").replace(['\u{a0}', '\u{202f}'], " ")
}

#[test]
fn it_speaks_the_language_of_its_reader() {
    let french = texts(&paper(&campaign(), &report(), Language::French));
    for text in [
        "Objet : {first name}, les thés d’automne sont là\nEnvoyée le 21/09/2026 14:13 UTC",
        "Envoyés 19 996 100,0 % de l’audience",
        "Remis 19 214 96,1 % des envois",
        "Rejetés 466 2,3 % des envois\nExpirés 31 0,16 % des envois\nAnnulés ou exclus 247 1,2 % des envois",
        "Plaintes 14 0,07 % des remis",
        "19 996 envoyés = 19 214 remis (dont 23 revenus plus tard) + 466 rejetés (refus définitif) + 31 expirés",
        "0 ouvertures sur 9 114 et 328 clics sur 1 243.",
        "Au fil du temps, par minute (UTC)",
        "produit/{last product} | 126 | 12 | 100",
        "La Poste | ",
        "Aucun opérateur trouvé | 31 | 0",
        "Revenus plus tard 23 0,12 % des remis",
        "Boîte inexistante : 550 5.1.1",
    ] {
        assert!(french.contains(text), "{text} in\n{french}");
    }
    // An address can be copied as it is, and the most followed comes first.
    assert!(!french.contains('\u{200b}'), "{french}");
    let place = |text: &str| french.find(text).unwrap_or(usize::MAX);
    let clicks: Vec<u64> = french
        .lines()
        .filter(|line| line.starts_with("https://"))
        .filter_map(|line| line.split(" | ").nth(1)?.replace(' ', "").parse().ok())
        .collect();
    assert!(clicks.len() > 1 && clicks.is_sorted_by(|one, next| one >= next), "{clicks:?}");
    assert!(place("Échecs et retours") < place("Liens"));
    assert!(!french.contains("{{") && !french.contains("bad-mailbox"));
    let english = texts(&paper(&campaign(), &report(), Language::English));
    for text in [
        "Subject: {first name}, les",
        "Delivered 19,214 96.1% of sent",
        "+ 247 cancelled or suppressed + 38 under way.",
        "Opened 6,402 33.3% of delivered",
        "Sent | Delivered | Came back | Bounced | Expired | Cancelled | Under way",
        "No such mailbox: 550",
        "Outlook.com | ",
    ] {
        assert!(english.contains(text), "{text} in\n{english}");
    }
}

#[test]
fn what_is_not_there_yet_is_said() {
    let draft = Campaign { started_at: None, subject_pieces: Vec::new(), ..campaign() };
    let french = texts(&paper(&draft, &empty(), Language::French));
    assert!(french.contains("Pas encore envoyée") && french.contains("Audience 0"), "{french}");
    assert!(french.contains("aucun résultat"), "{french}");
}

#[test]
fn it_can_be_set() {
    for (report, language) in [(report(), Language::French), (report(), Language::English), (empty(), Language::French)]
    {
        let pdf = paper::report_pdf(&paper(&campaign(), &report, language)).unwrap();
        assert!(pdf.starts_with(b"%PDF-") && pdf.len() > 5_000);
        if let Some(dir) = option_env!("REPORT_SAMPLES") {
            let name = format!("{dir}/{}-{}.pdf", language.code(), report.delivered);
            std::fs::write(name, pdf).unwrap();
        }
    }
}
