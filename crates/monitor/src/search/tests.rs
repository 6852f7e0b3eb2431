//! Tables of searches: what they mean, and what is wrong with them.

use super::parse;

/// The filter in a short form: `field=value`, `field~part`, `(a & b)`, `!a`.
fn short(filter: &store::Filter) -> String {
    use store::{Filter, Scalar};
    let scalar = |value: &Scalar| match value {
        Scalar::Text(text) => text.clone(),
        Scalar::Integer(number) => number.to_string(),
        Scalar::Bool(flag) => flag.to_string(),
    };
    let join = |of: &[Filter], sign: &str| {
        format!("({})", of.iter().map(short).collect::<Vec<_>>().join(&format!(" {sign} ")))
    };
    match filter {
        Filter::And { of } => join(of, "&"),
        Filter::Or { of } => join(of, "|"),
        Filter::Not { of } => format!("!{}", short(of)),
        Filter::Eq { field, value } => format!("{field}={}", scalar(value)),
        Filter::In { field, values } => {
            format!("{field} in [{}]", values.iter().map(scalar).collect::<Vec<_>>().join(" "))
        }
        Filter::Contains { field, text } => format!("{field}~{text}"),
        Filter::Prefix { field, text } => format!("{field}^{text}"),
        Filter::Exists { field } => format!("{field}?"),
        Filter::Range { field, gte, gt, lte, lt } => {
            let bound = |sign: &str, value: &Option<Scalar>| {
                value.as_ref().map(|value| format!("{sign}{}", scalar(value))).unwrap_or_default()
            };
            format!("{field}{}{}{}{}", bound(">=", gte), bound(">", gt), bound("<=", lte), bound("<", lt))
        }
    }
}

#[track_caller]
fn check(search: &str, expected: &str) {
    match parse(search) {
        Ok(filter) => assert_eq!(short(&filter), expected, "{search}"),
        Err(error) => panic!("{search}: {error}"),
    }
}

/// `^` marks the characters of the error below the search; then the message, and the suggestion behind an arrow.
#[track_caller]
fn refuse(search: &str, marks: &str, expected: &str) {
    let error = parse(search).expect_err(search);
    let found_marks = format!("{}{}", " ".repeat(error.position), "^".repeat(error.length));
    let suggestion = error.suggestion.map(|suggestion| format!(" -> {suggestion}")).unwrap_or_default();
    assert_eq!(
        (found_marks.as_str(), format!("{}{suggestion}", error.message).as_str()),
        (marks, expected),
        "{search}"
    );
}

