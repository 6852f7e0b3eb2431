//! Warm-up: a new source raises its volume slowly, mailbox provider by mailbox provider.
//!
//! [`config`] is what an operator writes, [`plan`] the volumes it leads to, [`track`] one source at one provider from day
//! to day, [`ledger`] what the event log tells of the days, [`view`] all of it for people. Pure: time comes in, nothing
//! waits. `core::warm_up` joins it to the queue, `driver::follow` to the event log.
//!
//! The rule in one paragraph: of a day's volume what was accepted is used up, and what is in flight is kept for it. The
//! source is preferred while its volume and its pace have room; the rest goes to the other members of the pool, or waits.
//! At midnight the day is judged: enough traffic and few refusals, deferrals and complaints lead to the next day of the
//! plan; else the day is repeated, or the plan goes a step back. Behind its last day a plan holds nothing back.

pub mod config;
pub mod ledger;
pub mod plan;
pub mod track;
pub mod view;

use model::name::Name;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Providers that neither the plan nor the provider rules name share one track of this name: no provider is called so.
pub const OTHERS: &str = "*";

model::names! {
    /// What a person may do to a plan.
    #[derive(ToSchema)]
    #[schema(as = WarmUpAction)]
    Action {
        /// Stay at the day it is at, however the days go.
        Pause "pause",
        /// Go on: after a pause, or after the end at the plan's last day.
        Resume "resume",
        /// Go on with this day of the plan, today.
        SetDay "set-day",
        /// Hold nothing back any more.
        Finish "finish",
    }
}

/// An order about a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WarmUpOrder)]
pub struct Order {
    /// What is to be done.
    pub action: Action,
    /// The day, from 1, for `set-day`.
    #[serde(default)]
    pub day: Option<u32>,
    /// At this provider only (`*` for all that have no volumes of their own); at all when absent.
    #[serde(default)]
    pub provider: Option<Name>,
}

/// Why an order was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// The source has no plan: the operator configures one.
    #[error("the source {0:?} has no warm-up plan; write one under [[queue.warm_ups]]")]
    NoPlan(String),
    /// The plan has no volumes of its own for this provider.
    #[error("the plan of {source_name} keeps no count of its own for {provider:?}; it is among those of \"*\"")]
    NoProvider {
        /// The source.
        source_name: String,
        /// The provider.
        provider: String,
    },
    /// The day is not one of the plan.
    #[error("`set-day` needs a day from 1 to {last}, the last one of the plan")]
    Day {
        /// The last day.
        last: u32,
    },
}
