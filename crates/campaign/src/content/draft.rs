//! From what a person wrote to the source of a merge program.
//!
//! MJML becomes HTML here, once, with Liquid as opaque text; the merge program compiles the rest. Faults are told in
//! the words of the editor: `body`, `text`, `subject`, or the name of a setting.

use mail::program::{Author, Fault, Part, Program, Source, TrackingSwitches, UnsubscribeWays};
use model::id::{CampaignId, ListId};

use super::types::{ContentIssue, Format};
use crate::Error;
use crate::config::Config;

/// Longest body or text, in bytes.
pub const BODY_MAX: usize = 1024 * 1024;

/// HTML above this size is cut by Gmail (102,400 bytes); a warning is given from here on.
pub const CLIP_WARNING_BYTES: usize = 90_000;

/// What a person wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Draft {
    pub(crate) format: Format,
    pub(crate) body: String,
    pub(crate) text: String,
    pub(crate) subject: String,
    pub(crate) preheader: String,
}

/// Who writes to whom, and what is observed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Letterhead {
    pub(crate) from_name: String,
    pub(crate) from_address: String,
    pub(crate) reply_to: String,
    pub(crate) stream: String,
    pub(crate) track_opens: bool,
    pub(crate) track_clicks: bool,
    pub(crate) campaign: Option<CampaignId>,
    pub(crate) list: Option<(ListId, String)>,
}

/// A draft that compiles.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) source: Source,
    pub(crate) program: Program,
    pub(crate) warnings: Vec<ContentIssue>,
}

impl Draft {
    /// As [`Draft::compile`], on a thread where milliseconds of work are allowed.
    pub(crate) async fn compile_aside(self, head: Letterhead, config: Config) -> Result<Compiled, Vec<ContentIssue>> {
        let compiled = tokio::task::spawn_blocking(move || self.compile(&head, &config)).await;
        compiled.unwrap_or_else(|_| Err(vec![issue("body", "this content cannot be compiled", None)]))
    }

    /// Compiles; the source is frozen, so that rows written for it keep their meaning.
    ///
    /// # Errors
    /// What keeps the draft from being sent, at least one issue.
    pub(crate) fn compile(&self, head: &Letterhead, config: &Config) -> Result<Compiled, Vec<ContentIssue>> {
        let (html, mut warnings, broken) = match self.html() {
            Ok((html, warnings)) => (html, warnings, Vec::new()),
            // The other parts are looked at all the same: one look shows everything that is wrong.
            Err(issues) => (Some(String::new()), Vec::new(), issues),
        };
        let text = match self.format {
            Format::Text => Some(self.body.clone()),
            _ => Some(self.text.clone()).filter(|text| !text.trim().is_empty()),
        };
        let marketing = head.stream != "transactional";
        let mut source = Source {
            subject: self.subject.clone(),
            preheader: self.preheader.clone(),
            from: Author { name: head.from_name.clone(), address: head.from_address.clone() },
            reply_to: Some(head.reply_to.clone()).filter(|address| !address.is_empty()),
            html,
            text,
            tracking: TrackingSwitches { opens: head.track_opens, clicks: head.track_clicks },
            base_url: config.base_url.clone(),
            campaign: head.campaign,
            list: head.list.as_ref().map(|(id, _)| *id),
            list_id: head.list.as_ref().map(|(id, name)| list_id(*id, name, &head.from_address)),
            unsubscribe: marketing.then(|| UnsubscribeWays {
                mailto_domain: Some(config.unsubscribe_domain.clone()).filter(|domain| !domain.is_empty()),
            }),
            feedback_id: head.campaign.filter(|_| marketing).map(|id| feedback_id(id, head)),
            ..Source::default()
        };
        let program = match source.freeze() {
            Ok(program) if broken.is_empty() => program,
            Ok(_) => return Err(broken),
            Err(error) => return Err(broken.into_iter().chain(self.issues(&error.faults)).collect()),
        };
        if let Some(size) = source.html.as_ref().map(String::len).filter(|size| *size > CLIP_WARNING_BYTES) {
            let message = format!("the HTML has {size} bytes; Gmail cuts mails at about 102,400 and hides the rest");
            warnings.push(issue("body", message, None));
        }
        if self.preheader.trim().is_empty() {
            warnings.push(issue(
                "preheader",
                "the preheader is empty: mailboxes show the first words of the body instead",
                None,
            ));
        }
        Ok(Compiled { source, program, warnings })
    }

