//! A test mail: the campaign as it would be sent, to a few addresses, at once.
//!
//! Transactional stream, nothing observed, nothing counted. Values: those of the contact with that address, otherwise of
//! the first contact of the list, otherwise samples.

use std::sync::Arc;

use db::params;
use mail::address::Address;
use model::id::CampaignId;
use model::name::Name;
use model::submission::{
    Content, ContentSource, Envelope, NewMessage, NewRecipient, Origin, Protocol, Refusal, ReturnPath, Routing,
    Submission,
};
use model::value::Value;

use super::campaign;
use super::ports::Injector;
use super::types::{Campaign, TestReceipt, TestRequest};
use crate::Error;
use crate::audience::field;
use crate::audience::types::RejectedAddress;
use crate::base::Base;
use crate::content::draft::{self, Letterhead};
use crate::content::values;

/// Most addresses of one test.
pub const TEST_ADDRESSES_MAX: usize = 20;

/// Sends a test.
pub(crate) async fn send(
    base: &Base,
    injector: &Arc<dyn Injector>,
    id: CampaignId,
    request: &TestRequest,
) -> Result<TestReceipt, Error> {
    if request.addresses.is_empty() || request.addresses.len() > TEST_ADDRESSES_MAX {
        return Err(Error::invalid("addresses", format!("give 1 to {TEST_ADDRESSES_MAX} addresses")));
    }
    let campaign = campaign::get(base, id).await?;
    let head = campaign.letterhead(base).await?;
    let head = Letterhead { track_opens: false, track_clicks: false, campaign: None, ..head };
    let compiled = campaign.draft().compile_aside(head, base.config.clone()).await.map_err(draft::refusal)?;
    let (mut recipients, mut rejected) = (Vec::new(), Vec::new());
    for text in &request.addresses {
        match Address::parse(text) {
            Ok(address) => {
                let root = values_for(base, &campaign, &address).await?;
                let values = compiled.program.values(&root);
                recipients.push(NewRecipient { address: address.to_string(), values, ..NewRecipient::default() });
            }
            Err(error) => rejected.push(RejectedAddress { address: text.clone(), reason: error.to_string() }),
        }
    }
    if recipients.is_empty() {
        return Err(Error::invalid("addresses", "none of these is an address that can be mailed"));
    }
    let message = NewMessage {
        content: Content::Merge(compiled.source.to_bytes()),
        envelope: Envelope {
            sender: ReturnPath::PerRecipient(base.config.bounce_domain.clone()),
            ..Envelope::default()
        },
        routing: Routing {
            stream: Name::from("transactional"),
            pool: Some(Name::from(campaign.pool.as_str())).filter(|pool| !pool.is_empty()),
            ..Routing::default()
        },
        origin: Origin { protocol: Protocol::Internal, peer: None, user: None },
    };
    let submission = Submission { content: ContentSource::New(Box::new(message)), recipients, checkpoint: None };
    let receipt = injector.submit(submission).await.map_err(|refusal| match refusal {
        Refusal::Unavailable { reason } => Error::Unavailable { reason },
        other => Error::invalid("addresses", other.to_string()),
    })?;
    Ok(TestReceipt {
        message: receipt.message,
        first_recipient: receipt.first_recipient,
        recipients: receipt.count,
        rejected,
    })
}

async fn values_for(base: &Base, campaign: &Campaign, address: &Address) -> Result<Value, Error> {
    let own = "SELECT name, fields FROM contact WHERE address_key = $1";
    let mut row = base.db.query_optional(own, params![address.key()]).await?;
    if row.is_none() {
        let first = "SELECT c.name, c.fields FROM membership AS m JOIN contact AS c ON c.id = m.contact
                     WHERE m.list = $1 ORDER BY m.contact LIMIT 1";
        row = base.db.query_optional(first, params![campaign.list]).await?;
    }
    match row {
        Some(row) => Ok(values::of_contact(address.as_str(), &row.get::<String>("name")?, row.json("fields")?)),
        None => Ok(values::sample(&field::registry(base).await?)),
    }
}
