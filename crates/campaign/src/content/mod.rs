//! What is written: previews and checks.
//!
//! The same merge program that delivery runs serves preview and check, so what is seen here is what is sent.

pub(crate) mod check;
pub(crate) mod draft;
pub(crate) mod pieces;
pub(crate) mod types;
pub(crate) mod values;

use std::sync::Arc;

use db::params;
use mail::program::Personal;
use mail::token::{Keys, SECRET_LEN};
use model::id::{ContactId, MessageId, RecipientId};
use model::value::Value;

pub use check::UNDEFINED_MAX;
pub use draft::{BODY_MAX, CLIP_WARNING_BYTES};
pub use pieces::LinePiece;
pub use types::{
    AudienceFunnel, CampaignCheck, ContentIssue, Format, FunnelStep, RenderRequest, Rendered, UndefinedVariable,
};

use crate::Error;
use crate::audience::field;
use crate::base::Base;
use draft::{Compiled, Draft, Letterhead, issue};

/// Previews. Cheap to clone.
#[derive(Clone)]
pub struct Content {
    base: Arc<Base>,
}

impl Content {
    pub(crate) fn new(base: Arc<Base>) -> Self {
        Content { base }
    }

    /// Content as its recipient would see it. Content that does not compile is an answer, not an error.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the contact, [`Error::Invalid`] for a body that is too long.
    pub async fn render(&self, request: &RenderRequest) -> Result<Rendered, Error> {
        for (field, text) in [("body", &request.body), ("text", &request.text)] {
            if text.len() > BODY_MAX {
                return Err(Error::invalid(field, format!("longer than {BODY_MAX} bytes")));
            }
        }
        let root = match request.contact {
            Some(id) => contact_values(&self.base, id).await?,
            None => values::sample(&field::registry(&self.base).await?),
        };
        let draft = Draft {
            format: request.format,
            body: request.body.clone(),
            text: request.text.clone(),
            subject: request.subject.clone(),
            preheader: request.preheader.clone(),
        };
        let base = self.base.clone();
        let rendered = tokio::task::spawn_blocking(move || preview(&base, &draft, &root)).await;
        rendered.map_err(|_| Error::invalid("body", "this content cannot be rendered"))
    }
}

/// Compiling and rendering take milliseconds: not to be run between other tasks.
fn preview(base: &Base, draft: &Draft, root: &Value) -> Rendered {
    // A marketing stream, so that the mail has an unsubscribe link; its token is sealed with a key that opens nothing.
    let head = Letterhead {
        from_address: "preview@example.com".to_owned(),
        stream: "preview".to_owned(),
        ..Letterhead::default()
    };
    let keys = Keys::new(&[(0, [0; SECRET_LEN])]).expect("invariant: one key is a set of keys");
    let Compiled { program, source, warnings } = match draft.compile(&head, &base.config) {
        Ok(compiled) => compiled,
        Err(errors) => return Rendered { errors, ..Rendered::default() },
    };
    let address = mail::merge::resolve(root, "address").and_then(|value| value.as_text().map(str::to_owned));
    let personal = Personal {
        message: MessageId(0),
        recipient: RecipientId(0),
        contact: None,
        address: address.as_deref().unwrap_or_default(),
        tenant: "",
        stream: "",
        values: &program.values(root),
        at: base.now(),
        keys: Some(&keys),
    };
    match program.preview(&personal) {
        Ok(preview) => {
            let size_bytes = (preview.html.len() + preview.text.len()) as u64;
            let mut warnings = warnings;
            warnings.extend(
                preview
                    .undefined
                    .iter()
                    .map(|path| issue("body", format!("{path} prints as nothing for this contact"), None)),
            );
            Rendered {
                subject: preview.subject,
                preheader: preview.preheader,
                html: preview.html,
                text: preview.text,
                warnings,
                errors: Vec::new(),
                size_bytes,
            }
        }
        Err(error) => Rendered {
            errors: vec![issue("body", error.to_string(), None)],
            size_bytes: check::content_size(&source),
            ..Rendered::default()
        },
    }
}

async fn contact_values(base: &Base, id: ContactId) -> Result<Value, Error> {
    let row = base.db.query_optional("SELECT address, name, fields FROM contact WHERE id = $1", params![id]).await?;
    let row = row.ok_or_else(|| Error::not_found("contact", id))?;
    let (address, name): (String, String) = (row.get("address")?, row.get("name")?);
    Ok(values::of_contact(&address, &name, row.json("fields")?))
}
