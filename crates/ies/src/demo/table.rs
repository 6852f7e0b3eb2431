//! The table at the end of a demo: what became of the campaign at each provider.

use campaign::report::{CampaignReport, ProviderReport};
use lab::ledger::LabReport;

/// The table, with a line for each provider and one for all.
pub(super) fn table(report: &CampaignReport, lab: &LabReport) -> String {
    let mut out = format!(
        "{:<14} {:>7} {:>9} {:>9} {:>8} {:>10} {:>7} {:>8} {:>8} {:>8}\n",
        "provider", "sent", "delivered", "deferred", "bounced", "complained", "opened", "clicked", "p50", "p95"
    );
    let mut providers: Vec<&ProviderReport> = report.by_provider.iter().collect();
    providers.sort_by_key(|provider| std::cmp::Reverse(provider.sent));
    for provider in providers {
        let deferrals: u64 = lab.providers.get(&provider.provider).map_or(0, temporary_refusals);
        out.push_str(&format!(
            "{:<14} {:>7} {:>9} {:>9} {:>8} {:>10} {:>7} {:>8} {:>8} {:>8}\n",
            provider.provider,
            provider.sent,
            provider.delivered,
            deferrals,
            provider.bounced,
            provider.complaints,
            provider.opens,
            provider.clicks,
            seconds(provider.p50_s),
            seconds(provider.p95_s),
        ));
    }
    let deferrals: u64 = lab.providers.values().map(temporary_refusals).sum();
    out.push_str(&format!(
        "{:<14} {:>7} {:>9} {:>9} {:>8} {:>10} {:>7} {:>8}\n",
        "all",
        report.sent,
        report.delivered,
        deferrals,
        report.bounced,
        report.complaints,
        report.opens.unique,
        report.clicks.unique,
    ));
    out
}

/// Attempts that were put off, as the provider counted them.
fn temporary_refusals(report: &lab::ledger::ProviderReport) -> u64 {
    use lab::behaviour::Why;
    let temporary = |why: &Why| !matches!(why, Why::Unknown | Why::Disabled | Why::Spam | Why::Relay);
    report.refused.iter().filter(|(why, _)| temporary(why)).map(|(_, count)| count).sum()
}

fn seconds(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(value) if value < 10.0 => format!("{value:.1} s"),
        Some(value) => format!("{value:.0} s"),
    }
}
