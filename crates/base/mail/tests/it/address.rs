//! Addresses against three foreign collections. They differ among themselves; what we refuse of their valid ones, and
//! take of their invalid ones, is listed here by kind.

use mail::address::{Address, AddressError};
use serde_json::Value;

fn json(path: &str) -> Value {
    let path = format!("{}/../../../fixtures/addresses/{path}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn texts(value: &Value) -> Vec<String> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one.as_str().unwrap_or_else(|| one["address"].as_str().unwrap()).to_owned())
        .collect()
}

/// Refused on purpose: comments and white space inside, address literals, single labels, display names, backslashes
/// outside of quotation marks (obsolete), A-labels that decode to nothing.
fn is_refused_on_purpose(text: &str, error: AddressError) -> bool {
    match error {
        AddressError::Literal | AddressError::SingleLabel | AddressError::NumericTld => true,
        AddressError::Surplus => text.contains(['(', ')', '<', ' ', '\t', '\r', '\n', ',', ':', '\\']),
        AddressError::LocalQuotes => text.contains('"'),
        AddressError::DomainCharacter => {
            text.contains(['(', ')', '_', ' ']) || text.contains("xn--") || has_digit_in_tld(text)
        }
        _ => text.contains('\\'),
    }
}

/// No top-level domain has digits but those that are A-labels.
fn has_digit_in_tld(text: &str) -> bool {
    text.rsplit('.').next().is_some_and(|tld| tld.contains(|c: char| c.is_ascii_digit()))
}

#[test]
fn jmail() {
    let cases = json("jmail/cases.json");
    let mut differing = Vec::new();
    for text in texts(&cases["valid"]) {
        match Address::parse(&text) {
            Ok(_) => {}
            Err(error) if is_refused_on_purpose(&text, error) => {}
            Err(error) => differing.push(format!("valid, refused: {text:?} ({error:?})")),
        }
    }
    for text in texts(&cases["invalid"]) {
        if let Ok(address) = Address::parse(&text) {
            differing.push(format!("invalid, taken: {text:?} as {address}"));
        }
    }
    println!("{}", differing.join("\n"));
    assert!(differing.is_empty());
}

/// Internationalised addresses; display names are another function's business, so only bare ones count.
#[test]
fn closure() {
    let cases = json("eai/closure-cases.json");
    let check = |text: &str, valid: bool| {
        assert_eq!(Address::parse(text).is_ok(), valid, "{text:?}: {:?}", Address::parse(text))
    };
    for text in texts(&cases["address"]["valid"]).iter().filter(|text| !text.contains('<')) {
        check(text, true);
    }
    texts(&cases["address"]["invalid"]).iter().for_each(|text| check(text, false));
    texts(&cases["local"]["valid"]).iter().for_each(|local| check(&format!("{local}@example.org"), true));
    texts(&cases["local"]["invalid"]).iter().for_each(|local| check(&format!("{local}@example.org"), false));
    texts(&cases["domain"]["valid"]).iter().for_each(|domain| check(&format!("a@{domain}"), true));
    texts(&cases["domain"]["invalid"]).iter().for_each(|domain| check(&format!("a@{domain}"), false));
}

#[test]
fn email_validator() {
    let cases = json("email-validator/cases.json");
    let mut differing = Vec::new();
    for group in ["valid", "valid_smtputf8", "quoted_only"] {
        for case in cases[group].as_array().unwrap() {
            let text = case["input"].as_str().unwrap();
            match Address::parse(text) {
                Ok(address) => {
                    let domain = case["expected"]["ascii_domain"].as_str();
                    if domain.is_some_and(|domain| domain != address.domain()) {
                        differing.push(format!("{text:?}: {} instead of {domain:?}", address.domain()));
                    }
                    let smtputf8 = case["expected"]["smtputf8"].as_bool();
                    if smtputf8.is_some_and(|smtputf8| smtputf8 != address.needs_smtputf8()) {
                        differing.push(format!("{text:?}: SMTPUTF8"));
                    }
                }
                Err(error) if is_refused_on_purpose(text, error) => {}
                Err(error) => differing.push(format!("{group}: {text:?} refused ({error:?})")),
            }
        }
    }
    for group in ["invalid", "invalid_strict", "literals"] {
        for case in cases[group].as_array().unwrap() {
            let text = case["input"].as_str().unwrap();
            if let Ok(address) = Address::parse(text) {
                differing.push(format!("{group}: {text:?} taken as {address}"));
            }
        }
    }
    for case in cases["unsafe"].as_array().unwrap() {
        let text = format!("a{}b@example.org", case["character"].as_str().unwrap());
        if let Ok(address) = Address::parse(&text) {
            differing.push(format!("unsafe: {text:?} taken as {address}"));
        }
    }
    // On purpose: white space at both ends is passed over, a symbol is no letter, an accent may follow its letter
    // without being composed with it, and lengths are those of the text as given.
    let on_purpose =
        ["＠@fullwidth.at", "my@example.com\\n", "\\nmy@example.com", "3333344.info\" taken", "a\\u{300}b"];
    differing.retain(|line| !on_purpose.iter().any(|known| line.contains(known)));
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn one_form_for_each_address() {
    let check = |text: &str, form: &str, unicode: &str, smtputf8: bool| {
        let address = Address::parse(text).unwrap();
        assert_eq!(
            (address.as_str(), address.unicode_domain().as_str(), address.needs_smtputf8()),
            (form, unicode, smtputf8)
        );
        assert_eq!(Address::parse(address.as_str()).unwrap(), address, "stays as it is");
    };
    check(" Ada.B@EXAMPLE.org ", "Ada.B@example.org", "example.org", false);
    check("ada@Bücher.example", "ada@xn--bcher-kva.example", "bücher.example", false);
    check("ada@XN--BCHER-KVA.example", "ada@xn--bcher-kva.example", "bücher.example", false);
    check("zoë@straße.de", "zoë@xn--strae-oqa.de", "straße.de", true);
    check("अजय@डाटा.भारत", "अजय@xn--c2bd1gb.xn--h2brj9c", "डाटा.भारत", true);
    check("\"a b@c\"@example.org", "\"a b@c\"@example.org", "example.org", false);
    let limits =
        |local: usize, label: usize| Address::parse(&format!("{}@{}.org", "l".repeat(local), "d".repeat(label)));
    assert!(limits(64, 63).is_ok());
    assert_eq!(limits(65, 5), Err(AddressError::LocalTooLong));
    assert_eq!(limits(5, 64), Err(AddressError::DomainTooLong));
    let long = format!("{}@{}.org", "l".repeat(60), ["d".repeat(63).as_str(); 3].join("."));
    assert_eq!(Address::parse(&long), Err(AddressError::TooLong));
}

mod anything {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn is_refused_or_brought_to_a_lasting_form(text in "\\PC{0,80}|[a-zé\"@. \\\\]{1,20}@[a-zé.-]{1,20}") {
            if let Ok(address) = Address::parse(&text) {
                prop_assert_eq!(Address::parse(address.as_str()), Ok(address.clone()));
                prop_assert!(address.as_str().len() <= mail::address::ADDRESS_MAX && address.domain().is_ascii());
            }
        }
    }
}
