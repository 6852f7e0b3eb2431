//! Sums by source and provider are exact, however many paths there are.

use model::name::Name;
use queue::control::{Action, Target};
use queue::directory::{Directory, THROTTLES_MAX};
use queue::handle::Show;

use crate::bed;
use crate::bench::Bench;

/// More paths than any view of the queue shows.
const PATHS: usize = 10_500;

#[test]
fn sums_leave_no_path_out() {
    let mut bench = Bench::new("");
    bench.resolve = false;
    let domains: Vec<String> = (0..PATHS).map(|number| format!("d{number}.example")).collect();
    for some in domains.chunks(3_500) {
        let some: Vec<&str> = some.iter().map(String::as_str).collect();
        bench.admit(bed::bulk(), &some);
        let resolved = |domain: &&str| bed::site(&Name::from(*domain), &format!("{domain}.orange.fr"));
        bench.feed(some.iter().map(resolved).collect());
    }
    let all = bench.core.snapshot(bench.now, Show { paths: 10_000, domains: 0, campaigns: 0 });
    assert_eq!(all.paths_total, PATHS as u64);
    assert!(all.paths.iter().map(|path| path.ready + path.in_flight).sum::<u64>() < PATHS as u64);

    let doing = bench.core.doing(bench.now);
    let source = &doing.sources[&Name::from("default")];
    assert_eq!((source.ready, source.in_flight), (all.totals.ready, all.totals.in_flight));
    assert_eq!((source.ready + source.in_flight, source.connections), (PATHS as u64, all.connections));
    assert!(doing.providers.is_empty(), "nothing is slowed");

    bench.order(Target::Source(Name::from("default")), Action::Suspend).unwrap();
    let doing = bench.core.doing(bench.now);
    let orange = &doing.providers[&Name::from("orange")];
    assert_eq!((orange.throttled, orange.active.len()), (PATHS as u64, THROTTLES_MAX));

    let directory = Directory::new(bed::config(""), bed::providers());
    let sources = directory.sources(&doing);
    assert!(sources[0].suspended, "{sources:?}");
    assert_eq!(sources[0].ready, doing.sources[&Name::from("default")].ready);
    let orange = directory.providers(&doing).into_iter().find(|provider| &*provider.name == "orange").unwrap();
    assert_eq!((orange.active_total, orange.active.len()), (PATHS as u64, THROTTLES_MAX));
}
