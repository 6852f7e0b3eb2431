//! Documents that are refused, and what passes through rendering unchanged.

use expect_test::{Expect, expect};

use super::*;
use crate::merge::{Segment, lex};
use crate::plain;

#[track_caller]
fn check_error(mjml: &str, expected: &str) {
    let error = render(mjml).unwrap_err();
    assert_eq!(format!("{} {error}", error.code), expected, "{mjml}");
}

#[test]
fn errors_name_the_place() {
    check_error("", "no-mjml line 1 column 1: there is no `mjml` element");
    check_error("x", "syntax line 1 column 1: unknown token");
    check_error("<html></html>", "unexpected-token line 1 column 1: `html` can not stand here");
    check_error(
        "<mjml>\n<mj-body",
        "unclosed-element line 2 column 1: the element `mj-body` that begins here is never closed",
    );
    check_error(
        "\n<mjml><mj-body><mj-section/></mj-body>",
        "unclosed-element line 2 column 1: the element `mjml` that begins here is never closed",
    );
    check_error(
        "<mjml><mj-head>\n <mj-x></mj-x></mj-head></mjml>",
        "unexpected-element line 2 column 2: the element `mj-x` can not stand here",
    );
    check_error(
        "<mjml><mj-body>{{ long | upcase }}\n{{ x }}é<mj-section\" ></mj-body></mjml>",
        "syntax line 2 column 20: invalid attribute",
    );
    check_error(
        "<mjml><mj-body><mj-include path=\"x\"/></mj-body></mjml>",
        "include line 1 column 16: `mj-include` is not available: paste the content",
    );
    check_error(&"x".repeat(MJML_BYTES_MAX + 1), "too-long line 1 column 1: longer than 1048576 bytes");
    check_error(
        &format!("<mjml><mj-body>{}", "<mj-wrapper>".repeat(MJML_DEPTH_MAX)),
        "too-deep line 1 column 232: elements are nested deeper than 20",
    );
}

#[test]
fn signs_in_texts_break_nothing() {
    // Found by the fuzz target `mjml`: a panic of the parser below.
    for text in ["Santé > Nutrition", "Voir plus …>", "日本>中国", "a > b", "è{{ x }}>é>", "é>>> é > é"] {
        let mjml = format!(
            "<mjml><mj-body><mj-section><mj-column><mj-text>{text}</mj-text></mj-column></mj-section></mj-body></mjml>"
        );
        assert!(render(&mjml).unwrap().html.contains(text), "{text}");
    }
    for broken in
        ["<![ifd", "<![if x", "<!--[if mso]x-->", "<![endif", "<![endif>", "<![endifx]>", "<!--<![endif x]-->"]
    {
        let mjml = format!("<mjml><mj-body><mj-raw>{broken}</mj-raw></mj-body></mjml>");
        let error = render(&mjml).unwrap_err();
        assert_eq!((error.code, error.column), ("syntax", 24), "{broken}");
    }
    for fine in
        ["<!--[if mso | IE]><p>a</p><![endif]-->", "<!--[if !mso]><!-->b<!--<![endif]-->", "<![if !IE]>c<![endif]>"]
    {
        let mjml = format!("<mjml><mj-body><mj-raw>{fine}</mj-raw></mj-body></mjml>");
        assert!(render(&mjml).is_ok(), "{fine}");
    }
    check_error("<mjml>é ></mjml>", "unexpected-token line 1 column 7: `é >` can not stand here");
}

#[test]
fn what_has_no_effect_is_told() {
    let rendered =
        render("<mjml><mj-head><mj-title foo=\"x\">a</mj-title></mj-head>\n<mj-body><mj-colunm/></mj-body></mjml>")
            .unwrap();
    let told: Vec<String> =
        rendered.warnings.iter().map(|w| format!("{} {}:{} {}", w.kind, w.line, w.column, w.message)).collect();
    assert_eq!(
        told,
        [
            "unexpected-attribute 1:26 `foo=\"x\"` has no effect here",
            "unknown-element 2:10 there is no element `mj-colunm`"
        ]
    );
}

