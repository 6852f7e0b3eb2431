//! `inspect reply`: what does this reply mean.

use serde_json::{Value, json};

use super::{InspectError, cases};
use crate::bounce::{Dictionary, ReplyClass};

/// One answer a line. `provider`: the name of the provider the replies came from, where that is known.
///
/// # Errors
/// [`InspectError`] for an empty input or one beyond the limits.
pub fn reply(input: &[u8], provider: Option<&str>) -> Result<Vec<Value>, InspectError> {
    let dictionary = Dictionary::builtin();
    let answer = |line: &String| {
        let class = dictionary.classify_line(line, provider);
        let mut answer = class_fields(&class);
        let entry = dictionary.entry(&class.template);
        let words =
            entry.map(|entry| (entry.en.as_str(), entry.fr.as_str(), entry.cure_en.as_str(), entry.cure_fr.as_str()));
        let (en, fr, cure_en, cure_fr) = words.unwrap_or_default();
        answer["explanation"] = json!({ "en": en, "fr": fr });
        answer["cure"] = json!({ "en": cure_en, "fr": cure_fr });
        answer
    };
    Ok(cases(input)?.iter().map(answer).collect())
}

/// The fields that every classified reply shows.
pub(super) fn class_fields(class: &ReplyClass) -> Value {
    json!({
        "category": class.category,
        "family": class.family,
        "scope": class.scope,
        "hard": class.hard,
        "suppress": class.suppress,
        "wait_s": class.wait_s,
        "blocklist": class.blocklist,
        "template": class.template,
    })
}
