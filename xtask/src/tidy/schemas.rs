//! Names of the API's types: one name, one type.
//!
//! A schema in the OpenAPI document is known by its name alone. Two types of one name become one schema, without a word:
//! the document then describes one of them wrongly, and so does the UI's client. So every type with a schema must have a
//! name that no other has; `#[schema(as = OtherName)]` gives it one. Types whose schema is written by hand
//! (`impl ToSchema`) are seen with the name they return.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use syn::visit::Visit;

use super::sizes::{files, relative};

/// Name of a schema → where its types stand.
type Names = BTreeMap<String, Vec<String>>;

pub(super) fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut names = Names::new();
    for path in files(&root.join("crates"), &["rs"])? {
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let name = relative(root, &path);
        let file = syn::parse_file(&text).with_context(|| name.clone())?;
        Schemas { file: &name, names: &mut names }.visit_file(&file);
    }
    Ok(collisions(names))
}

fn collisions(names: Names) -> Vec<String> {
    let several = names.into_iter().filter(|(_, places)| places.len() > 1);
    let say = |(name, places): (String, Vec<String>)| {
        let places = places.join(", ");
        format!("{places}: the API has several types named {name}; give all but one another: #[schema(as = …)]")
    };
    several.map(say).collect()
}

struct Schemas<'a> {
    file: &'a str,
    names: &'a mut Names,
}

impl Schemas<'_> {
    fn note(&mut self, ident: &syn::Ident, attributes: &[syn::Attribute]) {
        if attributes.iter().any(derives_schema) {
            let name = attributes.iter().find_map(given_name).unwrap_or_else(|| ident.to_string());
            self.names.entry(name).or_default().push(self.file.to_owned());
        }
    }
}

impl<'ast> Visit<'ast> for Schemas<'_> {
    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.note(&item.ident, &item.attrs);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.note(&item.ident, &item.attrs);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let of = item.trait_.as_ref().and_then(|(_, path, _)| path.segments.last());
        if of.is_some_and(|of| of.ident == "ToSchema") {
            let mut texts = Texts(Vec::new());
            texts.visit_item_impl(item);
            // Without a name of its own, it is the type's.
            let own = match &*item.self_ty {
                syn::Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()),
                _ => None,
            };
            if let Some(name) = texts.0.into_iter().next().or(own) {
                self.names.entry(name).or_default().push(self.file.to_owned());
            }
        }
    }
}

/// Literal texts in the order of the source.
struct Texts(Vec<String>);

impl<'ast> Visit<'ast> for Texts {
    fn visit_lit_str(&mut self, text: &'ast syn::LitStr) {
        self.0.push(text.value());
    }

    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}
}

/// `#[derive(ToSchema)]`, with or without the path in front.
fn derives_schema(attribute: &syn::Attribute) -> bool {
    let mut found = false;
    if attribute.path().is_ident("derive") {
        let _ = attribute.parse_nested_meta(|derived| {
            found |= derived.path.segments.last().is_some_and(|last| last.ident == "ToSchema");
            Ok(())
        });
    }
    found
}

/// The name in `#[schema(as = path::Name)]`.
fn given_name(attribute: &syn::Attribute) -> Option<String> {
    let mut name = None;
    if attribute.path().is_ident("schema") {
        let _ = attribute.parse_nested_meta(|argument| {
            if let Ok(value) = argument.value() {
                if argument.path.is_ident("as") {
                    let path: syn::Path = value.parse()?;
                    name = path.segments.last().map(|last| last.ident.to_string());
                } else {
                    let _: syn::Expr = value.parse()?;
                }
            }
            Ok(())
        });
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[(&str, &str)], expected: &[&str]) {
        let mut names = Names::new();
        for (file, text) in files {
            Schemas { file, names: &mut names }.visit_file(&syn::parse_file(text).unwrap());
        }
        let found: Vec<String> =
            collisions(names).into_iter().map(|found| found.split(';').next().unwrap().to_owned()).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn two_types_of_one_name_are_found() {
        let derived = "#[derive(Clone, utoipa::ToSchema)] pub struct Order { by: String }";
        check(&[("a.rs", derived)], &[]);
        check(&[("a.rs", derived), ("b.rs", "struct Order;")], &[]);
        check(
            &[("a.rs", derived), ("b.rs", "#[derive(ToSchema)] enum Order { Up }")],
            &["a.rs, b.rs: the API has several types named Order"],
        );
        let renamed = "#[derive(ToSchema)] #[schema(title = \"x\", as = QueryOrder)] struct Order;";
        check(&[("a.rs", derived), ("b.rs", renamed)], &[]);
        let by_hand = "impl utoipa::ToSchema for Field { fn name() -> Cow<'static, str> { \"Order\".into() } }";
        check(&[("a.rs", derived), ("b.rs", by_hand)], &["a.rs, b.rs: the API has several types named Order"]);
        check(
            &[("a.rs", "impl ToSchema for Order {}"), ("b.rs", "mod inner { #[derive(ToSchema)] struct Order; }")],
            &["a.rs, b.rs: the API has several types named Order"],
        );
    }
}
