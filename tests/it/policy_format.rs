//! One layout, cures, and the two formats: nothing that a document says may change.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use apimctl::policy::{CheckContext, Document, Element, Format, Node, Scope, apply_fixes, check, convert, fixes, format, same_meaning};
use apimctl::support::source::{SourceText, Sources};
use proptest::prelude::*;

fn parse(text: &str, as_format: Format) -> Document {
    let source = SourceText::whole(Sources::default().add("policy.xml", text), Arc::from(text));
    Document::parse(&source, as_format).unwrap_or_else(|finding| panic!("{finding:?}\n{text}"))
}

/// Everything that a document says: names, attributes in their order, texts, comments; no white space between tags.
fn said(document: &Document) -> Vec<String> {
    fn comments(nodes: &[Node], out: &mut Vec<String>) {
        for node in nodes {
            match node {
                Node::Comment { text, .. } => out.push(format!("<!--{text}")),
                Node::Text { value, .. } => {
                    out.push(if value.expression().is_some() { format!("= {value}") } else { format!("' {value}") })
                }
                Node::Element(element) => elements(element, out),
            }
        }
    }
    fn elements(element: &Element, out: &mut Vec<String>) {
        out.push(format!("<{}", element.name));
        out.extend(element.attributes.iter().map(|attribute| format!("{}={}", attribute.name, attribute.value)));
        comments(&element.children, out);
        out.push("/".to_owned());
    }
    let mut out = Vec::new();
    comments(document.prolog(), &mut out);
    elements(document.root(), &mut out);
    out
}

fn keeps_everything(text: &str) {
    let document = parse(text, Format::RawXml);
    let once = format(&document);
    let formatted = parse(&once, Format::RawXml);
    assert_eq!(said(&formatted), said(&document), "\n{text}\n---\n{once}");
    assert!(same_meaning(text, Format::RawXml, &once, Format::RawXml), "\n{text}\n---\n{once}");
    assert_eq!(format(&formatted), once, "formatting again changes it:\n{text}");

    let xml = convert(&document, Format::Xml);
    let well_formed = parse(&xml, Format::Xml);
    assert!(same_meaning(text, Format::RawXml, &xml, Format::Xml), "\n{text}\n---\n{xml}");
    let parted = |said: Vec<String>| -> Vec<String> {
        // Two dashes in a comment are the one thing that `xml` cannot say.
        said.into_iter().map(|item| if item.starts_with("<!--") { item.replace([' ', '-'], "") } else { item }).collect()
    };
    assert_eq!(parted(said(&well_formed)), parted(said(&document)), "\n{text}\n---\n{xml}");
    let back = parse(&convert(&well_formed, Format::RawXml), Format::RawXml);
    assert_eq!(said(&back), said(&well_formed), "\n{text}\n---\n{xml}");
}

fn repository_documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders =
        ["policies", "policies/fragments", "tests/cases/policies/read", "tests/cases/policies/refused", "tests/cases/policies/traps"];
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(root.join(folder)).unwrap()).map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|end| end == "xml")).collect()
}

#[test]
fn the_repositorys_documents_keep_everything() {
    let paths = repository_documents();
    assert!(paths.len() >= 15, "{}", paths.len());
    for path in paths {
        keeps_everything(&std::fs::read_to_string(path).unwrap());
    }
}

/// C# that stresses where an expression ends, raw.
fn code() -> impl Strategy<Value = String> {
    let atom = prop_oneof![
        Just("context.Request.Headers.GetValueOrDefault(\"a\",\"b\")".to_owned()),
        Just("context.Variables.GetValueOrDefault<string>(\"k\")".to_owned()),
        Just("1 < 2 && 3 > 2".to_owned()),
        Just("'\"'".to_owned()),
        Just("\"it's {{named}} )\"".to_owned()),
        Just("@\"a\"\"b\\\"".to_owned()),
        Just("$\"{1 + 1}\"".to_owned()),
        Just("/* \" ' ) */ x".to_owned()),
        Just("x // it's \"here\"\n".to_owned()),
        Just("x\r\n\t+ y".to_owned()),
        Just("\"&amp; &#x41; & &lt\"".to_owned()),
        Just("\"]]> <!-- --> <a>\"".to_owned()),
        Just("\"ä€😀\"".to_owned()),
    ];
    prop::collection::vec(atom, 1..4).prop_map(|atoms| atoms.iter().map(|atom| format!("({atom})")).collect::<Vec<_>>().join(" + "))
}

