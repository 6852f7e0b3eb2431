//! People who do not exist: contacts for demos and tests, as a CSV file such as a shop would export.
//!
//! Deterministic: the same count, seed and domains give the same bytes. Names come from many languages and scripts,
//! addresses are unique, and a few rows are wrong on purpose ([`BAD_ROWS_PER_10_000`]), each in a way that a real export
//! is: an import has to name them and take all others.

use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// The columns.
pub const HEADER: &str = "email;first_name;last_name;city;language;birthday;vip;points";

/// Rows that are wrong on purpose, in every ten thousand.
pub const BAD_ROWS_PER_10_000: usize = 20;

/// A recipient domain, and how many of the contacts are there, relative to the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainShare {
    /// The domain as people write it; may be an IDN.
    pub domain: String,
    /// Its share.
    pub weight: u32,
}

/// First names, last names and cities of one language.
struct Culture {
    language: &'static str,
    first: &'static [(&'static str, &'static str)],
    last: &'static [(&'static str, &'static str)],
    cities: &'static [&'static str],
    weight: u32,
}

/// Name, and how it is spelled in an address.
const CULTURES: &[Culture] = &[
    Culture {
        language: "fr",
        first: &[
            ("Zoé", "zoe"),
            ("Chloé", "chloe"),
            ("François", "francois"),
            ("Hélène", "helene"),
            ("Louis", "louis"),
            ("Maëlys", "maelys"),
            ("Jérôme", "jerome"),
            ("Camille", "camille"),
            ("Aurélie", "aurelie"),
            ("Noël", "noel"),
        ],
        last: &[
            ("Lefèvre", "lefevre"),
            ("Dubois", "dubois"),
            ("Müller-Roy", "muller-roy"),
            ("Garçon", "garcon"),
            ("d'Aubigné", "daubigne"),
            ("Moreau", "moreau"),
            ("Bézier", "bezier"),
            ("Nguyễn", "nguyen"),
        ],
        cities: &["Paris", "Lyon", "Besançon", "Nîmes", "Saint-Étienne", "Lille", "Orléans"],
        weight: 50,
    },
    Culture {
        language: "de",
        first: &[
            ("Jörg", "joerg"),
            ("Käthe", "kaethe"),
            ("Lukas", "lukas"),
            ("Anneliese", "anneliese"),
            ("Björn", "bjoern"),
        ],
        last: &[("Müller", "mueller"), ("Groß", "gross"), ("Schäfer", "schaefer"), ("Vogt", "vogt"), ("Weiß", "weiss")],
        cities: &["München", "Köln", "Düsseldorf", "Zürich", "Wien"],
        weight: 14,
    },
    Culture {
        language: "en",
        first: &[
            ("Olivia", "olivia"),
            ("Siobhán", "siobhan"),
            ("Jack", "jack"),
            ("Mary Ann", "mary.ann"),
            ("Zach", "zach"),
        ],
        last: &[
            ("O'Brien", "obrien"),
            ("Smith", "smith"),
            ("Brontë", "bronte"),
            ("Taylor, Jr.", "taylor"),
            ("Wright", "wright"),
        ],
        cities: &["London", "Dublin", "New York", "St. John's"],
        weight: 14,
    },
    Culture {
        language: "es",
        first: &[("Íñigo", "inigo"), ("María José", "mariajose"), ("Núria", "nuria"), ("José", "jose")],
        last: &[("Muñoz", "munoz"), ("García", "garcia"), ("Ibáñez", "ibanez"), ("de la Peña", "delapena")],
        cities: &["Málaga", "Logroño", "México", "Bogotá"],
        weight: 6,
    },
    Culture {
        language: "pl",
        first: &[("Łukasz", "lukasz"), ("Małgorzata", "malgorzata"), ("Świętosława", "swietoslawa")],
        last: &[("Wiśniewski", "wisniewski"), ("Żak", "zak"), ("Dąbrowska", "dabrowska")],
        cities: &["Kraków", "Łódź", "Gdańsk"],
        weight: 4,
    },
    Culture {
        language: "el",
        first: &[("Ελένη", "eleni"), ("Γιώργος", "giorgos")],
        last: &[("Παπαδόπουλος", "papadopoulos"), ("Ιωάννου", "ioannou")],
        cities: &["Αθήνα", "Θεσσαλονίκη"],
        weight: 2,
    },
    Culture {
        language: "ru",
        first: &[("Екатерина", "ekaterina"), ("Дмитрий", "dmitri")],
        last: &[("Иванова", "ivanova"), ("Соколов", "sokolov")],
        cities: &["Рига", "Таллинн"],
        weight: 2,
    },
    Culture {
        language: "ar",
        first: &[("فاطمة", "fatima"), ("يوسف", "youssef")],
        last: &[("الحداد", "alhaddad"), ("بن علي", "benali")],
        cities: &["تونس", "بيروت"],
        weight: 3,
    },
    Culture {
        language: "ja",
        first: &[("さくら", "sakura"), ("健太", "kenta")],
        last: &[("山本", "yamamoto"), ("佐藤", "sato")],
        cities: &["東京", "京都"],
        weight: 3,
    },
    Culture {
        language: "zh",
        first: &[("伟", "wei"), ("秀英", "xiuying")],
        last: &[("王", "wang"), ("李", "li")],
        cities: &["上海", "北京"],
        weight: 2,
    },
];

