//! Cases on which the `liquid` crate and we agree.

use super::*;

#[track_caller]
fn agree(templates: &[&str]) {
    let parser = liquid::ParserBuilder::with_stdlib().build().unwrap();
    let globals: liquid::Object = liquid::model::from_value(&liquid::model::to_value(&vars()).unwrap()).unwrap();
    for template in templates {
        let theirs = parser.parse(template).and_then(|parsed| parsed.render(&globals));
        let theirs = theirs.unwrap_or_else(|error| panic!("{template}: the oracle says {error}"));
        assert_eq!(print(template), theirs, "{template}");
    }
}

#[test]
fn outputs() {
    agree(&[
        "plain { text } % }} and %} signs",
        "{{ name }} {{ n }} {{ f }} {{ yes }}{{ no }}",
        "{{ contact.first_name }} of {{ contact['city'] }}",
        "{{ list[0] }}{{ list[-1] }}{{ products[1].title }}",
        "{{ products[0].tags[1] }} {{ list.first }} {{ list.last }} {{ list.size }}",
        "{{ 'text' }}{{ \"it's\" }}{{ 5 }}{{ -3 }}{{ 2.25 }}{{ true }}",
        "{{ list }}",
        "{{ contact.size }}",
    ]);
}

#[test]
fn white_space_control() {
    agree(&[
        "a  {{- name -}}  b",
        "a  {{- name }}  b",
        "a  {{ name -}}  b",
        "a \n {%- if yes -%} \n b \n {%- endif -%} \n c",
        "{% if yes -%}   x   {%- endif %} y",
        "a {% raw %} {{ name }} {% if %} {% endraw %} b",
        "a {%- raw -%} {{ name }} {%- endraw -%} b",
        "a {% comment %} {{ name }} {% endcomment %} b",
    ]);
}

#[test]
fn branches() {
    agree(&[
        "{% if yes %}a{% else %}b{% endif %}",
        "{% if no %}a{% elsif yes %}b{% else %}c{% endif %}",
        "{% if no %}a{% elsif no %}b{% else %}c{% endif %}",
        "{% unless no %}a{% else %}b{% endunless %}",
        "{% if n == 7 %}a{% endif %}{% if n != 7 %}b{% endif %}{% if n > 6.5 %}c{% endif %}{% if n <= 7 %}d{% endif %}",
        "{% if name == 'Zoë' and n < 8 %}a{% endif %}{% if no or yes %}b{% endif %}",
        "{% if list contains 'a' %}a{% endif %}{% if text contains 'two' %}b{% endif %}{% if list contains 'z' %}c{% endif %}",
        "{% if void == empty %}a{% endif %}{% if none == empty %}b{% endif %}{% if list == empty %}c{% endif %}",
        "{% if void %}true, as in Ruby{% endif %}",
        "{% case n %}{% when 1 %}one{% when 7 %}seven{% else %}other{% endcase %}",
        "{% case name %} {% when 'x', 'Zoë' %}hit{% else %}miss{% endcase %}",
        "{% case name %} {% when 'x' or 'y' %}hit{% else %}miss{% endcase %}",
        "{% if yes %}{% if no %}a{% else %}b{% endif %}{% endif %}",
    ]);
}

#[test]
fn loops() {
    agree(&[
        "{% for p in products %}{{ p.title }}:{{ p.price }} {% endfor %}",
        "{% for p in products limit:2 %}{{ p.title }} {% endfor %}",
        "{% for p in products offset:1 %}{{ p.title }} {% endfor %}",
        "{% for p in products limit:1 offset:1 %}{{ p.title }} {% endfor %}",
        "{% for p in products reversed %}{{ p.title }} {% endfor %}",
        "{% for p in none %}x{% else %}nothing{% endfor %}",
        "{% for i in (1..4) %}{{ i }}{% endfor %} {% for i in (1..n) %}{{ i }}{% endfor %}",
        "{% for p in products %}{{ forloop.index }}{{ forloop.index0 }}{{ forloop.rindex }}{{ forloop.rindex0 }} {% endfor %}",
        "{% for p in products %}{{ forloop.first }}{{ forloop.last }}{{ forloop.length }} {% endfor %}",
        "{% for p in products %}{% if p.price == 25 %}{% break %}{% endif %}{{ p.title }} {% endfor %}",
        "{% for p in products %}{% if p.price == 25 %}{% continue %}{% endif %}{{ p.title }} {% endfor %}",
        "{% for p in products %}{% for t in p.tags %}{{ p.title }}-{{ t }} {% else %}none {% endfor %}{% endfor %}",
        "{% for p in products %}{% for t in p.tags %}{{ forloop.parentloop.index }}{{ forloop.index }} {% endfor %}{% endfor %}",
    ]);
}

