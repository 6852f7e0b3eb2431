//! The check before sending: does it compile, who would get it, and who would see a gap.

use db::{Value as Param, params};
use mail::program::{Personal, Program, UNSUBSCRIBE_URL};
use model::id::{ListId, MessageId, RecipientId};
use model::words::nearest;

use super::draft::{Draft, Letterhead, issue};
use super::types::{AudienceFunnel, CampaignCheck, ContentIssue, FunnelStep, UndefinedVariable};
use super::values::name_of_path;
use crate::Error;
use crate::audience::field::{self, Registry};
use crate::base::Base;

/// Most variables whose gaps are counted.
pub const UNDEFINED_MAX: usize = 50;

/// Members of a list that may be written to on a stream; `$1` the list, `$2` 1 unless the stream is transactional, `$3`
/// the stream. Campaigns are mail of the tenant `default`.
pub(crate) const AUDIENCE: &str = "FROM membership AS m JOIN contact AS c ON c.id = m.contact
    WHERE m.list = $1 AND m.state = 'subscribed' AND NOT EXISTS (
        SELECT 1 FROM suppression AS s WHERE s.address_key = c.address_key AND s.removed_at IS NULL
            AND ((s.list = 0 AND s.stream = '' AND (s.reason IN ('bounce', 'manual') OR $2 = 1))
                OR s.list = $1 OR (s.tenant = 'default' AND s.stream = $3)))";

/// The parameters of [`AUDIENCE`].
pub(crate) fn audience_params(list: ListId, stream: &str) -> Vec<Param> {
    params![list, i64::from(stream != "transactional"), stream]
}

/// Checks a campaign.
pub(crate) async fn check(base: &Base, draft: &Draft, head: &Letterhead) -> Result<CampaignCheck, Error> {
    let mut check = CampaignCheck::default();
    check.errors.extend(missing_settings(draft, head));
    if let Some((list, _)) = &head.list {
        check.audience = funnel(base, *list, &head.stream).await?;
        if check.audience.size == 0 {
            check.errors.push(issue("list", "nobody on this list may be written to", None));
        }
    }
    match draft.clone().compile_aside(head.clone(), base.config.clone()).await {
        Err(issues) => check.errors.extend(issues),
        Ok(compiled) => {
            check.warnings = compiled.warnings;
            check.size_bytes = content_size(&compiled.source);
            let registry = field::registry(base).await?;
            let (known, unknown): (Vec<String>, Vec<String>) = undefined(base, &compiled.program, head)
                .into_iter()
                .partition(|variable| is_known(&registry, name_of_path(variable)));
            check.errors.extend(unknown.iter().map(|variable| no_such_field(&registry, draft, variable)));
            check.undefined = gaps(base, known, head).await?;
        }
    }
    check.ok = check.errors.is_empty();
    Ok(check)
}

pub(crate) fn content_size(source: &mail::program::Source) -> u64 {
    [&source.html, &source.text].into_iter().flatten().map(|part| part.len() as u64).sum()
}

/// What must be filled in; what is wrong with what is filled in, the compiler tells.
fn missing_settings(draft: &Draft, head: &Letterhead) -> Vec<ContentIssue> {
    let mut issues = Vec::new();
    let mut need = |missing: bool, part: &str, message: &str| {
        if missing {
            issues.push(issue(part, message, None));
        }
    };
    need(draft.subject.trim().is_empty(), "subject", "the subject is empty");
    need(draft.body.trim().is_empty(), "body", "the body is empty");
    need(head.from_address.is_empty(), "from_address", "the address of the author is missing");
    need(head.list.is_none(), "list", "no list is chosen");
    issues
}

/// From the whole list to those who get the mail.
async fn funnel(base: &Base, list: ListId, stream: &str) -> Result<AudienceFunnel, Error> {
    let sql =
        "SELECT COUNT(*) AS members, CAST(COALESCE(SUM(CASE WHEN state = 'subscribed' THEN 1 ELSE 0 END), 0) AS BIGINT)
                   AS subscribed FROM membership WHERE list = $1";
    let row = base.db.query_one(sql, params![list]).await?;
    let sql = format!("SELECT COUNT(*) AS size {AUDIENCE}");
    let size: u64 = base.db.query_one(&sql, audience_params(list, stream)).await?.get("size")?;
    let step = |step: &str, contacts: u64| FunnelStep { step: step.to_owned(), contacts };
    let steps = vec![
        step("on-list", row.get("members")?),
        step("subscribed", row.get("subscribed")?),
        step("not-suppressed", size),
    ];
    Ok(AudienceFunnel { steps, size })
}

