//! The tables of this wing, in the order in which they came.

use db::Migration;

/// The namespace in the database's list of migrations.
pub(crate) const NAMESPACE: &str = "campaign";

/// Never edited, only added to.
pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration { name: "0001_audience", sql: include_str!("schema/0001_audience.sql") },
    Migration { name: "0002_sending", sql: include_str!("schema/0002_sending.sql") },
    Migration { name: "0003_report", sql: include_str!("schema/0003_report.sql") },
    Migration { name: "0004_suppression_scope", sql: include_str!("schema/0004_suppression_scope.sql") },
    Migration { name: "0005_report_detail", sql: include_str!("schema/0005_report_detail.sql") },
    Migration { name: "0006_versions", sql: include_str!("schema/0006_versions.sql") },
    Migration { name: "0007_late_bounces", sql: include_str!("schema/0007_late_bounces.sql") },
];
