use indexmap::IndexMap;
use proptest::prelude::*;

use super::super::xml;
use super::{Template, Value, from_json, from_xml};

fn render(template: &str, body: serde_json::Value) -> String {
    let globals: IndexMap<String, Value> = [("body".to_owned(), from_json(body, true))].into_iter().collect();
    Template::parse(template).unwrap().render(globals, 1 << 20).unwrap()
}

fn filtered(expression: &str) -> String {
    let body = serde_json::json!({
        "s": "Hello wOrld", "n": 7, "x": 2.5, "l": [3, 1, 2, 1], "o": [{ "k": "b" }, { "k": "a" }], "nothing": null,
        "d": "2024-03-05T14:06:07Z", "html": "<b>a</b> & 'c'",
    });
    render(&format!("{{{{ {expression} }}}}"), body)
}

#[test]
fn the_examples_of_the_page() {
    let body = serde_json::json!({ "customer": { "purchase": { "identifier": "A7", "orderShortDesc": "two apples" } } });
    let template = r#"{
"order": {
    "id": "{{body.customer.purchase.identifier}}",
    "summary": "{{body.customer.purchase.orderShortDesc}}"
    }
}"#;
    assert_eq!(render(template, body), "{\n\"order\": {\n    \"id\": \"A7\",\n    \"summary\": \"two apples\"\n    }\n}");
    let body = serde_json::json!({ "foo": { "startDateTime": "2024-03-05T14:06:07Z" } });
    assert_eq!(render("{{body.foo.startDateTime| Date:\"yyyyMMddTHH:mm:ssZ\"}}", body.clone()), "20240305T14:06:07Z");
    // "Date-formatted strings are parsed to System.DateTime (mm/dd/yyyy hh:mm:ss)."
    assert_eq!(render("{{body.foo.startDateTime}}", body), "03/05/2024 14:06:07");
}

#[test]
fn every_filter_of_the_page() {
    for (expression, expected) in [
        ("-3 | Abs", "3"),
        ("body.s | Append: '!' ", "Hello wOrld!"),
        ("3 | AtLeast: 5", "5"),
        ("9 | AtMost: 5", "5"),
        ("'ab cd' | Capitalize", "Ab Cd"),
        ("body.l | Compact | Size", "4"),
        ("1234.5 | Currency", "$1,234.50"),
        ("body.d | Date: 'yyyy-MM-dd'", "2024-03-05"),
        ("body.nothing | Default: 'none'", "none"),
        ("7 | DividedBy: 2", "3"),
        ("7.0 | DividedBy: 2", "3.5"),
        ("body.s | Downcase", "hello world"),
        ("body.html | Escape", "&lt;b&gt;a&lt;/b&gt; &amp; &#39;c&#39;"),
        ("body.html | H", "&lt;b&gt;a&lt;/b&gt; &amp; &#39;c&#39;"),
        ("body.l | First", "3"),
        ("body.l | Last", "1"),
        ("body.l | Join: '-'", "3-1-2-1"),
        ("'  a ' | Lstrip", "a "),
        ("body.o | Map: 'k' | Join", "b a"),
        ("7 | Minus: 9", "-2"),
        ("7 | Modulo: 4", "3"),
        ("'a\nb' | NewlineToBr", "a<br />\nb"),
        ("7 | Plus: 1.5", "8.5"),
        ("'b' | Prepend: 'a'", "ab"),
        ("'abab' | Remove: 'a'", "bb"),
        ("'abab' | RemoveFirst: 'a'", "bab"),
        ("'abab' | Replace: 'a', 'x'", "xbxb"),
        ("'abab' | ReplaceFirst: 'a', 'x'", "xbab"),
        ("2.567 | Round: 1", "2.6"),
        ("' a  ' | Rstrip", " a"),
        ("'äöü' | Size", "3"),
        ("'abcdef' | Slice: -3, 2", "de"),
        ("body.l | Sort | Join: ''", "1123"),
        ("body.o | Sort: 'k' | Map: 'k' | Join: ''", "ab"),
        ("'a,b,,c' | Split: ',' | Join: '|'", "a|b|c"),
        ("' a ' | Strip", "a"),
        ("body.html | StripHtml", "a & 'c'"),
        ("'a\r\nb' | StripNewlines", "ab"),
        ("3 | Times: 4", "12"),
        ("'abcdefgh' | Truncate: 5", "ab..."),
        ("'a b c d' | TruncateWords: 2", "a b..."),
        ("body.l | Uniq | Join: ''", "312"),
        ("body.s | Upcase", "HELLO WORLD"),
        ("'a%20b+c' | UrlDecode", "a b c"),
        ("'a b&c' | UrlEncode", "a+b%26c"),
        // "Pascal casing": another name changes nothing.
        ("'a' | upcase", "a"),
        ("1 | DividedBy: 0", "Liquid error: Attempted to divide by zero."),
    ] {
        assert_eq!(filtered(expression), expected, "{expression}");
    }
}

