//! Who opened or clicked: a person, or a program that nobody asked to? Read from the request as the event keeps it. Pure.
//!
//! Automatic is a request whose User-Agent is in `data/machines.txt`, or that has none: mail programs and browsers of
//! people always have one. Everything else counts as a person.
//! Known gap: a link checker that calls itself a browser is taken for a person, so the numbers of people are rather too high than too low.

use std::sync::LazyLock;

use model::event::Event;

/// What programs call themselves.
static MACHINES: LazyLock<Machines> =
    LazyLock::new(|| Machines::parse(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/machines.txt"))));

struct Machines {
    whole: Vec<&'static str>,
    part: Vec<&'static str>,
}

impl Machines {
    fn parse(list: &'static str) -> Self {
        let mut machines = Machines { whole: Vec::new(), part: Vec::new() };
        for line in list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            match line.strip_prefix('=') {
                Some(whole) => machines.whole.push(whole),
                None => machines.part.push(line),
            }
        }
        machines
    }
}

/// Whether a program did this by itself, as far as its request tells.
pub(crate) fn is_automatic(event: &Event) -> bool {
    let agent = event.touch.as_ref().and_then(|touch| touch.user_agent.as_deref()).unwrap_or_default();
    let agent = agent.trim().to_ascii_lowercase();
    agent.is_empty()
        || MACHINES.whole.contains(&agent.as_str())
        || MACHINES.part.iter().any(|part| agent.contains(part))
}

#[cfg(test)]
mod tests {
    use model::event::Touch;

    use super::*;

    #[track_caller]
    fn check(agent: Option<&str>, automatic: bool) {
        let touch = Touch { user_agent: agent.map(str::to_owned), ..Touch::default() };
        assert_eq!(is_automatic(&Event { touch: Some(touch), ..Event::default() }), automatic, "{agent:?}");
    }

    #[test]
    fn programs_are_known_by_what_they_call_themselves() {
        check(None, true);
        check(Some("  "), true);
        check(Some("Mozilla/5.0"), true);
        check(Some("Lab-Scanner/1.0"), true);
        check(Some("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"), true);
        check(Some("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/120.0 Safari/537.36"), true);
        check(Some("Go-http-client/2.0"), true);
        check(Some("WhatsApp/2.23.20.0"), true);
    }

    #[test]
    fn people_and_the_proxies_that_fetch_for_them_are_not() {
        for agent in [
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
            "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
            "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html",
            "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 6.1; Microsoft Outlook 16.0.5266; ms-office; MSOffice 16)",
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:128.0) Gecko/20100101 Thunderbird/128.3.0",
            "Mozilla/5.0 (X11; Linux x86_64) Lab-Person/1.0",
        ] {
            check(Some(agent), false);
        }
    }

    #[test]
    fn the_list_is_in_order() {
        assert!(MACHINES.whole.len() + MACHINES.part.len() > 20);
        for entry in MACHINES.whole.iter().chain(&MACHINES.part) {
            assert_eq!(*entry, entry.to_ascii_lowercase(), "{entry}");
            assert!(entry.len() > 3, "{entry} is found in too much");
        }
    }
}
