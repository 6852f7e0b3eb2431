//! Do all books agree? The lab's ledger, the queue, the event store and the campaign's report count the same mails.
//!
//! Only what belongs to the demo's campaign is compared: whoever looks around may send mail of their own meanwhile.

use anyhow::Context as _;
use campaign::report::CampaignReport;
use lab::ledger::{LabReport, ProviderReport};
use model::event::EventKind;
use model::id::CampaignId;
use model::time::Timestamp;
use monitor::{Cell, Dimension, Field, Filter, Measure, Query, QueryResult};
use queue::view::Snapshot;

use crate::client::Client;

/// What the event store counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stored {
    pub received: u64,
    pub delivered: u64,
    pub bounced: u64,
    pub expired: u64,
    pub suppressed: u64,
    pub opened: u64,
    pub clicked: u64,
    pub complained: u64,
    pub late_bounced: u64,
}

/// Counts the campaign's events by kind in the event store.
pub(super) async fn stored(client: &Client, campaign: CampaignId) -> anyhow::Result<Stored> {
    let query = Query {
        from: Timestamp(0),
        to: Timestamp::from_unix_s(4_000_000_000),
        filter: Some(Filter::eq(Field::Campaign, campaign.to_string())),
        measures: vec![Measure::Count],
        dimensions: vec![Dimension::Field { field: Field::Kind }],
        order: Vec::new(),
        limit: None,
    };
    let result: QueryResult = client.post("/api/v1/query", &query).await.context("the event store's count")?;
    let mut stored = Stored::default();
    for row in &result.rows {
        let [Cell::Text(kind), Cell::Integer(count)] = row.as_slice() else { continue };
        let count = u64::try_from(*count).unwrap_or(0);
        match EventKind::ALL.iter().find(|known| known.as_str() == kind) {
            Some(EventKind::Received) => stored.received = count,
            Some(EventKind::Delivered) => stored.delivered = count,
            Some(EventKind::Bounced) => stored.bounced = count,
            Some(EventKind::Expired) => stored.expired = count,
            Some(EventKind::Suppressed) => stored.suppressed = count,
            Some(EventKind::Opened) => stored.opened = count,
            Some(EventKind::Clicked) => stored.clicked = count,
            Some(EventKind::Complaint) => stored.complained = count,
            Some(EventKind::RemoteBounce) => stored.late_bounced = count,
            _ => {}
        }
    }
    Ok(stored)
}

/// Everything that was counted.
pub(super) struct Books<'a> {
    pub report: &'a CampaignReport,
    pub stored: Stored,
    pub queue: &'a Snapshot,
    /// What the lab knows of the campaign.
    pub lab: &'a LabReport,
    /// How often the suite was killed and started again: sessions in flight may then have sent a mail twice.
    pub restarts: u32,
}

/// Sentences about what does not agree; none when everything does.
pub(super) fn disagreements(books: &Books<'_>) -> Vec<String> {
    let Books { report, stored, queue, lab, restarts } = books;
    let mut found = Vec::new();
    let mut same = |what: &str, left: u64, right: u64| {
        if left != right {
            found.push(format!("{what}: {left} and {right}"));
        }
    };
    let done = report.delivered + report.bounced + report.expired + report.suppressed;
    same("audience and recipients handed over", report.audience, report.handed_over);
    same("recipients handed over and final outcomes in the report", report.handed_over, done);
    same("received in the event store and handed over in the report", stored.received, report.handed_over);
    same("delivered in the event store and in the report", stored.delivered, report.delivered);
    same("bounced in the event store and in the report", stored.bounced, report.bounced);
    same("expired in the event store and in the report", stored.expired, report.expired);
    same("suppressed in the event store and in the report", stored.suppressed, report.suppressed);
    // The queue forgets a campaign some time after its end.
    let progress = queue.campaigns.iter().find(|progress| progress.campaign == report.campaign);
    let waiting = progress.map_or(0, |progress| progress.scheduled + progress.ready + progress.in_flight);
    same("recipients left in the queue and none", waiting, 0);
    let (total, distinct) = (lab.total(), lab.distinct);
    // A session that was cut off between the provider's 250 and our log is repeated: seen as a duplicate.
    same("delivered in the report and different mails taken by the providers", report.delivered, distinct);
    if *restarts == 0 {
        same("mails that a provider got twice and none", total.duplicates, 0);
        for provider in &report.by_provider {
            let taken = lab.providers.get(&provider.provider).map_or(0, |report| report.accepted);
            let what = format!("delivered to {} in the report and taken there", provider.provider);
            same(&what, provider.delivered, taken);
        }
        found.extend(reactions(books, &total));
    } else if total.duplicates > repeated_max(*restarts, &total) {
        let most = repeated_max(*restarts, &total);
        found.push(format!("mails sent twice: {}, more than the sessions in flight explain: {most}", total.duplicates));
    }
    found
}

