//! Rows into the database, a chunk in one transaction.
//!
//! A contact that is there already keeps its address and gets the values of the row put over its own. Who left the list,
//! or unsubscribed or complained anywhere, is not subscribed again: the values are taken, the membership is not.

use std::collections::HashMap;

use db::{DbError, Insert, Tx, Value as Param, params};
use model::id::{ContactId, ImportId, ListId};
use model::value::Fields;

use super::row::{GoodRow, RefusedRow};
use crate::audience::contact::{self, Stored};
use crate::audience::suppression::SuppressionSet;
use crate::audience::types::MembershipState;
use crate::base::{Base, numbered};

/// Refused rows kept for the error file of one import; further ones are only counted.
pub const ERRORS_MAX: u64 = 100_000;

/// What goes into the database at once.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    pub(super) good: Vec<GoodRow>,
    pub(super) refused: Vec<RefusedRow>,
    /// How far the file has been read, in bytes.
    pub(super) bytes_done: u64,
}

/// What a chunk led to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) accepted: u64,
    pub(super) updated: u64,
    pub(super) held_back: u64,
}

pub(super) struct Writer<'a> {
    pub(super) base: &'a Base,
    pub(super) set: &'a SuppressionSet,
    pub(super) import: ImportId,
    pub(super) list: ListId,
}

/// A contact of the chunk that is there already.
struct Known {
    id: ContactId,
    name: String,
    fields: Fields,
    address: String,
}

impl Writer<'_> {
    /// Writes contacts and memberships of a chunk.
    pub(super) async fn write(&self, tx: &mut Tx, chunk: &Chunk) -> Result<Written, DbError> {
        let mut known = known_contacts(tx, &chunk.good).await?;
        let mut written = Written::default();
        let (mut fresh, mut changed, mut members) = (Vec::new(), Vec::new(), Vec::with_capacity(chunk.good.len()));
        let now = self.base.now();
        for row in &chunk.good {
            let old = known.remove(&row.address.key());
            let id = old.as_ref().map_or_else(|| ContactId(self.base.id()), |old| old.id);
            members.push((id, self.set.opted_out(row.address.as_str(), self.list), old.is_some()));
            match old {
                Some(old) => {
                    written.updated += 1;
                    changed.extend(merged(row, old).map(|stored| stored.row(id, now)));
                }
                None => {
                    written.accepted += 1;
                    let mut stored =
                        Stored { address: row.address.clone(), name: row.name.clone(), fields: row.fields.clone() };
                    stored.name_from_fields();
                    fresh.push(stored.row(id, now));
                }
            }
        }
        tx.insert(&contact::INSERT, fresh).await?;
        let update = Insert {
            conflict: "ON CONFLICT (id) DO UPDATE SET name = excluded.name, name_key = excluded.name_key,
                           fields = excluded.fields, updated_at = excluded.updated_at,
                           changed_by = '', version = contact.version + 1",
            ..contact::INSERT
        };
        tx.insert(&update, changed).await?;
        written.held_back = self.join(tx, &members).await?;
        self.keep_refused(tx, &chunk.refused).await?;
        Ok(written)
    }

    /// Puts contacts on the list; returns how many are not subscribed afterwards.
    async fn join(&self, tx: &mut Tx, members: &[(ContactId, bool, bool)]) -> Result<u64, DbError> {
        let left = self.left_before(tx, members).await?;
        let held_back = members.iter().filter(|(id, opted_out, _)| *opted_out || left.contains(id)).count();
        let insert = Insert {
            table: "membership",
            columns: &["list", "contact", "state", "since"],
            conflict: "ON CONFLICT (list, contact) DO NOTHING",
        };
        let now = self.base.now();
        let rows = members.iter().map(|(id, opted_out, _)| {
            let state = if *opted_out { MembershipState::Unsubscribed } else { MembershipState::Subscribed };
            params![self.list, *id, state.as_str(), now]
        });
        tx.insert(&insert, rows.collect()).await?;
        Ok(held_back as u64)
    }

    /// Those of the known contacts who left this list.
    async fn left_before(&self, tx: &mut Tx, members: &[(ContactId, bool, bool)]) -> Result<Vec<ContactId>, DbError> {
        let mut params = params![self.list, MembershipState::Unsubscribed.as_str()];
        params.extend(members.iter().filter(|(.., known)| *known).map(|(id, ..)| Param::from(*id)));
        if params.len() == 2 {
            return Ok(Vec::new());
        }
        let sql = format!(
            "SELECT contact FROM membership WHERE list = $1 AND state = $2 AND contact IN ({})",
            numbered(3, params.len() - 2)
        );
        tx.query(&sql, params).await?.iter().map(|row| row.get("contact")).collect()
    }

    async fn keep_refused(&self, tx: &mut Tx, refused: &[RefusedRow]) -> Result<(), DbError> {
        let insert = Insert {
            table: "import_error",
            columns: &["import", "line", "field", "reason", "cells"],
            conflict: "ON CONFLICT (import, line) DO NOTHING",
        };
        let rows =
            refused.iter().map(|row| params![self.import, row.line, &row.column, &row.reason, Param::json(&row.cells)]);
        tx.insert(&insert, rows.collect()).await.map(|_| ())
    }
}

async fn known_contacts(tx: &mut Tx, rows: &[GoodRow]) -> Result<HashMap<String, Known>, DbError> {
    if rows.is_empty() {
        return Ok(HashMap::new());
    }
    let keys = rows.iter().map(|row| Param::from(row.address.key())).collect();
    let sql = format!(
        "SELECT id, address, address_key, name, fields FROM contact WHERE address_key IN ({})",
        numbered(1, rows.len())
    );
    let rows = tx.query(&sql, keys).await?;
    rows.iter()
        .map(|row| {
            let known = Known {
                id: row.get("id")?,
                name: row.get("name")?,
                fields: row.json("fields")?,
                address: row.get("address")?,
            };
            Ok((row.get("address_key")?, known))
        })
        .collect()
}

/// The known contact with the values of the row put over its own; `None` when nothing changes.
fn merged(row: &GoodRow, old: Known) -> Option<Stored> {
    let name = if row.name.is_empty() { old.name.clone() } else { row.name.clone() };
    let mut fields = old.fields.clone();
    for field in &row.fields.0 {
        fields.set(&field.name, field.value.clone());
    }
    if name == old.name && fields == old.fields {
        return None;
    }
    // The stored spelling was valid when it came in; should it not be any more, the row's spelling is the same mailbox.
    let address = mail::address::Address::parse(&old.address).unwrap_or_else(|_| row.address.clone());
    Some(Stored { address, name, fields })
}
