//! `ies sources warm-up`: how far sources are with their plans, and orders about them.

use clap::Args;
use model::name::Name;
use model::words::nearest;
use queue::warmup::view::{TrackView, WarmUpView};
use queue::warmup::{Action, Order};
use serde::Deserialize;

use super::table::{count, table};

/// Past days shown of one source at one provider.
const DAYS_SHOWN: usize = 14;

/// How far sources are with their warm-up plans; with a name in full. An order is answered when it is on disk.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  ies sources warm-up\n  ies sources warm-up ip-3\n  ies sources warm-up ip-3 --day 6 --provider gmail\n  ies sources warm-up ip-3 --pause"
)]
pub(super) struct WarmUp {
    /// The source's name; all that have a plan when left out.
    name: Option<String>,
    /// Go on with this day of the plan, today.
    #[arg(long, value_name = "N", requires = "name", conflicts_with_all = ["pause", "resume", "finish"])]
    day: Option<u32>,
    /// Stay at the day it is at, however the days go.
    #[arg(long, requires = "name", conflicts_with_all = ["resume", "finish"])]
    pause: bool,
    /// Go on: after a pause, after a day that was broken off, or after the end at the plan's last day.
    #[arg(long, requires = "name", conflicts_with = "finish")]
    resume: bool,
    /// Hold nothing back any more.
    #[arg(long, requires = "name")]
    finish: bool,
    /// Only at this provider; "*" for all that have no volumes of their own.
    #[arg(long, value_name = "PROVIDER", requires = "name")]
    provider: Option<String>,
}

#[derive(Debug, Deserialize, serde::Serialize)]
struct Items {
    items: Vec<WarmUpView>,
}

impl WarmUp {
    pub(super) async fn run(self, client: &crate::client::Client, json: bool) -> anyhow::Result<()> {
        let found: Items = client.get("/api/v1/warm-ups").await?;
        let Some(name) = &self.name else {
            match json {
                true => println!("{}", serde_json::to_string_pretty(&found)?),
                false => print!("{}", overview(&found.items)),
            }
            return Ok(());
        };
        let view = known(name, found.items)?;
        let view = match self.order()? {
            None => view,
            Some(order) => client.post(&format!("/api/v1/warm-ups/{name}"), &order).await?,
        };
        match json {
            true => println!("{}", serde_json::to_string_pretty(&view)?),
            false => print!("{}", text(&view, self.provider.as_deref())),
        }
        Ok(())
    }

    fn order(&self) -> anyhow::Result<Option<Order>> {
        let action = match (self.day, self.pause, self.resume, self.finish) {
            (Some(_), ..) => Action::SetDay,
            (None, true, ..) => Action::Pause,
            (None, _, true, _) => Action::Resume,
            (None, _, _, true) => Action::Finish,
            _ => return Ok(None),
        };
        if self.provider.is_some() && matches!(action, Action::Pause | Action::Resume) {
            anyhow::bail!("a plan is paused and resumed at all providers together; leave --provider out");
        }
        Ok(Some(Order { action, day: self.day, provider: self.provider.as_deref().map(Name::from) }))
    }
}

/// A name without a plan is told with those that have one.
fn known(name: &str, views: Vec<WarmUpView>) -> anyhow::Result<WarmUpView> {
    let names: Vec<String> = views.iter().map(|view| view.source.to_string()).collect();
    if let Some(view) = views.into_iter().find(|view| view.source == name) {
        return Ok(view);
    }
    match nearest(name, names.iter().map(String::as_str)) {
        Some(near) => anyhow::bail!("the source {name:?} has no warm-up plan; did you mean {near:?}?"),
        None if names.is_empty() => {
            anyhow::bail!("no source has a warm-up plan; write one under [[queue.warm_ups]]")
        }
        None => anyhow::bail!("the source {name:?} has no warm-up plan; there are plans of {}", names.join(", ")),
    }
}

/// All plans, a line for each provider with mail.
fn overview(views: &[WarmUpView]) -> String {
    if views.is_empty() {
        return "no source has a warm-up plan; write one under [[queue.warm_ups]]\n".to_owned();
    }
    let of_view = |view: &WarmUpView| -> Vec<Vec<String>> {
        let named = |mut cells: Vec<String>| {
            cells.insert(0, view.source.to_string());
            cells
        };
        if view.tracks.is_empty() {
            let state = if view.finished { "finished" } else { "waiting" };
            return vec![named(vec!["–".to_owned(), state.to_owned()])];
        }
        view.tracks.iter().map(row).map(named).collect()
    };
    let rows: Vec<Vec<String>> = views.iter().flat_map(of_view).collect();
    table(
        &["source", "provider", "state", "day", "today", "of", "left", "refused", "deferred", "complaints", "next"],
        &rows,
    )
}

