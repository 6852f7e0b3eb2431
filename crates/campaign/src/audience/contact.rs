//! Contacts: one row for each mailbox.
//!
//! Two spellings of one address are one contact (`address_key`). A contact's status is not stored: it follows from the
//! suppressions of its address. Removing a contact keeps what was sent to it (`recipient`), without name and fields.

use std::collections::HashMap;

use db::{DbError, Insert, Page, PageRequest, Row, Tx, Value as Param, params};
use mail::address::Address;
use model::id::{ContactId, ListId};
use model::time::Timestamp;
use model::value::{Fields, Value};

use super::field::{self, Registry, is_blank};
use super::suppression::{SuppressionSet, named};
use super::types::{Contact, ContactChange, ContactFilter, ContactStatus, Membership, MembershipState, NewContact};
use crate::Error;
use crate::base::{Base, numbered};

/// Longest name of a contact, in bytes.
pub const CONTACT_NAME_MAX: usize = 255;

/// Most lists of one contact given in one request.
pub const CONTACT_LISTS_MAX: usize = 200;

const COLUMNS: &str = "c.id, c.address, c.name, c.fields, c.created_at, c.version, c.updated_at, c.changed_by";

/// A page of contacts, the newest first.
pub(crate) async fn page(
    base: &Base,
    set: &SuppressionSet,
    filter: &ContactFilter,
    page: &PageRequest,
) -> Result<Page<Contact>, Error> {
    let mut params = page.start(1)?.unwrap_or_else(|| params![i64::MAX]);
    params.push(page.fetch());
    let mut sql = format!("SELECT {COLUMNS} FROM contact AS c");
    if let Some(list) = filter.list {
        params.push(list.into());
        sql.push_str(&format!(" JOIN membership AS m ON m.contact = c.id AND m.list = ${}", params.len()));
    }
    sql.push_str(" WHERE c.id < $1");
    let q = filter.q.as_deref().unwrap_or_default().trim().to_lowercase();
    if let Some(domain) = q.strip_prefix('@') {
        params.push(domain.into());
        sql.push_str(&format!(" AND c.domain = ${}", params.len()));
    } else if !q.is_empty() {
        params.extend([Param::from(&q), Param::from(format!("{q}\u{10ffff}"))]);
        let (low, high) = (params.len() - 1, params.len());
        sql.push_str(&format!(
            " AND ((c.address_key >= ${low} AND c.address_key < ${high}) OR (c.name_key >= ${low} AND c.name_key < ${high}))"
        ));
    }
    sql.push_str(" ORDER BY c.id DESC LIMIT $2");
    let rows = base.db.query(&sql, params).await?;
    let contacts = complete(base, set, &rows).await?;
    Ok(Page::new(contacts, page, |contact| params![contact.id]))
}

/// One contact.
pub(crate) async fn get(base: &Base, set: &SuppressionSet, id: ContactId) -> Result<Contact, Error> {
    let rows = base.db.query(&format!("SELECT {COLUMNS} FROM contact AS c WHERE c.id = $1"), params![id]).await?;
    complete(base, set, &rows).await?.pop().ok_or_else(|| Error::not_found("contact", id))
}

/// Makes a contact.
pub(crate) async fn create(base: &Base, set: &SuppressionSet, new: NewContact) -> Result<Contact, Error> {
    let registry = field::registry(base).await?;
    let id = ContactId(base.id());
    let mut stored = Stored { address: address(&new.address)?, name: name(&new.name)?, fields: Fields::default() };
    field::merge(&registry, &mut stored.fields, new.fields)?;
    stored.name_from_fields();
    let now = base.now();
    let mut tx = base.db.begin().await?;
    tx.insert(&INSERT, vec![stored.row(id, now)]).await.map_err(|error| same_address(error, &stored.address))?;
    join(&mut tx, id, &new.lists, now).await?;
    tx.commit().await?;
    get(base, set, id).await
}

