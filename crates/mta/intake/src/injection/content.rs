//! The message of a request: content, envelope and routing, without its recipients.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail::address::Address;
use mail::mime::{self, AuthorsFault};
use mail::program::{Attachment, Author, ExtraHeader, OwnUnsubscribe, Program, Source, UnsubscribeWays};
use model::name::Name;
use model::submission::{Content, DsnOptions, Envelope, Labels, NewMessage, Origin, Ret, ReturnPath, Routing};
use model::time::Timestamp;

use super::request::{Injection, InjectionAttachment, InjectionAuthor, InjectionDsn, InjectionNotify, InjectionRet};
use super::{ATTACHMENTS_MAX, HEADERS_MAX, InjectionError, wrong};

/// What the suite adds to requests.
#[derive(Clone, Debug, Default)]
pub struct Ways {
    /// Where return paths of their own are made, the first one where the request names none; without any the author's
    /// address is the return path.
    pub bounce_domains: Vec<String>,
    /// Where recipients reach the suite: for its own way to unsubscribe. Empty: there is none.
    pub public_url: String,
    /// What is meant where the request names no tenant.
    pub tenant: Option<Name>,
    /// What is meant where the request names no stream.
    pub stream: Option<Name>,
}

/// The domains in whose name a message is, in A-labels; a fault when nobody can say: whoever may not write in every name
/// may not send it.
pub type Domains = Result<Vec<String>, AuthorsFault>;

/// A message with what is known of its recipients.
pub(crate) struct Made {
    pub(crate) message: NewMessage,
    /// For the values of rows; none for a complete message.
    pub(crate) program: Option<Program>,
    /// For every row.
    pub(crate) dsn: Option<DsnOptions>,
    /// The domains in whose name it is: of From, of the return path, of the signature.
    pub(crate) domains: Domains,
}

/// Makes the message of a request.
pub(crate) fn make(
    request: &Injection<'_>,
    ways: &Ways,
    origin: Origin,
    now: Timestamp,
) -> Result<Made, InjectionError> {
    let raw = raw_bytes(request)?;
    let (content, program, author, authors) = match raw {
        Some(raw) => {
            check_alone(request)?;
            let (content, authors) = complete(raw)?;
            (content, None, None, authors)
        }
        None => {
            let (content, program, author) = merged(request, ways)?;
            let domains = Ok(vec![author.domain().to_owned()]);
            (content, Some(program), Some(author), domains)
        }
    };
    let sender = return_path(request, author.as_ref(), ways)?;
    let mut envelope = Envelope { sender, eight_bit: true, ..Envelope::default() };
    envelope.smtputf8 = request.smtputf8.unwrap_or(false);
    let dsn = request.dsn.as_ref().map(|dsn| delivery_reports(dsn, &mut envelope)).transpose()?.flatten();
    let routing = routing(request, ways, now)?;
    let domains = authors.map(|mut domains| {
        if let ReturnPath::Fixed(sender) = &envelope.sender {
            domains.extend(domain_of(sender));
        }
        let signing = routing.signing_domain.iter().filter(|domain| !domain.is_empty());
        domains.extend(signing.map(|domain| domain.to_string()));
        domains.sort();
        domains.dedup();
        domains
    });
    Ok(Made { message: NewMessage { content, envelope, routing, origin }, program, dsn, domains })
}

fn domain_of(address: &str) -> Option<String> {
    Address::parse(address).ok().map(|address| address.domain().to_owned())
}

fn raw_bytes(request: &Injection<'_>) -> Result<Option<Vec<u8>>, InjectionError> {
    match (&request.raw, &request.raw_base64) {
        (Some(_), Some(_)) => Err(wrong("raw_base64", "give \"raw\" or \"raw_base64\", not both")),
        (Some(raw), None) => Ok(Some(with_crlf(raw.as_bytes()))),
        (None, Some(encoded)) => {
            let bytes = STANDARD.decode(encoded.trim());
            let bytes = bytes.map_err(|error| wrong("raw_base64", format!("not base64: {error}")))?;
            Ok(Some(with_crlf(&bytes)))
        }
        (None, None) => Ok(None),
    }
}

