use proptest::prelude::*;

use super::super::{canonical, changes_of_texts, references, same_meaning};
use super::*;
use crate::support::source::{Sources, position};

fn source(text: &str) -> SourceText {
    SourceText::whole(Sources::default().add("p.xml", text), Arc::from(text))
}

fn read_raw(text: &str) -> Document {
    Document::parse(&source(text), Format::RawXml).unwrap_or_else(|finding| panic!("{finding:?} in {text}"))
}

fn refused(text: &str, format: Format) -> Finding {
    Document::parse(&source(text), format).expect_err(text)
}

fn inbound(inner: &str) -> String {
    format!("<policies><inbound>{inner}</inbound></policies>")
}

/// The value of the attribute `value` of the first policy.
fn value_of(inner: &str) -> Value {
    let document = read_raw(&inbound(inner));
    let section = document.section(super::super::Section::Inbound).unwrap().clone();
    let policy = section.elements().next().unwrap().clone();
    policy.attribute("value").unwrap_or_else(|| panic!("{inner}")).value.clone()
}

fn code_of(value: &Value) -> &str {
    value.expression().unwrap_or_else(|| panic!("{value} is no expression")).code.text()
}

#[test]
fn attribute_expressions_are_read_as_people_write_them() {
    for (written, code) in [
        (r#"<a value="@(H.GetValueOrDefault("x","y"))" />"#, r#"H.GetValueOrDefault("x","y")"#),
        (r#"<a value="@(V.GetValueOrDefault<string>("k"))" />"#, r#"V.GetValueOrDefault<string>("k")"#),
        (r#"<a value="@(S < 300)" />"#, "S < 300"),
        (r#"<a value="@(a == 1 && b == 2)" />"#, "a == 1 && b == 2"),
        ("<a value=\"@{\n // note \"quoted\n return 1; }\" />", "\n // note \"quoted\n return 1; "),
        (r#"<a value="@(a == &quot;x&quot; &amp;&amp; b)" />"#, r#"a == "x" && b"#),
        (r#"<a value="@(a == "x" &amp;&amp; b.As&lt;int&gt;())" />"#, r#"a == "x" && b.As<int>()"#),
        (r#"<a value="@(a.Replace("&amp;", "&"))" />"#, r#"a.Replace("&amp;", "&")"#),
        (r#"<a value='@("x")' />"#, r#""x""#),
        (r#"<a value='@('x' + "y")' />"#, r#"'x' + "y""#),
        (r#"<a value=" @(1)" />"#, "1"),
        (r#"<a value="@("https://{{host}}/x")" />"#, r#""https://{{host}}/x""#),
        (r#"<a value="@(x > {{limit}})" b="@("z")"/>"#, "x > {{limit}}"),
        (r#"<a value="@(")\"" + '"' + @"a""b" + $"{c["d"]}")" />"#, r#"")\"" + '"' + @"a""b" + $"{c["d"]}""#),
        (r#"<a value="@{ return "é ü 語"; }"/>"#, r#" return "é ü 語"; "#),
    ] {
        assert_eq!(code_of(&value_of(written)), code, "{written}");
    }
}

#[test]
fn literals_stay_literals() {
    for (written, text) in [
        (r#"<a value="/p?a={a}&b={b}" />"#, "/p?a={a}&b={b}"),
        (r#"<a value="Bearer @(x)" />"#, "Bearer @(x)"),
        (r#"<a value="a &amp;&#65;&#x42; &unknown; c" />"#, "a &AB &unknown; c"),
        (r#"<a value = 'it "is"' />"#, r#"it "is""#),
        (r#"<a value="" />"#, ""),
    ] {
        assert_eq!(value_of(written).literal(), Some(text), "{written}");
    }
}

#[test]
fn text_expressions_and_payloads_are_read() {
    let text_of = |inner: &str| {
        let document = read_raw(&inbound(inner));
        let element = document.section(super::super::Section::Inbound).unwrap().elements().next().unwrap().clone();
        element.text().unwrap_or_else(|| panic!("{inner}")).clone()
    };
    assert_eq!(code_of(&text_of("<v>@(B.As<string>(preserveContent: true))</v>")), "B.As<string>(preserveContent: true)");
    assert_eq!(
        code_of(&text_of("<v>@{ if (a && b) { return \"1\"; } return \"2\"; }</v>")),
        " if (a && b) { return \"1\"; } return \"2\"; "
    );
    assert_eq!(code_of(&text_of("<v>\r\n  @(\"x\")\r\n</v>")), "\"x\"");
    assert_eq!(code_of(&text_of("<v>@(a &lt; b)</v>")), "a < b");
    assert_eq!(code_of(&text_of("<v><![CDATA[@{ return \"<a>]>\" + (a && b); }]]></v>")), " return \"<a>]>\" + (a && b); ");
    assert_eq!(code_of(&text_of("<v>@(\"<b>x</b>\")</v>")), "\"<b>x</b>\"");
    assert_eq!(text_of("<v>{ \"a\": 1 < 2 && 3 }</v>").literal(), Some("{ \"a\": 1 < 2 && 3 }"));
    let document = read_raw(&inbound("<set-body template=\"liquid\"><a>{{context.Variables[\"x\"]}}</a></set-body>"));
    assert_eq!(document.walk().iter().map(|visit| visit.element.name.as_str()).collect::<Vec<_>>(), ["inbound", "set-body", "a"]);
    assert_eq!(references(&document).named_values, []);
}

#[test]
fn comments_prolog_and_any_order_of_sections_are_accepted() {
    let document = read_raw(
        "\u{feff}<?xml version=\"1.0\"?>\r\n<!-- a -- b <x> -->\n<policies>\n<on-error/><outbound></outbound><!-- @( --><inbound><base/></inbound>\n</policies>\n<!-- end -->\n",
    );
    let names: Vec<&str> = document.sections().map(|(section, _)| section.name()).collect();
    assert_eq!(names, ["on-error", "outbound", "inbound"]);
    assert_eq!(document.prolog().len(), 2);
}

#[test]
fn everything_knows_where_it_stands() {
    let text = "<policies>\n  <inbound>\n    <set-variable name=\"a\" value=\"@(x &amp;&amp; y[\"k\"] < 1)\" />\n    <v> a&b </v>\n  </inbound>\n</policies>";
    let document = read_raw(text);
    let inbound = document.section(super::super::Section::Inbound).unwrap();
    let policy = inbound.elements().next().unwrap();
    assert!(text[policy.range.clone()].starts_with("<set-variable") && text[policy.range.clone()].ends_with("/>"));
    assert_eq!(&text[policy.name_range.clone()], "set-variable");
    let value = policy.attribute("value").unwrap();
    assert_eq!(&text[value.name_range.clone()], "value");
    assert_eq!(&text[value.value_range.clone()], "@(x &amp;&amp; y[\"k\"] < 1)");
    let code = &value.value.expression().unwrap().code;
    let at = code.text().find("y[").unwrap();
    let span = code.span(at..at + 6);
    assert_eq!(&text[span.start as usize..span.end as usize], "y[\"k\"]");
    let element = inbound.elements().nth(1).unwrap();
    assert_eq!(&text[element.content_range.clone()], " a&b ");
    assert_eq!(&text[element.texts().next().unwrap().1.clone()], " a&b ");
}

#[test]
fn positions_lead_through_a_yaml_block_to_the_file() {
    let file = "policy: |\n    <policies>\n      <inbound><a value=\"@(x\n        + yy)\"/></inbound>\n    </policies>\n";
    let mut text = String::new();
    let mut runs = Vec::new();
    let mut at = file.find('\n').unwrap() + 1;
    for line in file[at..].split_inclusive('\n') {
        runs.push((u32::try_from(text.len()).unwrap(), u32::try_from(at + 4).unwrap()));
        text.push_str(&line[4..]);
        at += line.len();
    }
    let source = SourceText::part(Sources::default().add("s.yaml", file), Arc::from(text), runs);
    let document = Document::parse(&source, Format::RawXml).unwrap();
    let code = document.section(super::super::Section::Inbound).unwrap().elements().next().unwrap().attributes[0].value.source().clone();
    let found = code.text().find("yy").unwrap();
    let span = code.span(found..found + 2);
    assert_eq!(&file[span.start as usize..span.end as usize], "yy");
    let broken = SourceText::part(source.source(), Arc::from("<policies>\n<inbound></policies>"), vec![(0, 14), (11, 31)]);
    let span = Document::parse(&broken, Format::RawXml).unwrap_err().span.unwrap();
    assert_eq!((span.start, span.end), (40, 51));
}

#[test]
fn a_broken_document_gives_one_precise_finding() {
    for (text, code, at, word) in [
        ("<policies>\n <inbound>\n</policies>", codes::END_TAG, "</policies>", "`</policies>` closes `<inbound>`"),
        ("<policies><inbound></inbound>", codes::END_TAG, "policies>", "`<policies>` is never closed"),
        ("<policies></policies></a>", codes::END_TAG, "</a>", "closes nothing"),
        ("<policies><a x=\"1></a></policies>", codes::ATTRIBUTE_SYNTAX, "\"1>", "no closing quote"),
        ("<policies><a x=\"1><b y=\"2\"/></policies>", codes::ATTRIBUTE_SYNTAX, "<b", "holds a `<`"),
        ("<policies><a x=1/></policies>", codes::ATTRIBUTE_SYNTAX, "x=", "not quoted"),
        ("<policies><a x/></policies>", codes::ATTRIBUTE_SYNTAX, "x/", "has no value"),
        ("<policies><a x=\"1\" x='2'/></policies>", codes::ATTRIBUTE_SYNTAX, "x='2'", "twice"),
        ("<policies><a x=\"@(b(c)\"/></policies>", codes::EXPRESSION_UNCLOSED, "\"/>", "string that is not closed"),
        ("<policies><a x=\"@(b) c\"/></policies>", codes::EXPRESSION_UNCLOSED, "c\"", "followed by something else"),
        ("<policies><a>@(b) c</a></policies>", codes::EXPRESSION_UNCLOSED, "c<", "followed by something else"),
        ("<policies><a x=\"@(b])\"/></policies>", codes::EXPRESSION_UNCLOSED, "])", "does not match"),
        ("<policies><!-- </policies>", codes::UNREADABLE, "<!--", "comment is never closed"),
        ("<!DOCTYPE x><policies/>", codes::UNREADABLE, "<!D", "neither"),
        ("<policies><a</policies>", codes::UNREADABLE, "<a<", "no `>`"),
        ("<policies/>x", codes::UNREADABLE, "x", "outside the root"),
        ("<policies/><policies/>", codes::WRONG_ROOT, "policies/>", "after the root"),
        ("<inbound/>", codes::WRONG_ROOT, "inbound", "root element is `<inbound>`"),
        ("  \n", codes::WRONG_ROOT, "", "empty"),
        ("<policies><>", codes::UNREADABLE, ">", "has no name"),
    ] {
        let finding = refused(text, Format::RawXml);
        assert_eq!(finding.code, code, "{text}: {finding:?}");
        assert_eq!(finding.kind, Kind::Syntax);
        assert!(finding.message.contains(word), "{text}: {}", finding.message);
        let span = finding.span.unwrap();
        assert!(text[span.start as usize..].starts_with(at), "{text}: at {span:?}: {}", &text[span.start as usize..]);
        assert!(finding.help.is_some(), "{text}");
    }
}

#[test]
fn format_xml_is_strict_and_says_what_to_do() {
    for text in [
        r#"<policies><a x="@(h("X-Header-Name"))"/></policies>"#,
        r#"<policies><a x="@(a && b)"/></policies>"#,
        r#"<policies><a x="@(a < b)"/></policies>"#,
        "<policies><a>@(a && b)</a></policies>",
    ] {
        let finding = refused(text, Format::Xml);
        assert_eq!(finding.code, codes::NEEDS_ESCAPING, "{text}: {finding:?}");
        assert!(finding.help.unwrap().contains("rawxml"));
        assert!(Document::parse(&source(text), Format::RawXml).is_ok());
    }
    let text = r#"<policies><a x="@(h("X-Header-Name"))"/></policies>"#;
    let span = refused(text, Format::Xml).span.unwrap();
    assert_eq!(position(text, span.start as usize).column, 22, "as .NET's reader counts");
}

#[test]
fn depth_size_and_width_are_capped() {
    let deep = |depth: usize| format!("<policies>{}{}</policies>", "<a>".repeat(depth), "</a>".repeat(depth));
    assert!(Document::parse(&source(&deep(MAX_DEPTH - 1)), Format::RawXml).is_ok());
    assert_eq!(refused(&deep(MAX_DEPTH), Format::RawXml).code, codes::TOO_LARGE);
    assert_eq!(refused(&"<a>".repeat(300_000), Format::RawXml).code, codes::TOO_LARGE);
    assert_eq!(refused(&" ".repeat(MAX_SIZE + 1), Format::RawXml).code, codes::TOO_LARGE);
    let wide: String = (0..=MAX_ATTRIBUTES).map(|number| format!(" a{number}=\"\"")).collect();
    assert_eq!(refused(&format!("<policies{wide}/>"), Format::RawXml).code, codes::TOO_LARGE);
}

#[test]
fn both_formats_of_a_policy_mean_the_same() {
    let raw = "<policies>\n<inbound><set-header name=\"x\" exists-action='override'><value>@(a[\"b\"] < 1 && c)</value></set-header><base/></inbound>\n</policies>";
    let xml = "<?xml version=\"1.0\"?>\r\n<policies>\r\n\t<inbound>\r\n\t\t<!-- note --><set-header exists-action=\"override\" name=\"x\">\r\n<value>@(a[&quot;b&quot;] &lt; 1 &amp;&amp; c)</value>\r\n</set-header><base></base></inbound></policies>";
    assert!(same_meaning(raw, Format::RawXml, xml, Format::Xml));
    assert_eq!(changes_of_texts(raw, Format::RawXml, xml, Format::Xml), []);
    let multi = "<policies><inbound><a v=\"@{\n // x\n return 1; }\"/></inbound></policies>";
    let encoded = "<policies><inbound><a v=\"@{&#xA; // x&#xA; return 1; }\"/></inbound></policies>";
    assert!(same_meaning(multi, Format::RawXml, encoded, Format::Xml));
    assert!(same_meaning(&multi.replace('\n', "\r\n"), Format::RawXml, encoded, Format::Xml));
    assert!(!same_meaning(raw, Format::RawXml, &xml.replace("1 &amp;", "2 &amp;"), Format::Xml));
    assert!(same_meaning("not <xml\r\n", Format::RawXml, "not <xml", Format::RawXml));
}

#[test]
fn changes_name_the_path() {
    let old = "<policies><inbound><base/><choose><when condition=\"@(a)\"/><when condition=\"@(b)\"><x/></when></choose><trace source=\"s\">t</trace></inbound><outbound/></policies>";
    let new = "<policies><outbound/><inbound><base/><y/><choose><when condition=\"@(a)\"/><when condition=\"@(c)\"/></choose><trace source=\"s\">u</trace></inbound></policies>";
    let found: Vec<String> = changes_of_texts(old, Format::RawXml, new, Format::RawXml)
        .into_iter()
        .map(|change| format!("{}: {} -> {}", change.path, change.before.unwrap_or_default(), change.after.unwrap_or_default()))
        .collect();
    assert_eq!(
        found,
        [
            "inbound/choose[1]/when[2]@condition: @(b) -> @(c)",
            "inbound/choose[1]/when[2]/x[1]: <x /> -> ",
            "inbound/trace[1]/text(): t -> u",
            "inbound/y[1]:  -> <y />",
        ]
    );
}

#[test]
fn references_are_found_with_their_places() {
    let text = "<policies><inbound><include-fragment fragment-id=\"f\"/><set-backend-service backend-id=\"OpenAI-LB\"/><set-backend-service backend-id=\"@(x)\"/><set-header name=\"{{name}}\"><value>@(\"{{in.code}}\" + {{n-1}})</value></set-header><log-to-eventhub logger-id=\"l\">{{t}}</log-to-eventhub></inbound></policies>";
    let document = read_raw(text);
    let found = references(&document);
    let names = |list: &[super::super::Reference]| list.iter().map(|reference| reference.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&found.backends), ["OpenAI-LB"]);
    assert_eq!(names(&found.fragments), ["f"]);
    assert_eq!(names(&found.loggers), ["l"]);
    assert_eq!(names(&found.named_values), ["name", "in.code", "n-1", "t"]);
    for reference in &found.named_values {
        assert_eq!(&text[reference.span.start as usize..reference.span.end as usize], format!("{{{{{}}}}}", reference.name));
    }
}

const SEEDS: [&str; 3] = [
    "<policies>\n<inbound><base />\n<choose><when condition=\"@(context.Request.Headers.GetValueOrDefault(\"a\",\"b\") == \"c\" && 1 < 2)\"><set-body><![CDATA[@{ return $\"{x:N}\"; }]]></set-body></when></choose></inbound></policies>",
    "<fragment><!-- c --><set-variable name='v' value='@(\"{{n}}\" + 'c' + @\"a\"\"b\")' /><a>&lt;é</a></fragment>",
    "<policies><backend><retry condition=\"@(r == null || r.S >= 500)\" count=\"3\" interval=\"0\"><forward-request/></retry></backend></policies>",
];

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC*|[<>/=\"'@(){}&;!\\-\\[\\]a-c \\n]*", xml in any::<bool>()) {
        let format = if xml { Format::Xml } else { Format::RawXml };
        if let Err(finding) = Document::parse(&source(&text), format) {
            let span = finding.span.unwrap();
            prop_assert!(text.get(span.start as usize..span.end as usize).is_some(), "{finding:?}");
        }
    }

    #[test]
    fn a_mutated_policy_is_read_or_refused(seed in 0..SEEDS.len(), cuts in prop::collection::vec((any::<prop::sample::Index>(), "[<>/=\"'@(){}&;a ]{0,3}", 0..4usize), 1..4)) {
        let mut text: Vec<char> = SEEDS[seed].chars().collect();
        for (at, insert, remove) in cuts {
            let at = at.index(text.len() + 1).min(text.len());
            let end = (at + remove).min(text.len());
            text.splice(at..end, insert.chars());
        }
        let text: String = text.into_iter().collect();
        match Document::parse(&source(&text), Format::RawXml) {
            Ok(document) => {
                for visit in document.walk().iter() {
                    prop_assert_eq!(&text[visit.element.name_range.clone()], &visit.element.name);
                    for attribute in &visit.element.attributes {
                        prop_assert_eq!(&text[attribute.name_range.clone()], &attribute.name);
                        let raw = &text[attribute.value_range.clone()];
                        let code = attribute.value.source();
                        prop_assert!(raw.contains('&') || raw.contains(code.text()), "{raw} {}", code.text());
                    }
                }
                prop_assert_eq!(canonical(&document), canonical(&document.clone()));
            }
            Err(finding) => {
                let span = finding.span.unwrap();
                prop_assert!(text.get(span.start as usize..span.end as usize).is_some(), "{finding:?}");
            }
        }
    }

    #[test]
    fn what_is_written_in_either_style_is_read_back(code in "[a-z0-9 +<>&|.,\"\\n]*") {
        prop_assume!(lexer::balanced_end(&format!("({code})"), 0) == Ok(code.len() + 2));
        let raw = inbound(&format!("<a value=\"@({code})\"/>"));
        let encoded = code.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;").replace('\n', "&#xA;");
        let xml = inbound(&format!("<a value=\"@({encoded})\"/>"));
        prop_assert!(same_meaning(&raw, Format::RawXml, &xml, Format::Xml));
        prop_assert!(same_meaning(&xml, Format::RawXml, &xml, Format::Xml));
    }
}
