//! TLSA records of a stranger and the certificates that his server shows (RFC 6698, RFC 7672).
//!
//! Input: pieces `kind u8 · length u16 · bytes`: an even kind is a record (usage, selector, matching, data), an odd one a
//! certificate. Holds: judging ends; only usable records are used, each at most once, never more than allowed; a record
//! that nobody knows changes nothing; what DANE demands is fulfilled only when a record fits.

use std::sync::LazyLock;

use model::dns::Tlsa;
use rustls_pki_types::CertificateDer;
use smtp::trust::{Authorities, Demand, TLSA_MAX, Trust, usable};

static AUTHORITIES: LazyLock<Authorities> = LazyLock::new(Authorities::web);

/// Checks one input.
pub(crate) fn run(data: &[u8]) {
    let (mut records, mut chain) = (Vec::new(), Vec::new());
    let mut rest = data;
    while let Some(([kind, high, low], behind)) = rest.split_first_chunk::<3>() {
        let len = usize::from(u16::from_be_bytes([*high, *low])).min(behind.len());
        let (piece, behind) = behind.split_at(len);
        rest = behind;
        match (kind & 1, piece) {
            (0, [usage, selector, matching, data @ ..]) => records.push(Tlsa {
                usage: *usage,
                selector: *selector,
                matching: *matching,
                data: data.to_vec(),
            }),
            _ => chain.push(CertificateDer::from(piece.to_vec())),
        }
    }
    let used = usable(&records);
    assert!(used.len() <= TLSA_MAX.min(records.len()));
    assert!(used.iter().all(|record| records.contains(record) && matches!(record.usage, 2 | 3) && record.selector < 2));
    assert_eq!(usable(&used), used, "usable records stay so");
    let judge = |records: &[Tlsa]| {
        let demand = Demand::Dane(records.into());
        Trust { authorities: AUTHORITIES.clone(), demand, at_unix_s: 1_790_000_000 }.judge(&chain, "mx.example.test")
    };
    let verdict = judge(&records);
    if used.is_empty() || chain.is_empty() {
        assert!(verdict.is_err(), "nothing could fit");
    }
    let unknown = Tlsa { usage: 9, selector: 0, matching: 1, data: vec![0; 32] };
    if records.len() < TLSA_MAX {
        records.push(unknown);
        assert_eq!(judge(&records), verdict, "a record that nobody knows counts");
    }
    // Only a demand refuses.
    let free = Trust { authorities: AUTHORITIES.clone(), demand: Demand::Nothing, at_unix_s: 0 };
    assert!(free.judge(&chain, &String::from_utf8_lossy(data)).is_ok());
}
