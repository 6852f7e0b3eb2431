//! What is ours, what the oracle does otherwise, and the errors.

use super::*;

#[test]
fn values_are_escaped_for_where_they_stand() {
    let html = |template: &str| print_as(template, Escape::Html);
    assert_eq!(html("{{ html }}"), "&lt;b&gt;Tom &amp; &quot;Jerry&quot;&lt;/b&gt;");
    assert_eq!(html("{{ html | raw }}"), "<b>Tom & \"Jerry\"</b>");
    assert_eq!(html("{{ html | escape }}"), "&lt;b&gt;Tom &amp; &quot;Jerry&quot;&lt;/b&gt;", "escaped once only");
    assert_eq!(html("{{ 'a<\nb' | newline_to_br }}"), "a&lt;<br />\nb");
    assert_eq!(html("{{ html | raw | upcase }}"), "&lt;B&gt;TOM &amp; &quot;JERRY&quot;&lt;/B&gt;", "`raw` goes last");
    assert_eq!(html("{% capture x %}<i>{{ html }}</i>{% endcapture %}{{ x }}"), html("<i>{{ html }}</i>"));
    assert_eq!(
        html("{{ products[0] }}"),
        r#"{&quot;price&quot;:10,&quot;tags&quot;:[&quot;new&quot;,&quot;red&quot;],&quot;title&quot;:&quot;Shoes&quot;}"#
    );
    assert_eq!(print_as("{{ lines }}x", Escape::Header), "a b  cx");
    assert_eq!(
        print_as("https://x/{{ html }}?{{ name | url_encode }}", Escape::Url),
        "https://x/%3Cb%3ETom%20&%20%22Jerry%22%3C/b%3E?Zo%C3%AB"
    );
    assert_eq!(print_as("{{ lines }}", Escape::Url), "a%0Ab%0D%0Ac");
}

#[test]
fn numbers_are_sorted_as_they_are() {
    let sorted = |json: serde_json::Value| {
        let mut out = String::new();
        let template = Template::parse("{{ list | sort | join: ' ' }}", Escape::Text).unwrap();
        template.render(&value(json!({ "list": json })), &mut out, Limits::default()).unwrap();
        out
    };
    // Rounded to 53 bits the three are equal in pairs, and there is no order at all.
    let (odd, even) = (9_007_199_254_740_993_i64, 9_007_199_254_740_992_i64);
    assert_eq!(sorted(json!([odd, even as f64, even])), "9007199254740992.0 9007199254740992 9007199254740993");
    assert_eq!(
        sorted(json!([i64::MAX, i64::MAX as f64, 1.5, -2, 1])),
        "-2 1 1.5 9223372036854775807 9223372036854776000"
    );
    for step in [7, 11, 13, 17, 19, 23] {
        let pick =
            |nth: i64| [json!(odd), json!(even as f64), json!(even), json!(odd + 1)][(nth * step % 4) as usize].clone();
        let list: Vec<_> = (0..200).map(|nth| pick(nth * nth + nth / 3)).collect();
        assert_eq!(sorted(json!(list)).split(' ').count(), 200);
    }
}