/// One plan: what it says, where it is, and what came of the days.
fn text(view: &WarmUpView, provider: Option<&str>) -> String {
    let plan = view.plan.as_deref().map_or_else(String::new, |plan| format!("plan {plan}, "));
    let overflow = match view.overflow {
        queue::warmup::config::Overflow::Pool => "the rest goes to the others of the pool",
        queue::warmup::config::Overflow::Wait => "the rest waits",
    };
    let mut text = format!("{}: {plan}{}, {overflow} ({})\n", view.source, view.hours, view.set_by);
    if let Some(by) = &view.paused_by {
        text.push_str(&format!("paused by {by}\n"));
    }
    if view.finished {
        text.push_str("finished: nothing is held back\n");
    }
    let shown = || view.tracks.iter().filter(|track| provider.is_none_or(|name| track.provider == name));
    let rows: Vec<Vec<String>> = shown().map(row).collect();
    if rows.is_empty() {
        text.push_str("no mail yet\n");
        return text;
    }
    let heads = ["provider", "state", "day", "today", "of", "left", "refused", "deferred", "complaints", "next"];
    text.push_str(&table(&heads, &rows));
    for track in shown() {
        if let Some(trouble) = &track.trouble {
            text.push_str(&format!("{}: {trouble}\n", name_of(&track.provider)));
        }
        let recent = &track.history[track.history.len().saturating_sub(DAYS_SHOWN)..];
        for past in recent {
            let words = format!("{}: day {} {}: {}", past.date, past.day, past.verdict, past.reason);
            text.push_str(&format!("{} {words}\n", name_of(&track.provider)));
        }
    }
    text
}

fn row(track: &TrackView) -> Vec<String> {
    vec![
        name_of(&track.provider).to_owned(),
        track.state.to_string(),
        format!("{} of {}", track.day, track.volumes.len()),
        count(track.today.delivered + u64::from(track.in_flight)),
        count(track.volume),
        count(track.left),
        count(track.today.refused),
        count(track.today.deferred),
        count(track.today.complaints),
        track.next_volume.map_or_else(|| "–".to_owned(), count),
    ]
}

fn name_of(provider: &str) -> &str {
    if provider == queue::warmup::OTHERS { "all others" } else { provider }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> WarmUpView {
        serde_json::from_value(serde_json::json!({
            "source": "ip-3", "plan": "30-days", "set_by": "queue.warm_ups[0]", "hours": "00:00-24:00 UTC",
            "overflow": "pool", "streams": [], "tenants": [], "traffic_percent": 50, "refusals_percent": 3.0,
            "deferrals_percent": 10.0, "complaints_percent": 0.1, "paused_by": "anna", "finished": false,
            "tracks": [{
                "provider": "gmail", "state": "warming", "day": 2, "date": "2026-12-02", "volume": 1500,
                "today": { "delivered": 1200, "deferred": 3, "refused": 60, "complaints": 0, "reply": null },
                "in_flight": 4, "left": 296, "next_volume": 2250, "next_at": "2026-12-03T00:00:00Z",
                "trouble": "60 of 1263 attempts were refused (4.8 %, the limit is 3 %)", "volumes": [1000, 1500, 2250],
                "history": [{ "date": "2026-12-01", "day": 1, "volume": 1000, "delivered": 1000, "deferred": 0,
                    "refused": 2, "complaints": 0, "reply": null, "verdict": "advance",
                    "reason": "1000 of 1000 accepted, all within limits" }]
            }]
        }))
        .unwrap()
    }

    #[test]
    fn a_plan_tells_today_and_the_days_before() {
        let text = text(&view(), None);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[0],
            "ip-3: plan 30-days, 00:00-24:00 UTC, the rest goes to the others of the pool (queue.warm_ups[0])"
        );
        assert_eq!(lines[1], "paused by anna");
        assert!(lines[3].starts_with("gmail     warming  2 of 3  1,204  1,500   296"), "{text}");
        assert!(lines[4].starts_with("gmail: 60 of 1263 attempts were refused"), "{text}");
        assert_eq!(lines[5], "gmail 2026-12-01: day 1 advance: 1000 of 1000 accepted, all within limits");
        assert!(overview(&[view()]).contains("ip-3    gmail"), "{}", overview(&[view()]));
        assert!(overview(&[]).contains("[[queue.warm_ups]]"));
    }

    #[test]
    fn a_name_without_a_plan_is_told_with_those_that_have_one() {
        let check = |name: &str, expected: &str| {
            assert_eq!(known(name, vec![view()]).unwrap_err().to_string(), expected);
        };
        check("ip-4", "the source \"ip-4\" has no warm-up plan; did you mean \"ip-3\"?");
        check("transactional", "the source \"transactional\" has no warm-up plan; there are plans of ip-3");
    }
}