/// What every contact has, beside the fields of the registry.
const OF_EVERYONE: [&str; 3] = ["address", "email", "name"];

fn is_known(registry: &Registry, name: &str) -> bool {
    OF_EVERYONE.contains(&name) || registry.contains_key(name)
}

/// A variable that is no field prints as nothing for everyone: nearly always a misspelling.
fn no_such_field(registry: &Registry, draft: &Draft, variable: &str) -> ContentIssue {
    let name = name_of_path(variable);
    let known = registry.keys().map(String::as_str).chain(OF_EVERYONE);
    let advice = match nearest(name, known) {
        Some(meant) => format!("did you mean {meant}?"),
        None => "make it a field of contacts, or take it out".to_owned(),
    };
    let message = format!("no contact field is called {name}; {advice}");
    let parts =
        [("subject", &draft.subject), ("preheader", &draft.preheader), ("body", &draft.body), ("text", &draft.text)];
    let found = parts.iter().find_map(|(part, text)| Some((*part, place_of(text, variable)?)));
    let (part, place) = found.map_or(("body", None), |(part, place)| (part, Some(place)));
    issue(part, message, place)
}

/// Line and column of a variable in a text, from 1.
fn place_of(text: &str, variable: &str) -> Option<(u32, u32)> {
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-');
    let whole = |at: &usize| {
        let (before, after) = (&text[..*at], &text[at + variable.len()..]);
        let open = before.rfind("{{").max(before.rfind("{%"));
        let closed = before.rfind("}}").max(before.rfind("%}"));
        open > closed && !before.ends_with(is_word) && !after.starts_with(is_word)
    };
    let at = text.match_indices(variable).map(|(at, _)| at).find(whole)?;
    let line = text[..at].matches('\n').count() + 1;
    let column = text[..at].chars().rev().take_while(|c| *c != '\n').count() + 1;
    Some((u32::try_from(line).ok()?, u32::try_from(column).ok()?))
}

/// Variables that print as nothing when nothing is known of them; those with a default do not.
fn undefined(base: &Base, program: &Program, head: &Letterhead) -> Vec<String> {
    let nobody = Personal {
        message: MessageId(0),
        recipient: RecipientId(0),
        contact: None,
        address: "nobody@example.invalid",
        tenant: "",
        stream: "",
        values: &[],
        at: base.now(),
        keys: None,
    };
    // A limit on rendering was reached: the same will be told for each recipient, and the compiler's limits are wide.
    let mut variables = program.undefined(&nobody).unwrap_or_default();
    if head.stream != "transactional" {
        variables.retain(|variable| variable != UNSUBSCRIBE_URL);
    }
    variables.truncate(UNDEFINED_MAX);
    variables
}

/// For how many of the audience these variables print as nothing: one pass over the audience for all of them.
async fn gaps(base: &Base, variables: Vec<String>, head: &Letterhead) -> Result<Vec<UndefinedVariable>, Error> {
    let Some((list, _)) = &head.list else { return Ok(Vec::new()) };
    if variables.is_empty() {
        return Ok(Vec::new());
    }
    let mut params = audience_params(*list, &head.stream);
    let mut columns = Vec::new();
    for (place, variable) in variables.iter().enumerate() {
        let value = match name_of_path(variable) {
            "name" => "c.name".to_owned(),
            "address" | "email" => "c.address".to_owned(),
            field => {
                params.push(field.into());
                format!("c.fields ->> ${}", params.len())
            }
        };
        columns.push(format!(
            "CAST(COALESCE(SUM(CASE WHEN COALESCE({value}, '') = '' THEN 1 ELSE 0 END), 0) AS BIGINT) AS gap_{place}"
        ));
    }
    let row = base.db.query_one(&format!("SELECT {} {AUDIENCE}", columns.join(", ")), params).await?;
    let counted = variables
        .into_iter()
        .enumerate()
        .map(|(place, variable)| Ok(UndefinedVariable { variable, contacts: row.get(&format!("gap_{place}"))? }));
    let mut gaps: Vec<UndefinedVariable> = counted.collect::<Result<_, Error>>()?;
    gaps.retain(|gap| gap.contacts > 0);
    Ok(gaps)
}
