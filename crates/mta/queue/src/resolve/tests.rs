//! Where mail would go is told with every limit, who set it, and what lost.

use dns::Zone;

use super::*;

const ZONE: &str = r#"{
    "example.org": { "MX": ["10 mx1.example.org", "20 mx2.example.org"] },
    "mx1.example.org": { "A": ["192.0.2.1"] },
    "mx2.example.org": { "A": ["192.0.2.2"] },
    "gmail.com": { "MX": ["5 gmail-smtp-in.l.google.com"] },
    "gmail-smtp-in.l.google.com": { "A": ["192.0.2.9"] }
}"#;

const CONFIG: &str = r#"
[[sources]]
name = "ip-1"
ehlo_name = "mta1.example.com"
[[sources]]
name = "ip-2"
ehlo_name = "mta2.example.com"
[[pools]]
name = "default"
members = [{ source = "ip-1", weight = 3 }, { source = "ip-2" }]
[[overrides]]
provider = "gmail"
source = "ip-1"
connections = 2
[[overrides]]
provider = "gmail"
connections = 3
[[groups]]
name = "tenants"
per = ["tenant", "provider"]
rate = "100/min"
"#;

async fn ask(domain: &str, source: Option<&str>) -> Result<Resolution, ResolveError> {
    let config: Config = toml::from_str(CONFIG).unwrap();
    config.validate().unwrap();
    let resolver = Resolver::zone(Zone::parse(ZONE).unwrap());
    let question = Question {
        domain: domain.to_owned(),
        source: source.map(Name::from),
        tenant: Some(Name::from("acme")),
        ..Question::default()
    };
    resolve(&config, &Providers::builtin(), Some(&resolver), None, &question).await
}

#[tokio::test]
async fn every_limit_comes_with_what_lost() {
    let answer = ask("zoe@Gmail.com", Some("ip-1")).await.unwrap();
    assert_eq!((answer.provider.as_deref(), &*answer.hosts[0].name), (Some("gmail"), "gmail-smtp-in.l.google.com"));
    assert_eq!(answer.hosts[0].addresses, ["192.0.2.9"]);
    let limits = &answer.sources[0].limits;
    let connections = limits.iter().find(|limit| limit.key == "connections").unwrap();
    assert_eq!((&*connections.value, &*connections.set_by), ("2", "queue.overrides[0].connections"));
    let lost: Vec<&str> = connections.lost.iter().map(|said| &*said.value).collect();
    assert_eq!(lost, ["3", "5", "10", "10"], "the provider's override, the file's provider, its default, built in");
    assert!(connections.lost[1].set_by.starts_with("providers.toml line "));
    assert_eq!(answer.sources[0].tls.value, "required");
    assert_eq!((answer.groups.len(), &*answer.groups[0].budget), (1, "tenant acme, provider gmail"));
    assert_eq!(answer.rules[0].name, "gmail-likely-spam");
}

#[tokio::test]
async fn a_pool_shows_all_its_sources() {
    let answer = ask("example.org", None).await.unwrap();
    assert_eq!((answer.provider.as_deref(), answer.hosts.len()), (Some("example.org"), 2));
    let shares: Vec<(&str, u32)> = answer.sources.iter().map(|source| (&*source.name, source.weight)).collect();
    assert_eq!(shares, [("ip-1", 3), ("ip-2", 1)]);
    assert_eq!(answer.retries.last().unwrap().set_by, "stream bulk");
}

#[tokio::test]
async fn what_is_not_there_is_said() {
    assert_eq!(ask("", None).await.unwrap_err(), ResolveError::Domain(String::new()));
    assert_eq!(ask("a b", None).await.unwrap_err(), ResolveError::Domain("a b".to_owned()));
    assert_eq!(ask("example.org", Some("ip-9")).await.unwrap_err(), ResolveError::Source(Name::from("ip-9")));
    let answer = ask("nobody.example", None).await.unwrap();
    assert_eq!((answer.hosts.len(), answer.trouble.as_deref()), (0, Some("there is no such domain")));
}
