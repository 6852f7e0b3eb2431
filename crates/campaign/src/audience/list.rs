//! Lists of contacts.

use db::{DbError, Page, PageRequest, Row, params};
use model::id::ListId;

use super::types::{List, ListChange, NewList};
use crate::Error;
use crate::base::Base;

/// Longest name of a list, in bytes.
pub const LIST_NAME_MAX: usize = 200;

/// Longest description of a list, in bytes.
pub const LIST_DESCRIPTION_MAX: usize = 4_096;

const SELECT: &str = "SELECT id, name, description, created_at, version, changed_at, changed_by,
    (SELECT COUNT(*) FROM membership WHERE membership.list = list.id) AS contacts FROM list";

/// A page of lists, the newest first.
pub(crate) async fn page(base: &Base, page: &PageRequest) -> Result<Page<List>, Error> {
    let mut params = page.start(1)?.unwrap_or_else(|| params![i64::MAX]);
    params.push(page.fetch());
    let rows = base.db.query(&format!("{SELECT} WHERE id < $1 ORDER BY id DESC LIMIT $2"), params).await?;
    let items: Vec<List> = rows.iter().map(list).collect::<Result<_, _>>()?;
    Ok(Page::new(items, page, |list| params![list.id]))
}

/// One list.
pub(crate) async fn get(base: &Base, id: ListId) -> Result<List, Error> {
    let row = base.db.query_optional(&format!("{SELECT} WHERE id = $1"), params![id]).await?;
    Ok(list(&row.ok_or_else(|| Error::not_found("list", id))?)?)
}

/// Makes a list.
pub(crate) async fn create(base: &Base, new: NewList) -> Result<List, Error> {
    check(&new.name, &new.description)?;
    let list = List {
        id: ListId(base.id()),
        name: new.name.trim().to_owned(),
        description: new.description,
        contacts: 0,
        created_at: base.now(),
        version: 1,
        changed_at: base.now(),
        changed_by: String::new(),
    };
    let sql = "INSERT INTO list (id, name, description, created_at, changed_at) VALUES ($1, $2, $3, $4, $4)";
    let values = params![list.id, &list.name, &list.description, list.created_at];
    base.db.execute(sql, values).await.map_err(|error| same_name(error, &list.name))?;
    Ok(list)
}

/// Changes name or description.
pub(crate) async fn change(base: &Base, id: ListId, change: ListChange, by: &str) -> Result<List, Error> {
    let old = get(base, id).await?;
    let stale = |list: List| Error::Stale { what: "list", at: list.changed_at, by: list.changed_by };
    if change.version.is_some_and(|version| version != old.version) {
        return Err(stale(old));
    }
    let name = change.name.map_or(old.name, |name| name.trim().to_owned());
    let description = change.description.unwrap_or(old.description);
    check(&name, &description)?;
    let sql = "UPDATE list SET name = $2, description = $3, version = version + 1, changed_at = $4, changed_by = $5
               WHERE id = $1 AND version = $6";
    let values = params![id, &name, &description, base.now(), by, old.version];
    let written = base.db.execute(sql, values).await.map_err(|error| same_name(error, &name))?;
    let list = get(base, id).await?;
    // Somebody was faster, between the reading and the writing.
    if written == 0 { Err(stale(list)) } else { Ok(list) }
}

/// Removes a list and its memberships; contacts and sent campaigns stay.
pub(crate) async fn delete(base: &Base, id: ListId) -> Result<(), Error> {
    match base.db.execute("DELETE FROM list WHERE id = $1", params![id]).await? {
        0 => Err(Error::not_found("list", id)),
        _ => Ok(()),
    }
}

fn check(name: &str, description: &str) -> Result<(), Error> {
    if name.trim().is_empty() || name.len() > LIST_NAME_MAX || name.chars().any(char::is_control) {
        let reason = format!("a list needs a name of at most {LIST_NAME_MAX} bytes, without control characters");
        return Err(Error::invalid("name", reason));
    }
    if description.len() > LIST_DESCRIPTION_MAX || description.contains('\0') {
        return Err(Error::invalid("description", format!("at most {LIST_DESCRIPTION_MAX} bytes of text")));
    }
    Ok(())
}

fn same_name(error: DbError, name: &str) -> Error {
    match error {
        DbError::Conflict(_) => Error::conflict(format!("there is a list {name:?} already")),
        other => other.into(),
    }
}

fn list(row: &Row) -> Result<List, DbError> {
    Ok(List {
        id: row.get("id")?,
        name: row.get("name")?,
        description: row.get("description")?,
        contacts: row.get("contacts")?,
        created_at: row.get("created_at")?,
        version: row.get("version")?,
        changed_at: row.get("changed_at")?,
        changed_by: row.get("changed_by")?,
    })
}
