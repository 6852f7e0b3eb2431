//! Numbers that move while one looks at them: one server-sent event a second.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use campaign::sending::CampaignProgress;
use futures::Stream;
use monitor::live::LiveTick;
use queue::handle::Show;
use queue::view::Totals;
use serde::Serialize;
use tokio::time::MissedTickBehavior;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::ApiState;

/// Time between two ticks.
const EVERY: Duration = Duration::from_secs(1);

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(stream))
}

/// One tick.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Tick {
    /// What happened just now.
    live: LiveTick,
    /// The queue; absent while it is stopping.
    queue: Option<Totals>,
    /// Campaigns that are sending or paused.
    campaigns: Vec<CampaignProgress>,
}

/// Live numbers as server-sent events named `tick`, one a second, until the client goes or the program stops.
#[utoipa::path(get, path = "/api/v1/stream", tag = "monitoring",
    responses((status = 200, content_type = "text/event-stream", body = Tick)))]
async fn stream(State(state): State<ApiState>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let mut every = tokio::time::interval(EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let ticks = futures::stream::unfold((state, every), async |(state, mut every)| {
        tokio::select! {
            _ = every.tick() => {}
            () = state.stopping.cancelled() => return None,
        }
        let tick = tick(&state).await;
        let event = Event::default().event("tick").json_data(tick).unwrap_or_default();
        Some((Ok(event), (state, every)))
    });
    Sse::new(ticks).keep_alive(KeepAlive::default())
}

async fn tick(state: &ApiState) -> Tick {
    let show = Show { paths: 0, domains: 0, campaigns: 0 };
    let queue = state.queue.snapshot(show).await.ok().map(|snapshot| snapshot.totals);
    // A database that is busy for a moment costs a tick its campaigns, not the stream.
    let campaigns = state.campaigns.sending.progress().await.unwrap_or_default();
    Tick { live: state.monitor.live(), queue, campaigns }
}
