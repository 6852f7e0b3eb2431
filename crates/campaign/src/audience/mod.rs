//! Who may be written to.
//!
//! [`Audience`] is the door: each method is one thing that a person or a program may ask. The work is done in one
//! module for each noun.

pub(crate) mod contact;
pub(crate) mod field;
pub mod import;
pub(crate) mod list;
pub(crate) mod suppression;
pub(crate) mod types;

use std::sync::Arc;

use db::{Page, PageRequest};
use model::id::{ContactId, ImportId, ListId};
use tokio::sync::Semaphore;

pub use contact::{CONTACT_LISTS_MAX, CONTACT_NAME_MAX};
pub use field::{CHOICES_MAX, FIELD_TEXT_MAX, FIELDS_MAX};
pub use list::{LIST_DESCRIPTION_MAX, LIST_NAME_MAX};
pub use suppression::{SUPPRESS_MAX, SuppressionSet};
pub use types::{
    Contact, ContactChange, ContactFilter, ContactStatus, Field, FieldKind, Import, ImportColumn, ImportPreview,
    ImportReason, ImportState, List, ListChange, Membership, MembershipState, NewContact, NewList, NewSuppressions,
    RejectedAddress, Suppression, SuppressionReason, SuppressionsAdded,
};

use crate::Error;
use crate::base::Base;

/// Lists, contacts, fields, imports, suppressions. Cheap to clone.
#[derive(Clone)]
pub struct Audience {
    base: Arc<Base>,
    set: SuppressionSet,
    import_places: Arc<Semaphore>,
}

impl Audience {
    pub(crate) fn new(base: Arc<Base>, set: SuppressionSet) -> Self {
        Audience { base, set, import_places: Arc::new(Semaphore::new(import::IMPORTS_AT_ONCE)) }
    }

    /// Lists, the newest first.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn lists(&self, page: &PageRequest) -> Result<Page<List>, Error> {
        list::page(&self.base, page).await
    }

    /// One list.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn list(&self, id: ListId) -> Result<List, Error> {
        list::get(&self.base, id).await
    }

    /// Makes a list.
    ///
    /// # Errors
    /// [`Error::Invalid`]; [`Error::Conflict`] when there is one of this name.
    pub async fn create_list(&self, new: NewList) -> Result<List, Error> {
        list::create(&self.base, new).await
    }

    /// Changes a list's name or description in the name of `by`.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::Stale`]; [`Error::Conflict`] when there is one of this name.
    pub async fn change_list(&self, id: ListId, change: ListChange, by: &str) -> Result<List, Error> {
        list::change(&self.base, id, change, by).await
    }

    /// Removes a list; its contacts stay.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn delete_list(&self, id: ListId) -> Result<(), Error> {
        list::delete(&self.base, id).await
    }

    /// Contacts, the newest first.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn contacts(&self, filter: &ContactFilter, page: &PageRequest) -> Result<Page<Contact>, Error> {
        contact::page(&self.base, &self.set, filter, page).await
    }

    /// One contact.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn contact(&self, id: ContactId) -> Result<Contact, Error> {
        contact::get(&self.base, &self.set, id).await
    }

    /// Makes a contact.
    ///
    /// # Errors
    /// [`Error::Invalid`]; [`Error::Conflict`] when there is one with this address.
    pub async fn create_contact(&self, new: NewContact) -> Result<Contact, Error> {
        contact::create(&self.base, &self.set, new).await
    }

    /// Changes a contact.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`]; [`Error::Conflict`] when there is another with this address.
    pub async fn change_contact(&self, id: ContactId, change: ContactChange, by: &str) -> Result<Contact, Error> {
        contact::change(&self.base, &self.set, id, change, by).await
    }

    /// Removes a contact from all lists.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn delete_contact(&self, id: ContactId) -> Result<(), Error> {
        contact::delete(&self.base, id).await
    }

    /// The registry of fields, by name.
    ///
    /// # Errors
    /// [`Error::Db`].
    pub async fn fields(&self) -> Result<Vec<Field>, Error> {
        Ok(field::registry(&self.base).await?.into_values().collect())
    }

    /// Adds a field to the registry.
    ///
    /// # Errors
    /// [`Error::Invalid`]; [`Error::Conflict`] when there is one of this name.
    pub async fn create_field(&self, field: Field) -> Result<Field, Error> {
        field::create(&self.base, field).await
    }

    /// What an import would see in a file, or in its beginning.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there is nothing to see.
    pub async fn preview_import(&self, file: &[u8]) -> Result<ImportPreview, Error> {
        import::preview(&self.base, file.to_vec()).await
    }

    /// Begins to import a file into a list; the work goes on in the background.
    ///
    /// `map` says where columns go, `0:address,first name:first_name` (number from 0, or header of a column, then the
    /// target); what [`Audience::preview_import`] suggests when absent.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the list; [`Error::Invalid`] for `file` or `map`.
    pub async fn start_import(&self, list: ListId, file: Vec<u8>, map: Option<&str>) -> Result<Import, Error> {
        import::start(&self.base, &self.set, &self.import_places, list, file, map).await
    }

    /// How far an import is.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn import(&self, id: ImportId) -> Result<Import, Error> {
        import::get(&self.base, id).await
    }

    /// The error file of an import: CSV with line, column, reason and the row as it was.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn import_errors(&self, id: ImportId) -> Result<String, Error> {
        import::error_file(&self.base, id).await
    }

    /// Suppressions in force, by address; `q` is the beginning of an address.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn suppressions(&self, q: Option<&str>, page: &PageRequest) -> Result<Page<Suppression>, Error> {
        suppression::page(&self.base, q, page).await
    }

    /// Suppresses addresses by hand; in force when it returns.
    ///
    /// # Errors
    /// [`Error::Invalid`] for too many.
    pub async fn suppress(&self, new: NewSuppressions) -> Result<SuppressionsAdded, Error> {
        suppression::add(&self.base, &self.set, new).await
    }

    /// Takes all suppressions of one address away.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn unsuppress(&self, address: &str) -> Result<(), Error> {
        suppression::remove(&self.base, &self.set, address).await
    }

    /// The set that delivery asks before each attempt.
    pub fn suppression_set(&self) -> SuppressionSet {
        self.set.clone()
    }
}
