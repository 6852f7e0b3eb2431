//! Generated references: the pages under `docs/generated/` are what the structs say. `make reference` writes them anew.

use std::fmt::Write as _;

use expect_test::expect_file;
use serde_json::Value;
use suite::config::Config;

#[test]
fn reference_of_the_configuration() {
    let schema = schemars::schema_for!(Config);
    let defaults = serde_json::to_value(Config::default()).unwrap();
    let mut page = String::from(
        "# Configuration\n\nOne TOML file, `ies.toml`. Generated from the structs; `make reference` writes it anew.\nTimes are \
         written `\"30s\"`, `\"5m\"`, `\"4d12h\"`; rates `\"100/min\"`; sizes `\"25MB\"`.\n",
    );
    section(&mut page, "", schema.as_value(), schema.as_value(), Some(&defaults));
    expect_file![crate::project_file("docs/generated/config.md")].assert_eq(&page);
}

/// A table of the keys of one section, then its sections.
fn section(page: &mut String, path: &str, object: &Value, root: &Value, defaults: Option<&Value>) {
    let Some(properties) = object["properties"].as_object() else { return };
    if !path.is_empty() {
        writeln!(page, "\n## `[{path}]`\n").unwrap();
        writeln!(page, "{}\n", object["description"].as_str().unwrap_or_default().replace('\n', " ")).unwrap();
    }
    writeln!(page, "\n| key | default | meaning |\n|---|---|---|").unwrap();
    let mut sections = Vec::new();
    for (key, property) in properties {
        let (target, list) = resolve(property, root);
        let default = defaults.and_then(|defaults| defaults.get(key));
        if target["properties"].is_object() {
            let brackets = if list { format!("[{}]", join(path, key)) } else { join(path, key) };
            sections.push((brackets, target, if list { None } else { default }));
        }
        let meaning = property["description"].as_str().or(target["description"].as_str()).unwrap_or_default();
        let shown = default.filter(|value| !value.is_object()).map(|value| format!("`{value}`")).unwrap_or_default();
        writeln!(page, "| `{key}` | {shown} | {} |", meaning.replace('\n', " ")).unwrap();
    }
    for (path, target, defaults) in sections {
        section(page, &path, target, root, defaults);
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// The schema behind references, options and lists; true for a list.
fn resolve<'a>(property: &'a Value, root: &'a Value) -> (&'a Value, bool) {
    if let Some(name) = property["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
        return (&root["$defs"][name], false);
    }
    if let Some(first) = property["anyOf"].get(0).or(property["allOf"].get(0)) {
        return resolve(first, root);
    }
    if property["items"].is_object() {
        return (resolve(&property["items"], root).0, true);
    }
    (property, false)
}