/// What people did, compared only when the suite was there all the time: nobody repeats a request that met no server.
fn reactions(books: &Books<'_>, total: &ProviderReport) -> Vec<String> {
    let Books { report, stored, .. } = books;
    let pairs = [
        ("requests and reports that did not get through and none", total.failed, 0),
        ("opens in the report and in the lab", report.opens.total, total.opened),
        ("opens in the event store and in the lab", stored.opened, total.opened),
        ("clicks in the report and in the lab", report.clicks.total, total.clicked + total.scanner_followed),
        ("clicks in the event store and in the lab", stored.clicked, total.clicked + total.scanner_followed),
        ("unsubscribes in the report and in the lab", report.unsubscribes, total.unsubscribed),
        ("complaints in the report and in the lab", report.complaints, total.complained),
        ("complaints in the event store and in the lab", stored.complained, total.complained),
        ("late bounces in the event store and in the lab", stored.late_bounced, total.late_bounced),
    ];
    let differs =
        |(what, left, right): (&str, u64, u64)| (left != right).then(|| format!("{what}: {left} and {right}"));
    pairs.into_iter().filter_map(differs).collect()
}

/// Each session may have one mail on the way and one whose outcome waits for the event log's fdatasync.
fn repeated_max(restarts: u32, total: &ProviderReport) -> u64 {
    2 * u64::from(restarts) * total.sessions_peak
}

#[cfg(test)]
mod tests {
    use queue::view::{Progress, Totals, TrafficView};

    use super::*;

    const CAMPAIGN: CampaignId = CampaignId(7);

    fn check(change: impl FnOnce(&mut CampaignReport, &mut Snapshot, &mut LabReport), expected: &[&str]) {
        let report = serde_json::json!({
            "campaign": CAMPAIGN, "at": Timestamp(0), "audience": 3, "handed_over": 3, "delivered": 2, "expired": 1,
        });
        let mut report = crate::demo::table::tests::report(report);
        let stored = Stored { received: 3, delivered: 2, expired: 1, ..Stored::default() };
        let mut queue: Snapshot = serde_json::from_value(serde_json::json!({
            "at": Timestamp(0), "totals": Totals::default(), "connections": 0, "lookups": 0, "paths": [],
            "paths_total": 0, "domains": [], "domains_total": 0, "campaigns": [], "controls": [],
            "traffic": TrafficView::default(),
        }))
        .unwrap();
        let mut lab = LabReport { distinct: 2, ..LabReport::default() };
        change(&mut report, &mut queue, &mut lab);
        let books = Books { report: &report, stored, queue: &queue, lab: &lab, restarts: 0 };
        assert_eq!(disagreements(&books), expected);
    }

    #[test]
    fn mail_of_others_in_the_queue_is_not_compared() {
        check(|_, _, _| {}, &[]);
        let progress = |campaign, scheduled| Progress { campaign, scheduled, ..Progress::default() };
        check(
            |_, queue, _| {
                queue.totals = Totals { scheduled: 5, ready: 1, in_flight: 1, ..Totals::default() };
                queue.campaigns = vec![progress(CampaignId(8), 5), progress(CAMPAIGN, 0)];
            },
            &[],
        );
        let left = "recipients left in the queue and none: 2 and 0";
        check(|_, queue, _| queue.campaigns = vec![progress(CampaignId(8), 5), progress(CAMPAIGN, 2)], &[left]);
    }

    #[test]
    fn every_difference_is_a_sentence() {
        let lost = "delivered in the report and different mails taken by the providers: 2 and 1";
        check(|_, _, lab| lab.distinct = 1, &[lost]);
        let expired = "expired in the event store and in the report: 1 and 0";
        let bounced = "bounced in the event store and in the report: 0 and 1";
        check(|report, _, _| (report.expired, report.bounced) = (0, 1), &[bounced, expired]);
    }
}