/// `count` good contacts and some bad rows, as CSV with semicolons, UTF-8, CRLF.
pub fn csv(count: usize, seed: u64, domains: &[DomainShare]) -> String {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut out = String::with_capacity(count * 96);
    out.push_str(HEADER);
    out.push_str("\r\n");
    let bad_every = 10_000 / BAD_ROWS_PER_10_000;
    let mut previous = String::new();
    for number in 0..count {
        let row = row(number, &mut rng, domains);
        out.push_str(&row);
        out.push_str("\r\n");
        if number % bad_every == bad_every / 2 {
            out.push_str(&bad_row(number / bad_every, number, &previous));
            out.push_str("\r\n");
        }
        previous = row;
    }
    out
}

fn row(number: usize, rng: &mut ChaCha8Rng, domains: &[DomainShare]) -> String {
    let culture = CULTURES.choose_weighted(rng, |culture| culture.weight).expect("invariant: weights are positive");
    let (first, first_ascii) = culture.first.choose(rng).expect("invariant: not empty");
    let (last, last_ascii) = culture.last.choose(rng).expect("invariant: not empty");
    let city = culture.cities.choose(rng).expect("invariant: not empty");
    let domain =
        domains.choose_weighted(rng, |share| share.weight).map_or("example.org", |share| share.domain.as_str());
    let local = match rng.random_range(0..4) {
        0 => format!("{first_ascii}.{last_ascii}{number}"),
        1 => format!("{last_ascii}_{first_ascii}.{number}"),
        2 => format!("{first_ascii}{number}"),
        _ => format!("{first_ascii}.{last_ascii}+news{number}"),
    };
    let birthday =
        format!("{}-{:02}-{:02}", rng.random_range(1944..2008), rng.random_range(1..13), rng.random_range(1..29));
    let vip = if rng.random_bool(0.08) { "true" } else { "false" };
    let points = rng.random_range(0..5_000);
    // Some people never told their first name: the mail must read well without it.
    let first = if rng.random_bool(0.03) { "" } else { first };
    let fields = [first, last, city].map(quoted);
    format!("{local}@{domain};{};{};{};{};{birthday};{vip};{points}", fields[0], fields[1], fields[2], culture.language)
}

/// What real exports get wrong, in turn.
fn bad_row(kind: usize, number: usize, previous: &str) -> String {
    match kind % 6 {
        0 => format!("nobody{number};No;Sign;Paris;fr;1980-01-01;false;1"),
        1 => previous.to_owned(),
        2 => format!("two@at@example{number}.org;Two;Signs;Paris;fr;1980-01-01;false;1"),
        3 => format!("short{number}@example.org;Too;Few"),
        4 => format!("date{number}@example.org;Wrong;Date;Paris;fr;31.02.1980 or so;false;1"),
        _ => ";Without;Address;Paris;fr;1980-01-01;false;1".to_owned(),
    }
}

fn quoted(text: &str) -> String {
    if text.contains([';', '"', ',']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn domains() -> Vec<DomainShare> {
        let share = |domain: &str, weight| DomainShare { domain: domain.to_owned(), weight };
        vec![share("gmail.com", 3), share("bücher-lyon.example", 1)]
    }

    #[test]
    fn the_same_seed_gives_the_same_file() {
        assert_eq!(csv(500, 7, &domains()), csv(500, 7, &domains()));
        assert_ne!(csv(500, 7, &domains()), csv(500, 8, &domains()));
    }

    #[test]
    fn good_addresses_are_unique_and_bad_rows_are_few() {
        let text = csv(10_000, 1, &domains());
        let addresses: Vec<&str> = text.lines().skip(1).filter_map(|line| line.split(';').next()).collect();
        assert_eq!(addresses.len(), 10_000 + BAD_ROWS_PER_10_000);
        let distinct: HashSet<&&str> = addresses.iter().collect();
        assert!(distinct.len() >= 10_000, "{}", distinct.len());
        assert!(text.contains("bücher-lyon.example") && text.contains("さくら"));
    }
}