fn expression() -> impl Strategy<Value = String> {
    prop_oneof![code().prop_map(|code| format!("@({code})")), code().prop_map(|code| format!("@{{\n\tvar v = {code};\n  return v;\n}}")),]
}

fn encoded(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&apos;")
}

/// A quoted attribute value as people write it.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        expression().prop_map(|code| format!("\"{code}\"")),
        expression().prop_map(|code| format!("'{code}'")),
        expression().prop_map(|code| format!("\" {code}\n\"")),
        expression().prop_map(|code| format!("\"{}\"", encoded(&code))),
        "[ a-z0-9/?&={}.@(]{0,12}"
            .prop_filter("an expression must be whole", |text| !text.contains("@(") && !text.contains("@{"))
            .prop_map(|text| format!("\"{text}\"")),
        Just("'he said &quot;no&quot;'".to_owned()),
        Just("'a \" b'".to_owned()),
        Just("\"&#64;(x)\"".to_owned()),
    ]
}

fn gap() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&["", " ", "\n", "\r\n\t", "\n\n\n  ", "\t \n \n"][..])
}

fn space() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&[" ", "\n", "\r\n\t\t", "   "][..])
}

fn comment() -> impl Strategy<Value = String> {
    prop::sample::select(&["<!-- a -->", "<!--\n  two\n lines -->", "<!-- a -- <b> & \" -->", "<!---->"][..]).prop_map(str::to_owned)
}

fn attributes() -> impl Strategy<Value = String> {
    prop::collection::vec((space(), value(), prop::sample::select(&["=", " = ", "=\n"][..])), 0..4).prop_map(|attributes| {
        attributes.iter().enumerate().map(|(index, (space, value, equals))| format!("{space}a{index}{equals}{value}")).collect()
    })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        expression(),
        (gap(), expression(), gap()).prop_map(|(before, code, after)| format!("{before}{code}{after}")),
        expression().prop_map(|code| encoded(&code)),
        expression().prop_map(|code| format!("<![CDATA[{}]]>", code.replace("]]>", ""))),
        Just("  literal & text < 5 &amp; more\n".to_owned()),
        Just("<a><b x=\"1\"/> mixed <c>d</c>\n</a>".to_owned()),
        Just("{ \"a\": {% if x %}1{% endif %} }".to_owned()),
        Just("a <![CDATA[ <raw> & ]]> b".to_owned()),
        Just("<?keep me?>".to_owned()),
        Just("   ".to_owned()),
        Just(String::new()),
    ]
}

fn statement() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        (attributes(), gap()).prop_map(|(attributes, gap)| format!("<trace{attributes}{gap}/>")),
        (attributes(), text()).prop_map(|(attributes, text)| format!("<set-body{attributes}>{text}</set-body>")),
        (attributes(), text()).prop_map(|(attributes, text)| format!("<set-header{attributes}>\n<value>{text}</value></set-header>")),
        (attributes(), text()).prop_map(|(attributes, text)| format!("<unknown{attributes}>{text}</unknown\n>")),
        comment(),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        (
            attributes(),
            prop::collection::vec((gap(), inner), 0..4),
            gap(),
            prop::sample::select(&["choose", "retry", "when", "set-body"][..]),
        )
            .prop_map(|(attributes, children, gap, name)| {
                let children: String = children.into_iter().map(|(gap, child)| format!("{gap}{child}")).collect();
                format!("<{name}{attributes}>{children}{gap}</{name}>")
            })
    })
}

