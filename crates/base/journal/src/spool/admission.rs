//! An admission becomes a unit of the log, and a tag that the committer understands.

use std::sync::Arc;

use model::handoff::{Admitted, MessageHead, RowRef, SpooledRecipient};
use model::id::RecipientId;
use model::submission::{NewRecipient, Submission};
use model::time::Timestamp;
use tokio::sync::{mpsc, oneshot};

use super::record::{self, RowsHeader};
use super::shared::{Shared, domain_of};
use super::steward::{Pin, PlacedAdmission};
use super::{Admission, AdmitError, AdmitMessage, Hold, ReadError};
use crate::log::Failure;
use crate::log::frame::Unit;

/// Checks what can be checked before anything is waited for.
pub(super) fn check_count(admission: &Admission) -> Result<(), AdmitError> {
    let count = admission.recipients.len();
    let may_be_empty = matches!(admission.message, AdmitMessage::New { .. }) && admission.hold == Hold::Open;
    if count > Submission::RECIPIENTS_MAX || (count == 0 && !may_be_empty) {
        return Err(AdmitError::Count(count));
    }
    Ok(())
}

/// The bytes of an admission, and what the committer has to know about it.
pub(super) fn encode(
    shared: &Arc<Shared>,
    admission: Admission,
    permit: mpsc::OwnedPermit<Admitted>,
    answer: oneshot::Sender<Result<u64, Failure>>,
) -> Result<(Unit, PlacedAdmission), AdmitError> {
    let Admission { message, recipients, due, checkpoint, hold } = admission;
    let mut unit = Unit::default();
    let (head, content, pin) = encode_message(shared, &mut unit, message, hold)?;
    let count = recipients.len() as u16;
    let newest_id = recipients.iter().map(|(id, _)| id.0).max().unwrap_or(0).max(head.id.0);
    let header = RowsHeader { message: head.id, birth: None, total: count, stored: count, hold, checkpoint, newest_id };
    let rows_offset = record::push_new_rows(&mut unit, &header, &recipients, due);
    let rows = (rows_offset, (unit.bytes() - u64::from(rows_offset)) as u32);
    let recipients = spooled_recipients(shared, recipients, due);
    Ok((unit, PlacedAdmission { head, content, rows, header, recipients, permit, pin, answer }))
}

/// The head; size of the CONTENT frame and whether the message is held; what keeps it in the spool meanwhile.
type EncodedMessage = (Arc<MessageHead>, Option<(u32, bool)>, Option<Pin>);

fn encode_message(
    shared: &Arc<Shared>,
    unit: &mut Unit,
    message: AdmitMessage,
    hold: Hold,
) -> Result<EncodedMessage, AdmitError> {
    match message {
        AdmitMessage::New { mut head, content } => {
            head.size_bytes = content.len() as u64;
            let held = hold == Hold::Open;
            record::push_content(unit, &head, held, content);
            let head: Arc<MessageHead> = Arc::from(head);
            if held {
                shared.heads().put(head.id, head.clone());
            }
            Ok((head, Some((unit.bytes() as u32, held)), None))
        }
        AdmitMessage::Existing(message) => {
            let pin = Pin::new(shared, message).ok_or(AdmitError::UnknownMessage(message))?;
            let head = shared.head(message).map_err(|error| match error {
                ReadError::Gone => AdmitError::UnknownMessage(message),
                other => AdmitError::Failed(other.to_string()),
            })?;
            Ok((head, None, Some(pin)))
        }
    }
}

/// The recipients as the queue will know them; where their rows lie is filled in by the committer.
fn spooled_recipients(
    shared: &Shared,
    recipients: Vec<(RecipientId, NewRecipient)>,
    due: Timestamp,
) -> Vec<SpooledRecipient> {
    let mut domains = shared.domains();
    let recipients = recipients.into_iter().map(|(id, recipient)| SpooledRecipient {
        id,
        row: RowRef::default(),
        domain: domain_of(&mut domains, &recipient.address),
        contact: recipient.contact,
        attempts: 0,
        due,
        address: Some(recipient.address.into_boxed_str()),
    });
    recipients.collect()
}
