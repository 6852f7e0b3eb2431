//! `ies inject`: hand in a message or a stream of recipients, in the manner of `sendmail`.
//!
//! Talks to the suite that runs here. When none runs, the message goes into the pickup directory, where the configuration
//! has one. Called under the name `sendmail` it takes what programs give that: see [`as_sendmail`].
//! Exit codes are those of sysexits.h: 0 taken, 64 usage, 65 the message is wrong, 67 some recipients were left out, 69 the
//! suite failed, 73 the pickup directory cannot be written, 74 standard input cannot be read, 75 try again later, 77 not
//! allowed, 78 the configuration is wrong.

use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use base64::Engine as _;
use clap::{Args, ValueEnum};
use mail::mime;
use model::time::{Clock as _, SystemClock, Timestamp};
use model::units::Span;
use serde_json::{Map, Value, json};

use super::ConfigFile;
use crate::client::{Answer, Client, Door};
use crate::config::Config;

/// Names the configuration for programs that cannot give one.
const CONFIG_VARIABLE: &str = "IES_CONFIG";

/// Where the configuration is looked for under the name `sendmail`, when nothing names one.
const CONFIG_HOME: &str = "/etc/ies/ies.toml";

const EXAMPLES: &str = "\
Examples:
  ies inject -f shop@example.com zoe@example.org < mail.eml
  ies inject -t -i < mail.eml                    recipients from To, Cc and Bcc; Bcc is taken out
  ies inject -t --at +2h --job spring --metadata order=4711 < mail.eml
  ies inject -t --at 2026-12-24T18:00:00Z -N failure,delay < mail.eml
  ies inject --ndjson list.ndjson --idempotency-key spring-1
                                                 first line the message, each other line a recipient
  ln -s $(which ies) /usr/sbin/sendmail          for programs that call sendmail

Exit codes (sysexits.h): 0 taken, 64 usage, 65 wrong message, 67 recipients left out, 69 failed,
73 pickup directory, 74 reading, 75 try again later, 77 not allowed, 78 configuration.";

