//! Reply templates: the few thousand wordings behind millions of replies, kept in memory and searched there.
//!
//! A template is a reply code, an enhanced code and a masked text ([`mask`]). Each remembers when it was first and last
//! seen, how often, by which providers, and its latest category. A failure without a reply (no route, broken
//! connection) has a template of its error text with code 0. Numbers are given in order, from 1, and stay.
//! Template 0 stands for everything beyond the configured number of templates.
//! Limits: [`crate::Config::templates_max`], [`PROVIDERS_MAX`], [`SAMPLE_MAX`].

mod mask;

use std::collections::HashMap;
use std::sync::Arc;

use minicbor::{Decode, Encode};
use model::category::Category;
use model::event::Event;
use model::name::Name;
use model::reply::{EnhancedStatus, Reply};
use model::time::Timestamp;
use serde::{Deserialize, Serialize};

use mask::{cut, mask};

/// Most providers told apart for one template; further ones are counted in its total only.
pub const PROVIDERS_MAX: usize = 64;
/// Longest sample kept, in bytes.
pub const SAMPLE_MAX: usize = 512;

/// A wording of replies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Encode, Decode, utoipa::ToSchema)]
#[cbor(map)]
pub struct Template {
    /// Its number, from 1.
    #[n(0)]
    pub id: u32,
    /// Reply code; 0 for an error without a reply.
    #[n(1)]
    pub code: u16,
    /// Enhanced status code.
    #[n(2)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enhanced: Option<EnhancedStatus>,
    /// The wording, with masks such as `{ip}` for what changes.
    #[n(3)]
    pub text: String,
    /// The category that the latest of these replies was given.
    #[n(4)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<Category>,
    /// When it was first seen.
    #[n(5)]
    pub first_seen: Timestamp,
    /// When it was last seen.
    #[n(6)]
    pub last_seen: Timestamp,
    /// How often.
    #[n(7)]
    pub count: u64,
    /// By whom, at most [`PROVIDERS_MAX`].
    #[n(8)]
    pub providers: Vec<TemplateProvider>,
    /// The first of these replies, as it was.
    #[n(9)]
    pub sample: String,
}

/// A template at one provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Encode, Decode, utoipa::ToSchema)]
#[cbor(map)]
pub struct TemplateProvider {
    /// The provider.
    #[n(0)]
    pub provider: Name,
    /// How often.
    #[n(1)]
    pub count: u64,
    /// When it was first seen there.
    #[n(2)]
    pub first_seen: Timestamp,
    /// When it was last seen there.
    #[n(3)]
    pub last_seen: Timestamp,
}

/// Which templates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemplateSearch {
    /// Part of wording, sample or codes, upper or lower case.
    pub text: Option<String>,
    /// Seen at this provider.
    pub provider: Option<Name>,
    /// Of this category.
    pub category: Option<Category>,
}

type Key = (u16, Option<EnhancedStatus>, Box<str>);

/// All templates.
#[derive(Debug)]
pub(crate) struct Templates {
    list: Vec<Arc<Template>>,
    by_wording: HashMap<Key, u32>,
    max: usize,
    dirty: bool,
}

impl Templates {
    pub fn new(list: Vec<Template>, max: usize) -> Templates {
        let by_wording = list
            .iter()
            .map(|template| ((template.code, template.enhanced, template.text.as_str().into()), template.id))
            .collect();
        Templates { list: list.into_iter().map(Arc::new).collect(), by_wording, max, dirty: false }
    }

    /// Counts the event's reply or error; the number of its template, 0 when it has none.
    pub fn observe(&mut self, event: &Event) -> u32 {
        let Some(wording) = Wording::of(event) else { return 0 };
        let key: Key = (wording.code, wording.enhanced, mask(wording.text).into());
        let id = match self.by_wording.get(&key) {
            Some(&id) => id,
            None if self.list.len() >= self.max => return 0,
            None => self.add(key, &wording, event.at),
        };
        let template = Arc::make_mut(&mut self.list[id as usize - 1]);
        template.count_one(event, wording.category);
        self.dirty = true;
        id
    }

    fn add(&mut self, key: Key, wording: &Wording<'_>, at: Timestamp) -> u32 {
        let id = u32::try_from(self.list.len() + 1).expect("invariant: far fewer templates than 2^32");
        self.list.push(Arc::new(Template {
            id,
            code: key.0,
            enhanced: key.1,
            text: key.2.to_string(),
            category: wording.category,
            first_seen: at,
            last_seen: at,
            count: 0,
            providers: Vec::new(),
            sample: cut(wording.text, SAMPLE_MAX).to_owned(),
        }));
        self.by_wording.insert(key, id);
        id
    }

    /// The template of this number.
    pub fn get(&self, id: u32) -> Option<Arc<Template>> {
        self.list.get((id as usize).checked_sub(1)?).cloned()
    }

    /// Those that match, the most frequent first.
    pub fn search(&self, search: &TemplateSearch, limit: usize) -> Vec<Arc<Template>> {
        let text = search.text.as_ref().map(|text| text.to_lowercase());
        let mut found: Vec<Arc<Template>> =
            self.list.iter().filter(|template| template.matches(search, text.as_deref())).cloned().collect();
        found.sort_by(|a, b| b.count.cmp(&a.count).then(a.id.cmp(&b.id)));
        found.truncate(limit);
        found
    }

    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// The whole list when something changed since it was last taken. Cheap: the templates are shared.
    pub fn take_changes(&mut self) -> Option<Vec<Arc<Template>>> {
        std::mem::take(&mut self.dirty).then(|| self.list.clone())
    }