#[test]
fn words_and_texts() {
    check("", "()");
    check("   ", "()");
    check("unusual", "(reply~unusual | error~unusual | note~unusual)");
    check(r#""unusual rate""#, "(reply~unusual rate | error~unusual rate | note~unusual rate)");
    check(r#""say \"no\"""#, "(reply~say \"no\" | error~say \"no\" | note~say \"no\")");
    check(r#""4.7.28""#, "(reply~4.7.28 | error~4.7.28 | note~4.7.28 | enhanced=4.7.28)");
    check("421", "(reply~421 | error~421 | note~421 | code=421)");
    check("zoe@example.fr", "address=zoe@example.fr");
    check("@example.fr", "domain=example.fr");
    check(
        "0cq2v7m9hk3xa",
        "(reply~0cq2v7m9hk3xa | error~0cq2v7m9hk3xa | note~0cq2v7m9hk3xa | message=0cq2v7m9hk3xa | \
         recipient=0cq2v7m9hk3xa | campaign=0cq2v7m9hk3xa)",
    );
    check("2001:db8::25", "(reply~2001:db8::25 | error~2001:db8::25 | note~2001:db8::25)");
}

#[test]
fn fields() {
    check("provider:gmail kind:deferred", "(provider=gmail & kind=deferred)");
    check("PROVIDER:gmail Kind:Deferred", "(provider=gmail & kind=deferred)");
    check("kind:deferred,bounced", "kind in [deferred bounced]");
    check("status:deferred", "kind=deferred");
    check("status:4.7.28", "enhanced=4.7.28");
    check("status:421", "code=421");
    check("kind:remote_bounce", "kind=remote-bounce");
    check("category:rate-limited source:ip-3", "(category=rate-limited & source=ip-3)");
    check("family:full", "category in [quota-issues]");
    check("address:zoe@Example.FR", "address=zoe@Example.FR");
    check("address:@Example.FR", "domain=example.fr");
    check("to:zoe", "address~zoe");
    check("reply:rate", "reply~rate");
    check("reply=rate", "reply=rate");
    check(r#"reply:"unusual rate""#, "reply~unusual rate");
    check("mx_host:gmail*", "mx_host^gmail");
    check("mx-host:*google*", "mx_host~google");
    check("note:*", "note?");
    check("suppress:true", "suppress=true");
    check("campaign:0cq2v7m9hk3xa", "campaign=0cq2v7m9hk3xa");
    check("client:2001:db8::25", "client~2001:db8::25");
}

#[test]
fn numbers_and_times() {
    check("code:421", "code=421");
    check("code:421,450", "code in [421 450]");
    check("queued_ms>5000", "queued_ms>5000");
    check("queued>=30s", "queued_ms>=30000");
    check("size<1MB", "size_bytes<1048576");
    check("attempt<=3", "attempt<=3");
    check("attempt:2..5", "attempt>=2<=5");
    check("attempt:2..", "attempt>=2");
    check("at>2026-09-21T14:00:00Z", "at>2026-09-21T14:00:00.000000Z");
}

#[test]
fn logic() {
    check("-source:ip-3", "!source=ip-3");
    check("NOT source:ip-3", "!source=ip-3");
    check("code:1 OR code:2 code:3", "(code=1 | (code=2 & code=3))");
    check("(code:1 OR code:2) code:3", "((code=1 | code=2) & code=3)");
    check("code:1 AND code:2", "(code=1 & code=2)");
    check("-(code:1 OR code:2)", "!(code=1 | code=2)");
    check("--code:1", "!!code=1");
}

#[test]
fn small_operators_join_fields_and_stay_words_among_words() {
    check("code:1 or code:2", "(code=1 | code=2)");
    check("code:1 and code:2", "(code=1 & code=2)");
    check("code:1 not code:2", "(code=1 & !code=2)");
    check("not code:1", "!code=1");
    check("code:1 Or not (code:2)", "(code=1 | !code=2)");
    check("(code:1 code:2) or code:3", "((code=1 & code=2) | code=3)");
    let text = |word: &str| format!("(reply~{word} | error~{word} | note~{word})");
    let words = |words: &[&str]| format!("({})", words.iter().map(|word| text(word)).collect::<Vec<_>>().join(" & "));
    check("full or code:2", &format!("({} | code=2)", text("full")));
    check("code:2 or full", &format!("(code=2 | {})", text("full")));
    check("does not exist", &words(&["does", "not", "exist"]));
    check("unknown or disabled", &words(&["unknown", "or", "disabled"]));
    check("code:1 \"or\" code:2", &format!("(code=1 & {} & code=2)", text("or")));
    check("or code:1", &format!("({} & code=1)", text("or")));
    check("code:1 or", &format!("(code=1 & {})", text("or")));
}

#[test]
fn errors_point_at_the_character() {
    refuse("kind:defered", "     ^^^^^^^", "kind is never \"defered\"; did you mean deferred? -> deferred");
    refuse("provder:gmail", "^^^^^^^", "there is no field \"provder\"; did you mean provider? -> provider");
    refuse("kidn:deferred", "^^^^", "there is no field \"kidn\"; did you mean kind? -> kind");
    refuse("colour:red", "^^^^^^", "there is no field \"colour\"");
    refuse("scope:x", "      ^", "scope is never \"x\"; there are recipient, message, source, domain, connection");
    refuse("code:abc", "     ^^^", "code is a whole number");
    refuse("é queued>fast", "         ^^^^", "queued_ms is a time in milliseconds, or with a unit such as 30s");
    refuse("provider>3", "         ^", "provider is neither number nor time: compare it with `:`");
    refuse("code:", "     ", "a value is missing here");
    refuse("kind: deferred", "     ^", "a value is missing here");
    refuse("code>1,2", "       ^", "a comparison has one value");
    refuse("message:x", "        ^", "message is an id: thirteen letters and digits");
    refuse("mx:a*b", "   ^^^", "a star stands at the beginning or the end of a word");
    refuse("\"open", "^^^^^", "this quotation mark is never closed");
    refuse("(code:1", "^", "this parenthesis is never closed");
    refuse("code:1)", "      ^", "this parenthesis was never opened");
    refuse("()", "^", "there is nothing between these parentheses");
    refuse("OR code:1", "^^", "there is nothing in front of this word to join");
    refuse("code:1 OR", "         ", "something is missing at the end");
    refuse(":gmail", "^", "there is no field in front of ':'");
    refuse("attempt:..", "        ^^", "a range needs a bound, such as 2..5 or 10..");
}

#[test]
fn values_that_cannot_be_refused_are_named() {
    let check = |search: &str, expected: &[(&str, &str, usize, usize)]| {
        let found = super::named_values(search);
        let short: Vec<(&str, &str, usize, usize)> = found
            .iter()
            .map(|found| (found.field.as_str(), found.value.as_str(), found.position, found.length))
            .collect();
        assert_eq!(short, expected, "{search}");
    };
    check("provider:gmial", &[("provider", "gmial", 9, 5)]);
    check("-vmta=ip-9 code:421", &[("source", "ip-9", 6, 4)]);
    check(
        "é (provider:a,\"b c\" OR stream:bulk)",
        &[("provider", "a", 12, 1), ("provider", "b c", 14, 5), ("stream", "bulk", 30, 4)],
    );
    check("provider:gm* provider:* provider:\"g*\"", &[("provider", "g*", 33, 4)]);
    check("kind:deferred to:zoe gmial", &[]);
    check("provider:\"open", &[]);
}

#[test]
fn hostile_searches_are_refused() {
    let long = "x ".repeat(super::QUERY_CHARS_MAX);
    assert_eq!(parse(&long).unwrap_err().position, super::QUERY_CHARS_MAX);
    assert!(parse(&"(".repeat(1_000)).unwrap_err().message.contains("deeper"));
    assert!(parse(&"-".repeat(1_000)).is_err());
    assert!(parse(&format!("{}a", "-".repeat(1_000))).unwrap_err().message.contains("deeper"));
    let many = "a ".repeat(900);
    assert!(parse(&many).unwrap_err().message.contains("conditions"));
}

proptest::proptest! {
    #[test]
    fn whatever_is_typed_is_answered(search in "[a-z:=<>,.()\"*@ OR0-9é-]{0,60}|\\PC{0,60}") {
        let length = search.chars().count();
        if let Err(error) = parse(&search) {
            proptest::prop_assert!(error.position + error.length <= length, "{error:?}");
            proptest::prop_assert!(!error.message.is_empty());
        }
    }
}