/// Changes a contact.
pub(crate) async fn change(
    base: &Base,
    set: &SuppressionSet,
    id: ContactId,
    change: ContactChange,
    by: &str,
) -> Result<Contact, Error> {
    let registry = field::registry(base).await?;
    let now = base.now();
    let mut tx = base.db.begin().await?;
    let sql = format!("SELECT {COLUMNS} FROM contact AS c WHERE c.id = $1");
    let row = tx.query_optional(&sql, params![id]).await?.ok_or_else(|| Error::not_found("contact", id))?;
    let version: u64 = row.get("version")?;
    let stale = Error::Stale { what: "contact", at: row.get("updated_at")?, by: row.get("changed_by")? };
    if change.version.is_some_and(|given| given != version) {
        return Err(stale);
    }
    let stored = changed(&registry, &row, &change)?;
    let sql = "UPDATE contact SET address = $2, address_key = $3, domain = $4, name = $5, name_key = $6,
                   fields = CAST($7 AS {json}), updated_at = $8, changed_by = $9, version = version + 1
               WHERE id = $1 AND version = $10";
    let mut values = stored.row(id, now);
    values.remove(7); // created_at stays
    values.extend(params![by, version]);
    if tx.execute(sql, values).await.map_err(|error| same_address(error, &stored.address))? == 0 {
        return Err(stale);
    }
    if let Some(lists) = &change.lists {
        leave_others(&mut tx, id, lists).await?;
        join(&mut tx, id, lists, now).await?;
    }
    tx.commit().await?;
    get(base, set, id).await
}

/// Removes a contact and its memberships.
pub(crate) async fn delete(base: &Base, id: ContactId) -> Result<(), Error> {
    match base.db.execute("DELETE FROM contact WHERE id = $1", params![id]).await? {
        0 => Err(Error::not_found("contact", id)),
        _ => Ok(()),
    }
}

/// What is stored of a contact.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) address: Address,
    pub(crate) name: String,
    pub(crate) fields: Fields,
}

/// The insert that fits [`Stored::row`].
pub(crate) const INSERT: Insert<'static> = Insert {
    table: "contact",
    columns: &[
        "id",
        "address",
        "address_key",
        "domain",
        "name",
        "name_key",
        "fields {json}",
        "created_at",
        "updated_at",
    ],
    conflict: "",
};

impl Stored {
    pub(crate) fn row(&self, id: ContactId, now: Timestamp) -> Vec<Param> {
        params![
            id,
            self.address.as_str(),
            self.address.key(),
            self.address.domain(),
            &self.name,
            self.name.to_lowercase(),
            Param::json(&self.fields),
            now,
            now,
        ]
    }

    /// Without a name of its own, a contact is called by its first and last name.
    pub(crate) fn name_from_fields(&mut self) {
        if self.name.is_empty() {
            let parts = ["first_name", "last_name"].map(|part| self.fields.get(part).and_then(Value::as_text));
            self.name = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
            self.name.truncate(self.name.floor_char_boundary(CONTACT_NAME_MAX));
        }
    }
}

fn changed(registry: &Registry, row: &Row, change: &ContactChange) -> Result<Stored, Error> {
    let old: String = row.get("address")?;
    let mut stored = Stored {
        address: address(change.address.as_deref().unwrap_or(&old))?,
        name: change.name.as_deref().map_or_else(|| row.get("name").map_err(Error::from), name)?,
        fields: row.json("fields")?,
    };
    if let Some(fields) = &change.fields {
        field::merge(registry, &mut stored.fields, fields.clone())?;
    }
    Ok(stored)
}

fn address(text: &str) -> Result<Address, Error> {
    Address::parse(text).map_err(|error| Error::invalid("address", error.to_string()))
}

/// A name as it is stored: without white space at the ends and control characters.
fn name(text: &str) -> Result<String, Error> {
    let name = clean_name(text);
    if name.len() > CONTACT_NAME_MAX {
        return Err(Error::invalid("name", format!("longer than {CONTACT_NAME_MAX} bytes")));
    }
    Ok(name)
}

pub(crate) fn clean_name(text: &str) -> String {
    text.trim_matches(is_blank).chars().filter(|c| !c.is_control()).collect()
}

