//! For those who run the program: is it well, and its numbers for Prometheus.

use std::fmt::{Display, Write as _};

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use intake::floor::FloorKind;
use model::event::EventKind;
use monitor::live::LiveCounts;
use queue::handle::Show;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::health::{Health, HealthStatus, lag};
use crate::state::ApiState;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(health)).routes(routes!(metrics))
}

/// Whether every part can do its work: spool, event log, queue, database, campaigns, monitor.
#[utoipa::path(get, path = "/healthz", tag = "operations",
    responses((status = 200, body = Health), (status = 503, body = Health)))]
async fn health(State(state): State<ApiState>) -> (StatusCode, axum::Json<Health>) {
    let health = Health::of(&state).await;
    let status = match health.status {
        HealthStatus::Ok => StatusCode::OK,
        HealthStatus::Failing => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, axum::Json(health))
}

/// The program's numbers in the text form of Prometheus. Numbers of a part that does not answer are left out.
#[utoipa::path(get, path = "/metrics", tag = "operations",
    responses((status = 200, content_type = "text/plain", body = String)))]
async fn metrics(State(state): State<ApiState>) -> impl IntoResponse {
    let mut out = Page::default();
    queue(&state, &mut out).await;
    events(&state, &mut out);
    readers(&state, &mut out).await;
    disk(&state, &mut out);
    floors(&state, &mut out);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], out.0)
}

async fn queue(state: &ApiState, out: &mut Page) {
    let Ok(snapshot) = state.queue.snapshot(Show { paths: 0, domains: 0, campaigns: 0 }).await else { return };
    let totals = &snapshot.totals;
    let states = [("scheduled", totals.scheduled), ("ready", totals.ready), ("in_flight", totals.in_flight)];
    out.family("ies_queue_recipients", "gauge", "Recipients in the queue by state.");
    for (name, value) in states {
        let _ = writeln!(out.0, "ies_queue_recipients{{state=\"{name}\"}} {value}");
    }
    out.gauge("ies_connections", "Connections open or being opened.", snapshot.connections);
}

fn events(state: &ApiState, out: &mut Page) {
    out.family("ies_events_total", "counter", "Events since the program started, by provider and kind.");
    for provider in &state.monitor.live().providers {
        for (kind, value) in kinds(&provider.total) {
            let name = label(&provider.provider);
            let _ = writeln!(out.0, "ies_events_total{{provider=\"{name}\",kind=\"{kind}\"}} {value}");
        }
    }
    let help = "Messages that were sent whole and had no reply (see delivery.lost_after_dot), by provider.";
    out.family("ies_lost_after_dot_total", "counter", help);
    for provider in &state.monitor.live().providers {
        let (name, value) = (label(&provider.provider), provider.total.lost_after_dot);
        let _ = writeln!(out.0, "ies_lost_after_dot_total{{provider=\"{name}\"}} {value}");
    }
    let touches = state.campaigns.tracking.stats();
    out.counter("ies_touches_total", "Opens and clicks written to the event log.", touches.appended);
    out.counter("ies_touches_lost_total", "Opens and clicks that did not reach the event log.", touches.lost);
}

/// The two readers of the event log: reports and monitoring.
async fn readers(state: &ApiState, out: &mut Page) {
    let now = state.clock.now();
    if let Ok(stats) = state.campaigns.reports.stats().await {
        let behind_s = lag(&state.events, &stats.cursor, now).await.as_secs_f64();
        out.gauge("ies_campaign_lag_seconds", "Age of the oldest event that reports do not know.", behind_s);
        out.counter("ies_campaign_events_total", "Events that reports have read, ever.", stats.events);
        let help = "Of those: about a recipient that is not on record.";
        out.counter("ies_campaign_unmatched_total", help, stats.unmatched);
        out.counter("ies_campaign_unreadable_total", "Damaged events that reports skipped.", stats.unreadable);
        out.counter("ies_campaign_gaps_total", "Times that events were deleted before reports read them.", stats.gaps);
    }
    let monitor = state.monitor.status();
    let source = monitor.source;
    let cursor = source.cursor.as_deref().unwrap_or_default();
    let behind_s = lag(&state.events, cursor, now).await.as_secs_f64();
    out.gauge("ies_monitor_lag_seconds", "Age of the oldest event that monitoring does not know.", behind_s);
    out.counter("ies_monitor_unreadable_total", "Damaged events that monitoring skipped.", source.unreadable);
    out.counter("ies_monitor_gaps_total", "Times that events were deleted before monitoring read them.", source.gaps);
    out.counter("ies_monitor_failures_total", "Failures of event log or event store.", source.failures);
    out.gauge("ies_event_store_segments", "Segments of the event store.", monitor.store.segments);
}

fn disk(state: &ApiState, out: &mut Page) {
    let spool = state.spool.stats();
    out.gauge("ies_spool_bytes", "Bytes of all files of the spool.", spool.bytes);
    out.gauge("ies_spool_full", "1 while mail is refused for want of room.", u8::from(spool.full));
    out.gauge("ies_spool_failed", "1 when the disk failed.", u8::from(state.spool.failure().is_some()));
    out.gauge("ies_spool_damaged_places", "Damaged places found at the start.", state.spool_damaged);
    let help = "Recipients given up because their records are damaged.";
    out.counter("ies_spool_lost_recipients_total", help, spool.lost_recipients);
    out.gauge("ies_event_log_bytes", "Bytes of all files of the event log.", state.events.bytes());
    out.gauge("ies_event_log_full", "1 while events are refused for want of room.", u8::from(state.events.is_full()));
    out.gauge("ies_event_log_failed", "1 when the disk failed.", u8::from(state.events.failure().is_some()));
    out.gauge("ies_event_log_damaged_places", "Damaged places found at the start.", state.events.damage().len());
}

/// What keeps mail out for the time being.
fn floors(state: &ApiState, out: &mut Page) {
    let low = state.intake.pressures();
    out.family("ies_intake_refusing", "gauge", "1 while mail is refused because there is too little of this.");
    for kind in FloorKind::ALL {
        let value = u8::from(low.iter().any(|pressure| pressure.kind == *kind));
        let _ = writeln!(out.0, "ies_intake_refusing{{floor=\"{kind}\"}} {value}");
    }
}

/// The text that Prometheus reads.
#[derive(Default)]
struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(name, "gauge", help);
        let _ = writeln!(self.0, "{name} {value}");
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, "counter", help);
        let _ = writeln!(self.0, "{name} {value}");
    }
}

fn kinds(counts: &LiveCounts) -> [(&'static str, u64); 8] {
    [
        (EventKind::Received.as_str(), counts.received),
        (EventKind::Delivered.as_str(), counts.delivered),
        (EventKind::Deferred.as_str(), counts.deferred),
        (EventKind::Bounced.as_str(), counts.bounced),
        (EventKind::Expired.as_str(), counts.expired),
        (EventKind::Opened.as_str(), counts.opens),
        (EventKind::Clicked.as_str(), counts.clicks),
        (EventKind::Complaint.as_str(), counts.complaints),
    ]
}

/// A label value: quotes, backslashes and line feeds escaped.
fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
