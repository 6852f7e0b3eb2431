//! Who may import whom: the table of the architecture, compared with what cargo sees.
//!
//! Dev-dependencies are free to reach further down (a test may start a real database), but never up: nobody imports the
//! binary, and no wing's tests import another wing.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail};
use serde::Deserialize;

/// Crate → crates of ours that it may import.
const TABLE: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("journal", &["model"]),
    ("smtp", &["model"]),
    ("mail", &["model"]),
    ("dns", &["model"]),
    ("db", &["model"]),
    ("paper", &["model"]),
    ("store", &["model", "journal"]),
    ("accounts", &["model", "db"]),
    ("intake", &["model", "smtp", "mail", "dns", "journal"]),
    ("queue", &["model", "journal", "dns"]),
    ("delivery", &["model", "smtp", "mail", "dns", "journal"]),
    ("campaign", &["model", "mail", "db", "journal", "store", "paper"]),
    ("monitor", &["model", "mail", "dns", "db", "journal", "store", "paper"]),
    ("api", &["model", "intake", "queue", "campaign", "monitor", "journal", "accounts"]),
    ("lab", &["model", "smtp", "mail", "dns"]),
    ("simulation", &["model", "journal", "smtp", "mail", "dns", "intake", "queue", "delivery", "lab"]),
    // The fuzz targets, for tests; imported by nobody.
    ("targets", &["model", "journal", "smtp", "mail", "dns", "intake", "queue", "delivery"]),
    (
        "ies",
        &[
            "accounts", "api", "campaign", "db", "delivery", "dns", "intake", "journal", "lab", "mail", "model",
            "monitor", "paper", "queue", "smtp", "store",
        ],
    ),
];

/// Libraries that only one crate may know, so that their compile time stays in a leaf.
const LEAVES: &[(&str, &str)] = &[
    ("datafusion", "store"),
    ("typst", "paper"),
    ("sqlx", "db"),
    ("hickory-resolver", "dns"),
    ("hickory-server", "dns"),
    ("mail-auth", "mail"),
    ("mail-parser", "mail"),
    ("rustls", "smtp"),
];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
}

pub(super) fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root)
        .output()
        .context("cargo metadata cannot be run")?;
    if !output.status.success() {
        bail!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    }
    let metadata: Metadata = serde_json::from_slice(&output.stdout)?;
    Ok(metadata.packages.iter().flat_map(check_package).collect())
}

fn check_package(package: &Package) -> Vec<String> {
    let Some(crate_name) = ours(&package.name) else { return Vec::new() };
    let Some((_, allowed)) = TABLE.iter().find(|(known, _)| *known == crate_name) else {
        return vec![format!("{}: not in the import table of xtask/src/tidy/imports.rs", package.name)];
    };
    let mut findings = Vec::new();
    for dependency in &package.dependencies {
        let in_tests = dependency.kind.as_deref() == Some("dev");
        if let Some(imported) = ours(&dependency.name) {
            let may = allowed.contains(&imported) || (in_tests && is_base(imported)) || imported == crate_name;
            if !may {
                findings.push(format!("{crate_name}: must not import {imported} (docs/ARCHITECTURE.md, import table)"));
            }
        } else if let Some((leaf, owner)) = LEAVES.iter().find(|(leaf, _)| *leaf == dependency.name)
            && *owner != crate_name
            && !in_tests
        {
            findings.push(format!("{crate_name}: only {owner} may know {leaf}"));
        }
    }
    findings
}

fn ours(package: &str) -> Option<&str> {
    if package == "ies" { Some("ies") } else { package.strip_prefix("ies-") }
}

fn is_base(name: &str) -> bool {
    ["model", "journal", "smtp", "mail", "dns", "db", "store", "paper"].contains(&name)
}
