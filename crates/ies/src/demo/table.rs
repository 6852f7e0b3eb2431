//! The table at the end of a demo: what became of the campaign at each provider.

use campaign::report::{CampaignReport, ProviderReport};

/// The table, with a line for each provider and one for all.
///
/// `bounced` was refused for good, `expired` was put off until the time allowed was over; `deferred` counts attempts.
pub(super) fn table(report: &CampaignReport) -> String {
    const HEAD: [&str; 11] = [
        "provider",
        "sent",
        "delivered",
        "deferred",
        "bounced",
        "expired",
        "complained",
        "opened",
        "clicked",
        "p50",
        "p95",
    ];
    let mut out = line(HEAD.map(str::to_owned));
    let mut providers: Vec<&ProviderReport> = report.by_provider.iter().collect();
    providers.sort_by_key(|provider| std::cmp::Reverse(provider.sent));
    for provider in providers {
        let counts = [
            provider.sent,
            provider.delivered,
            provider.deferrals,
            provider.bounced,
            provider.expired,
            provider.complaints,
            provider.opens,
            provider.clicks,
        ];
        out.push_str(&row(&provider.provider, counts, [seconds(provider.p50_s), seconds(provider.p95_s)]));
    }
    let counts = [
        report.sent,
        report.delivered,
        report.by_provider.iter().map(|provider| provider.deferrals).sum(),
        report.bounced,
        report.expired,
        report.complaints,
        report.opens.unique,
        report.clicks.unique,
    ];
    out.push_str(&row("all", counts, [String::new(), String::new()]));
    out
}

fn row(name: &str, counts: [u64; 8], delays: [String; 2]) -> String {
    let mut cells = vec![name.to_owned()];
    cells.extend(counts.map(|count| count.to_string()));
    cells.extend(delays);
    line(cells.try_into().expect("invariant: a name, eight counts and two delays"))
}

fn line(cells: [String; 11]) -> String {
    const WIDTHS: [usize; 11] = [14, 7, 9, 9, 8, 8, 10, 7, 8, 8, 8];
    let [name, rest @ ..] = cells;
    let mut out = format!("{name:<0$}", WIDTHS[0]);
    for (cell, width) in rest.iter().zip(&WIDTHS[1..]) {
        out.push_str(&format!(" {cell:>width$}"));
    }
    out.truncate(out.trim_end().len());
    out + "\n"
}

fn seconds(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(value) if value < 10.0 => format!("{value:.1} s"),
        Some(value) => format!("{value:.0} s"),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// A report with these numbers, all others 0.
    pub(in crate::demo) fn report(numbers: Value) -> CampaignReport {
        let touches = json!({ "total": 0, "automatic": 0, "unique": 0 });
        let mut whole = json!({ "opens": touches, "clicks": touches });
        for list in ["by_provider", "by_category", "skips", "links", "timeline"] {
            whole[list] = json!([]);
        }
        for count in [
            "audience",
            "handed_over",
            "skipped",
            "queued",
            "sent",
            "delivered",
            "deferred_now",
            "bounced",
            "expired",
            "suppressed",
            "complaints",
            "unsubscribes",
        ] {
            whole[count] = json!(0);
        }
        numbers.as_object().unwrap().iter().for_each(|(name, number)| whole[name] = number.clone());
        serde_json::from_value(whole).unwrap()
    }

    #[test]
    fn what_expired_has_a_column_of_its_own() {
        let mut report = report(json!({
            "campaign": model::id::CampaignId(7), "at": model::time::Timestamp(0), "sent": 9, "delivered": 4,
            "bounced": 3, "expired": 2,
        }));
        report.by_provider = vec![ProviderReport {
            provider: "orange".to_owned(),
            sent: 9,
            delivered: 4,
            deferrals: 12,
            bounced: 3,
            expired: 2,
            p50_s: Some(1.25),
            ..ProviderReport::default()
        }];
        let table = table(&report);
        let words: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(words[0][..6], ["provider", "sent", "delivered", "deferred", "bounced", "expired"]);
        assert_eq!(words[1], ["orange", "9", "4", "12", "3", "2", "0", "0", "0", "1.2", "s", "-"]);
        assert_eq!(words[2], ["all", "9", "4", "12", "3", "2", "0", "0", "0"]);
        assert!(table.lines().all(|line| line.len() <= 110), "{table}");
    }
}
