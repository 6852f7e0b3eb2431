//! Whatever is written and whatever the values are: no panic, limits hold, the escape is complete.

use proptest::prelude::*;

use super::*;

fn any_piece() -> impl Strategy<Value = String> {
    let path = prop_oneof![
        Just("name"),
        Just("list"),
        Just("products"),
        Just("p.tags"),
        Just("contact"),
        Just("x"),
        Just("n"),
        Just("f"),
        Just("html"),
        Just("list[0]"),
        Just("products[x].title"),
        Just("(1..n)"),
        Just("'a < b'"),
        Just("empty"),
        Just("nil"),
        Just("-3"),
        Just("2.5"),
        Just("forloop.index"),
        Just("when")
    ];
    let filter = prop_oneof![
        Just("upcase"),
        Just("split: ''"),
        Just("join: x"),
        Just("sort"),
        Just("append: x"),
        Just("times: n"),
        Just("divided_by: x"),
        Just("slice: x, n"),
        Just("date: '%c %s %Z'"),
        Just("map: 'title'"),
        Just("json"),
        Just("truncate: n"),
        Just("replace: '', html"),
        Just("raw"),
        Just("escape_once"),
        Just("uniq"),
        Just("round: n"),
        Just("newline_to_br"),
        Just("url_decode"),
        Just("strip_html"),
        Just("first"),
        Just("reverse"),
        Just("default: x")
    ];
    let expr = (path, prop::collection::vec(filter, 0..4))
        .prop_map(|(path, filters)| filters.iter().fold(path.to_owned(), |expr, filter| format!("{expr} | {filter}")));
    prop_oneof![
        3 => expr.clone().prop_map(|expr| format!("{{{{ {expr} }}}}")),
        1 => expr.prop_map(|expr| format!("{{% assign x = {expr} %}}")),
        1 => Just("{% for p in products %}".to_owned()),
        1 => Just("{% for x in (1..n) reversed %}".to_owned()),
        2 => Just("{% endfor %}".to_owned()),
        1 => Just("{% if x == name or list contains x and n > 3 %}".to_owned()),
        1 => Just("{% else %}".to_owned()),
        1 => Just("{% endif %}".to_owned()),
        1 => Just("{%- capture x -%}".to_owned()),
        1 => Just("{% endcapture %}".to_owned()),
        1 => Just("{% case n %} {% when 7 %}".to_owned()),
        1 => Just("{% endcase %}".to_owned()),
        1 => Just("{% break %}".to_owned()),
        1 => Just("{% raw %}".to_owned()),
        1 => Just("{% endraw %}".to_owned()),
        2 => "[a-z <>&\n{}%|é]{0,8}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn no_template_panics(pieces in prop::collection::vec(any_piece(), 0..24)) {
        let limits = Limits { steps: 5_000, bytes: 20_000, loop_rounds: 500 };
        for escape in [Escape::Html, Escape::Text, Escape::Url, Escape::Header] {
            if let Ok(template) = Template::parse(&pieces.concat(), escape) {
                let mut out = String::new();
                let _ = template.render(&value(vars()), &mut out, limits);
                prop_assert!(out.len() <= limits.bytes * 7);
            }
        }
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,60}", marks in "[{}%|\\-'\" a-z.\\[\\]()=<>:,#0-9\n]{0,80}") {
        let _ = Template::parse(&text, Escape::Html);
        let _ = Template::parse(&marks, Escape::Html);
        let _ = Template::parse(&format!("{{{{{marks}}}}}"), Escape::Html);
        let _ = Template::parse(&format!("{{%{marks}%}}"), Escape::Html);
        let _ = Template::parse(&format!("{{% for {marks}%}}{{% endfor %}}"), Escape::Html);
    }

    #[test]
    fn no_value_leaves_its_place(text in any::<String>()) {
        let vars = value(json!({ "v": text }));
        let print = |escape| {
            let mut out = String::new();
            Template::parse("{{ v }}", escape).unwrap().render(&vars, &mut out, Limits::default()).unwrap();
            out
        };
        prop_assert!(!print(Escape::Html).contains(['<', '>', '"', '\'']));
        prop_assert!(!print(Escape::Header).contains(|letter: char| letter.is_ascii_control()));
        let foreign = b"\"<>\\^`{|}";
        let url = print(Escape::Url);
        prop_assert!(url.bytes().all(|byte| byte.is_ascii_graphic() && !foreign.contains(&byte)));
    }
}
