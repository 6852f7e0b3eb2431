//! `ies send`: one test mail through a running suite, by SMTP as any program would hand it in.

use std::net::SocketAddr;

use anyhow::{Context as _, bail};
use clap::Args;
use mail::build::{Mailbox, Outgoing, build};
use model::time::{Clock as _, SystemClock};
use smtp::client::{Client, ConnectOptions, OutboundRecipient, OutboundTransaction};

use super::ConfigFile;

/// Send one test mail through the suite that runs here. Prints what the suite answered.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ies send --from me@example.com --to zoe@example.org --subject \"It works\"")]
pub(super) struct Send {
    /// The author and return path.
    #[arg(long)]
    from: String,
    /// The recipient; may be given several times.
    #[arg(long, required = true)]
    to: Vec<String>,
    /// The subject line.
    #[arg(long, default_value = "Test mail")]
    subject: String,
    /// The text.
    #[arg(long, default_value = "This is a test mail.")]
    text: String,
    /// Another SMTP server than the suite's first listener.
    #[arg(long, value_name = "ADDRESS:PORT")]
    server: Option<SocketAddr>,
    #[command(flatten)]
    config: ConfigFile,
}

impl Send {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let server = match self.server {
            Some(server) => server,
            None => {
                let door = self.config.door()?;
                door.smtp.context("the suite has no SMTP listener: see [[intake.listeners]]")?
            }
        };
        let message = self.message()?;
        let options = ConnectOptions::opportunistic(server, server.ip().to_string(), "localhost");
        let mut client =
            Client::connect(&options).await.map_err(|failed| anyhow::anyhow!("{server}: {}", failed.error))?;
        let recipients: Vec<OutboundRecipient<'_>> =
            self.to.iter().map(|address| OutboundRecipient { address, dsn: None }).collect();
        let international = !self.from.is_ascii() || self.to.iter().any(|address| !address.is_ascii());
        let transaction = OutboundTransaction {
            sender: &self.from,
            eight_bit: true,
            smtputf8: international,
            ret: None,
            envid: None,
            recipients: &recipients,
            data: &[&message],
        };
        let sent = client.send(&transaction).await;
        let mut refused = 0;
        for (address, fate) in self.to.iter().zip(&sent.fates) {
            match fate {
                Some(fate) => {
                    println!("{address}: {}", fate.reply);
                    refused += usize::from(!fate.reply.is_positive());
                }
                None => bail!("{address}: the connection broke"),
            }
        }
        client.quit().await;
        if refused > 0 { bail!("{refused} of {} recipients were refused", self.to.len()) } else { Ok(()) }
    }

    fn message(&self) -> anyhow::Result<Vec<u8>> {
        let now = SystemClock.now();
        let domain = self.from.rsplit_once('@').map_or("localhost", |(_, domain)| domain);
        let mailbox = |address: &String| Mailbox { name: String::new(), address: address.clone() };
        let outgoing = Outgoing {
            from: mailbox(&self.from),
            to: self.to.iter().map(mailbox).collect(),
            subject: self.subject.clone(),
            date: now,
            message_id: format!("{}.{}@{domain}", now.0, std::process::id()),
            text: Some(self.text.clone()),
            ..Outgoing::default()
        };
        Ok(build(&outgoing)?)
    }
}