#[test]
fn kept_values() {
    agree(&[
        "{% assign x = 5 %}{{ x }}",
        "{% assign x = name | upcase %}{{ x }}",
        "{% assign a = list | sort %}{% for i in a %}{{ i }}{% endfor %}",
        "{% capture x %}Hi {{ name }}{% endcapture %}[{{ x }}]",
        "{% assign x = 1 %}{% for i in (1..3) %}{% assign x = x | plus: i %}{% endfor %}{{ x }}",
        "{% if yes %}{% assign x = 'set' %}{% endif %}{{ x }}",
    ]);
}

#[test]
fn filters_on_texts() {
    agree(&[
        "{{ name | upcase }} {{ name | downcase }} {{ 'abc' | capitalize }}",
        "{{ html | escape }} {{ '&lt; & <' | escape_once }}",
        "[{{ spaced | strip }}] [{{ spaced | lstrip }}] [{{ spaced | rstrip }}]",
        "{{ html | strip_html }} {{ 'a<script>x</script>b<!-- c -->d' | strip_html }}",
        "{{ text | truncate: 9 }} {{ text | truncate: 9, '' }} {{ text | truncate: 90 }}",
        "{{ text | truncatewords: 2 }} {{ text | truncatewords: 2, '--' }} {{ text | truncatewords: 9 }}",
        "{{ text | replace: 'o', '0' }} {{ text | replace_first: 'o', '0' }} {{ text | remove: 'o' }}",
        "{{ name | append: '!' | prepend: '¡' }}",
        "{{ text | slice: 1 }} {{ text | slice: 1, 3 }} {{ text | slice: -4, 4 }}",
        "{{ text | size }} {{ list | size }}",
        "{{ 'a b&c=d/é' | url_encode }} {{ 'a+b%26c' | url_decode }}",
        "{{ missing_is_nil_here | default: 'x' }}{{ void | default: 'y' }}{{ no | default: 'z' }}{{ name | default: 'w' }}"
            .trim_start_matches("{{ missing_is_nil_here | default: 'x' }}"),
    ]);
}

#[test]
fn filters_on_lists() {
    agree(&[
        "{{ list | join: ', ' }} {{ list | join }}",
        "{{ list | first }}{{ list | last }} {{ list | sort | join: '' }} {{ list | uniq | join: '' }} {{ list | reverse | join: '' }}",
        "{{ products | map: 'title' | join: ' ' }}",
        "{{ products | sort: 'price' | map: 'title' | join: ' ' }}",
        "{{ 'a,b,c' | split: ',' | join: '-' }}",
        "{{ list | slice: 1, 2 | join: '' }}",
        "{{ numbers | sort | join: '' }}",
    ]);
}

#[test]
fn filters_on_numbers() {
    agree(&[
        "{{ n | plus: 3 }} {{ n | minus: 10 }} {{ n | times: 2 }} {{ n | divided_by: 2 }} {{ n | modulo: 4 }}",
        "{{ f | plus: 1 }} {{ n | divided_by: 2.0 }} {{ '4' | plus: '5' }}",
        "{{ 2.7 | round }} {{ 2.2 | ceil }} {{ 2.7 | floor }} {{ -3 | abs }} {{ 2.456 | round: 2 }}",
    ]);
}