/// Hand in a message, as sendmail does. Reads it from standard input.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, disable_help_flag = true)]
pub(super) struct Inject {
    /// Recipients.
    #[arg(value_name = "RECIPIENT")]
    recipients: Vec<String>,
    /// The return path; "<>" is the null one. Without it each recipient has one of its own at the bounce domain, or it is
    /// the author's address where there is none.
    #[arg(short = 'f', long = "sender", visible_short_alias = 'r', value_name = "ADDRESS")]
    sender: Option<String>,
    /// Take recipients from To, Cc and Bcc (of a resent message from Resent-To, Resent-Cc and Resent-Bcc) too.
    #[arg(short = 't')]
    from_header: bool,
    /// A line with nothing but a dot does not end the message.
    #[arg(short = 'i')]
    ignore_dots: bool,
    /// Name of the author, for a message without From.
    #[arg(short = 'F', value_name = "NAME")]
    full_name: Option<String>,
    /// When to report: never, or success, failure, delay joined by commas.
    #[arg(short = 'N', value_name = "WHEN", value_delimiter = ',', ignore_case = true)]
    notify: Vec<Notify>,
    /// How much of the message comes back with a report.
    #[arg(short = 'R', value_name = "WHAT", ignore_case = true)]
    ret: Option<Return>,
    /// Comes back with every report.
    #[arg(short = 'V', value_name = "ENVID")]
    envid: Option<String>,
    /// Kind of traffic.
    #[arg(long)]
    stream: Option<String>,
    /// The pool of sources.
    #[arg(long)]
    pool: Option<String>,
    /// Whose mail it is.
    #[arg(long)]
    tenant: Option<String>,
    /// The unit of work, for finding and cancelling.
    #[arg(long)]
    job: Option<String>,
    /// The domain whose DKIM keys sign; "" for none.
    #[arg(long, value_name = "DOMAIN")]
    signing_domain: Option<String>,
    /// Not to be attempted before: a time, or "+2h".
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<Moment>,
    /// Not to be attempted after: a time, or "+2d".
    #[arg(long, value_name = "TIME", value_parser = moment)]
    expires: Option<Moment>,
    /// A word for sorting; may be given several times.
    #[arg(long = "tag", value_name = "WORD")]
    tags: Vec<String>,
    /// A named text that goes with every event; may be given several times.
    #[arg(long, value_name = "NAME=TEXT", value_parser = pair)]
    metadata: Vec<(String, String)>,
    /// The same key again hands in nothing more and prints the same answer; kept for
    /// `intake.injection.key_keep`.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// A file ("-": standard input) whose first line is the message as JSON and each other line a recipient.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["recipients", "from_header", "sender", "at", "job"])]
    ndjson: Option<PathBuf>,
    /// Print the answer as JSON.
    #[arg(long)]
    json: bool,
    /// Say nothing when all went well.
    #[arg(long)]
    quiet: bool,
    /// Options of sendmail; only "i" means something here.
    #[arg(short = 'o', value_name = "OPTION", hide = true)]
    options: Vec<String>,
    /// Options of sendmail that mean nothing here.
    #[arg(short = 'B', short_aliases = ['O', 'p', 'h', 'e', 'L', 'q', 'X'], value_name = "VALUE", hide = true)]
    ignored: Vec<String>,
    /// Flags of sendmail that mean nothing here.
    #[arg(short = 'n', short_aliases = ['v', 'm', 'G', 'U'], hide = true, action = clap::ArgAction::Count)]
    ignored_flags: u8,
    /// What sendmail shall be; only "m" (take a message) is known here.
    #[arg(short = 'b', value_name = "MODE", hide = true)]
    mode: Option<String>,
    /// Print help. No "-h": that is the hop count of sendmail, and mail must not end in a help text.
    #[arg(long = "help", action = clap::ArgAction::Help)]
    _help: Option<bool>,
    #[command(flatten)]
    config: ConfigFile,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Notify {
    Never,
    Success,
    Failure,
    Delay,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Return {
    Full,
    #[value(alias = "headers")]
    Hdrs,
}

/// A time, or one from now on.
#[derive(Clone, Copy, Debug)]
enum Moment {
    Time(Timestamp),
    After(Span),
}

fn moment(text: &str) -> Result<Moment, String> {
    if let Some(span) = text.strip_prefix('+') {
        return span.parse().map(Moment::After).map_err(|error: model::units::UnitError| error.to_string());
    }
    let time: Result<Timestamp, _> = text.parse();
    time.map(Moment::Time).map_err(|error| format!("{error}; write 2026-12-24T18:00:00Z or +2h"))
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, text) = text.split_once('=').ok_or("write NAME=TEXT")?;
    Ok((name.to_owned(), text.to_owned()))
}

impl Moment {
    fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Moment::Time(time) => time,
            Moment::After(span) => now.plus(span.0),
        }
    }
}

/// Why nothing was handed in: the exit code, and what to say.
struct Failure(u8, String);

const USAGE: u8 = 64;
const DATA: u8 = 65;
const NO_USER: u8 = 67;
const UNAVAILABLE: u8 = 69;
const CANNOT_CREATE: u8 = 73;
const IO: u8 = 74;
const TEMPORARY: u8 = 75;
const NO_PERMISSION: u8 = 77;
const CONFIG: u8 = 78;

/// The command line that `ies` gets: its own, or that of `ies inject` where it was called under the name `sendmail`.
pub(super) fn as_sendmail(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let name = arguments.first().map(Path::new).and_then(Path::file_name);
    if name.is_none_or(|name| name != "sendmail") {
        return arguments;
    }
    let own = ["ies", "inject", "--quiet"].map(OsString::from);
    own.into_iter().chain(arguments.into_iter().skip(1)).collect()
}

/// Whether this command line is one of `ies inject`: its mistakes have exit codes of their own.
pub(super) fn is_inject(arguments: &[OsString]) -> bool {
    arguments.get(1).is_some_and(|word| word == "inject")
}

/// Exit code of a command line that cannot be read.
pub(super) const USAGE_EXIT: u8 = USAGE;

impl Inject {
    pub(super) fn run(self) -> ExitCode {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let done = match runtime {
            Ok(runtime) => runtime.block_on(self.hand_in()),
            Err(error) => Err(Failure(UNAVAILABLE, error.to_string())),
        };
        match done {
            Ok(code) => ExitCode::from(code),
            Err(Failure(code, reason)) => {
                eprintln!("ies: {reason}");
                ExitCode::from(code)
            }
        }
    }

    async fn hand_in(mut self) -> Result<u8, Failure> {
        if let Some(mode) = self.mode.as_deref().filter(|mode| *mode != "m") {
            return Err(Failure(USAGE, format!("-b{mode} is not known here: only messages are taken (-bm)")));
        }
        self.config.config = self.config.config.take().or_else(configured);
        let config = self.config.read().map_err(|error| Failure(CONFIG, format!("{error:#}")))?;
        match self.ndjson.clone() {
            Some(file) => self.stream(&config, &file).await,
            None => {
                let body = self.request(&config)?;
                self.message(&config, &body).await
            }
        }
    }

