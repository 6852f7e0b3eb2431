//! Which column goes where.
//!
//! Addresses are recognised by what stands in a column, everything else by its header: the name or label of a field, or
//! one of the usual words in English, French and German.

use std::collections::BTreeSet;

use mail::address::Address;

use super::sheet::Sheet;
use crate::Error;
use crate::audience::field::{Registry, is_blank};

/// Rows looked at for suggestions.
const SAMPLE_ROWS: usize = 50;

const ADDRESS_WORDS: [&str; 10] = [
    "email",
    "emailaddress",
    "mail",
    "mailaddress",
    "emailadresse",
    "mailadresse",
    "adresseemail",
    "adressemail",
    "courriel",
    "adressedemessagerie",
];
const NAME_WORDS: [&str; 5] = ["name", "fullname", "displayname", "nomcomplet", "contactname"];
const FIELD_WORDS: [(&str, &[&str]); 4] = [
    ("first_name", &["firstname", "first", "fname", "givenname", "forename", "prenom", "vorname"]),
    ("last_name", &["lastname", "last", "lname", "surname", "familyname", "nom", "nomdefamille", "nachname"]),
    ("city", &["city", "town", "ville", "stadt", "ort"]),
    ("language", &["language", "lang", "locale", "langue", "sprache"]),
];

/// Where a column goes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    Address,
    Name,
    Field(String),
}

impl Target {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Target::Address => "address",
            Target::Name => "name",
            Target::Field(name) => name,
        }
    }

    fn from_name(name: &str, registry: &Registry) -> Option<Self> {
        match name {
            "address" | "email" => Some(Target::Address),
            "name" => Some(Target::Name),
            field => registry.contains_key(field).then(|| Target::Field(field.to_owned())),
        }
    }
}

/// A target for each column, or none.
pub(super) type Mapping = Vec<Option<Target>>;

/// What the columns probably are.
pub(super) fn suggest(sheet: &Sheet, registry: &Registry) -> Mapping {
    let address = address_column(sheet);
    let mut taken = BTreeSet::new();
    let column = |(place, header): (usize, &String)| {
        let target = if Some(place) == address { Some(Target::Address) } else { by_header(header, registry) };
        target.filter(|target| (*target != Target::Address || Some(place) == address) && taken.insert(target.clone()))
    };
    sheet.columns.iter().enumerate().map(column).collect()
}

/// The column in which most cells are addresses; among equals the one that is called so.
fn address_column(sheet: &Sheet) -> Option<usize> {
    let mut counts = vec![0_usize; sheet.columns.len()];
    for row in sheet.rows().filter_map(Result::ok).take(SAMPLE_ROWS) {
        for (place, cell) in row.cells.iter().enumerate().take(counts.len()) {
            counts[place] += usize::from(cell.contains('@') && Address::parse(cell.trim_matches(is_blank)).is_ok());
        }
    }
    let called = |place: usize| ADDRESS_WORDS.contains(&plain(&sheet.columns[place]).as_str());
    let best = (0..counts.len()).rev().max_by_key(|place| (counts[*place], called(*place)))?;
    (counts[best] > 0 || called(best)).then_some(best)
}

fn by_header(header: &str, registry: &Registry) -> Option<Target> {
    let word = plain(header);
    let own = registry.values().find(|field| plain(&field.name) == word || plain(&field.label) == word);
    if let Some(field) = own {
        return Some(Target::Field(field.name.clone()));
    }
    if NAME_WORDS.contains(&word.as_str()) {
        return Some(Target::Name);
    }
    let (field, _) = FIELD_WORDS.into_iter().find(|(_, words)| words.contains(&word.as_str()))?;
    Target::from_name(field, registry)
}

/// Lower case without accents, spaces and signs.
fn plain(text: &str) -> String {
    text.to_lowercase().chars().map(without_accent).filter(|c| c.is_alphanumeric()).collect()
}

fn without_accent(c: char) -> char {
    match c {
        'à' | 'á' | 'â' | 'ä' | 'ã' | 'å' => 'a',
        'ç' => 'c',
        'è' | 'é' | 'ê' | 'ë' => 'e',
        'ì' | 'í' | 'î' | 'ï' => 'i',
        'ñ' => 'n',
        'ò' | 'ó' | 'ô' | 'ö' | 'õ' => 'o',
        'ù' | 'ú' | 'û' | 'ü' => 'u',
        other => other,
    }
}

