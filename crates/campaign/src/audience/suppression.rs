//! Addresses that must not be written to: the table, and the set in memory that delivery asks.
//!
//! The table is the truth; the set mirrors its rows that are in force. Rows come from the event log (complaints, hard
//! bounces, unsubscribes) and from colleagues. An unsubscribe reaches the set at once, ahead of the log. An address may
//! have several reasons; each stands for itself.
//!
//! Limits: the set grows with the table, about 100 bytes an address.   Known gaps: holds for all tenants and all lists
//! (who leaves one list gets no marketing mail at all until a colleague takes the suppression away).

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use db::{Db, DbError, Insert, Page, PageRequest, Row, Tx, Value, params};
use mail::address::Address;
use model::id::CampaignId;
use model::time::Timestamp;

use super::types::{NewSuppressions, RejectedAddress, Suppression, SuppressionReason, SuppressionsAdded};
use crate::Error;
use crate::base::Base;

/// Most addresses suppressed in one request.
pub const SUPPRESS_MAX: usize = 10_000;

/// The stream to which complaints and unsubscribes do not apply.
const TRANSACTIONAL: &str = "transactional";

const REASONS: [SuppressionReason; 4] = [
    SuppressionReason::Bounce,
    SuppressionReason::Manual,
    SuppressionReason::Complaint,
    SuppressionReason::Unsubscribe,
];

impl SuppressionReason {
    fn bit(self) -> u8 {
        1 << self as u8
    }

    /// Whether mail of this stream must not be sent for this reason.
    pub fn applies_to(self, stream: &str) -> bool {
        match self {
            SuppressionReason::Bounce | SuppressionReason::Manual => true,
            SuppressionReason::Complaint | SuppressionReason::Unsubscribe => stream != TRANSACTIONAL,
        }
    }
}

/// Addresses that must not be written to, in memory: what delivery asks before each attempt. Cheap to clone; all clones
/// are the same set.
#[derive(Clone, Default)]
pub struct SuppressionSet {
    reasons: Arc<RwLock<HashMap<Box<str>, u8>>>,
}

impl SuppressionSet {
    /// Why this address must not be written to on this stream, if so. Never blocks for long, never reads the database.
    /// Suppressions hold for all tenants.
    pub fn check(&self, _tenant: &str, stream: &str, address: &str) -> Option<SuppressionReason> {
        let key = key_of(address);
        let reasons = self.reasons.read().unwrap_or_else(PoisonError::into_inner).get(&*key).copied()?;
        REASONS.into_iter().find(|reason| reasons & reason.bit() != 0 && reason.applies_to(stream))
    }

    /// Whether the person asked us to stop, in one way or another.
    pub(crate) fn opted_out(&self, address: &str) -> bool {
        let reasons = self.reasons.read().unwrap_or_else(PoisonError::into_inner);
        let opted_out = SuppressionReason::Complaint.bit() | SuppressionReason::Unsubscribe.bit();
        reasons.get(&*key_of(address)).is_some_and(|reasons| reasons & opted_out != 0)
    }

    /// How many addresses are in the set.
    pub fn len(&self) -> usize {
        self.reasons.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn add(&self, address: &str, reason: SuppressionReason) {
        let mut reasons = self.reasons.write().unwrap_or_else(PoisonError::into_inner);
        *reasons.entry(key_of(address).into()).or_default() |= reason.bit();
    }

    pub(crate) fn add_all(&self, fresh: &[(String, SuppressionReason)]) {
        for (address, reason) in fresh {
            self.add(address, *reason);
        }
    }

    fn remove(&self, address: &str) {
        self.reasons.write().unwrap_or_else(PoisonError::into_inner).remove(&*key_of(address));
    }

    /// Every suppression in force.
    pub(crate) async fn load(db: &Db) -> Result<Self, DbError> {
        let set = SuppressionSet::default();
        let mut after = params!["", ""];
        loop {
            let sql = "SELECT address_key, reason FROM suppression
                       WHERE removed_at IS NULL AND (address_key, reason) > ($1, $2)
                       ORDER BY address_key, reason LIMIT 10000";
            let rows = db.query(sql, after).await?;
            let Some(last) = rows.last() else { return Ok(set) };
            after = vec![last.value("address_key")?.clone(), last.value("reason")?.clone()];
            for row in &rows {
                set.add(&row.get::<String>("address_key")?, reason(row)?);
            }
        }
    }
}

/// The key under which spellings of one mailbox meet, as [`Address::key`] makes it.
pub(crate) fn key_of(address: &str) -> Cow<'_, str> {
    if address.bytes().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii()) {
        Cow::Owned(address.to_lowercase())
    } else {
        Cow::Borrowed(address)
    }
}

/// A suppression that an event or a person led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewSuppression {
    pub(crate) address: String,
    pub(crate) reason: SuppressionReason,
    pub(crate) note: String,
    pub(crate) campaign: Option<CampaignId>,
    pub(crate) at: Timestamp,
}