    /// A message by way of the suite, or of the pickup directory.
    async fn message(&self, config: &Config, body: &Value) -> Result<u8, Failure> {
        let text = serde_json::to_vec(body).map_err(|error| Failure(UNAVAILABLE, error.to_string()))?;
        let down = match Door::read(&config.data_dir) {
            Ok(door) => {
                let key = self.idempotency_key.as_deref();
                match client(&door)?.hand_in("/api/v1/messages", "application/json", text.clone().into(), key).await {
                    Ok(answer) => return self.tell(&answer),
                    // It may have been taken: only one that was never asked may be asked another way.
                    Err(error) if !error.is_unreached => return Err(Failure(TEMPORARY, format!("{error}"))),
                    Err(error) => error.to_string(),
                }
            }
            Err(error) => format!("{error:#}"),
        };
        let later = |why: &str| Failure(TEMPORARY, format!("{down}{why}; try again later"));
        let Some(directory) = &config.intake.pickup.directory else {
            return Err(later(", and there is no pickup directory (intake.pickup.directory)"));
        };
        if self.idempotency_key.is_some() {
            return Err(later(", and a file has no idempotency key"));
        }
        let directory = config.data_dir.join(directory);
        let file = leave(&directory, &text)
            .map_err(|error| Failure(CANNOT_CREATE, format!("{down}; {}: {error}", directory.display())))?;
        eprintln!("ies: {down}: the message waits in {}", file.display());
        Ok(0)
    }

    /// A stream by way of the suite.
    async fn stream(&self, config: &Config, file: &Path) -> Result<u8, Failure> {
        let door = Door::read(&config.data_dir).map_err(|error| Failure(TEMPORARY, format!("{error:#}")))?;
        let cannot = |error: std::io::Error| Failure(IO, format!("{}: {error}", file.display()));
        let opened = if file.as_os_str() == "-" {
            std::io::stdin().as_fd().try_clone_to_owned().map(std::fs::File::from)
        } else {
            std::fs::File::open(file)
        };
        let opened = tokio::fs::File::from_std(opened.map_err(cannot)?);
        let body = reqwest::Body::wrap_stream(tokio_util::io::ReaderStream::new(opened));
        let key = self.idempotency_key.as_deref();
        let answer = client(&door)?.hand_in("/api/v1/messages/stream", "application/x-ndjson", body, key).await;
        match answer {
            Ok(answer) => self.tell(&answer),
            Err(error) => {
                let advice = if key.is_some() { "; repeat it with the same key for the rest" } else { "" };
                Err(Failure(TEMPORARY, format!("{error}{advice}")))
            }
        }
    }

    /// What the suite answered, in words and as an exit code.
    fn tell(&self, answer: &Answer) -> Result<u8, Failure> {
        if !(200..300).contains(&answer.status) {
            let code = match answer.status {
                401 | 403 => NO_PERMISSION,
                409 | 429 | 503 => TEMPORARY,
                400..=499 => DATA,
                _ => UNAVAILABLE,
            };
            return Err(Failure(code, answer.refusal()));
        }
        let json = &answer.body;
        for left_out in json["rejected"].as_array().into_iter().flatten() {
            let word = |name: &str| left_out[name].as_str().unwrap_or_default().to_owned();
            eprintln!("ies: {}: {}", word("address"), word("reason"));
        }
        if self.json {
            println!("{json:#}");
        } else if !self.quiet {
            let count = &json["recipients"];
            let recipients = if *count == 1 { "recipient" } else { "recipients" };
            println!("{}: {count} {recipients}", json["message"].as_str().unwrap_or("-"));
        }
        Ok(if json["rejected_count"].as_u64().unwrap_or(0) > 0 { NO_USER } else { 0 })
    }