/// A complete message stands alone.
fn check_alone(request: &Injection<'_>) -> Result<(), InjectionError> {
    let parts = [
        ("from", request.from.is_some()),
        ("to_name", request.to_name.is_some()),
        ("reply_to", request.reply_to.is_some()),
        ("subject", request.subject.is_some()),
        ("html", request.html.is_some()),
        ("text", request.text.is_some()),
        ("headers", !request.headers.is_empty()),
        ("attachments", !request.attachments.is_empty()),
        ("list_unsubscribe", request.list_unsubscribe.is_some()),
    ];
    match parts.into_iter().find(|(_, given)| *given) {
        Some((field, _)) => Err(wrong(field, "\"raw\" is a complete message: give either it or the parts")),
        None => Ok(()),
    }
}

/// The content, and the domains in From.
fn complete(bytes: Vec<u8>) -> Result<(Content, Domains), InjectionError> {
    // Where the header ends is seen in what will be sent: line ends of several kinds may stand in `raw`.
    let found = mime::check(&bytes);
    if !found.has_from {
        return Err(wrong("raw", "the message has no From header"));
    }
    if !found.well_formed_header {
        return Err(wrong("raw", "the header is not well-formed: fields, then an empty line (RFC 5322 2.2)"));
    }
    if found.nul {
        return Err(wrong("raw", "a NUL byte in the message"));
    }
    let authors = mime::author_domains(&bytes);
    Ok((Content::Raw(bytes), authors))
}

/// Every line end as CRLF: a bare CR or LF must not leave this machine.
pub(crate) fn with_crlf(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + text.len() / 32 + 2);
    let mut bytes = text.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\r' => {
                bytes.next_if_eq(&b'\n');
                out.extend_from_slice(b"\r\n");
            }
            b'\n' => out.extend_from_slice(b"\r\n"),
            other => out.push(other),
        }
    }
    if !out.is_empty() && !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out
}

fn merged(request: &Injection<'_>, ways: &Ways) -> Result<(Content, Program, Address), InjectionError> {
    let (name, address) = match &request.from {
        Some(InjectionAuthor::Address(address)) => (String::new(), address.clone()),
        Some(InjectionAuthor::Named { name, address }) => (name.clone(), address.clone()),
        None => return Err(wrong("from", "say who writes, or give a complete message in \"raw\"")),
    };
    let address = Address::parse(&address).map_err(|error| wrong("from", error.to_string()))?;
    if request.html.is_none() && request.text.is_none() {
        return Err(wrong("html", "give \"html\", \"text\" or both"));
    }
    let mut source = Source {
        subject: one_line("subject", request.subject.as_deref().unwrap_or_default())?,
        from: Author { name: one_line("from.name", &name)?, address: address.as_str().to_owned() },
        to_name: one_line("to_name", request.to_name.as_deref().unwrap_or_default())?,
        reply_to: request.reply_to.clone(),
        html: request.html.clone(),
        text: request.text.clone(),
        headers: headers(request)?,
        attachments: attachments(&request.attachments)?,
        ..Source::default()
    };
    unsubscribe(request, ways, &mut source)?;
    let program = source.freeze().map_err(|error| match error.faults.first() {
        Some(fault) => {
            let place =
                if fault.line > 0 { format!(" (line {}, column {})", fault.line, fault.column) } else { String::new() };
            wrong(field_of(&fault.part), format!("{}{place}", fault.message))
        }
        None => wrong("html", error.to_string()),
    })?;
    Ok((Content::Merge(source.to_bytes()), program, address))
}

