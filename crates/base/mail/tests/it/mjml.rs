//! MJML against the HTML that MJML itself makes (fixtures/mjml).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use lol_html::html_content::Element;
use lol_html::{RewriteStrSettings, element, rewrite_str};
use mail::mjml::render;

fn fixtures() -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../fixtures/mjml/mrml")).to_owned()
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// An attribute so that white space and the order of declarations do not count.
fn value(name: &str, value: &str) -> String {
    if name == "class" {
        let mut classes: Vec<&str> = value.split_whitespace().collect();
        classes.sort_unstable();
        return classes.join(" ");
    }
    if name != "style" {
        return words(value);
    }
    let mut rules: Vec<String> =
        value.split(';').map(|rule| words(rule).replace(": ", ":").replace(", ", ",")).collect();
    rules.retain(|rule| !rule.is_empty());
    rules.sort();
    rules.join(";")
}

/// The elements in order, each with its attributes.
fn elements(html: &str) -> Vec<String> {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let sink = seen.clone();
    let handler = element!("body *", move |element: &mut Element<'_, '_>| {
        let attributes: BTreeMap<String, String> = element
            .attributes()
            .iter()
            .map(|a| (a.name(), value(&a.name(), &a.value())))
            // mrml writes `vertical-align`, which is no attribute of HTML.
            .filter(|(name, value)| !value.is_empty() && name != "vertical-align")
            .collect();
        sink.borrow_mut().push(format!("{} {attributes:?}", element.tag_name()));
        Ok(())
    });
    rewrite_str(html, RewriteStrSettings::new().append_element_content_handler(handler)).unwrap();
    seen.take()
}

/// The text without white space.
fn letters(html: &str) -> String {
    let text = html2text::config::plain().no_table_borders().string_from_read(html.as_bytes(), 100_000).unwrap();
    text.split_whitespace().collect()
}

#[test]
fn documents_render_as_mjml_renders_them() {
    let mut count = 0;
    for entry in std::fs::read_dir(fixtures().join("success")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "mjml") {
            continue;
        }
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let rendered =
            render(&std::fs::read_to_string(&path).unwrap()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let expected = std::fs::read_to_string(path.with_extension("html")).unwrap();
        assert_eq!(elements(&rendered.html), elements(&expected), "{name}");
        assert_eq!(letters(&rendered.html), letters(&expected), "{name}");
        assert_eq!(rendered.warnings, [], "{name}");
        count += 1;
    }
    assert_eq!(count, 36);
}

#[test]
fn what_mjml_refuses_is_refused_with_its_place() {
    let document = std::fs::read_to_string(fixtures().join("error/mj-head-unknown-tag.mjml")).unwrap();
    let error = render(&document).unwrap_err();
    assert_eq!(error.to_string(), "line 3 column 5: the element `mj-unknown` can not stand here");
}