#[test]
fn differs_from_the_oracle() {
    check("{{ missing }}{{ contact.missing.deeper }}{{ list[9] }}|", "|");
    check(
        "{{ 3.0 }} {{ n | divided_by: 0 }}|{{ -7 | divided_by: 2 }} {{ -7 | modulo: 3 }} {{ 7 | modulo: -3 }}",
        "3.0 |-4 2 -2",
    );
    check("{{ 'ABC dEF' | capitalize }}", "Abc def");
    check("{{ lines | newline_to_br }}|{{ lines | strip_newlines }}", "a<br />\nb<br />\nc|abc");
    check("{{ contact.tags | json }} {{ name | json }} {{ missing | json }}", r#"["x","y"] "Zoë" null"#);
    check("{% for pair in contact limit: 2 %}{{ pair[0] }}={{ pair[1] }} {% endfor %}", "born=1990-05-17 city=Lyon ");
    check("{{ contact.size }} {{ contact.tags.size }} {{ contact.tags.first }}", "42 2 x");
    check(
        "{% if missing == nil and missing != '' %}a{% endif %}{% if spaced == blank %}b{% endif %}{% if void == blank %}c{% endif %}",
        "ac",
    );
    check("{% if no and no or yes %}right to left{% endif %}|{% if yes or no and no %}x{% endif %}", "|x");
    check("{% if name > 3 %}a{% else %}texts and numbers have no order{% endif %}", "texts and numbers have no order");
    check("{% for i in (1..6) reversed limit: 2 offset: 1 %}{{ i }}{% endfor %}", "32");
    check("{% for i in (1..2) %}{{ late }}{% assign late = i %}{% endfor %}", "1");
    check(
        "{{ 'abc' | split: '' | join: '-' }} {{ 'a  b' | split: ' ' | join: '-' }} {{ 'a,b,,' | split: ',' | size }}",
        "a-b-c a-b 2",
    );
    check("{% # a note %}{% assign x-y = 1 %}{{ x-y }}", "1");
    check("{{ numbers | first | plus: '1.5' }} {{ 'x' | plus: 1 }}", "4.5 1");
    check("{{ 9223372036854775807 | plus: 1 }}", "9223372036854776000");
    check("{% unless no %}{% elsif yes %}{% endunless %}{% unless yes %}a{% elsif yes %}b{% endunless %}", "b");
}

#[test]
fn dates() {
    check("{{ when | date: '%Y-%m-%d %H:%M' }}", "2026-09-21 14:13");
    check("{{ contact.born | date: '%d/%m/%Y %A %j' }}", "17/05/1990 Thursday 137");
    check("{{ 0 | date: '%F' }} {{ '86400' | date: '%F' }}", "1970-01-01 1970-01-02");
    check("{{ 'now' | date: '%Y' }} {{ 'today' | date: '%B' }}", "2026 September");
    check("{{ '2026-09-21T23:30:00+02:00' | date: '%H:%M %z' }}", "23:30 +0200");
    check("{{ '2026-09-21 08:05:00' | date: '%-H.%M' }}", "8.05");
    check(
        "{{ name | date: '%Y' }} {{ when | date: '%!' }} {{ missing | date: '%Y' }}|",
        "Zoë 2026-09-21T14:13:20.120003Z |",
    );
}

#[test]
fn errors_name_the_place() {
    check("ab {{ name", "ERROR line 1 column 4: `{{` without `}}` behind it");
    check("a\nbé {% if", "ERROR line 2 column 4: `{%` without `%}` behind it");
    check("\n  {{ name | shout }}", "ERROR line 2 column 13: there is no filter `shout`");
    check("{{ name | append }}", "ERROR line 1 column 11: the filter `append` takes 1 value(s), not 0");
    check("{{ name | truncate: 1, 2, 3 }}", "ERROR line 1 column 11: the filter `truncate` takes 0 to 2 values, not 3");
    check("{% if yes %}\n", "ERROR line 1 column 3: `if` without `endif`");
    check("{% endif %}", "ERROR line 1 column 3: `endif` without `if`");
    check(
        "{% for x in list %}{% endif %}",
        "ERROR line 1 column 22: `endif`, but `for` of line 1 column 3 is still open",
    );
    check("{% blink %}", "ERROR line 1 column 3: there is no tag `blink`");
    check("{% if n = 7 %}{% endif %}", "ERROR line 1 column 9: one compares with `==`, not with `=`");
    check(
        "{% if n | plus: 1 %}{% endif %}",
        "ERROR line 1 column 9: a condition takes no filters: use `assign` before it",
    );
    check("{{ name name }}", "ERROR line 1 column 9: unexpected `name`");
    check("{{ }}", "ERROR line 1 column 3: expected a value");
    check("{{ 'a }}", "ERROR line 1 column 4: a text without its closing quote");
    check("{{ a ! }}", "ERROR line 1 column 6: unexpected `!`");
    check("{% break %}", "ERROR line 1 column 3: `break` outside of a loop");
    check(
        "{% for i in list %}{% capture x %}{% break %}{% endcapture %}{% endfor %}",
        "ERROR line 1 column 37: `break` would leave a capture or a link half done",
    );
    check("{% else %}", "ERROR line 1 column 3: `else` without `if`, `unless`, `case` or `for`, or a second one");
    check("{% raw %}", "ERROR line 1 column 1: `raw` without `endraw`");
    check("{% comment %}{% comment %}{% endcomment %}", "ERROR line 1 column 1: `comment` without `endcomment`");
    check("{% for x list %}{% endfor %}", "ERROR line 1 column 10: expected `in`, found `list`");
    check("{% include 'x' %}", "ERROR line 1 column 3: there is no tag `include`");
    check("{{ 99999999999999999999 }}", "ERROR line 1 column 4: a number out of range");
}

#[test]
fn variables_and_what_is_undefined() {
    let template = "{{ contact.first_name }}{{ contact['last name'] }}{{ products[0].title }}{% for p in products %}{{ p.title }}{% endfor %}\
        {% assign x = 1 %}{{ x }}{% if y %}{% assign y = 2 %}{% endif %}{{ y }}{{ z | default: 'Z' }}{{ w | upcase }}{% if v %}{% endif %}\
        {{ contact.tags.size }}{% for u in nobody %}{% endfor %}";
    let template = Template::parse(template, Escape::Text).unwrap();
    assert_eq!(
        template.variables(),
        ["contact.first_name", "contact.last name", "products", "y", "z", "w", "v", "contact.tags.size", "nobody"]
    );
    let mut out = String::new();
    let report = template.render(&value(vars()), &mut out, Limits::default()).unwrap();
    assert_eq!(out, "AnnShoesShoesHatBelt1Z2");
    assert_eq!(report.undefined, ["contact.last name", "y", "w", "nobody"]);
}

#[test]
fn limits_hold() {
    let stopped = |template: &str, limits: Limits| {
        let mut out = String::new();
        let error =
            Template::parse(template, Escape::Html).unwrap().render(&value(vars()), &mut out, limits).unwrap_err();
        assert!(out.len() <= limits.bytes + 64);
        error.to_string()
    };
    let limits = Limits { steps: 1_000, bytes: 1_000, loop_rounds: 10 };
    assert_eq!(
        stopped("{% for i in (1..1000000000000) %}{{ i }}{% endfor %}", limits),
        "line 1 column 3: stopped at the limit of 10 loop rounds"
    );
    let doubling = "{% assign s = 'xxxxxxxx' %}{% for i in (1..100) %}{% assign s = s | append: s %}{% endfor %}";
    assert_eq!(
        stopped(doubling, Limits { loop_rounds: 1_000, ..limits }),
        "line 1 column 53: stopped at the limit of 1000 bytes"
    );
    for template in [
        "{{ (1..1000000000000) | join: ',' }}",
        "{{ (1..1000000000000) | sort | size }}",
        "{% assign a = (1..30) | join: 'x' %}{{ a | replace: 'x', a | replace: 'x', a }}",
        "{% capture s %}{% for i in (1..9) %}{{ text }}{{ text }}{% endfor %}{% endcapture %}{% if s contains 'x' or s contains 'y' %}{% endif %}\
         {% for i in (1..1) %}{{ s | size }}{{ s | truncate: 1 }}{{ s | times: 1 }}{% endfor %}{{ (1..990) | size }}{{ s | split: '' | size }}",
        "{% for i in (1..9) %}{{ text | split: '' | join: '<<<<<<<<<<<<<<<<' }}{% endfor %}",
    ] {
        assert!(stopped(template, limits).contains("limit of 1000"), "{template}");
    }
    let deep = "{% if a %}".repeat(NESTING_MAX + 1);
    assert!(print(&deep).contains("nested deeper"));
    assert!(print(&format!("{{{{ a{} }}}}", "[a".repeat(50))).contains("nested deeper"));
    assert!(print(&format!("{{{{ '{}' }}}}", "x".repeat(TAG_BYTES_MAX))).contains("without `}}`"));
    assert!(print(&"x".repeat(TEMPLATE_BYTES_MAX + 1)).contains("longer than"));
    let many: String = (0..=VARIABLES_MAX).map(|n| format!("{{{{ v{n} }}}}")).collect();
    assert!(print(&many).contains("different variables"));
    let many: String = (0..=KEPT_MAX).map(|n| format!("{{% assign v{n} = 1 %}}")).collect();
    assert!(print(&many).contains("keeps at most"));
}
