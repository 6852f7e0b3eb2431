//! What the rules would have done with recorded replies: on the clock of the record, with thresholds and durations.
//!
//! Pure, and read line by line, so that a log of any length can be replayed. A reply that comes while a suspension by a
//! rule would have been in force is counted as avoided: it would not have come. Everything else is as recorded: what
//! slower sending would have changed, nobody knows.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use model::name::Name;
use model::reply::Reply;
use model::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::recorded::{Line, Reader, Recorded};
use super::{Action, Hits, Providers, RuleScope};

/// Most firings of one rule that a report shows in full.
pub const FIRINGS_MAX: usize = 50;

/// Most wordings counted; further new ones count as others.
pub const TEMPLATES_MAX: usize = 20_000;

/// Most wordings a report shows, of those that no rule knows and of all.
pub const SHOWN_MAX: usize = 50;

/// Most counts towards thresholds at a time, by source, provider and so on.
const TARGETS_MAX: usize = 100_000;

/// Most unread lines shown.
const UNREAD_SHOWN: usize = 5;

/// What came of a replay.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReplayReport {
    /// Lines read.
    pub lines: u64,
    /// Replies among them, successes included.
    pub replies: u64,
    /// Replies that were a success.
    pub delivered: u64,
    /// Replies that a rule took.
    pub known: u64,
    /// Replies that would not have come, because sending would have been suspended.
    pub avoided: u64,
    /// Lines that are nothing known.
    pub unread: u64,
    /// The first of them, with their numbers.
    pub unread_lines: Vec<UnreadLine>,
    /// Lines had no time: a second was taken for each.
    pub timeless: bool,
    /// Time of the first reply.
    pub from: Option<Timestamp>,
    /// Time of the last reply.
    pub to: Option<Timestamp>,
    /// Every rule, in the order of the file.
    pub rules: Vec<ReplayedRule>,
    /// Failures that no rule takes, most frequent first.
    pub unknown: Vec<Wording>,
    /// All failures, most frequent first.
    pub wordings: Vec<Wording>,
}

/// A line that is nothing known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnreadLine {
    /// Its number, from 1.
    pub line: u64,
    /// Its beginning.
    pub text: String,
}

/// What one rule would have done.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReplayedRule {
    /// The rule.
    pub name: Name,
    /// Line of the file.
    pub line: usize,
    /// Replies that it took.
    pub hits: u64,
    /// How often it would have fired.
    pub fired: u64,
    /// Of these, how often it would only have told so.
    pub in_shadow: u64,
    /// For how long it would have been in force, over all it reached, in seconds.
    pub in_force_s: u64,
    /// What it would have done, and when; the first ones.
    pub firings: Vec<Firing>,
}

/// A rule fires.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Firing {
    /// When.
    pub at: Timestamp,
    /// What it would have reached, such as `provider ip-1/yahoo`.
    pub target: String,
    /// What it would have done.
    pub actions: Vec<String>,
    /// Until when.
    pub until: Timestamp,
    /// The reply that was one too many.
    pub reply: Reply,
}

/// Replies of one wording: numbers, addresses and names of hosts apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ReplayWording)]
pub struct Wording {
    /// How many.
    pub count: u64,
    /// The provider, where it is known.
    pub provider: Name,
    /// The wording.
    pub template: String,
    /// One of them.
    pub sample: String,
}

type Wordings = HashMap<(Name, String), (u64, String)>;

/// A replay under way.
#[derive(Debug)]
pub struct Replay<'a> {
    providers: &'a Providers,
    reader: Reader<'a>,
    report: ReplayReport,
    hits: HashMap<(RuleScope, String), Hits>,
    /// Until when rules are in force, by target and rule; a suspension by target.
    in_force: BTreeMap<(String, usize), Timestamp>,
    suspended: HashMap<String, Timestamp>,
    wordings: Wordings,
    unknown: Wordings,
    clock: Timestamp,
}

impl<'a> Replay<'a> {
    /// A replay of these rules. `now` dates lines without a year.
    pub fn new(providers: &'a Providers, now: Timestamp) -> Self {
        let rule = |rule: &super::Rule| ReplayedRule { name: rule.name.clone(), line: rule.line, ..Default::default() };
        let report = ReplayReport { rules: providers.rules().iter().map(rule).collect(), ..ReplayReport::default() };
        Replay {
            providers,
            reader: Reader::new(providers, now),
            report,
            hits: HashMap::new(),
            in_force: BTreeMap::new(),
            suspended: HashMap::new(),
            wordings: HashMap::new(),
            unknown: HashMap::new(),
            clock: Timestamp::default(),
        }
    }