#[test]
fn tags() {
    let body = serde_json::json!({ "items": [{ "n": 1, "ok": true }, { "n": 2 }, { "n": 3, "ok": true }], "kind": "b", "empty": [] });
    for (template, expected) in [
        ("{% for i in body.items %}{% if i.ok %}{{ i.n }}{% else %}-{% endif %}{% endfor %}", "1-3"),
        ("{% for i in body.items limit:1 offset:1 %}{{ i.n }}{{ forloop.last }}{% endfor %}", "2true"),
        ("{% for i in body.items reversed %}{{ i.n }}{% endfor %}", "321"),
        ("{% for i in body.empty %}x{% else %}none{% endfor %}", "none"),
        ("{% for i in (1..5) %}{% if i == 2 %}{% continue %}{% endif %}{% if i > 3 %}{% break %}{% endif %}{{ i }}{% endfor %}", "13"),
        ("{% case body.kind %}ignored{% when 'a', 'b' %}ab{% else %}other{% endcase %}", "ab"),
        ("{% assign x = 'a' | Upcase %}{% capture y %}{{ x }}{{ x }}{% endcapture %}{{ y }}", "AA"),
        ("{% unless body.kind == 'a' %}not a{% endunless %}", "not a"),
        ("{% if body.empty == empty and body.nothing == nil %}yes{% endif %}", "yes"),
        // To the right: true or (false and false).
        ("{% if true or false and false %}yes{% endif %}", "yes"),
        ("{% if body.kind contains 'b' %}1{% endif %}{% if body.items.size >= 3 %}2{% endif %}", "12"),
        ("{% for i in (1..3) %}{% cycle 'x', 'y' %}{% endfor %}", "xyx"),
        ("a {%- if true -%} b {%- endif -%} c", "abc"),
        ("{% comment %}{{ body.kind }}{% endcomment %}{% raw %}{{ x }}{% endraw %}", "{{ x }}"),
        ("{% increment a %}{% increment a %}{% decrement b %}", "01-1"),
        ("{% for i in body.items %}{% ifchanged %}{{ i.ok }}{% endifchanged %}{% endfor %}", "truetrue"),
        ("{{ body.items[1].n }}{{ body['kind'] }}{{ body.items.first.n }}{{ body.nowhere.at.all }}", "2b1"),
        ("{\"a\":{\"b\":{{body.items[0].n}}}}", "{\"a\":{\"b\":1}}"),
    ] {
        assert_eq!(render(template, body.clone()), expected, "{template}");
    }
}

#[test]
fn what_is_wrong_is_told_when_the_template_is_read() {
    for (template, told) in [
        ("{% if x %}", "`endif` is missing"),
        ("{{ x", "`{{` is not closed"),
        ("{% include 'a' %}", "not emulated"),
        ("{% nonsense %}", "no tag `nonsense`"),
        ("{{ x | Append: }}", "a value is missing"),
        (&"{% if x %}".repeat(100), "nested"),
    ] {
        let error = Template::parse(template).unwrap_err();
        assert!(error.contains(told), "{template}: {error}");
    }
}

#[test]
fn runaway_templates_are_stopped() {
    let globals = IndexMap::new;
    let loops = "{% for a in (1..9999) %}{% for b in (1..9999) %}{% for c in (1..9999) %}{% endfor %}{% endfor %}{% endfor %}";
    assert!(Template::parse(loops).unwrap().render(globals(), 1 << 20).unwrap_err().contains("too long"));
    let grows = "{% for a in (1..100000) %}xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx{% endfor %}";
    assert!(Template::parse(grows).unwrap().render(globals(), 1 << 10).unwrap_err().contains("more than"));
    assert!(Template::parse("{% for a in (1..99999999999) %}{% endfor %}").unwrap().render(globals(), 1 << 10).is_err());
}

#[test]
fn xml_is_found_without_prefixes_and_case() {
    let soap = r#"<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><s:Body>
        <AddResponse><AddResult unit="m">5</AddResult><Item>1</Item><Item>2</Item><Gone xsi:nil="true"/></AddResponse></s:Body></s:Envelope>"#;
    let root = xml::parse(soap).unwrap().root;
    let show = |template: &str, null: bool| {
        let globals = [("body".to_owned(), from_xml(&root, null))].into_iter().collect();
        Template::parse(template).unwrap().render(globals, 1 << 20).unwrap()
    };
    assert_eq!(show("{{body.envelope.body.AddResponse.AddResult}}", false), "5");
    assert_eq!(show("{% for i in body.envelope.body.addResponse.item %}{{ i }};{% endfor %}", false), "1;2;");
    let nil = "{% if body.Envelope.Body.AddResponse.Gone == nil %}null{% else %}blank{% endif %}";
    assert_eq!(show(nil, true), "null");
    assert_eq!(show(nil, false), "blank");
}

proptest! {
    #[test]
    fn any_text_is_survived(text in "(\\{\\{|\\{%|%\\}|\\}\\}|if|for|in|end|[a-z.|:'\"\\[\\]()0-9 -]|é){0,40}") {
        if let Ok(template) = Template::parse(&text) {
            let _ = template.render(IndexMap::new(), 1 << 16);
        }
    }

    #[test]
    fn text_without_markup_stays(text in "[^{]{0,60}") {
        prop_assert_eq!(render(&text, serde_json::Value::Null), text);
    }
}
