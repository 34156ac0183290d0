use proptest::prelude::*;

use super::*;

fn xml(text: &str) -> String {
    Document::parse(text, Format::Xml).unwrap().print(Format::Xml)
}

#[test]
fn the_layout_is_the_recorded_one() {
    let recorded = "<policies>\r\n\t<inbound></inbound>\r\n\t<backend>\r\n\t\t<!-- test -->\r\n\t</backend>\r\n\t<outbound />\r\n\t<on-error />\r\n</policies>";
    assert_eq!(
        xml("<policies>\n  <inbound></inbound>\n <backend>\n<!-- test -->\n</backend><outbound/>\n<on-error />\n</policies>"),
        recorded
    );
    assert_eq!(xml(&format!("<?xml version=\"1.0\"?>{recorded}")), recorded);
}

#[test]
fn expressions_are_escaped_in_one_format_and_stand_as_they_are_in_the_other() {
    let raw = "<policies><inbound><set-variable name=\"a\" value=\"@(context.Request.Headers.GetValueOrDefault(\"x\",\"<)\") == \"b\" && 1 < 2)\" /><set-body>@{\n  return \"</set-body>\";\n}</set-body></inbound></policies>";
    let document = Document::parse(raw, Format::RawXml).unwrap();
    let escaped = document.print(Format::Xml);
    assert!(
        escaped.contains(
            "value=\"@(context.Request.Headers.GetValueOrDefault(&quot;x&quot;,&quot;&lt;)&quot;) == &quot;b&quot; &amp;&amp; 1 &lt; 2)\""
        ),
        "{escaped}"
    );
    assert!(escaped.contains("<set-body>@{\r\n  return \"&lt;/set-body&gt;\";\r\n}</set-body>"), "{escaped}");
    let again = Document::parse(&escaped, Format::Xml).unwrap();
    assert_eq!(again.print(Format::RawXml), document.print(Format::RawXml));
    assert!(again.print(Format::RawXml).contains("GetValueOrDefault(\"x\",\"<)\") == \"b\" && 1 < 2)\""));
}

#[test]
fn a_line_break_of_an_expression_survives_both_ways() {
    let document = Document::parse("<p><a value=\"@{\r\n return 1;\r\n}\"/></p>", Format::RawXml).unwrap();
    assert!(document.print(Format::Xml).contains("\"@{&#xA; return 1;&#xA;}\""));
    assert!(document.print(Format::RawXml).contains("\"@{\r\n return 1;\r\n}\""));
}

#[test]
fn unescaped_quotes_are_refused_in_the_recorded_words() {
    let text =
        "<policies>\n<inbound>\n<choose>\n<when condition=\"@(context.Request.Headers.GetValueOrDefault(\"X-Header-Name\",\"\") == 1)\"/>";
    let Malformed(message) = Document::parse(text, Format::Xml).unwrap_err();
    assert_eq!(message, "'X-Header-Name' is an unexpected token. Expecting white space. Line 4, position 63.");
}

#[test]
fn broken_documents_are_refused_with_their_place() {
    for (text, part) in [
        ("", "Root element is missing."),
        ("x", "Data at the root level is invalid. Line 1, position 1."),
        ("<a><b></a>", "The 'b' start tag on line 1 position 5 does not match the end tag of 'a'. Line 1, position 9."),
        ("<a>", "The following elements are not closed: a."),
        ("<a/><b/>", "There are multiple root elements. Line 1, position 6."),
        ("<a b=\"1\" b=\"2\"/>", "'b' is a duplicate attribute name."),
        ("<a b=\"<\"/>", "invalid attribute character"),
        ("<a>&foo;</a>", "undeclared entity 'foo'"),
        ("<!DOCTYPE a><a/>", "DTD is prohibited"),
        ("<1/>", "Name cannot begin with the '1' character, hexadecimal value 0x31."),
    ] {
        let Malformed(message) = Document::parse(text, Format::Xml).unwrap_err();
        assert!(message.contains(part), "{text}: {message}");
    }
}

#[test]
fn deep_documents_are_refused_and_not_followed() {
    let deep = "<a>".repeat(100_000);
    assert!(Document::parse(&deep, Format::Xml).unwrap_err().0.contains("nested too deeply"));
}

#[test]
fn elements_come_in_the_order_of_the_text() {
    let document = Document::parse("<a><b><c/></b><d/></a>", Format::Xml).unwrap();
    let names: Vec<&str> = document.elements().iter().map(|element| element.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c", "d"]);
}

proptest! {
    #[test]
    fn printing_is_a_fixed_point(text in "[a-z@(){}\"'<>&;/ \n\t=#x0-9!-]{0,80}", raw in any::<bool>()) {
        let format = if raw { Format::RawXml } else { Format::Xml };
        let wrapped = format!("<policies><inbound>{text}</inbound></policies>");
        if let Ok(document) = Document::parse(&wrapped, format) {
            let printed = document.print(Format::Xml);
            let again = Document::parse(&printed, Format::Xml).unwrap();
            prop_assert_eq!(again.print(Format::Xml), printed);
        }
    }
}
