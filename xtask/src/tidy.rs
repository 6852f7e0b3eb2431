//! What is checked, one file each; every check returns sentences, none means tidy.

mod imports;
mod schemas;
mod sizes;

use std::path::Path;

/// All findings, sorted.
pub fn run(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut findings = imports::check(root)?;
    findings.extend(schemas::check(root)?);
    findings.extend(sizes::check(root)?);
    findings.sort();
    Ok(findings)
}
