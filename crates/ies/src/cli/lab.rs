//! `ies lab`: the simulated mailbox providers alone, for trying another sender or a configuration on them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use lab::{Lab as Laboratory, LabConfig};
use model::time::SystemClock;

/// Run the simulated mailbox providers until Ctrl-C, then print what they saw.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ies lab --http http://127.0.0.1:8025 --inbound 127.0.0.1:2525 \
                        --feedback fbl@example.com\n\nGive a suite `[dns] servers` and `[delivery] port` as printed, and \
                        `allow_private_routes = true` there.")]
pub(super) struct Lab {
    /// The scenario; the one of the demo when absent.
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// Beginning of the sender's links; people follow no others.
    #[arg(long, default_value = "http://127.0.0.1:8025")]
    http: String,
    /// The sender's SMTP listener, for complaints and delivery reports.
    #[arg(long, default_value = "127.0.0.1:2525")]
    inbound: SocketAddr,
    /// The sender's address for complaints.
    #[arg(long, default_value = "fbl@example.com")]
    feedback: String,
    /// Port of the name server; 0 for a free one.
    #[arg(long, default_value_t = 0)]
    dns_port: u16,
    /// Port of all providers; 0 for a free one.
    #[arg(long, default_value_t = 0)]
    smtp_port: u16,
}

impl Lab {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let scenario = crate::demo::scenario(self.scenario.as_deref())?;
        let config = LabConfig {
            http_base: self.http,
            inbound_smtp: self.inbound,
            feedback_address: self.feedback,
            dns_port: self.dns_port,
            smtp_port: self.smtp_port,
            records: Vec::new(),
            tls_dir: None,
            clock: Arc::new(SystemClock),
        };
        let lab = Laboratory::start(scenario, config).await?;
        println!("name server {}\nproviders on 127.0.10.1 and on, port {}", lab.dns(), lab.smtp_port());
        tokio::signal::ctrl_c().await?;
        println!("{}", serde_json::to_string_pretty(&lab.report())?);
        lab.shutdown().await;
        Ok(())
    }
}