    fn html(&self) -> Result<(Option<String>, Vec<ContentIssue>), Vec<ContentIssue>> {
        match self.format {
            Format::Text => Ok((None, Vec::new())),
            Format::Html => Ok((Some(self.body.clone()), Vec::new())),
            Format::Mjml => match mail::mjml::render(&self.body) {
                Ok(rendered) => {
                    let warnings = rendered
                        .warnings
                        .into_iter()
                        .map(|warning| issue("body", warning.message, Some((warning.line, warning.column))));
                    Ok((Some(rendered.html), warnings.collect()))
                }
                Err(error) => Err(vec![issue("body", error.message, Some((error.line, error.column)))]),
            },
        }
    }

    fn issues(&self, faults: &[Fault]) -> Vec<ContentIssue> {
        let is_text = self.format == Format::Text;
        let issue_of = |fault: &Fault| {
            let part = match &fault.part {
                Part::Html => "body",
                Part::Text if is_text => "body",
                Part::From => "from_address",
                Part::ReplyTo => "reply_to",
                other => other.as_str(),
            };
            // The HTML made from MJML has other lines than what was written.
            let place = (part != "body" || self.format != Format::Mjml).then_some((fault.line, fault.column));
            let place = place.or_else(|| self.find_in_body(fault));
            issue(part, fault.message.clone(), place)
        };
        faults.iter().map(issue_of).collect()
    }

    /// Where in the MJML a Liquid fault of the HTML lies: the same fault is found by compiling the MJML as a text.
    fn find_in_body(&self, fault: &Fault) -> Option<(u32, u32)> {
        let error = mail::merge::Template::parse(&self.body, mail::merge::Escape::Text).err()?;
        (error.message == fault.message).then_some((error.line, error.column))
    }
}

/// The first issue, as an answer to whoever wanted to send.
pub(crate) fn refusal(issues: Vec<ContentIssue>) -> Error {
    let first = issues.into_iter().next().expect("invariant: a draft that does not compile has an issue");
    let place = match (first.line, first.column) {
        (Some(line), Some(column)) => format!(" (line {line}, column {column})"),
        _ => String::new(),
    };
    Error::invalid(first.part, format!("{}{place}", first.message))
}

pub(crate) fn issue(part: &str, message: impl Into<String>, place: Option<(u32, u32)>) -> ContentIssue {
    let place = place.filter(|(line, _)| *line > 0);
    ContentIssue {
        part: part.to_owned(),
        message: message.into(),
        line: place.map(|(line, _)| line),
        column: place.map(|(_, column)| column),
    }
}

fn domain_of(address: &str) -> &str {
    address.rsplit_once('@').map_or("localhost", |(_, domain)| domain)
}

/// List-Id (RFC 2919): a name for people, and one that never changes.
fn list_id(id: ListId, name: &str, from_address: &str) -> String {
    let name: String = name.chars().filter(|c| !c.is_control() && !matches!(c, '<' | '>' | '"' | '\\')).collect();
    format!("{name} <{id}.{}>", domain_of(from_address))
}

/// Feedback-ID: campaign, list, stream, sender; Gmail shows complaints by each.
fn feedback_id(id: CampaignId, head: &Letterhead) -> String {
    let list = head.list.as_ref().map_or_else(String::new, |(list, _)| list.to_string());
    let sender: String = domain_of(&head.from_address).chars().filter(|c| *c != ':').take(60).collect();
    let stream: String = head.stream.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(40).collect();
    format!("{id}:{list}:{stream}:{sender}")
}
