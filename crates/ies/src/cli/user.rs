//! `ies user`: accounts of people, made where the database is.

use std::io::Read as _;
use std::sync::Arc;

use accounts::{Accounts, NewAccount, Role};
use anyhow::Context as _;
use clap::{Args, Subcommand};
use db::Db;
use model::time::SystemClock;

use super::ConfigFile;

/// Accounts of people. Works beside a running suite.
#[derive(Debug, Args)]
pub(super) struct User {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make an account; its password is printed once, unless one is given.
    Add(Add),
    /// List the accounts.
    List(List),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  ies user add anna@example.org --role admin\n  \
                        printf %s \"$PASSWORD\" | ies user add bob@example.org --role marketer --password-stdin")]
struct Add {
    /// The address to log in with.
    email: String,
    /// viewer, marketer, operator or admin.
    #[arg(long, default_value = "viewer", value_parser = role)]
    role: Role,
    /// The person's name.
    #[arg(long, default_value = "")]
    name: String,
    /// Language of the UI: en or fr.
    #[arg(long, default_value = "en")]
    language: String,
    /// Read the password from standard input.
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    config: ConfigFile,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ies user list")]
struct List {
    #[command(flatten)]
    config: ConfigFile,
}

impl User {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self.action {
            Action::Add(add) => add.run().await,
            Action::List(list) => list.run().await,
        }
    }
}

impl Add {
    async fn run(self) -> anyhow::Result<()> {
        let password = if self.password_stdin { Some(read_password()?) } else { None };
        let new =
            NewAccount { email: self.email, name: self.name, role: self.role, language: Some(self.language), password };
        let (account, made_up) = open(&self.config).await?.create(new).await?;
        println!("account {} ({})", account.email, self.role.as_str());
        if let Some(secret) = made_up {
            println!("one-time password: {}", secret.reveal());
        }
        Ok(())
    }
}

impl List {
    async fn run(self) -> anyhow::Result<()> {
        for account in open(&self.config).await?.list().await? {
            let note = if account.disabled { " (disabled)" } else { "" };
            println!("{:<40} {:<10} {}{note}", account.email, account.role.as_str(), account.name);
        }
        Ok(())
    }
}

pub(super) async fn open(config: &ConfigFile) -> anyhow::Result<Accounts> {
    let config = config.read()?;
    std::fs::create_dir_all(&config.data_dir).with_context(|| config.data_dir.display().to_string())?;
    let db = Db::open(&config.database_url()).await?;
    Ok(Accounts::open(db, Arc::new(SystemClock)).await?)
}

fn role(name: &str) -> Result<Role, String> {
    Role::from_name(name).ok_or_else(|| "there are viewer, marketer, operator and admin".to_owned())
}

fn read_password() -> anyhow::Result<String> {
    let mut text = String::new();
    std::io::stdin().take(1_024).read_to_string(&mut text)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