/// The field of the request that became a part of the mail.
fn field_of(part: &mail::program::Part) -> String {
    use mail::program::Part;
    match part {
        Part::Header(name) if name.eq_ignore_ascii_case("list-unsubscribe") => "list_unsubscribe".to_owned(),
        Part::Header(name) => format!("headers.{name}"),
        Part::ReplyTo => "reply_to".to_owned(),
        Part::To => "to_name".to_owned(),
        Part::Settings => "attachments".to_owned(),
        part => part.as_str().to_owned(),
    }
}

/// What stands in a header must not hold a line end, though none would get through.
fn one_line(field: &str, text: &str) -> Result<String, InjectionError> {
    if text.contains(['\r', '\n', '\0']) {
        return Err(wrong(field, "a line break in what is one line of a header (RFC 5322 2.2)"));
    }
    Ok(text.to_owned())
}

fn headers(request: &Injection<'_>) -> Result<Vec<ExtraHeader>, InjectionError> {
    if request.headers.len() > HEADERS_MAX {
        return Err(wrong("headers", format!("at most {HEADERS_MAX} headers")));
    }
    let read = |(name, value): (&String, &String)| {
        let value = one_line(&format!("headers.{name}"), value)?;
        Ok(ExtraHeader { name: name.clone(), value })
    };
    request.headers.iter().map(read).collect()
}

fn unsubscribe(request: &Injection<'_>, ways: &Ways, source: &mut Source) -> Result<(), InjectionError> {
    let Some(asked) = &request.list_unsubscribe else { return Ok(()) };
    if !asked.managed {
        let own = OwnUnsubscribe { url: asked.url.clone(), mailto: asked.mailto.clone(), one_click: asked.one_click };
        source.own_unsubscribe = Some(own);
        return Ok(());
    }
    if !asked.url.is_empty() || !asked.mailto.is_empty() {
        return Err(wrong("list_unsubscribe", "\"managed\" is the suite's own way: leave \"url\" and \"mailto\" out"));
    }
    if ways.public_url.is_empty() {
        return Err(wrong("list_unsubscribe.managed", "this suite has no http.public_url where recipients could go"));
    }
    source.base_url.clone_from(&ways.public_url);
    source.unsubscribe = Some(UnsubscribeWays { mailto_domain: bounce_domain(request, ways)?.map(str::to_owned) });
    Ok(())
}

fn attachments(given: &[InjectionAttachment]) -> Result<Vec<Attachment>, InjectionError> {
    if given.len() > ATTACHMENTS_MAX {
        return Err(wrong("attachments", format!("at most {ATTACHMENTS_MAX} attachments")));
    }
    let read = |(idx, file): (usize, &InjectionAttachment)| {
        let encoded: Vec<u8> = file.content.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let bytes = STANDARD.decode(encoded);
        let bytes =
            bytes.map_err(|error| wrong(format!("attachments[{idx}].content"), format!("not base64: {error}")))?;
        Ok(Attachment {
            filename: file.filename.clone(),
            content_type: file.content_type.clone(),
            content_id: file.content_id.clone(),
            bytes,
        })
    };
    given.iter().enumerate().map(read).collect()
}

fn bounce_domain<'w>(request: &Injection<'_>, ways: &'w Ways) -> Result<Option<&'w str>, InjectionError> {
    let Some(asked) = &request.bounce_domain else { return Ok(ways.bounce_domains.first().map(String::as_str)) };
    match ways.bounce_domains.iter().find(|domain| domain.eq_ignore_ascii_case(asked)) {
        Some(domain) => Ok(Some(domain)),
        None => {
            let known = ways.bounce_domains.join(", ");
            Err(wrong("bounce_domain", format!("{asked:?} is no bounce domain of this suite; there are: {known}")))
        }
    }
}

