//! Dashboards: questions that are asked all day, answered from the roll-ups; from the events only what these are too
//! coarse for, within limits, and never so that a dashboard waits or fails for it.
//!
//! Each dashboard is one function and one typed result. No rate without its n and its interval; every count stands
//! beside that of the equal period before. Definitions, the same everywhere:
//! *attempts* = delivered + deferred + bounced; *blocked* = deferred or bounced for policy, spam or reputation; rates of
//! outcomes are shares of attempts, rates of complaints, opens, clicks and unsubscribes are shares of delivered.
//! Must not: look at the queue (whoever shows a dashboard joins that).

mod cancelled;
mod counts;
mod now;
mod period;
mod provider;
mod replies;
mod series;
mod summary;
mod trouble;

pub(crate) use now::now;
pub(crate) use provider::provider;
pub(crate) use summary::summary;

pub use counts::{BLOCKED_QUERY, Change, Compared, Counts, Delay, Rates};
pub use now::{NowDashboard, ProviderRow};
pub use provider::{CategoryRow, MatrixCell, ProviderDashboard, SourceRow};
pub use replies::TopReply;
pub use series::{EVENTS_WAIT_MAX, FINE_EVENTS_MAX, SeriesPoint};
pub use summary::ProvidersSummary;
pub use trouble::{About, NOW_MINUTES, RETRY_BACK, Trouble, TroubleReply};