    /// The last changes could not be written.
    pub fn put_back_changes(&mut self) {
        self.dirty = true;
    }
}

impl Template {
    fn count_one(&mut self, event: &Event, category: Option<Category>) {
        self.count += 1;
        self.first_seen = self.first_seen.min(event.at);
        self.last_seen = self.last_seen.max(event.at);
        self.category = category.or(self.category);
        let Some(provider) = &event.provider else { return };
        if let Some(known) = self.providers.iter_mut().find(|known| known.provider == *provider) {
            known.count += 1;
            known.first_seen = known.first_seen.min(event.at);
            known.last_seen = known.last_seen.max(event.at);
        } else if self.providers.len() < PROVIDERS_MAX {
            self.providers.push(TemplateProvider {
                provider: provider.clone(),
                count: 1,
                first_seen: event.at,
                last_seen: event.at,
            });
        }
    }

    /// What is known of it at one provider.
    pub fn at_provider(&self, provider: &str) -> Option<&TemplateProvider> {
        self.providers.iter().find(|known| known.provider == *provider)
    }

    fn matches(&self, search: &TemplateSearch, text: Option<&str>) -> bool {
        let has_text = |text: &str| {
            self.text.to_lowercase().contains(text)
                || self.sample.to_lowercase().contains(text)
                || self.code.to_string() == text
                || self.enhanced.is_some_and(|enhanced| enhanced.to_string().starts_with(text))
        };
        text.is_none_or(has_text)
            && search.provider.as_ref().is_none_or(|provider| self.at_provider(provider).is_some())
            && search.category.is_none_or(|category| self.category == Some(category))
    }
}

/// What an event says about a reply.
struct Wording<'a> {
    code: u16,
    enhanced: Option<EnhancedStatus>,
    text: &'a str,
    category: Option<Category>,
}

impl<'a> Wording<'a> {
    fn of(event: &'a Event) -> Option<Wording<'a>> {
        let from = |reply: &'a Reply, category| Wording {
            code: reply.code,
            enhanced: reply.enhanced,
            text: &reply.text,
            category,
        };
        if let Some(attempt) = &event.attempt {
            let error = attempt.error.as_deref();
            return match (&attempt.reply, error) {
                (Some(reply), _) => Some(from(reply, attempt.category)),
                (None, Some(text)) => Some(Wording { code: 0, enhanced: None, text, category: attempt.category }),
                (None, None) => None,
            };
        }
        if let Some(report) = &event.report {
            return report.reply.as_ref().map(|reply| from(reply, report.category));
        }
        event.control.as_ref()?.reply.as_ref().map(|reply| from(reply, None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::event::{Attempt, EventKind};
    use model::id::RecipientId;

    fn deferred(provider: &str, at: i64, text: &str) -> Event {
        let mut event = Event::of_recipient(EventKind::Deferred, RecipientId(1), 1, Timestamp::from_unix_s(at));
        event.provider = Some(provider.into());
        event.attempt = Some(Attempt {
            reply: Some(Reply::new(421, text)),
            category: Some(Category::RateLimited),
            ..Attempt::default()
        });
        event
    }

    #[test]
    fn same_wording_is_one_template() {
        let mut templates = Templates::new(Vec::new(), 10);
        let first = templates.observe(&deferred("yahoo", 20, "4.7.0 [TSS04] Messages from 192.0.2.1 deferred"));
        let again = templates.observe(&deferred("aol", 10, "4.7.0 [TSS04] Messages from 192.0.2.9 deferred"));
        let other = templates.observe(&deferred("yahoo", 30, "4.7.0 [TSS05] Messages from 192.0.2.1 deferred"));
        assert_eq!((first, again, other), (1, 1, 2));
        let template = templates.get(1).unwrap();
        assert_eq!(template.text, "[TSS04] Messages from {ip} deferred");
        assert_eq!((template.count, template.providers.len()), (2, 2));
        assert_eq!(template.first_seen, Timestamp::from_unix_s(10));
        assert_eq!(template.last_seen, Timestamp::from_unix_s(20));
        assert_eq!(template.sample, "[TSS04] Messages from 192.0.2.1 deferred");
    }

    #[test]
    fn beyond_the_limit_the_number_is_zero() {
        let mut templates = Templates::new(Vec::new(), 1);
        assert_eq!(templates.observe(&deferred("a", 1, "one")), 1);
        assert_eq!(templates.observe(&deferred("a", 1, "two")), 0);
        assert_eq!(templates.observe(&deferred("a", 1, "one")), 1);
    }

    #[test]
    fn search_looks_at_wording_codes_and_provider() {
        let mut templates = Templates::new(Vec::new(), 10);
        templates.observe(&deferred("gmail", 1, "4.7.28 unusual rate"));
        templates.observe(&deferred("gmail", 1, "4.7.28 unusual rate"));
        templates.observe(&deferred("orange", 1, "Too many connections OFR004_104"));
        let check = |text: &str, provider: Option<&str>, expected: &[u32]| {
            let search = TemplateSearch { text: Some(text.into()), provider: provider.map(Name::from), category: None };
            let found: Vec<u32> = templates.search(&search, 5).iter().map(|template| template.id).collect();
            assert_eq!(found, expected, "{text}");
        };
        check("UNUSUAL", None, &[1]);
        check("4.7.", None, &[1]);
        check("ofr004", None, &[2]);
        check("421", None, &[1, 2]);
        check("421", Some("orange"), &[2]);
        check("421", Some("free"), &[]);
    }
}
