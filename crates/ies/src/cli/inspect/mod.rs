//! `ies inspect`: small questions, answered with exactly the code that the suite runs.

mod sender;

use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use mail::inspect::{self, InspectError};
use mail::provider::Providers;
use model::words::nearest;
use serde_json::Value;

/// Most bytes read: one more than is taken, so that a larger input is refused and not cut.
const INPUT_MAX: u64 = inspect::INPUT_MAX as u64 + 1;

/// Ask the suite's own code what something is. Reads a file or standard input, prints JSON.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  echo '550 5.1.1 no such user' | ies inspect reply\n  \
                        ies inspect bounce --pretty returned.eml\n\nExit codes: 0 understood, 1 refused, 2 wrong usage.")]
pub(super) struct Inspect {
    #[command(subcommand)]
    what: What,
    /// Print for people: several lines, indented.
    #[arg(long, global = true)]
    pretty: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    /// SMTP replies, one a line: category, scope, what to do. Example: echo '452 4.2.2 full' | ies inspect reply
    Reply {
        /// The provider that said it, by the short name it has in dashboards.
        #[arg(long, value_parser = provider)]
        provider: Option<String>,
        /// The file; standard input when absent.
        file: Option<PathBuf>,
    },
    /// A delivery report, auto-reply or complaint. Example: ies inspect bounce returned.eml
    Bounce(Input),
    /// A complaint (ARF or JMRP). Example: ies inspect feedback complaint.eml
    Feedback(Input),
    /// The parts of a mail. Example: ies inspect mime mail.eml
    Mime(Input),
    /// MJML to HTML. Example: ies inspect mjml newsletter.mjml
    Mjml {
        /// Print the HTML alone.
        #[arg(long)]
        html: bool,
        /// The file; standard input when absent.
        file: Option<PathBuf>,
    },
    /// Addresses, one a line. Example: echo zoe@exemple.fr | ies inspect address
    Address(Input),
    /// MX host names, one a line: whose are they? Example: echo mx00.gmx.net | ies inspect mx
    Mx(Input),
    /// May this address send for this domain? Example: ies inspect spf --ip 192.0.2.1 --from a@example.org --online
    Spf {
        #[command(flatten)]
        sender: sender::Sender,
        #[command(flatten)]
        source: sender::Source,
    },
    /// The DKIM signatures of a mail. Example: ies inspect dkim --online mail.eml
    Dkim(Signed),
    /// The ARC chain of a mail that was passed on. Example: ies inspect arc --online mail.eml
    Arc(Signed),
    /// DMARC, with SPF and DKIM. Example: ies inspect dmarc --ip 192.0.2.1 --from a@example.org --online mail.eml
    Dmarc {
        #[command(flatten)]
        sender: sender::Sender,
        #[command(flatten)]
        signed: Signed,
    },
}

#[derive(Debug, Args)]
struct Signed {
    #[command(flatten)]
    source: sender::Source,
    /// The file; standard input when absent.
    file: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Input {
    /// The file; standard input when absent.
    file: Option<PathBuf>,
}

impl Inspect {
    pub(super) fn run(self) -> ExitCode {
        let read = match &self.what {
            What::Reply { file, .. } | What::Mjml { file, .. } => read(file.as_ref()),
            What::Bounce(input)
            | What::Feedback(input)
            | What::Mime(input)
            | What::Address(input)
            | What::Mx(input) => read(input.file.as_ref()),
            What::Dkim(signed) | What::Arc(signed) | What::Dmarc { signed, .. } => read(signed.file.as_ref()),
            // Judges an address, and reads nothing.
            What::Spf { .. } => Ok(Vec::new()),
        };
        let input = match read {
            Ok(input) => input,
            Err(error) => {
                eprintln!("ies inspect: {error}");
                return ExitCode::from(2);
            }
        };
        match self.answer(&input) {
            Ok(answers) => {
                for answer in answers {
                    self.print(&answer);
                }
                ExitCode::SUCCESS
            }
            Err(error) => {
                self.print(&error.to_json());
                ExitCode::FAILURE
            }
        }
    }

    fn answer(&self, input: &[u8]) -> Result<Vec<Value>, InspectError> {
        let one = |answer: Result<Value, InspectError>| answer.map(|answer| vec![answer]);
        match &self.what {
            What::Reply { provider, .. } => inspect::reply(input, provider.as_deref()),
            What::Bounce(_) => one(inspect::bounce(input)),
            What::Feedback(_) => one(inspect::feedback(input)),
            What::Mime(_) => one(inspect::mime(input)),
            What::Mjml { .. } => one(inspect::mjml(input)),
            What::Address(_) => inspect::address(input),
            What::Mx(_) => inspect::mx(input),
            What::Spf { sender, source } => one(source.settle(|answers| inspect::spf(&sender.peer(), answers))),
            What::Dkim(signed) => one(signed.source.judge(input, inspect::dkim)),
            What::Arc(signed) => one(signed.source.judge(input, inspect::arc)),
            What::Dmarc { sender, signed } => one(signed
                .source
                .judge(input, |letter, now, answers| inspect::dmarc(letter, &sender.peer(), now, answers))),
        }
    }

    fn print(&self, answer: &Value) {
        let mut out = std::io::stdout().lock();
        // Whoever reads may have seen enough (`| head`): then there is nobody left to tell.
        let _ = if let (What::Mjml { html: true, .. }, Some(html)) = (&self.what, answer["html"].as_str()) {
            writeln!(out, "{html}")
        } else if self.pretty {
            writeln!(out, "{answer:#}")
        } else {
            writeln!(out, "{answer}")
        };
    }
}

/// A provider that the suite knows. Another name would be answered as if none were given, and nobody would notice.
fn provider(name: &str) -> Result<String, String> {
    let providers = Providers::builtin();
    let known: Vec<&str> = providers.entries().iter().map(|provider| provider.name.as_str()).collect();
    if known.contains(&name) {
        return Ok(name.to_owned());
    }
    match nearest(name, known.iter().copied()) {
        Some(meant) => Err(format!("there is no such provider; did you mean {meant}?")),
        None => Err(format!("there is no such provider; there are {}", known.join(", "))),
    }
}

fn read(file: Option<&PathBuf>) -> std::io::Result<Vec<u8>> {
    let mut input = Vec::new();
    match file {
        Some(path) => std::fs::File::open(path)
            .map_err(|error| std::io::Error::new(error.kind(), format!("{}: {error}", path.display())))?
            .take(INPUT_MAX)
            .read_to_end(&mut input)?,
        None => std::io::stdin().take(INPUT_MAX).read_to_end(&mut input)?,
    };
    Ok(input)
}
