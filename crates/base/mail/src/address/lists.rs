//! What lists know about an address: role names, throw-away domains, likely typing errors.
//!
//! Opinions, never a reason to call an address invalid. Data: `data/addresses/` (origin and licence beside each file).
//! Loaded once, kept sorted; a look-up is a binary search.

use super::Address;

const DISPOSABLE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../data/addresses/disposable.txt"));
const ROLES: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../data/addresses/roles.txt"));
const WELL_KNOWN: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../data/addresses/wellknown.txt"));

/// Longest domain for which a typing error is looked for, in bytes.
const SUGGEST_MAX: usize = 40;

/// The lists, ready for look-ups.
#[derive(Debug)]
pub struct AddressLists {
    disposable: Vec<&'static str>,
    roles: Vec<&'static str>,
    /// In order of importance: the first that is near wins.
    well_known: Vec<&'static str>,
}

/// What the lists say about one address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remarks {
    /// Belongs to a function rather than a person: `info`, `postmaster`, `sales`.
    pub role: bool,
    /// At a domain of throw-away mailboxes.
    pub disposable: bool,
    /// The address that was probably meant, such as `…@gmail.com` for `…@gmial.com`.
    pub suggestion: Option<String>,
}

impl AddressLists {
    /// The lists that come with the program.
    pub fn builtin() -> Self {
        AddressLists { disposable: sorted(DISPOSABLE), roles: sorted(ROLES), well_known: lines(WELL_KNOWN).collect() }
    }

    /// What the lists say about an address.
    pub fn remarks(&self, address: &Address) -> Remarks {
        Remarks {
            role: self.is_role(address.local()),
            disposable: self.is_disposable(address.domain()),
            suggestion: self.suggest_domain(address.domain()).map(|domain| format!("{}@{domain}", address.local())),
        }
    }

    /// The address that was probably meant by a text that is none: spaces, a comma for a dot, a stray dot.
    pub fn suggest_repair(&self, text: &str) -> Option<Address> {
        let squeezed: String = text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '<' | '>' | '"')).collect();
        let squeezed = squeezed.strip_prefix("mailto:").unwrap_or(&squeezed).replace(',', ".");
        let mut dots = squeezed.replace("..", ".").replace(".@", "@").replace("@.", "@");
        while dots.ends_with(['.', ';', '>']) {
            dots.pop();
        }
        let address = Address::parse(&dots).ok()?;
        let domain = self.suggest_domain(address.domain()).unwrap_or(address.domain());
        Address::parse(&format!("{}@{domain}", address.local())).ok()
    }

    /// Whether a local part names a function; a tag behind `+` does not count.
    pub fn is_role(&self, local: &str) -> bool {
        let local = local.split('+').next().unwrap_or(local).to_ascii_lowercase();
        self.roles.binary_search(&local.as_str()).is_ok()
    }

    /// Whether a domain (lower case, A-labels), or one above it, hands out throw-away mailboxes.
    pub fn is_disposable(&self, domain: &str) -> bool {
        let mut rest = domain;
        while let Some((_, above)) = rest.split_once('.') {
            if self.disposable.binary_search(&rest).is_ok() {
                return true;
            }
            rest = above;
        }
        false
    }

    /// The well-known domain that was probably meant: one slip of the finger away, and not well known itself.
    pub fn suggest_domain(&self, domain: &str) -> Option<&'static str> {
        if domain.len() > SUGGEST_MAX || self.well_known.contains(&domain) {
            return None;
        }
        self.well_known.iter().copied().find(|known| is_one_slip(domain.as_bytes(), known.as_bytes()))
    }
}

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn sorted(text: &'static str) -> Vec<&'static str> {
    let mut entries: Vec<&'static str> = lines(text).collect();
    entries.sort_unstable();
    entries.dedup();
    entries
}

/// One letter too many, one missing, one wrong, or two neighbours swapped.
fn is_one_slip(typed: &[u8], known: &[u8]) -> bool {
    let common = typed.iter().zip(known).take_while(|(a, b)| a == b).count();
    let (typed, known) = (&typed[common..], &known[common..]);
    match (typed, known) {
        ([_, typed @ ..], known) if typed == known => true,
        (typed, [_, known @ ..]) if typed == known => true,
        ([_, typed @ ..], [_, known @ ..]) if typed == known => true,
        ([a, b, typed @ ..], [c, d, known @ ..]) => a == d && b == c && typed == known,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(address: &str, role: bool, disposable: bool, suggestion: Option<&str>) {
        let found = AddressLists::builtin().remarks(&Address::parse(address).unwrap());
        assert_eq!(found, Remarks { role, disposable, suggestion: suggestion.map(str::to_owned) }, "{address}");
    }

    #[test]
    fn repairs() {
        let check = |text: &str, expected: Option<&str>| {
            let found = AddressLists::builtin().suggest_repair(text).map(|address| address.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        };
        check("ada @example.org", Some("ada@example.org"));
        check("ada@gmial,com", Some("ada@gmail.com"));
        check("<ada@example.org>;", Some("ada@example.org"));
        check("ada..b.@example.org.", Some("ada.b@example.org"));
        check("ada", None);
        check("a@b@c.org", None);
    }

    #[test]
    fn remarks() {
        check("ada@example.org", false, false, None);
        check("Info+news@example.org", true, false, None);
        check("ada@mailinator.com", false, true, None);
        check("ada@x.mailinator.com", false, true, None);
        check("ada@gmaill.com", false, false, Some("ada@gmail.com"));
        check("ada@gmail.co", false, false, Some("ada@gmail.com"));
        check("ada@orang.fr", false, false, Some("ada@orange.fr"));
        check("ada@hotmial.fr", false, false, Some("ada@hotmail.fr"));
        check("ada@gmail.com", false, false, None);
    }
}