/// Reads `0:address,first name:first_name`: number (from 0) or header of a column, target.
///
/// # Errors
/// [`Error::Invalid`] naming the pair that is wrong, or when no column is the address.
pub(super) fn parse(map: &str, sheet: &Sheet, registry: &Registry) -> Result<Mapping, Error> {
    let mut mapping: Mapping = vec![None; sheet.columns.len()];
    for pair in map.split(',').filter(|pair| !pair.trim().is_empty()) {
        let wrong = |reason: String| Error::invalid("map", format!("{:?}: {reason}", pair.trim()));
        let (column, target) = pair.rsplit_once(':').ok_or_else(|| wrong("expected column:target".to_owned()))?;
        let place = column_place(column.trim(), sheet).ok_or_else(|| wrong("there is no such column".to_owned()))?;
        let target = Target::from_name(target.trim(), registry)
            .ok_or_else(|| wrong("the target is neither address, name nor a field".to_owned()))?;
        if mapping.contains(&Some(target.clone())) {
            return Err(wrong(format!("{} is given twice", target.as_str())));
        }
        mapping[place] = Some(target);
    }
    complete(mapping)
}

/// A mapping that can be used: some column is the address.
pub(super) fn complete(mapping: Mapping) -> Result<Mapping, Error> {
    if mapping.contains(&Some(Target::Address)) {
        return Ok(mapping);
    }
    Err(Error::invalid("map", "no column has addresses; say which one does, such as map=0:address"))
}

fn column_place(column: &str, sheet: &Sheet) -> Option<usize> {
    let by_name = sheet.columns.iter().position(|name| name.to_lowercase() == column.to_lowercase());
    by_name.or_else(|| column.parse().ok()).filter(|place| *place < sheet.columns.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audience::types::{Field, FieldKind};

    fn registry() -> Registry {
        let field = |name: &str, label: &str| Field {
            name: name.into(),
            label: label.into(),
            kind: FieldKind::Text,
            choices: Vec::new(),
        };
        let fields =
            [field("first_name", "First name"), field("last_name", "Last name"), field("shop", "Magasin préféré")];
        fields.into_iter().map(|field| (field.name.clone(), field)).collect()
    }

    fn check(text: &str, expected: &str) {
        let sheet = Sheet::open(text.as_bytes()).unwrap();
        let found = suggest(&sheet, &registry());
        let found: Vec<&str> = found.iter().map(|target| target.as_ref().map_or("-", Target::as_str)).collect();
        assert_eq!(found.join(" "), expected, "{text:?}");
    }

    #[test]
    fn columns_are_recognised() {
        check("E-mail,Prénom,Nom,Ville\na@example.org,A,B,C", "address first_name last_name -");
        check("Contact,Name\na@example.org,Ann", "address name");
        check("first,last,address,city,zip\nJohn,Doe,120 any st.,\"Anytown, WW\",08123", "first_name last_name - - -");
        check("email,work mail\na@example.org,b@example.org", "address -");
        check("backup,email\nx,y", "- address");
        check("mail;MAGASIN PRÉFÉRÉ;shop\na@example.org;1;2", "address shop -");
        check("a@example.org,1", "address -");
    }

    #[test]
    fn maps_are_read() {
        let sheet = Sheet::open(b"email,first name,x\na@example.org,A,1").unwrap();
        let read = |map: &str| parse(map, &sheet, &registry()).map_err(|error| error.to_string());
        let field = |name: &str| Some(Target::Field(name.to_owned()));
        assert_eq!(read("0:address,First Name:first_name"), Ok(vec![Some(Target::Address), field("first_name"), None]));
        for (map, reason) in [
            ("", "no column has addresses"),
            ("9:address", "no such column"),
            ("0:nothing", "neither address"),
            ("0:address,1:address", "twice"),
            ("0", "expected column:target"),
        ] {
            assert!(read(map).is_err_and(|error| error.contains(reason)), "{map}");
        }
    }
}
