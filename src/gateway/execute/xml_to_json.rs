//! `xml-to-json`: the body as JSON (its page; forms as in one seen answer, else Newtonsoft's).
//!
//! `direct`, as seen: attributes are members with `@` in front, the colon of a prefix is a dollar sign, what stands in `<?xml … ?>` comes
//! first. `javascript-friendly` is described nowhere; assumed: the same with names that JavaScript can write after a dot, so attributes
//! without `@`, text beside them as `text`, and nothing of `<?xml … ?>`.

use serde_json::{Map, Value};

use super::conversion::{Conditions, Direction, convert};
use super::xml::{self, Node};
use crate::gateway::exchange::Exchange;
use crate::gateway::failure::Failure;
use crate::gateway::program::{Argument, Arguments, Compiler, Run, Statement};
use crate::policy::Element;

const DIRECTION: Direction = Direction { from: "xml", to: "json", content_type: "application/json" };

/// How elements become members.
#[derive(Debug, Clone, Copy)]
struct Rules {
    friendly: bool,
    arrays: bool,
}

#[derive(Debug)]
struct XmlToJson {
    kind: Argument<Box<str>>,
    conditions: Conditions,
    arrays: Argument<bool>,
}

fn is_friendly(kind: &str) -> Option<bool> {
    match kind.trim() {
        "direct" => Some(false),
        "javascript-friendly" => Some(true),
        _ => None,
    }
}

impl Statement for XmlToJson {
    fn run<'a>(&'a self, exchange: &'a mut Exchange, arguments: &mut Arguments) -> Run<'a> {
        let kind = arguments.text(&self.kind);
        let Some(friendly) = is_friendly(kind) else {
            return Run::Done(Err(Failure::internal("ConversionKindInvalid", format!("kind of xml-to-json cannot be `{kind}`"))));
        };
        let rules = Rules { friendly, arrays: arguments.boolean(&self.arrays) };
        let conditions = self.conditions.evaluate(arguments);
        Run::Later(Box::pin(convert(exchange, conditions, DIRECTION, move |text| Ok(to_json(&xml::parse(text)?, rules).to_string()))))
    }
}

/// `<xml-to-json kind="…" apply="…" consider-accept-header="…" always-array-child-elements="…" />`.
pub(super) fn compile(element: &Element, compiler: &mut Compiler<'_>) {
    let kind = compiler.required_text(element, "kind");
    if let Argument::Literal(text) = &kind
        && is_friendly(text).is_none()
    {
        compiler.problem(element, format!("the attribute `kind` of `xml-to-json` cannot be `{text}`"));
    }
    let conditions = Conditions::read(element, compiler, DIRECTION);
    let arrays = match compiler.boolean(element, "always-array-child-elements") {
        Some(arrays) => arrays,
        // As an earlier list of attributes spells it.
        None => compiler.boolean(element, "always-array-children").unwrap_or(Argument::Literal(false)),
    };
    compiler.run(XmlToJson { kind, conditions, arrays });
}

fn to_json(document: &xml::Document, rules: Rules) -> Value {
    let mut members = Map::new();
    if !rules.friendly {
        for (name, value) in &document.declaration {
            members.insert(name.clone(), Value::from(value.as_str()));
        }
    }
    members.insert(member(&document.root.name), element(&document.root, rules));
    Value::Object(members)
}

fn member(name: &str) -> String {
    name.replace(':', "$")
}