fn document() -> impl Strategy<Value = String> {
    let section = |name: &'static str| {
        prop::collection::vec((gap(), statement()), 0..4).prop_map(move |children| {
            let children: String = children.into_iter().map(|(gap, child)| format!("{gap}{child}")).collect();
            format!("<{name}>{children}</{name}>")
        })
    };
    let prolog = prop::sample::select(
        &["", "\u{feff}", "<?xml version=\"1.0\"?>", "<!-- head -->\r\n\r\n\r\n", "\u{feff}<?x?><!-- a --><!-- b -->\n"][..],
    );
    let policies =
        (prolog, section("inbound"), gap(), section("backend"), gap(), prop::sample::select(&["", "\n<!-- tail -->", " <?y?>\n"][..]))
            .prop_map(|(prolog, inbound, gap, backend, more, tail)| {
                format!("{prolog}<policies>{gap}{inbound}{more}{backend}</policies>{tail}")
            });
    prop_oneof![4 => policies, 1 => section("fragment")]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, max_global_rejects: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn generated_documents_keep_everything(text in document()) {
        keeps_everything(&text);
    }
}

#[test]
fn the_layout() {
    let text = "<!-- head --><policies><inbound>\n\n\n<base/> <!-- behind -->\n\n\n<set-header name = 'x'\n exists-action=\"override\" >  <value>\n @(1)\n</value></set-header></inbound>\r\n<backend>  </backend>\n<outbound><set-body> {}\n</set-body></outbound></policies>";
    let wanted = "<!-- head -->\n<policies>\n\t<inbound>\n\t\t<base /> <!-- behind -->\n\n\t\t<set-header name=\"x\"\n\t\t\texists-action=\"override\">\n\t\t\t<value>@(1)</value>\n\t\t</set-header>\n\t</inbound>\n\t<backend />\n\t<outbound>\n\t\t<set-body> {}\n</set-body>\n\t</outbound>\n</policies>\n";
    assert_eq!(format(&parse(text, Format::RawXml)), wanted);
}

#[test]
fn texts_in_the_quotes_of_characters_get_those_of_texts() {
    for (before, wanted) in [
        (
            "value=\"@(context.Request.Headers.GetValueOrDefault('x-a', 'b1'))\"",
            "value=\"@(context.Request.Headers.GetValueOrDefault(\"x-a\", \"b1\"))\"",
        ),
        ("value=\"@(&quot;a&quot; + 'bc' + 'd')\"", "value=\"@(&quot;a&quot; + &quot;bc&quot; + 'd')\""),
        ("value=\"@('a\"b')\"", "value=\"@('a\"b')\""),
    ] {
        let document = |value: &str| format!("<policies><inbound><set-variable name=\"v\" {value} /></inbound></policies>");
        let mut mended = parse(&document(before), Format::RawXml);
        for _ in 0..3 {
            mended = parse(&apply_fixes(&mended, &fixes(&mended, &CheckContext::default())), Format::RawXml);
        }
        assert_eq!(mended.source().text(), document(wanted));
    }
}

#[test]
fn cures_cure_what_they_name_and_nothing_else() {
    let before = "<policies>\n<inbound>\n<set-variable name=\"b\" value=\"@(context.Request.Body.As<JObject>()[\"x\"] + context.Request.Body.As<string>(preserveContent: false))\" />\n</inbound>\n<backend><retry condition=\"@(context.Response.StatusCode == 429 // too many\n)\" count=\"2\" interval=\"0\"><forward-request buffer-request-body='false' timeout=\"60\" /></retry></backend>\n<outbound />\n</policies>";
    let context = CheckContext { scope: Some(Scope::Api), ..CheckContext::default() };
    let mut document = parse(before, Format::RawXml);
    let mut codes = Vec::new();
    for _ in 0..9 {
        let found = fixes(&document, &context);
        codes.extend(found.iter().map(|fix| fix.finding.code.id));
        document = parse(&apply_fixes(&document, &found), Format::RawXml);
    }
    codes.sort_unstable();
    assert_eq!(codes, ["POL066", "POL066", "POL101", "POL102", "POL112", "POL112"]);
    assert_eq!(check(&document, &context), [], "{}", document.source().text());
    let wanted = "<policies>\n<inbound><base />\n<set-variable name=\"b\" value=\"@(context.Request.Body.As<JObject>(preserveContent: true)[\"x\"] + context.Request.Body.As<string>(preserveContent: true))\" />\n</inbound>\n<backend><retry condition=\"@(context.Response == null || (context.Response.StatusCode == 429 // too many\n))\" count=\"2\" interval=\"0\"><forward-request buffer-request-body='true' timeout=\"60\" /></retry></backend>\n<outbound ><base /></outbound>\n</policies>";
    assert_eq!(document.source().text(), wanted);
}