    /// The request for the message on standard input.
    fn request(&self, config: &Config) -> Result<Value, Failure> {
        let size_max = config.intake.injection.body_size_max.0;
        let mut message = Vec::new();
        std::io::stdin()
            .lock()
            .take(size_max + 1)
            .read_to_end(&mut message)
            .map_err(|error| Failure(IO, format!("standard input: {error}")))?;
        if message.len() as u64 > size_max {
            return Err(Failure(DATA, format!("the message is larger than {size_max} bytes")));
        }
        if !self.ignore_dots && !self.options.iter().any(|option| option.starts_with('i')) {
            end_at_dot(&mut message);
        }
        let mut recipients = self.recipients.clone();
        if self.from_header {
            recipients.extend(recipients_in(&message));
        }
        if recipients.is_empty() {
            return Err(Failure(USAGE, "no recipients: name them, or take them from the message with -t".to_owned()));
        }
        let sender =
            self.sender.as_deref().map(|sender| sender.trim_start_matches('<').trim_end_matches('>').to_owned());
        self.complete(&mut message, sender.as_deref());
        let author = || mime::fields(&message).all("from").flat_map(|field| field.addresses()).next();
        let no_bounces = config.intake.inbound.bounce_domains.is_empty();
        let sender = sender.or_else(|| no_bounces.then(author).flatten());
        Ok(self.form(message, recipients, sender))
    }

    /// A message without From gets the one that sendmail would write.
    fn complete(&self, message: &mut Vec<u8>, sender: Option<&str>) {
        let Some(sender) = sender.filter(|sender| !sender.is_empty()) else { return };
        if mime::fields(message).get("from").is_some() {
            return;
        }
        let plain = |letter: &char| !letter.is_control() && !"\"\\<>".contains(*letter);
        let name: String = self.full_name.iter().flat_map(|name| name.chars()).filter(plain).collect();
        let from =
            if name.is_empty() { format!("From: {sender}\r\n") } else { format!("From: \"{name}\" <{sender}>\r\n") };
        let has_header = mime::check(message).fields > 0;
        let gap = if has_header { "" } else { "\r\n" };
        message.splice(..0, format!("{from}{gap}").into_bytes());
    }

    fn form(&self, message: Vec<u8>, recipients: Vec<String>, sender: Option<String>) -> Value {
        let now = SystemClock.now();
        let mut form = Map::new();
        match String::from_utf8(message) {
            Ok(text) => form.insert("raw".to_owned(), text.into()),
            Err(error) => {
                let encoded = base64::engine::general_purpose::STANDARD.encode(error.as_bytes());
                form.insert("raw_base64".to_owned(), encoded.into())
            }
        };
        form.insert("to".to_owned(), recipients.into());
        let time = |moment: Moment| moment.at(now).to_string();
        let texts = [
            ("sender", sender),
            ("stream", self.stream.clone()),
            ("pool", self.pool.clone()),
            ("tenant", self.tenant.clone()),
            ("job", self.job.clone()),
            ("signing_domain", self.signing_domain.clone()),
            ("not_before", self.at.map(time)),
            ("expires", self.expires.map(time)),
        ];
        form.extend(texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?.into()))));
        if !self.tags.is_empty() {
            form.insert("tags".to_owned(), self.tags.clone().into());
        }
        if !self.metadata.is_empty() {
            let pairs = self.metadata.iter().map(|(name, text)| (name.clone(), Value::from(text.clone())));
            form.insert("metadata".to_owned(), Value::Object(pairs.collect()));
        }
        if !self.notify.is_empty() || self.ret.is_some() || self.envid.is_some() {
            let word = |notify: &Notify| match notify {
                Notify::Never => "never",
                Notify::Success => "success",
                Notify::Failure => "failure",
                Notify::Delay => "delay",
            };
            let notify: Vec<&str> = self.notify.iter().map(word).collect();
            let ret = self.ret.map(|ret| if ret == Return::Full { "full" } else { "headers" });
            form.insert("dsn".to_owned(), json!({"notify": notify, "ret": ret, "envid": self.envid}));
        }
        Value::Object(form)
    }
}

/// The configuration of programs that cannot name one.
fn configured() -> Option<PathBuf> {
    let named = std::env::var_os(CONFIG_VARIABLE).filter(|name| !name.is_empty()).map(PathBuf::from);
    let home = || Some(PathBuf::from(CONFIG_HOME)).filter(|home| home.exists() && !Path::new(super::HERE).exists());
    named.or_else(home)
}

fn client(door: &Door) -> Result<Client, Failure> {
    Client::new(door).map_err(|error| Failure(UNAVAILABLE, format!("{error:#}")))
}

/// What stands behind a line with nothing but a dot is no message any more.
fn end_at_dot(message: &mut Vec<u8>) {
    let mut at = 0;
    for line in message.split_inclusive(|&byte| byte == b'\n') {
        if matches!(line, b".\n" | b".\r\n" | b".") {
            break;
        }
        at += line.len();
    }
    message.truncate(at);
}

