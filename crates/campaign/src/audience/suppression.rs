//! Addresses that must not be written to: the table, and the set in memory that delivery asks.
//!
//! The table is the truth; the set mirrors its rows that are in force. Rows come from the event log (complaints, hard
//! bounces, unsubscribes) and from colleagues. An unsubscribe reaches the set at once, ahead of the log. An address may
//! have several reasons; each stands for itself. The address need not be one of a contact.
//!
//! | reason | holds for |
//! |---|---|
//! | bounce, manual | all mail |
//! | complaint | every stream but `transactional` |
//! | unsubscribe | what was left: one list, one tenant's stream, or every stream but `transactional` ([`Scope`]) |
//!
//! Limits: the set grows with the table, about 100 bytes an address, and with the campaigns sent since the start, 16
//! bytes each.   Known gaps: all but the scope of a stream holds for all tenants.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use db::{Db, DbError, Insert, Page, PageRequest, Row, Tx, Value, params};
use mail::address::Address;
use mail::program::Source;
use model::event::Event;
use model::id::{CampaignId, ListId};
use model::name::Name;
use model::submission::Routing;
use model::time::Timestamp;

use super::types::{NewSuppressions, RejectedAddress, Suppression, SuppressionReason, SuppressionsAdded};
use crate::Error;
use crate::base::Base;

/// Most addresses suppressed in one request.
pub const SUPPRESS_MAX: usize = 10_000;

/// The stream to which complaints and unsubscribes do not apply, unless somebody left that very stream.
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

/// What an unsubscribe is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Scope {
    /// All mail to which the reason applies.
    #[default]
    All,
    /// The campaigns to one list.
    List(ListId),
    /// The mail of one tenant on one stream.
    Stream { tenant: Name, stream: Name },
}

impl Scope {
    /// Of an unsubscribe: a list goes before a stream.
    pub(crate) fn of(list: Option<ListId>, tenant: &str, stream: &str) -> Self {
        match list {
            Some(list) => Scope::List(list),
            None if stream.is_empty() => Scope::All,
            None => Scope::Stream { tenant: Name::from(tenant), stream: Name::from(stream) },
        }
    }

    /// Of an event of an unsubscribe.
    pub(crate) fn of_event(event: &Event) -> Self {
        let name = |name: &Option<Name>| name.clone().unwrap_or_default();
        Scope::of(event.list, &name(&event.tenant), &name(&event.stream))
    }

    fn of_row(row: &Row) -> Result<Self, DbError> {
        let list: ListId = row.get("list")?;
        Ok(Scope::of(
            Some(list).filter(|list| list.0 != 0),
            &row.get::<String>("tenant")?,
            &row.get::<String>("stream")?,
        ))
    }

    /// As the columns list, tenant and stream hold it.
    fn columns(&self) -> (ListId, &str, &str) {
        match self {
            Scope::All => (ListId(0), "", ""),
            Scope::List(list) => (*list, "", ""),
            Scope::Stream { tenant, stream } => (ListId(0), tenant, stream),
        }
    }
}

/// Addresses that must not be written to, in memory: what delivery asks before each attempt. Cheap to clone; all clones
/// are the same set.
#[derive(Clone, Default)]
pub struct SuppressionSet {
    known: Arc<RwLock<Known>>,
}

#[derive(Default)]
struct Known {
    /// Reasons that are not scoped, as bits.
    all: HashMap<Box<str>, u8>,
    /// What was left otherwise; never [`Scope::All`].
    left: HashMap<Box<str>, Vec<Scope>>,
    /// To which list a campaign goes, for those that may have mail in the queue.
    lists: HashMap<CampaignId, ListId>,
}

impl SuppressionSet {
    /// Why this address must not be written to with this mail, if so. Never blocks for long, never reads the database.
    pub fn check(&self, routing: &Routing, address: &str) -> Option<SuppressionReason> {
        let key = key_of(address);
        let known = self.read();
        if let Some(reason) = known.reason(&key, &routing.stream) {
            return Some(reason);
        }
        let list = routing.campaign.and_then(|campaign| known.lists.get(&campaign));
        let left = known.left.get(&*key)?.iter().any(|scope| match scope {
            Scope::All => true,
            Scope::List(left) => list == Some(left),
            Scope::Stream { tenant, stream } => *tenant == routing.tenant && *stream == routing.stream,
        });
        left.then_some(SuppressionReason::Unsubscribe)
    }

    /// Why this address gets no marketing mail at all, if so.
    pub(crate) fn for_all(&self, address: &str) -> Option<SuppressionReason> {
        self.read().reason(&key_of(address), "")
    }

    /// Whether the person asked us to stop with this list, in one way or another.
    pub(crate) fn opted_out(&self, address: &str, list: ListId) -> bool {
        self.has_left(address, &Scope::List(list))
    }

