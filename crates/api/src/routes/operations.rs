//! For those who run the program: is it alive, and its numbers for Prometheus.

use std::fmt::Write as _;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use model::event::EventKind;
use monitor::live::LiveCounts;
use queue::handle::Show;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::ApiResult;
use crate::state::ApiState;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(health)).routes(routes!(metrics))
}

/// Alive: the program answers.
#[utoipa::path(get, path = "/healthz", tag = "operations", responses((status = 200, body = String)))]
async fn health() -> &'static str {
    "ok\n"
}

/// The program's numbers in the text form of Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "operations",
    responses((status = 200, content_type = "text/plain", body = String)))]
async fn metrics(State(state): State<ApiState>) -> ApiResult<impl IntoResponse> {
    let snapshot = state.queue.snapshot(Show { paths: 0, domains: 0, campaigns: 0 }).await?;
    let (live, monitor) = (state.monitor.live(), state.monitor.status());
    let mut out = String::new();
    let totals = &snapshot.totals;
    let states = [("scheduled", totals.scheduled), ("ready", totals.ready), ("in_flight", totals.in_flight)];
    family(&mut out, "ies_queue_recipients", "gauge", "Recipients in the queue by state.");
    for (name, value) in states {
        let _ = writeln!(out, "ies_queue_recipients{{state=\"{name}\"}} {value}");
    }
    family(&mut out, "ies_connections", "gauge", "Connections open or being opened.");
    let _ = writeln!(out, "ies_connections {}", snapshot.connections);
    family(&mut out, "ies_events_total", "counter", "Events since the program started, by provider and kind.");
    for provider in &live.providers {
        for (kind, value) in kinds(&provider.total) {
            let name = label(&provider.provider);
            let _ = writeln!(out, "ies_events_total{{provider=\"{name}\",kind=\"{kind}\"}} {value}");
        }
    }
    family(&mut out, "ies_event_store_segments", "gauge", "Segments of the event store.");
    let _ = writeln!(out, "ies_event_store_segments {}", monitor.store.segments);
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], out))
}

fn family(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
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
