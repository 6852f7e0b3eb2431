//! The demo's campaign, made as a program of a user's would: over the HTTP API.

use std::time::Duration;

use anyhow::{Context as _, bail};
use campaign::audience::{Field, FieldKind, Import, ImportState, List, NewList};
use campaign::content::{CampaignCheck, Format};
use campaign::report::{CampaignRecipient, CampaignReport};
use campaign::sending::{Campaign, CampaignInput};
use model::id::{CampaignId, ListId};
use serde::Deserialize;

use crate::client::Client;

/// The designed mail.
const BODY: &str = include_str!("../../../../fixtures/demo/campaign.mjml");
/// Its subject, preheader and sender.
const SETTINGS: &str = include_str!("../../../../fixtures/demo/campaign.toml");

/// How often an import is asked how far it is.
const ASK_EVERY: Duration = Duration::from_millis(200);

#[derive(Deserialize)]
struct Settings {
    /// Fields that the mail speaks of.
    field: Vec<Field>,
    name: String,
    subject: String,
    preheader: String,
    from_name: String,
    from_address: String,
    reply_to: String,
}

#[derive(Deserialize)]
struct Recipients {
    items: Vec<CampaignRecipient>,
}

#[derive(Deserialize)]
struct FieldList {
    items: Vec<Field>,
}

/// The domain that the demo's mail comes from.
pub(super) fn sending_domain() -> anyhow::Result<String> {
    let settings: Settings = toml::from_str(SETTINGS)?;
    let (_, domain) = settings.from_address.split_once('@').context("fixtures/demo/campaign.toml: from_address")?;
    Ok(domain.to_owned())
}

/// The registry entries for the columns of the contact file: those of the mail, and those it does not speak of.
fn fields() -> anyhow::Result<Vec<Field>> {
    let settings: Settings = toml::from_str(SETTINGS)?;
    let field = |name: &str, label: &str, kind| Field {
        name: name.to_owned(),
        label: label.to_owned(),
        kind,
        choices: Vec::new(),
    };
    let more = [field("last_name", "Last name", FieldKind::Text), field("birthday", "Birthday", FieldKind::Date)];
    Ok(settings.field.into_iter().chain(more).collect())
}

/// Makes the list and imports the contact file into it.
pub(super) async fn import(client: &Client, csv: String, progress: impl Fn(&Import)) -> anyhow::Result<(List, Import)> {
    let new = NewList { name: "Readers".to_owned(), description: "The readers of the demo".to_owned() };
    let list: List = client.post("/api/v1/lists", &new).await?;
    let known: FieldList = client.get("/api/v1/fields").await?;
    let is_new = |field: &Field| known.items.iter().all(|other| other.name != field.name);
    for field in fields()?.into_iter().filter(is_new) {
        client.post::<Field>("/api/v1/fields", &field).await.with_context(|| format!("field {}", field.name))?;
    }
    let path = format!("/api/v1/lists/{}/import", list.id);
    let mut import: Import = client.upload(&path, "text/csv", csv.into_bytes()).await?;
    while import.state == ImportState::Running {
        progress(&import);
        tokio::time::sleep(ASK_EVERY).await;
        import = client.get(&format!("/api/v1/imports/{}", import.id)).await?;
    }
    if import.state == ImportState::Failed {
        bail!("the import failed: {}", import.error.unwrap_or_default());
    }
    Ok((list, import))
}

/// A row of the contact file that was refused.
pub(super) struct RefusedRow {
    /// Its line in the file.
    pub line: String,
    /// The column, where one is to blame.
    pub column: String,
    /// Why, in full.
    pub reason: String,
}

/// The error file of an import, and its first `count` rows.
pub(super) async fn refused(
    client: &Client,
    import: &Import,
    count: usize,
) -> anyhow::Result<(Vec<u8>, Vec<RefusedRow>)> {
    let file = client.download(&format!("/api/v1/imports/{}/errors.csv", import.id)).await?;
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(file.as_slice());
    let rows = reader.records().take(count).map(|row| {
        let row = row?;
        let cell = |place| row.get(place).unwrap_or_default().to_owned();
        Ok(RefusedRow { line: cell(0), column: cell(1), reason: cell(2) })
    });
    let rows = rows.collect::<Result<Vec<RefusedRow>, csv::Error>>()?;
    Ok((file, rows))
}

/// An address of the campaign with something to tell: delivered after it was put off, else refused for good.
pub(super) async fn eventful(client: &Client, campaign: CampaignId) -> anyhow::Result<Option<String>> {
    for (status, attempts_min) in [("delivered", 2), ("bounced", 1)] {
        let path = format!("/api/v1/campaigns/{campaign}/recipients?status={status}&limit=200");
        let found: Recipients = client.get(&path).await?;
        let mut fitting = found.items.into_iter().filter(|one| one.attempts >= attempts_min && one.address.is_ascii());
        if let Some(recipient) = fitting.next() {
            return Ok(Some(recipient.address));
        }
    }
    Ok(None)
}

/// Makes the campaign and checks it.
pub(super) async fn create(client: &Client, list: ListId) -> anyhow::Result<(Campaign, CampaignCheck)> {
    let settings: Settings = toml::from_str(SETTINGS)?;
    let input = CampaignInput {
        name: Some(settings.name),
        subject: Some(settings.subject),
        preheader: Some(settings.preheader),
        from_name: Some(settings.from_name),
        from_address: Some(settings.from_address),
        reply_to: Some(settings.reply_to),
        list: Some(Some(list)),
        format: Some(Format::Mjml),
        body: Some(BODY.to_owned()),
        stream: Some("bulk".to_owned()),
        track_opens: Some(true),
        track_clicks: Some(true),
        ..CampaignInput::default()
    };
    let campaign: Campaign = client.post("/api/v1/campaigns", &input).await?;
    let check: CampaignCheck = client.post(&format!("/api/v1/campaigns/{}/check", campaign.id), &()).await?;
    if !check.ok {
        let errors: Vec<String> =
            check.errors.iter().map(|issue| format!("{}: {}", issue.part, issue.message)).collect();
        bail!("the campaign cannot be sent: {}", errors.join("; "));
    }
    Ok((campaign, check))
}

/// Sends it.
pub(super) async fn send(client: &Client, campaign: CampaignId) -> anyhow::Result<Campaign> {
    client.post(&format!("/api/v1/campaigns/{campaign}/send"), &()).await
}

/// What came of it so far.
pub(super) async fn report(client: &Client, campaign: CampaignId) -> anyhow::Result<CampaignReport> {
    client.get(&format!("/api/v1/campaigns/{campaign}/report")).await
}