    /// Takes the next line of the record.
    pub fn line(&mut self, line: &str) {
        self.report.lines += 1;
        match self.reader.line(line) {
            Line::Reply(recorded) => self.reply(&recorded),
            Line::Other => {}
            Line::Unread => {
                self.report.unread += 1;
                if self.report.unread_lines.len() < UNREAD_SHOWN {
                    let text = line[..line.floor_char_boundary(100)].to_owned();
                    self.report.unread_lines.push(UnreadLine { line: self.report.lines, text });
                }
            }
        }
    }

    fn reply(&mut self, recorded: &Recorded) {
        self.clock = match recorded.at {
            // Files are nearly in order; time never goes back for the rules.
            Some(at) => self.clock.max(at),
            None => {
                self.report.timeless = true;
                self.clock.plus(Duration::from_secs(1))
            }
        };
        let now = self.clock;
        self.report.replies += 1;
        self.report.from.get_or_insert(now);
        self.report.to = Some(now);
        if recorded.reply.is_positive() {
            self.report.delivered += 1;
            return;
        }
        if self.is_suspended(recorded, now) {
            self.report.avoided += 1;
            return;
        }
        note(&mut self.wordings, recorded);
        // Where the record does not say at which command, rules that ask for one are given the benefit of the doubt.
        let phases = [recorded.phase, Some(model::reply::Phase::Greeting)];
        let phases = if recorded.phase.is_some() { &phases[..1] } else { &phases[..] };
        let found =
            phases.iter().find_map(|&phase| self.providers.rule_for(&recorded.provider, &recorded.reply, phase));
        match found {
            Some(rule) => self.hit(rule, recorded, now),
            None => note(&mut self.unknown, recorded),
        }
    }

    fn is_suspended(&self, recorded: &Recorded, now: Timestamp) -> bool {
        let scopes = [RuleScope::Path, RuleScope::Provider, RuleScope::Source, RuleScope::Tenant, RuleScope::Campaign];
        scopes.into_iter().any(|scope| self.suspended.get(&target(scope, recorded)).is_some_and(|until| *until > now))
    }

    fn hit(&mut self, number: usize, recorded: &Recorded, now: Timestamp) {
        self.report.known += 1;
        self.report.rules[number].hits += 1;
        let rule = &self.providers.rules()[number];
        let target = target(rule.scope, recorded);
        if self.hits.len() >= TARGETS_MAX {
            self.hits.clear();
        }
        if !self.hits.entry((rule.scope, target.clone())).or_default().count(number as u32, rule, now) {
            return;
        }
        let until = now.plus(rule.duration);
        let replayed = &mut self.report.rules[number];
        replayed.fired += 1;
        if rule.shadow {
            replayed.in_shadow += 1;
        } else if rule.actions.iter().any(|action| matches!(action, Action::Suspend | Action::DeferQueue)) {
            self.suspended.insert(target.clone(), until);
        } else if rule.actions.contains(&Action::DisableSource) {
            self.suspended.insert(self::target(RuleScope::Source, recorded), until);
        }
        // Time that is in force already is not counted twice.
        let before = self.in_force.insert((target.clone(), number), until).unwrap_or(now).max(now);
        replayed.in_force_s += until.since(before).as_secs();
        if replayed.firings.len() < FIRINGS_MAX {
            let actions = rule.actions.iter().map(Action::words).collect();
            let reply = recorded.reply.clone();
            replayed.firings.push(Firing { at: now, target, actions, until, reply });
        }
    }

    /// What came of it.
    pub fn end(mut self) -> ReplayReport {
        self.report.unknown = top(self.unknown);
        self.report.wordings = top(self.wordings);
        self.report
    }
}

fn target(scope: RuleScope, recorded: &Recorded) -> String {
    let Recorded { source, site, provider, tenant, campaign, .. } = recorded;
    match scope {
        RuleScope::Path => format!("path {source}/{site}"),
        RuleScope::Provider => format!("provider {source}/{provider}"),
        RuleScope::Source => format!("source {source}"),
        RuleScope::Tenant => format!("tenant {tenant}/{provider}"),
        RuleScope::Campaign => format!("campaign {campaign}/{provider}"),
    }
}

fn note(wordings: &mut Wordings, recorded: &Recorded) {
    let sample = recorded.reply.to_string();
    let key = (recorded.provider.clone(), template(&sample));
    if wordings.len() >= TEMPLATES_MAX && !wordings.contains_key(&key) {
        wordings.entry((Name::default(), "others".to_owned())).or_insert((0, sample)).0 += 1;
        return;
    }
    wordings.entry(key).or_insert((0, sample)).0 += 1;
}