/// Writes suppressions; those in force already stay as they are, those taken away come back only by later causes.
/// Returns those that are new or in force again: the caller adds them to the [`SuppressionSet`] after the commit.
pub(crate) async fn write(tx: &mut Tx, new: &[NewSuppression]) -> Result<Vec<(String, SuppressionReason)>, DbError> {
    // Two causes for one row in a batch: the first stands (PostgreSQL refuses to touch a row twice).
    let mut rows: HashMap<(String, SuppressionReason), &NewSuppression> = HashMap::with_capacity(new.len());
    for suppression in new {
        rows.entry((key_of(&suppression.address).into_owned(), suppression.reason)).or_insert(suppression);
    }
    let insert = Insert {
        table: "suppression",
        columns: &["address_key", "reason", "address", "note", "campaign", "created_at"],
        conflict: "ON CONFLICT (address_key, reason) DO UPDATE
                   SET removed_at = NULL, created_at = excluded.created_at, note = excluded.note,
                       campaign = excluded.campaign
                   WHERE suppression.removed_at IS NOT NULL AND suppression.removed_at < excluded.created_at",
    };
    let rows = rows.into_iter().map(|((key, reason), new)| {
        params![key, reason.as_str(), new.address.as_str(), new.note.as_str(), new.campaign, new.at]
    });
    let fresh = tx.insert_returning(&insert, rows.collect(), "address_key, reason").await?;
    fresh.iter().map(|row| Ok((row.get("address_key")?, reason(row)?))).collect()
}

/// A page of the suppressions in force, by address; `q` is the beginning of an address.
pub(crate) async fn page(base: &Base, q: Option<&str>, page: &PageRequest) -> Result<Page<Suppression>, Error> {
    let start = page.start(2)?.unwrap_or_else(|| params!["", ""]);
    let prefix = q.unwrap_or_default().trim().to_lowercase();
    let end = format!("{prefix}\u{10ffff}");
    let sql = "SELECT address_key, address, reason, note, campaign, created_at FROM suppression
               WHERE removed_at IS NULL AND (address_key, reason) > ($1, $2) AND address_key >= $3 AND address_key < $4
               ORDER BY address_key, reason LIMIT $5";
    let mut params = start;
    params.extend([Value::from(prefix), Value::from(end), page.fetch()]);
    let rows = base.db.query(sql, params).await?;
    let items: Vec<Suppression> = rows.iter().map(suppression).collect::<Result<_, _>>()?;
    Ok(Page::new(items, page, |item| params![key_of(&item.address).into_owned(), item.reason.as_str()]))
}

/// Suppresses addresses by hand.
pub(crate) async fn add(base: &Base, set: &SuppressionSet, new: NewSuppressions) -> Result<SuppressionsAdded, Error> {
    if new.addresses.len() > SUPPRESS_MAX {
        return Err(Error::invalid("addresses", format!("more than {SUPPRESS_MAX} addresses; send them in parts")));
    }
    let (mut valid, mut rejected) = (Vec::new(), Vec::new());
    for text in &new.addresses {
        match Address::parse(text) {
            Ok(address) => valid.push(NewSuppression {
                address: address.to_string(),
                reason: SuppressionReason::Manual,
                note: new.note.clone(),
                campaign: None,
                at: base.now(),
            }),
            Err(error) => rejected.push(RejectedAddress { address: text.clone(), reason: error.to_string() }),
        }
    }
    let mut tx = base.db.begin().await?;
    let fresh = write(&mut tx, &valid).await?;
    tx.commit().await?;
    set.add_all(&fresh);
    let added = fresh.len() as u64;
    Ok(SuppressionsAdded { added, already: valid.len() as u64 - added, rejected })
}

/// Takes all suppressions of an address away.
pub(crate) async fn remove(base: &Base, set: &SuppressionSet, address: &str) -> Result<(), Error> {
    let key = key_of(address.trim());
    let sql = "UPDATE suppression SET removed_at = $2 WHERE address_key = $1 AND removed_at IS NULL";
    if base.db.execute(sql, params![&*key, base.now()]).await? == 0 {
        return Err(Error::not_found("suppression of", address));
    }
    set.remove(&key);
    Ok(())
}

fn suppression(row: &Row) -> Result<Suppression, DbError> {
    let reason = reason(row)?;
    Ok(Suppression {
        address: row.get("address")?,
        reason,
        stream: (!reason.applies_to(TRANSACTIONAL)).then(|| "marketing".to_owned()),
        note: row.get("note")?,
        campaign: row.get("campaign")?,
        created_at: row.get("created_at")?,
    })
}

fn reason(row: &Row) -> Result<SuppressionReason, DbError> {
    named(row, "reason", SuppressionReason::from_name)
}

/// A column that holds one of a few names.
pub(crate) fn named<T>(row: &Row, column: &str, from_name: impl Fn(&str) -> Option<T>) -> Result<T, DbError> {
    let name: String = row.get(column)?;
    from_name(&name).ok_or_else(|| DbError::Column { column: column.to_owned(), reason: format!("holds {name:?}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(stream: &str, address: &str, expected: Option<SuppressionReason>) {
        let set = SuppressionSet::default();
        set.add("Ada@example.org", SuppressionReason::Unsubscribe);
        set.add("bob@example.org", SuppressionReason::Complaint);
        set.add("bob@example.org", SuppressionReason::Bounce);
        set.add("ÉVE@example.org", SuppressionReason::Manual);
        assert_eq!(set.check("default", stream, address), expected, "{stream} {address}");
    }

    #[test]
    fn reasons_apply_to_streams() {
        check("bulk", "ada@EXAMPLE.org", Some(SuppressionReason::Unsubscribe));
        check("transactional", "ada@example.org", None);
        check("bulk", "bob@example.org", Some(SuppressionReason::Bounce));
        check("transactional", "bob@example.org", Some(SuppressionReason::Bounce));
        check("transactional", "éve@example.org", Some(SuppressionReason::Manual));
        check("bulk", "zoe@example.org", None);
    }
}