/// `author` is there for merged content only: a complete message must say where its bounces go.
fn return_path(request: &Injection<'_>, author: Option<&Address>, ways: &Ways) -> Result<ReturnPath, InjectionError> {
    let domain = bounce_domain(request, ways)?;
    match (&request.sender, domain, author) {
        (Some(_), ..) if request.bounce_domain.is_some() => {
            Err(wrong("bounce_domain", "\"sender\" is one return path for all: give it or the bounce domain"))
        }
        (Some(sender), ..) if sender.is_empty() => Ok(ReturnPath::Null),
        (Some(sender), ..) => {
            let address = Address::parse(sender).map_err(|error| wrong("sender", error.to_string()))?;
            Ok(ReturnPath::Fixed(address.as_str().to_owned()))
        }
        (None, Some(domain), _) => Ok(ReturnPath::PerRecipient(domain.to_owned())),
        (None, None, Some(author)) => Ok(ReturnPath::Fixed(author.as_str().to_owned())),
        (None, None, None) => Err(wrong("sender", "say where bounces go: this suite has no bounce domain")),
    }
}

/// What goes into the envelope, and what into every row.
fn delivery_reports(asked: &InjectionDsn, envelope: &mut Envelope) -> Result<Option<DsnOptions>, InjectionError> {
    if asked.notify.contains(&InjectionNotify::Never) && asked.notify.len() > 1 {
        return Err(wrong("dsn.notify", "\"never\" stands alone (RFC 3461 4.1)"));
    }
    envelope.envid.clone_from(&asked.envid);
    envelope.ret = asked.ret.map(|ret| match ret {
        InjectionRet::Full => Ret::Full,
        InjectionRet::Headers => Ret::Headers,
    });
    if asked.notify.is_empty() {
        return Ok(None);
    }
    let asks = |notify| asked.notify.contains(&notify);
    let options = DsnOptions {
        never: asks(InjectionNotify::Never),
        success: asks(InjectionNotify::Success),
        failure: asks(InjectionNotify::Failure),
        delay: asks(InjectionNotify::Delay),
        original_recipient: None,
    };
    envelope.notify = options.success || options.delay;
    Ok(Some(options))
}

fn routing(request: &Injection<'_>, ways: &Ways, now: Timestamp) -> Result<Routing, InjectionError> {
    let named = |field: &str, text: &Option<String>| match text {
        None => Ok(None),
        Some(text) if text.is_empty() || text.len() > Name::LEN_MAX || text.chars().any(char::is_control) => {
            Err(wrong(field, format!("1 to {} printable bytes", Name::LEN_MAX)))
        }
        Some(text) => Ok(Some(Name::from(text.as_str()))),
    };
    let plain = Routing::default();
    let signing_domain = match request.signing_domain.as_deref() {
        Some(text) if !text.is_empty() => {
            let address = Address::parse(&format!("a@{text}"));
            let domain = address.map_err(|error| wrong("signing_domain", error.to_string()))?.domain().to_owned();
            Some(Name::from(domain))
        }
        other => other.map(Name::from),
    };
    if let Some(expires) = request.expires {
        let begins = request.not_before.map_or(now, |before| before.max(now));
        if expires <= begins {
            return Err(wrong("expires", "it would expire before it is attempted"));
        }
    }
    Ok(Routing {
        tenant: named("tenant", &request.tenant)?.or_else(|| ways.tenant.clone()).unwrap_or(plain.tenant),
        stream: named("stream", &request.stream)?.or_else(|| ways.stream.clone()).unwrap_or(plain.stream),
        job: named("job", &request.job)?.unwrap_or_default(),
        pool: named("pool", &request.pool)?,
        not_before: request.not_before,
        expires: request.expires,
        signing_domain,
        labels: labels(request)?,
        campaign: None,
    })
}

fn labels(request: &Injection<'_>) -> Result<Labels, InjectionError> {
    let tags: Vec<Name> = request.tags.iter().map(|tag| Name::from(tag.as_str())).collect();
    Labels::check_tags(&tags).map_err(|reason| wrong("tags", reason))?;
    let metadata = request.metadata.0.clone();
    Labels::check_metadata(&metadata).map_err(|reason| wrong("metadata", reason))?;
    Ok(Labels { tags, metadata, in_rows: false })
}
