//! The command line: one file for each subcommand, each with an example in its help.
//!
//! Exit codes: 0 done, 1 refused or failed (the reason is on standard error), 2 wrong usage; those of `inject` are its own.

mod check_config;
mod demo;
mod dkim;
mod explain;
mod inject;
mod inspect;
mod key;
mod lab;
mod orders;
mod queue;
mod rebuild_reports;
mod resolve;
mod rules;
mod send;
mod serve;
mod sources;
mod table;
mod tls;
mod trace;
mod transcripts;
mod user;
mod warm_up;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::client::{Client, Door};
use crate::config::{Config, ConfigError, Log, LogFormat};

/// Campaigns, delivery and monitoring of e-mail in one program.
#[derive(Debug, Parser)]
#[command(name = "ies", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the suite.
    Serve(serve::Serve),
    /// A real campaign to ten simulated mailbox providers, to watch in a browser.
    Demo(demo::Demo),
    /// The simulated mailbox providers alone.
    Lab(lab::Lab),
    /// Check a configuration file and say what is wrong with it.
    CheckConfig(check_config::CheckConfig),
    /// Send one test mail through a running suite.
    Send(send::Send),
    /// Hand in a message as sendmail does, or a stream of recipients.
    Inject(Box<inject::Inject>),
    /// Everything that happened to a message, a recipient or an address.
    Trace(trace::Trace),
    /// What waits in the queue, and where.
    Queue(queue::Queue),
    /// What came in, what was delivered, what waits: the numbers of the whole suite.
    Status(queue::Status),
    /// What a domain wants of TLS: DANE, MTA-STS; hosts whose TLS is broken.
    Tls(tls::Tls),
    /// The own addresses from which mail leaves: health, pools, what each does now.
    Sources(sources::Sources),
    /// Why a recipient, a message or an address waits in the queue.
    Explain(explain::Explain),
    /// Keep mail from being attempted, until it is released.
    Hold(orders::Hold),
    /// End a hold.
    Release(orders::Release),
    /// Try mail now that waits for its next attempt.
    Requeue(orders::Requeue),
    /// Send mail from another pool, or from one source.
    Reroute(orders::Reroute),
    /// Let mail leave with another priority.
    Prioritise(orders::Prioritise),
    /// Give mail up; its recipients end as suppressed.
    Cancel(orders::Cancel),
    /// Give mail up as if its time were over; its recipients end as expired.
    Expire(orders::Expire),
    /// Record whole dialogues with receiving hosts for a time.
    Transcripts(transcripts::Transcripts),
    /// Where mail to a domain would go, and under which limits.
    Resolve(resolve::Resolve),
    /// The rules about replies of providers.
    Rules(rules::Rules),
    /// DKIM keys: made, published, replaced, retired.
    Dkim(dkim::Dkim),
    /// Accounts of people.
    User(user::User),
    /// Keys of programs: scopes, quotas, in whose name they may send.
    Key(key::Key),
    /// Build the reports of all campaigns again from the event log of a stopped suite.
    RebuildReports(rebuild_reports::RebuildReports),
    /// Ask the suite's own code what something is: a reply, a bounce, an address …
    Inspect(inspect::Inspect),
}