const MAIL: &str = r##"<mjml><mj-head><mj-title>Hi {{ name }}</mj-title><mj-preview>Pre {{ x }}</mj-preview>
  <mj-style inline="inline">.red { color: #f00 }</mj-style></mj-head><mj-body>
  {% if a < b %}<mj-section css-class="{{ c }}"><mj-column><mj-text>Hello {{ name | default: "you" }}<br/>
    <a class="red" href="{{ u }}">x</a></mj-text></mj-column></mj-section>{% endif %}
  <mj-raw>{%- if z -%}</mj-raw>
  <mj-section padding="{{ p }}"><mj-column><mj-button href="https://x/{{ id }}?a=1&amp;b=2">{{ b }}</mj-button>
  <mj-table>{% for p in products %}<tr><td>{{ p }}</td><td>{% raw %}{{ }}{% endraw %}</td></tr>{% endfor %}</mj-table>
  </mj-column></mj-section><mj-raw>{% endif %}</mj-raw></mj-body></mjml>"##;

#[test]
fn liquid_passes_unchanged() {
    let html = render(MAIL).unwrap().html;
    for kept in [
        "<title>Hi {{ name }}</title>",
        ">Pre {{ x }}</div>",
        "{% if a < b %}<!--[if mso | IE]>",
        "class=\"{{ c }}\"",
        "Hello {{ name | default: \"you\" }}<br>",
        "href=\"{{ u }}\"",
        "{%- if z -%}<!--",
        "padding:{{ p }};",
        "href=\"https://x/{{ id }}?a=1&amp;b=2\"",
        "{% for p in products %}",
        "<td>{% raw %}{{ }}{% endraw %}</td></tr>{% endfor %}",
        "<![endif]-->{% endif %}</div>",
        "color: #f00",
    ] {
        assert!(html.contains(kept), "{kept}\n{html}");
    }
    assert!(!html.contains("zqies") && !html.contains(".red"));
}

#[test]
fn the_text_of_a_mail() {
    let text = text_of(&render(MAIL).unwrap().html);
    expect![[r#"
        {% if a < b %}Hello {{ name | default: "you" }}
        x ({{ u }})

        {% endif %}{% if z %}{{ b }} (https://x/{{ id }}?a=1&b=2)

        {% for p in products %}{{ p }}{% raw %} {{ }}
        {% endraw %}{% endfor %}
        {% endif %}"#]]
    .assert_eq(&text);
}

fn text_of(html: &str) -> String {
    plain::of_segments(&lex(html).unwrap()).unwrap().iter().map(Segment::written).collect()
}

#[track_caller]
fn check_inline(html: &str, expected: &Expect) {
    expected.assert_eq(&inline_css(html).unwrap());
}

#[test]
fn styles_go_into_attributes() {
    check_inline(
        "<style>p { color: red } p:hover { color: blue } @media print { p { color: black } }</style><p class=\"{{ c }}\" >{{ a }}</p>\
         <table>{% for p in products %}<tr><td>{{ p }}</td></tr>{% endfor %}</table>",
        &expect![[r#"
            <html><head><style>p:hover { color: blue; }
            @media print { p { color: black } }</style></head><body><p class="{{ c }}" style="color: red;">{{ a }}</p><table>{% for p in products %}<tbody><tr><td>{{ p }}</td></tr>{% endfor %}</tbody></table></body></html>"#]],
    );
    assert_eq!(
        inline_css("<style>p{color:red}</style><p class='{{ c }}' {% if x %}lang='fr'{% endif %}>").unwrap_err().code,
        "unordered-liquid"
    );
    assert!(inline_css(&"<div>".repeat(HTML_DEPTH_MAX + 1)).unwrap_err().message.contains("nested deeper"));
}

#[test]
fn the_deepest_documents_fit_on_a_small_stack() {
    let nested =
        |tag: &str, count: usize| format!("{}x{}", format!("<{tag}>").repeat(count), format!("</{tag}>").repeat(count));
    let work = move || {
        for tag in ["mj-wrapper", "mj-section", "mj-column", "mj-group", "mj-raw", "div"] {
            let deepest = if tag == "div" { MJML_HTML_DEPTH_MAX } else { MJML_DEPTH_MAX };
            assert!(render(&format!("<mjml><mj-body>{}</mj-body></mjml>", nested(tag, deepest - 2))).is_ok(), "{tag}");
        }
        assert!(inline_css(&nested("div", HTML_DEPTH_MAX)).is_ok());
        assert!(text_of(&nested("div", HTML_DEPTH_MAX)).contains('x'));
    };
    // Half of what threads have by default.
    std::thread::Builder::new().stack_size(1024 * 1024).spawn(work).unwrap().join().unwrap();
}