    /// Whether the person has asked for this already, or for more.
    pub(crate) fn has_left(&self, address: &str, scope: &Scope) -> bool {
        let known = self.read();
        let key = key_of(address);
        let opted_out = SuppressionReason::Complaint.bit() | SuppressionReason::Unsubscribe.bit();
        known.all.get(&*key).is_some_and(|reasons| reasons & opted_out != 0)
            || known.left.get(&*key).is_some_and(|left| left.contains(scope))
    }

    /// How many addresses are in the set.
    pub fn len(&self) -> usize {
        let known = self.read();
        known.all.len() + known.left.keys().filter(|key| !known.all.contains_key(*key)).count()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn add(&self, address: &str, reason: SuppressionReason, scope: &Scope) {
        let mut known = self.write();
        let key = key_of(address).into();
        if *scope == Scope::All {
            *known.all.entry(key).or_default() |= reason.bit();
            return;
        }
        let left = known.left.entry(key).or_default();
        if !left.contains(scope) {
            left.push(scope.clone());
        }
    }

    pub(crate) fn add_all(&self, fresh: &[InForce]) {
        for one in fresh {
            self.add(&one.key, one.reason, &one.scope);
        }
    }

    /// Mail of this campaign goes to this list. To be told before any of it can be attempted.
    pub(crate) fn note_list(&self, campaign: CampaignId, list: ListId) {
        self.write().lists.insert(campaign, list);
    }

    fn remove(&self, address: &str) {
        let key = key_of(address);
        let mut known = self.write();
        known.all.remove(&*key);
        known.left.remove(&*key);
    }

    /// Every suppression in force, and the lists of the campaigns under way.
    pub(crate) async fn load(db: &Db) -> Result<Self, DbError> {
        let set = SuppressionSet::default();
        // The list as it was sealed into the mails: the campaign's own is gone when the list was deleted.
        let sql = "SELECT id, source FROM campaign WHERE state IN ('sending', 'paused') AND source IS NOT NULL";
        for row in db.query(sql, params![]).await? {
            let source = Source::from_bytes(&row.get::<Vec<u8>>("source")?);
            if let Some(list) = source.ok().and_then(|source| source.list) {
                set.note_list(row.get("id")?, list);
            }
        }
        let mut after = start();
        loop {
            let sql = format!(
                "SELECT {KEY} FROM suppression WHERE removed_at IS NULL AND ({KEY}) > ($1, $2, $3, $4, $5)
                 ORDER BY {KEY} LIMIT 10000"
            );
            let rows = db.query(&sql, after).await?;
            let Some(last) = rows.last() else { return Ok(set) };
            after = place(last)?;
            set.add_all(&rows.iter().map(in_force).collect::<Result<Vec<_>, _>>()?);
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn reason(&self, key: &str, stream: &str) -> Option<SuppressionReason> {
        let reasons = self.all.get(key).copied()?;
        REASONS.into_iter().find(|reason| reasons & reason.bit() != 0 && reason.applies_to(stream))
    }
}

/// A row that is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InForce {
    key: String,
    reason: SuppressionReason,
    scope: Scope,
}

/// What tells rows apart, and their order.
const KEY: &str = "address_key, reason, list, tenant, stream";

/// The place in that order before all rows.
fn start() -> Vec<Value> {
    params!["", "", i64::MIN, "", ""]
}

/// The place of a row.
fn place(row: &Row) -> Result<Vec<Value>, DbError> {
    KEY.split(", ").map(|column| row.value(column).cloned()).collect()
}

fn in_force(row: &Row) -> Result<InForce, DbError> {
    Ok(InForce { key: row.get("address_key")?, reason: reason(row)?, scope: Scope::of_row(row)? })
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
    pub(crate) scope: Scope,
    pub(crate) note: String,
    pub(crate) campaign: Option<CampaignId>,
    pub(crate) at: Timestamp,
}

/// Writes suppressions; those in force already stay as they are, those taken away come back only by later causes.
/// Returns those that are new or in force again: the caller adds them to the [`SuppressionSet`] after the commit.
pub(crate) async fn write(tx: &mut Tx, new: &[NewSuppression]) -> Result<Vec<InForce>, DbError> {
    // Two causes for one row in a batch: the first stands (PostgreSQL refuses to touch a row twice).
    let mut rows: HashMap<(String, SuppressionReason, &Scope), &NewSuppression> = HashMap::with_capacity(new.len());
    for suppression in new {
        let key = key_of(&suppression.address).into_owned();
        rows.entry((key, suppression.reason, &suppression.scope)).or_insert(suppression);
    }
    let insert = Insert {
        table: "suppression",
        columns: &["address_key", "reason", "list", "tenant", "stream", "address", "note", "campaign", "created_at"],
        conflict: "ON CONFLICT (address_key, reason, list, tenant, stream) DO UPDATE
                   SET removed_at = NULL, created_at = excluded.created_at, note = excluded.note,
                       campaign = excluded.campaign
                   WHERE suppression.removed_at IS NOT NULL AND suppression.removed_at < excluded.created_at",
    };
    let rows = rows.into_iter().map(|((key, reason, scope), new)| {
        let (list, tenant, stream) = scope.columns();
        let (address, note) = (new.address.as_str(), new.note.as_str());
        params![key, reason.as_str(), list, tenant, stream, address, note, new.campaign, new.at]
    });
    let fresh = tx.insert_returning(&insert, rows.collect(), KEY).await?;
    fresh.iter().map(in_force).collect()
}

/// A page of the suppressions in force, by address; `q` is the beginning of an address.
pub(crate) async fn page(base: &Base, q: Option<&str>, page: &PageRequest) -> Result<Page<Suppression>, Error> {
    let mut params = page.start(5)?.unwrap_or_else(start);
    let prefix = q.unwrap_or_default().trim().to_lowercase();
    let end = format!("{prefix}\u{10ffff}");
    let sql = "SELECT s.address_key, s.reason, s.list, s.tenant, s.stream, s.address, s.note, s.campaign, s.created_at,
                   l.name AS list_name
               FROM suppression AS s LEFT JOIN list AS l ON l.id = s.list
               WHERE s.removed_at IS NULL AND (s.address_key, s.reason, s.list, s.tenant, s.stream) > ($1, $2, $3, $4, $5)
                   AND s.address_key >= $6 AND s.address_key < $7
               ORDER BY s.address_key, s.reason, s.list, s.tenant, s.stream LIMIT $8";
    params.extend([Value::from(prefix), Value::from(end), page.fetch()]);
    let rows = base.db.query(sql, params).await?;
    let items = rows.iter().map(|row| Ok((place(row)?, suppression(row)?))).collect::<Result<Vec<_>, DbError>>()?;
    let Page { items, next } = Page::new(items, page, |(place, _)| place.clone());
    Ok(Page { items: items.into_iter().map(|(_, item)| item).collect(), next })
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
                scope: Scope::All,
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
    let (list, tenant, stream) = match Scope::of_row(row)? {
        Scope::Stream { tenant, stream } => (None, Some(tenant.to_string()), Some(stream.to_string())),
        scope => {
            let list = if let Scope::List(list) = scope { Some(list) } else { None };
            (list, None, (!reason.applies_to(TRANSACTIONAL)).then(|| "marketing".to_owned()))
        }
    };
    Ok(Suppression {
        address: row.get("address")?,
        reason,
        list,
        list_name: row.get("list_name")?,
        tenant,
        stream,
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
        check_mail("default", stream, None, address, expected);
    }

    #[track_caller]
    fn check_mail(
        tenant: &str,
        stream: &str,
        campaign: Option<u64>,
        address: &str,
        expected: Option<SuppressionReason>,
    ) {
        let set = SuppressionSet::default();
        set.add("Ada@example.org", SuppressionReason::Unsubscribe, &Scope::All);
        set.add("bob@example.org", SuppressionReason::Complaint, &Scope::All);
        set.add("bob@example.org", SuppressionReason::Bounce, &Scope::All);
        set.add("ÉVE@example.org", SuppressionReason::Manual, &Scope::All);
        set.add("Kim@example.org", SuppressionReason::Unsubscribe, &Scope::List(ListId(7)));
        set.add("lee@example.org", SuppressionReason::Unsubscribe, &Scope::of(None, "shop", "transactional"));
        set.note_list(CampaignId(70), ListId(7));
        set.note_list(CampaignId(80), ListId(8));
        let routing = Routing {
            tenant: tenant.into(),
            stream: stream.into(),
            campaign: campaign.map(CampaignId),
            ..Routing::default()
        };
        assert_eq!(set.check(&routing, address), expected, "{tenant} {stream} {campaign:?} {address}");
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

    #[test]
    fn an_unsubscribe_holds_for_what_was_left() {
        let left = Some(SuppressionReason::Unsubscribe);
        check_mail("default", "bulk", Some(70), "kim@example.org", left);
        check_mail("default", "transactional", Some(70), "KIM@example.org", left);
        check_mail("default", "bulk", Some(80), "kim@example.org", None);
        check_mail("default", "bulk", Some(90), "kim@example.org", None);
        check_mail("default", "bulk", None, "kim@example.org", None);
        check_mail("shop", "transactional", None, "lee@example.org", left);
        check_mail("shop", "bulk", None, "lee@example.org", None);
        check_mail("default", "transactional", None, "lee@example.org", None);
    }

    #[test]
    fn what_is_taken_away_is_taken_away_whole() {
        let set = SuppressionSet::default();
        for scope in [Scope::All, Scope::List(ListId(7)), Scope::of(None, "shop", "alerts")] {
            set.add("ada@example.org", SuppressionReason::Unsubscribe, &scope);
        }
        assert_eq!(set.len(), 1);
        assert!(set.opted_out("ada@example.org", ListId(8)));
        set.remove("ADA@example.org");
        assert!(set.is_empty() && !set.opted_out("ada@example.org", ListId(7)));
        set.add("ada@example.org", SuppressionReason::Unsubscribe, &Scope::List(ListId(7)));
        assert!(set.opted_out("Ada@example.org", ListId(7)) && !set.opted_out("ada@example.org", ListId(8)));
        assert_eq!(set.for_all("ada@example.org"), None);
    }
}