/// Puts a contact on lists; where it is already, it stays as it is, unsubscribed included.
async fn join(tx: &mut Tx, contact: ContactId, lists: &[ListId], now: Timestamp) -> Result<(), Error> {
    if lists.len() > CONTACT_LISTS_MAX {
        return Err(Error::invalid("lists", format!("more than {CONTACT_LISTS_MAX} lists")));
    }
    let insert = Insert {
        table: "membership",
        columns: &["list", "contact", "state", "since"],
        conflict: "ON CONFLICT (list, contact) DO NOTHING",
    };
    let rows = lists.iter().map(|list| params![*list, contact, MembershipState::Subscribed.as_str(), now]);
    match tx.insert(&insert, rows.collect()).await {
        Ok(_) => Ok(()),
        Err(DbError::Reference(_)) => Err(Error::invalid("lists", "one of these lists does not exist")),
        Err(error) => Err(error.into()),
    }
}

/// Takes a contact off all other lists. Where it has unsubscribed that stays on record: forgotten, the next import or
/// edit would subscribe it again.
async fn leave_others(tx: &mut Tx, contact: ContactId, lists: &[ListId]) -> Result<(), DbError> {
    let mut params = params![contact, MembershipState::Subscribed.as_str()];
    params.extend(lists.iter().map(|list| Param::from(*list)));
    let others =
        if lists.is_empty() { String::new() } else { format!(" AND list NOT IN ({})", numbered(3, lists.len())) };
    tx.execute(&format!("DELETE FROM membership WHERE contact = $1 AND state = $2{others}"), params).await?;
    Ok(())
}

fn same_address(error: DbError, address: &Address) -> Error {
    match error {
        DbError::Conflict(_) => Error::conflict(format!("there is a contact with the address {address} already")),
        other => other.into(),
    }
}

/// Contacts out of rows of [`COLUMNS`], with their lists and status.
async fn complete(base: &Base, set: &SuppressionSet, rows: &[Row]) -> Result<Vec<Contact>, Error> {
    let mut lists = memberships(base, rows).await?;
    rows.iter()
        .map(|row| {
            let id: ContactId = row.get("id")?;
            let address: String = row.get("address")?;
            Ok(Contact {
                id,
                status: set.status(&address),
                address,
                name: row.get("name")?,
                fields: row.json("fields")?,
                lists: lists.remove(&id).unwrap_or_default(),
                created_at: row.get("created_at")?,
                version: row.get("version")?,
                changed_at: row.get("updated_at")?,
                changed_by: row.get("changed_by")?,
            })
        })
        .collect()
}

async fn memberships(base: &Base, contacts: &[Row]) -> Result<HashMap<ContactId, Vec<Membership>>, DbError> {
    let mut lists: HashMap<ContactId, Vec<Membership>> = HashMap::new();
    if contacts.is_empty() {
        return Ok(lists);
    }
    let ids = contacts.iter().map(|row| row.value("id").cloned()).collect::<Result<Vec<_>, _>>()?;
    let sql = format!(
        "SELECT m.contact, m.list, l.name, m.state, m.since FROM membership AS m JOIN list AS l ON l.id = m.list
         WHERE m.contact IN ({}) ORDER BY l.name",
        numbered(1, ids.len())
    );
    for row in base.db.query(&sql, ids).await? {
        lists.entry(row.get("contact")?).or_default().push(Membership {
            id: row.get("list")?,
            name: row.get("name")?,
            state: named(&row, "state", MembershipState::from_name)?,
            since: row.get("since")?,
        });
    }
    Ok(lists)
}

impl SuppressionSet {
    /// What the suppressions of an address mean for its contact.
    pub(crate) fn status(&self, address: &str) -> ContactStatus {
        use super::types::SuppressionReason::{Bounce, Complaint, Manual, Unsubscribe};
        match self.for_all(address) {
            None => ContactStatus::Active,
            Some(Bounce) => ContactStatus::Bounced,
            Some(Complaint) => ContactStatus::Complained,
            Some(Unsubscribe) => ContactStatus::Unsubscribed,
            Some(Manual) => ContactStatus::Suppressed,
        }
    }
}