fn element(element: &xml::Element, rules: Rules) -> Value {
    if rules.friendly && element.is_nil() {
        return Value::Null;
    }
    let mut members = Map::new();
    for (name, value) in &element.attributes {
        let name = if rules.friendly { member(name) } else { format!("@{}", member(name)) };
        members.insert(name, Value::from(value.as_str()));
    }
    for child in element.elements() {
        let (name, value) = (member(&child.name), self::element(child, rules));
        match members.get_mut(&name) {
            Some(Value::Array(items)) => items.push(value),
            Some(single) => {
                let first = single.take();
                *single = Value::Array(vec![first, value]);
            }
            None if rules.arrays => {
                members.insert(name, Value::Array(vec![value]));
            }
            None => {
                members.insert(name, value);
            }
        }
    }
    if rules.friendly {
        let text = element.text();
        return match (members.is_empty(), text.is_empty()) {
            (true, true) if element.closed => Value::Null,
            (true, _) => Value::from(text),
            (false, true) => Value::Object(members),
            (false, false) => {
                members.insert("text".to_owned(), Value::from(text));
                Value::Object(members)
            }
        };
    }
    let mut only_text = members.is_empty();
    let mut text = String::new();
    for node in &element.children {
        match node {
            Node::Text(own) => text.push_str(own),
            Node::CharacterData(data) => {
                only_text = false;
                members.insert("#cdata-section".to_owned(), Value::from(data.as_str()));
            }
            Node::Element(_) => {}
        }
    }
    match (only_text, text.is_empty()) {
        (true, true) if element.closed => Value::Null,
        (true, _) => Value::from(text),
        (false, true) => Value::Object(members),
        (false, false) => {
            members.insert("#text".to_owned(), Value::from(text));
            Value::Object(members)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const DIRECT: Rules = Rules { friendly: false, arrays: false };
    const FRIENDLY: Rules = Rules { friendly: true, arrays: false };

    fn converted(text: &str, rules: Rules) -> Value {
        to_json(&xml::parse(text).unwrap(), rules)
    }

    #[test]
    fn what_was_seen() {
        let text = r#"<?xml version="1.0"?>
<soap:Envelope xmlns="http://example.com/"
    xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">
    <soap:Body>
        <GetOrders>
            <Customer>1234567</Customer>
        </GetOrders>
    </soap:Body>
</soap:Envelope>"#;
        let expected = json!({ "version": "1.0", "soap$Envelope": {
            "@xmlns": "http://example.com/", "@xmlns$soap": "http://schemas.xmlsoap.org/soap/envelope/",
            "soap$Body": { "GetOrders": { "Customer": "1234567" } },
        } });
        assert_eq!(converted(text, DIRECT).to_string(), expected.to_string());
    }

    #[test]
    fn lists_texts_and_nothing() {
        let text = r#"<r a="1"><i>1</i><i x="y">2</i><e/><f></f><c><![CDATA[<&]]></c>tail &amp; &#65;</r>"#;
        assert_eq!(
            converted(text, DIRECT),
            json!({ "r": { "@a": "1", "i": ["1", { "@x": "y", "#text": "2" }], "e": null, "f": "", "c": { "#cdata-section": "<&" }, "#text": "tail & A" } })
        );
        assert_eq!(
            converted(text, FRIENDLY),
            json!({ "r": { "a": "1", "i": ["1", { "x": "y", "text": "2" }], "e": null, "f": "", "c": "<&", "text": "tail & A" } })
        );
        let arrays = Rules { arrays: true, ..DIRECT };
        assert_eq!(converted("<r><i>1</i></r>", arrays), json!({ "r": { "i": ["1"] } }));
    }

    #[test]
    fn hostile_xml_is_refused() {
        for text in [
            String::new(),
            "<a>".to_owned(),
            "<a></b>".to_owned(),
            "<a/><b/>".to_owned(),
            "text".to_owned(),
            "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>".to_owned(),
            format!("{}{}", "<a>".repeat(10_000), "</a>".repeat(10_000)),
        ] {
            assert!(xml::parse(&text).is_err(), "{}", &text[..text.len().min(40)]);
        }
    }

    /// JSON that XML can say: names that are names, texts that are not blank, lists of more than one.
    fn sayable() -> impl Strategy<Value = Value> {
        let text = "[^\\s\\p{C}][^\\p{C}]{0,8}[^\\s\\p{C}]".prop_map(Value::from);
        text.prop_recursive(3, 24, 4, |inner| {
            let value = prop_oneof![inner.clone(), prop::collection::vec("[a-z]{2}x".prop_map(Value::from), 2..4).prop_map(Value::Array)];
            prop::collection::btree_map("[a-z]{1,5}", value, 1..4).prop_map(|members| Value::Object(members.into_iter().collect()))
        })
    }

    proptest! {
        #[test]
        fn what_xml_can_say_comes_back(value in sayable()) {
            let json = json!({ "root": value });
            let rules = super::super::json_to_xml::Rules { separator: '_', prefix: None, attributes: None, dates: false };
            let text = super::super::json_to_xml::to_xml(&json.to_string(), &rules).unwrap();
            prop_assert_eq!(converted(&text, DIRECT), json.clone());
            prop_assert_eq!(converted(&text, FRIENDLY), json);
        }

        #[test]
        fn any_text_is_survived(text in "(<a>|</a>|<b x='1'/>|&amp;|&#x41;|<!\\[CDATA\\[|\\]\\]>|<\\?xml version='1.0'\\?>|[a-z<>&\"' ]){0,30}") {
            if let Ok(document) = xml::parse(&text) {
                let _ = to_json(&document, DIRECT);
                let _ = to_json(&document, FRIENDLY);
            }
        }
    }
}