/// Reads the command line and runs it; the process's exit code.
pub fn main(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> ExitCode {
    let arguments = inject::as_sendmail(arguments);
    match Cli::try_parse_from(&arguments) {
        Ok(cli) => run(cli),
        Err(error) if error.use_stderr() && inject::is_inject(&arguments) => {
            let _ = error.print();
            ExitCode::from(inject::USAGE_EXIT)
        }
        Err(error) => error.exit(),
    }
}

/// Runs the subcommand; the process's exit code.
pub fn run(cli: Cli) -> ExitCode {
    let result = match cli.command {
        Command::Inspect(command) => return command.run(),
        Command::Inject(command) => return command.run(),
        Command::CheckConfig(command) => command.run(),
        Command::Serve(command) => on_a_runtime(command.run()),
        Command::Demo(command) => on_a_runtime(command.run()),
        Command::Lab(command) => on_a_runtime(command.run()),
        Command::Send(command) => on_a_runtime(command.run()),
        Command::Sources(command) => on_a_runtime(command.run()),
        Command::Tls(command) => on_a_runtime(command.run()),
        Command::Trace(command) => on_a_runtime(command.run()),
        Command::Queue(command) => on_a_runtime(command.run()),
        Command::Status(command) => on_a_runtime(command.run()),
        Command::Explain(command) => on_a_runtime(command.run()),
        Command::Transcripts(command) => on_a_runtime(command.run()),
        Command::Resolve(command) => on_a_runtime(command.run()),
        Command::Rules(command) => on_a_runtime(command.run()),
        Command::Hold(command) => on_a_runtime(command.run()),
        Command::Release(command) => on_a_runtime(command.run()),
        Command::Requeue(command) => on_a_runtime(command.run()),
        Command::Reroute(command) => on_a_runtime(command.run()),
        Command::Prioritise(command) => on_a_runtime(command.run()),
        Command::Cancel(command) => on_a_runtime(command.run()),
        Command::Expire(command) => on_a_runtime(command.run()),
        Command::User(command) => on_a_runtime(command.run()),
        Command::Key(command) => on_a_runtime(command.run()),
        Command::Dkim(command) => on_a_runtime(command.run()),
        Command::RebuildReports(command) => on_a_runtime(command.run()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ies: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn on_a_runtime(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

/// The configuration file that is read when none is named.
const HERE: &str = "ies.toml";

/// Which configuration a subcommand works with.
#[derive(Debug, Args)]
struct ConfigFile {
    /// The configuration file. Without it `ies.toml` here, or the defaults where there is none.
    #[arg(long, short, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

impl ConfigFile {
    /// For whoever talks to a suite or looks into its data.
    fn read(&self) -> anyhow::Result<Config> {
        self.read_by(Config::read)
    }

    /// For whoever is going to run the suite: the files that the configuration names are looked into.
    fn read_with_files(&self) -> anyhow::Result<Config> {
        self.read_by(Config::read_with_files)
    }

    fn read_by(&self, read: impl FnOnce(&Path) -> Result<Config, ConfigError>) -> anyhow::Result<Config> {
        let mut config = match self.file() {
            Some(file) => read(file)?,
            None => Config::default(),
        };
        if config.data_dir.is_relative() {
            config.data_dir = std::env::current_dir()?.join(&config.data_dir);
        }
        Ok(config)
    }

    /// The file that is read; none where the defaults hold.
    fn file(&self) -> Option<&Path> {
        let here = Path::new(HERE);
        self.config.as_deref().or_else(|| here.exists().then_some(here))
    }

    /// The door of the suite that runs with this configuration.
    fn door(&self) -> anyhow::Result<Door> {
        let config = self.read()?;
        Door::read(&config.data_dir).map_err(|error| {
            let used = self.used(&config.data_dir);
            anyhow::anyhow!("{error:#}: looked {used}; `ies serve` starts one")
        })
    }

    /// A client of the suite that runs with this configuration.
    fn client(&self) -> anyhow::Result<Client> {
        Client::new(&self.door()?)
    }

    /// Which configuration was used, and how to give another: for errors that may come from looking at the wrong one.
    fn used(&self, data_dir: &Path) -> String {
        let dir = data_dir.display();
        match self.file() {
            Some(file) => {
                let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
                format!("in {dir}, by the configuration {} (-c FILE names another one)", file.display())
            }
            None => format!("in {dir}, for there is no {HERE} here (-c FILE names a configuration)"),
        }
    }
}

/// A text in a query string.
fn form_encode(text: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if keep(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// Sets up the program's own log. A filter that cannot be read is a fault of the configuration.
fn set_up_log(log: &Log) -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_new(&log.filter)
        .map_err(|error| anyhow::anyhow!("log.filter: {error}; write a level such as \"info\""))?;
    let to_a_person = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(to_a_person);
    match log.format {
        LogFormat::Text => builder.with_target(true).init(),
        LogFormat::Json => builder.json().init(),
    }
    Ok(())
}