fn top(wordings: Wordings) -> Vec<Wording> {
    let mut all: Vec<Wording> = wordings
        .into_iter()
        .map(|((provider, template), (count, sample))| Wording { count, provider, template, sample })
        .collect();
    all.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| (&a.provider, &a.template).cmp(&(&b.provider, &b.template))));
    all.truncate(SHOWN_MAX);
    all
}

/// The wording of a reply: the code and the words, with `#` for whatever has digits or an @ in it, and `…` for links.
pub fn template(reply: &str) -> String {
    let word = |(place, word): (usize, &str)| {
        let code = place < 2 && word.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        // Marks such as [TSS04] or OFR004_104 name the reason; longer ones with many digits are ids.
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        let mark = digits <= 6 && word.len() <= 12 && word.bytes().any(|b| b.is_ascii_uppercase());
        if word.contains("://") {
            "…".to_owned()
        } else if word.contains('@') || digits > 0 && !code && !mark {
            "#".to_owned()
        } else {
            word.to_owned()
        }
    };
    reply.split_whitespace().enumerate().map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_s(1_790_000_000);

    fn replay(rules: &str, lines: &[&str]) -> ReplayReport {
        let providers = Providers::parse(rules, "r.toml").unwrap();
        let mut replay = Replay::new(&providers, NOW);
        lines.iter().for_each(|line| replay.line(line));
        replay.end()
    }

    const RULES: &str = r#"
[[rule]]
name = "busy"
match = 'busy'
threshold = "2/h"
actions = ["suspend"]
duration = "30m"
sample = ["421 busy"]

[[rule]]
name = "slow"
match = 'slow down'
actions = [{ rate = "1/min" }]
duration = "1h"
sample = ["421 slow down"]
"#;

    #[test]
    fn thresholds_and_durations_hold_on_the_clock_of_the_record() {
        let report = replay(
            RULES,
            &[
                "2026-03-14T08:00:00Z 421 busy",
                "2026-03-14T09:30:00Z 421 busy",
                "2026-03-14T09:40:00Z 421 busy",
                "2026-03-14T09:50:00Z 421 busy",
                "2026-03-14T09:55:00Z 550 no such user 4711 <a@b.example>",
                "2026-03-14T10:10:00Z 550 no such user 4712 <c@b.example>",
                "2026-03-14T10:20:00Z 421 slow down",
                "2026-03-14T10:50:00Z 421 slow down",
                "2026-03-14T10:50:00Z 250 ok",
                "what is this",
            ],
        );
        assert_eq!((report.lines, report.replies, report.delivered, report.unread), (10, 9, 1, 1));
        assert_eq!(report.avoided, 2, "suspended from 09:40 to 10:10");
        let [busy, slow] = report.rules.as_slice() else { panic!("two rules") };
        assert_eq!((busy.hits, busy.fired, busy.in_force_s), (3, 1, 1_800));
        assert_eq!(busy.firings[0].at, "2026-03-14T09:40:00Z".parse().unwrap());
        assert_eq!((slow.hits, slow.fired, slow.in_force_s), (2, 2, 5_400), "what overlaps is counted once");
        assert_eq!((report.unknown.len(), report.unknown[0].count), (1, 1));
        assert_eq!(report.unknown[0].template, "550 no such user # #");
        assert_eq!(report.unread_lines, [UnreadLine { line: 10, text: "what is this".to_owned() }]);
    }

    #[test]
    fn wordings_leave_out_what_differs_from_one_to_the_next() {
        let check = |reply: &str, expected: &str| assert_eq!(template(reply), expected);
        check("421 4.7.0 [TSS04] Messages from 192.0.2.1 deferred", "421 4.7.0 [TSS04] Messages from # deferred");
        check("550 5.1.1 <zoe@b.example>: see https://x.example/1", "550 5.1.1 # see …");
        check("421 OFR004_104 [104]", "421 OFR004_104 #");
    }

    #[test]
    fn a_rule_in_shadow_suspends_nothing() {
        let rules = RULES.replace("duration = \"30m\"", "duration = \"30m\"\nshadow = true");
        let report = replay(&rules, &["421 busy", "421 busy", "421 busy", "421 busy"]);
        assert!(report.timeless);
        assert_eq!((report.rules[0].hits, report.rules[0].fired, report.rules[0].in_shadow), (4, 2, 2));
        assert_eq!(report.avoided, 0);
    }
}
