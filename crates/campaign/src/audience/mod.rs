//! Who may be written to.

pub(crate) mod types;

use std::sync::Arc;

use db::{Page, PageRequest};
use model::id::{ContactId, ImportId, ListId};

pub use types::{
    Contact, ContactChange, ContactFilter, ContactStatus, Field, FieldKind, Import, ImportColumn, ImportPreview,
    ImportReason, ImportState, List, ListChange, Membership, MembershipState, NewContact, NewList, NewSuppressions,
    RejectedAddress, Suppression, SuppressionReason, SuppressionsAdded,
};

use crate::Error;

/// Lists, contacts, fields, imports, suppressions.
#[derive(Clone)]
pub struct Audience {}

/// Addresses that must not be written to, in memory: what delivery asks before each attempt. Cheap to clone.
#[derive(Clone, Default)]
pub struct SuppressionSet {}

impl SuppressionSet {
    /// Why this address must not be written to on this stream, if so. Never blocks for long, never reads the database.
    /// Suppressions hold for all tenants.
    pub fn check(&self, tenant: &str, stream: &str, address: &str) -> Option<SuppressionReason> {
        let _ = (tenant, stream, address);
        todo!()
    }
}

#[expect(clippy::missing_errors_doc, unused_variables, clippy::unused_async, reason = "signatures first")]
impl Audience {
    pub async fn lists(&self, page: &PageRequest) -> Result<Page<List>, Error> {
        todo!()
    }
    pub async fn list(&self, id: ListId) -> Result<List, Error> {
        todo!()
    }
    pub async fn create_list(&self, list: NewList) -> Result<List, Error> {
        todo!()
    }
    pub async fn change_list(&self, id: ListId, change: ListChange) -> Result<List, Error> {
        todo!()
    }
    pub async fn delete_list(&self, id: ListId) -> Result<(), Error> {
        todo!()
    }
    pub async fn contacts(&self, filter: &ContactFilter, page: &PageRequest) -> Result<Page<Contact>, Error> {
        todo!()
    }
    pub async fn contact(&self, id: ContactId) -> Result<Contact, Error> {
        todo!()
    }
    pub async fn create_contact(&self, contact: NewContact) -> Result<Contact, Error> {
        todo!()
    }
    pub async fn change_contact(&self, id: ContactId, change: ContactChange) -> Result<Contact, Error> {
        todo!()
    }
    pub async fn delete_contact(&self, id: ContactId) -> Result<(), Error> {
        todo!()
    }
    pub async fn fields(&self) -> Result<Vec<Field>, Error> {
        todo!()
    }
    pub async fn create_field(&self, field: Field) -> Result<Field, Error> {
        todo!()
    }
    pub async fn preview_import(&self, list: ListId, file: &[u8]) -> Result<ImportPreview, Error> {
        todo!()
    }
    /// `map`: `0:address,first name:first_name` (number or header of a column, target); suggestions when absent.
    pub async fn start_import(&self, list: ListId, file: Vec<u8>, map: Option<&str>) -> Result<Import, Error> {
        todo!()
    }
    pub async fn import(&self, id: ImportId) -> Result<Import, Error> {
        todo!()
    }
    /// The error file: CSV with line, column, reason and the row as it was.
    pub async fn import_errors(&self, id: ImportId) -> Result<String, Error> {
        todo!()
    }
    pub async fn suppressions(&self, q: Option<&str>, page: &PageRequest) -> Result<Page<Suppression>, Error> {
        todo!()
    }
    pub async fn suppress(&self, new: NewSuppressions) -> Result<SuppressionsAdded, Error> {
        todo!()
    }
    /// Takes all suppressions of one address away.
    pub async fn unsuppress(&self, address: &str) -> Result<(), Error> {
        todo!()
    }
    pub fn suppression_set(&self) -> SuppressionSet {
        todo!()
    }
}

fn _unused(_: Arc<()>) {}
