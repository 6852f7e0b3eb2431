//! Sizes: a file tells one story, a function fits on a screen, a module says what it is.
//!
//! Files: at most [`FILE_LINES_MAX`] lines without their inline tests. Functions: at most [`FUNCTION_LINES_MAX`] lines.
//! Every file begins with a module doc. Flat tables may be longer: they stand in [`LONG_TABLES`] with a reason.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use syn::spanned::Spanned as _;
use syn::visit::Visit;

/// Lines of a file, inline tests not counted.
const FILE_LINES_MAX: usize = 800;

/// Lines of a function, signature and braces included.
const FUNCTION_LINES_MAX: usize = 70;

/// Files that may be longer, and why.
const LONG_TABLES: &[(&str, &str)] = &[];

/// Folders with Rust code of ours.
const FOLDERS: &[&str] = &["crates", "lab", "xtask"];

/// Lines of a TypeScript file of the UI.
const UI_FILE_LINES_MAX: usize = 400;

pub(super) fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut findings = Vec::new();
    for folder in FOLDERS {
        for path in files(&root.join(folder), &["rs"])? {
            check_rust(root, &path, &mut findings)?;
        }
    }
    for path in files(&root.join("web/app"), &["ts", "tsx"])? {
        let lines = fs::read_to_string(&path)?.lines().count();
        if lines > UI_FILE_LINES_MAX && !is_generated(&path) {
            let path = relative(root, &path);
            findings.push(format!("{path}: {lines} lines, at most {UI_FILE_LINES_MAX}: split it by responsibility"));
        }
    }
    Ok(findings)
}

fn check_rust(root: &Path, path: &Path, findings: &mut Vec<String>) -> anyhow::Result<()> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let name = relative(root, path);
    let file = syn::parse_file(&text).with_context(|| name.clone())?;
    if !text.starts_with("//!") {
        findings.push(format!("{name}: begins without a module doc: what does it do, what must it not do?"));
    }
    let lines = text.lines().count() - inline_test_lines(&file);
    let is_table = LONG_TABLES.iter().any(|(table, _)| *table == name);
    if lines > FILE_LINES_MAX && !is_table {
        findings.push(format!("{name}: {lines} lines, at most {FILE_LINES_MAX}: split it by responsibility"));
    }
    let mut functions = Functions { file: &name, findings };
    functions.visit_file(&file);
    Ok(())
}

/// Lines in modules marked `#[cfg(test)]`.
fn inline_test_lines(file: &syn::File) -> usize {
    let is_test = |attribute: &syn::Attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Ident>().is_ok_and(|argument| argument == "test")
    };
    file.items
        .iter()
        .filter_map(|item| match item {
            syn::Item::Mod(module) if module.attrs.iter().any(is_test) => Some(lines_of(module.span())),
            _ => None,
        })
        .sum()
}

struct Functions<'a> {
    file: &'a str,
    findings: &'a mut Vec<String>,
}

impl Functions<'_> {
    fn measure(&mut self, name: &syn::Ident, start: proc_macro2::Span, block: &syn::Block) {
        let lines = block.span().end().line + 1 - start.start().line;
        if lines > FUNCTION_LINES_MAX {
            let file = self.file;
            self.findings.push(format!("{file}: fn {name} has {lines} lines, at most {FUNCTION_LINES_MAX}"));
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.measure(&function.sig.ident, function.sig.span(), &function.block);
        syn::visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.measure(&function.sig.ident, function.sig.span(), &function.block);
        syn::visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(block) = &function.default {
            self.measure(&function.sig.ident, function.sig.span(), block);
        }
        syn::visit::visit_trait_item_fn(self, function);
    }
}

fn lines_of(span: proc_macro2::Span) -> usize {
    span.end().line + 1 - span.start().line
}

fn is_generated(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "__generated__")
}

pub(super) fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}

pub(super) fn files(folder: &Path, endings: &[&str]) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry?.path();
            let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or("");
            if path.is_dir() && !path.ends_with("target") && !path.ends_with("node_modules") {
                folders.push(path);
            } else if endings.contains(&ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}
