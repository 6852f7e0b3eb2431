//! The monitor from outside: dashboards with known answers, searches, histories, restarts with a real event log.

mod dashboards;
mod restart;
mod searches;
mod support;