/// The recipients that the header names: those of the last resending, if it was resent (RFC 5322 3.6.6).
fn recipients_in(message: &[u8]) -> Vec<String> {
    let fields = mime::fields(message);
    let of = |names: [&str; 3]| -> Vec<mime::Field<'_>> {
        fields.fields.iter().copied().filter(|field| names.iter().any(|name| is_named(field, name))).collect()
    };
    let resent = of(["resent-to", "resent-cc", "resent-bcc"]);
    let named = if resent.is_empty() { of(["to", "cc", "bcc"]) } else { resent };
    let mut found = Vec::new();
    for address in named.iter().flat_map(mime::Field::addresses) {
        if !found.contains(&address) {
            found.push(address);
        }
    }
    found
}

fn is_named(field: &mime::Field<'_>, name: &str) -> bool {
    field.name.eq_ignore_ascii_case(name.as_bytes())
}

/// Leaves a request in the pickup directory, whole from its first moment.
fn leave(directory: &Path, text: &[u8]) -> std::io::Result<PathBuf> {
    let name = format!("{}-{}", SystemClock.now().0, std::process::id());
    let (draft, file) = (directory.join(format!(".{name}.tmp")), directory.join(format!("{name}.json")));
    let mut writing = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o640).open(&draft)?;
    let written = writing.write_all(text).and_then(|()| writing.sync_all());
    let placed = written.and_then(|()| std::fs::rename(&draft, &file));
    if let Err(error) = placed {
        let _ = std::fs::remove_file(&draft);
        return Err(error);
    }
    journal::file::sync_parent(&file)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dot_alone_ends_the_message() {
        let check = |message: &str, expected: &str| {
            let mut message = message.as_bytes().to_vec();
            end_at_dot(&mut message);
            assert_eq!(String::from_utf8(message).unwrap(), expected);
        };
        check("a\n.b\n..\n", "a\n.b\n..\n");
        check("a\n.\nb\n", "a\n");
        check("a\r\n.\r\nb\r\n", "a\r\n");
        check(".", "");
    }

    #[test]
    fn recipients_stand_in_the_header() {
        let check = |header: &str, expected: &[&str]| {
            assert_eq!(recipients_in(format!("{header}\n\nTo: x@y.example\n").as_bytes()), expected, "{header}");
        };
        check(
            "To: \"Zoe, the\" <zoe@example.org>,\n a@example.org\nBcc: b@example.org\nCc: a@example.org",
            &["zoe@example.org", "a@example.org", "b@example.org"],
        );
        check(
            "To: friends: a@example.org, b@example.org;, c@example.org",
            &["a@example.org", "b@example.org", "c@example.org"],
        );
        check("To: a@example.org\nResent-To: b@example.org", &["b@example.org"]);
        check("Subject: none", &[]);
    }

    #[test]
    fn options_of_sendmail_are_read() {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            inject: Inject,
        }
        let check = |given: &str, recipients: &[&str], sender: Option<&str>| {
            let line = <Line as clap::Parser>::try_parse_from(std::iter::once("sendmail").chain(given.split(' ')));
            let inject = line.unwrap_or_else(|error| panic!("{given}: {error}")).inject;
            assert_eq!(inject.recipients, recipients, "{given}");
            assert_eq!(inject.sender.as_deref(), sender, "{given}");
        };
        <Line as clap::CommandFactory>::command().debug_assert();
        check("-t -i", &[], None);
        check("-oi -oem -fa@b.example c@d.example", &["c@d.example"], Some("a@b.example"));
        check("-h 5 -B8BITMIME -em -r a@b.example -- c@d.example", &["c@d.example"], Some("a@b.example"));
        check("-bm -v -N never -R hdrs -V id1 c@d.example e@f.example", &["c@d.example", "e@f.example"], None);
    }

    #[test]
    fn sendmail_is_inject() {
        let check = |given: &[&str], expected: &[&str]| {
            let given = given.iter().map(OsString::from);
            assert_eq!(as_sendmail(given), expected.iter().map(OsString::from).collect::<Vec<_>>());
        };
        check(&["/usr/sbin/sendmail", "-t", "-oi"], &["ies", "inject", "--quiet", "-t", "-oi"]);
        check(&["/usr/bin/ies", "serve"], &["/usr/bin/ies", "serve"]);
    }
}
