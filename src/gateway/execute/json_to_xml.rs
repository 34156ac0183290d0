//! `json-to-xml`: the body as XML (its page; rules as in its example and in one seen answer, else Newtonsoft's).

use serde_json::{Map, Value};

use super::conversion::{Conditions, Direction, convert};
use super::xml::{escape_attribute, escape_text};
use crate::expression::{date_text, is_json_date};
use crate::gateway::exchange::Exchange;
use crate::gateway::program::{Argument, Arguments, Compiler, Run, Statement};
use crate::policy::Element;

const DIRECTION: Direction = Direction { from: "json", to: "xml", content_type: "application/xml" };
/// The root where JSON has none (seen).
const ROOT: &str = "Document";
const NIL: &str = "xsi:nil=\"true\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"";

/// How names and dates are written.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub(super) separator: char,
    pub(super) prefix: Option<String>,
    pub(super) attributes: Option<String>,
    pub(super) dates: bool,
}

#[derive(Debug)]
struct JsonToXml {
    conditions: Conditions,
    separator: Option<Argument<Box<str>>>,
    prefix: Option<Argument<Box<str>>>,
    attributes: Option<Argument<Box<str>>>,
    dates: bool,
}

impl Statement for JsonToXml {
    fn run<'a>(&'a self, exchange: &'a mut Exchange, arguments: &mut Arguments) -> Run<'a> {
        let text = |argument: &Option<Argument<Box<str>>>| {
            argument.as_ref().map(|argument| arguments.text(argument).to_owned()).filter(|text| !text.is_empty())
        };
        let rules = Rules {
            // "Underscore" is the page's default.
            separator: text(&self.separator).and_then(|text| text.chars().next()).unwrap_or('_'),
            prefix: text(&self.prefix),
            attributes: text(&self.attributes),
            dates: self.dates,
        };
        let conditions = self.conditions.evaluate(arguments);
        Run::Later(Box::pin(convert(exchange, conditions, DIRECTION, move |json| to_xml(json, &rules))))
    }
}

/// `<json-to-xml apply="…" consider-accept-header="…" parse-date="…" namespace-separator="…" namespace-prefix="…" attribute-block-name="…" />`.
pub(super) fn compile(element: &Element, compiler: &mut Compiler<'_>) {
    let conditions = Conditions::read(element, compiler, DIRECTION);
    let separator = compiler.text(element, "namespace-separator");
    let prefix = compiler.text(element, "namespace-prefix");
    let attributes = compiler.text(element, "attribute-block-name");
    let dates = compiler.flag(element, "parse-date", true);
    compiler.run(JsonToXml { conditions, separator, prefix, attributes, dates });
}

pub(super) fn to_xml(json: &str, rules: &Rules) -> Result<String, String> {
    let value: Value = serde_json::from_str(json.trim_start_matches('\u{feff}')).map_err(|error| error.to_string())?;
    let mut writer = Writer { rules, out: String::with_capacity(json.len() * 2), prefixes: Vec::new() };
    match &value {
        Value::Object(members) => match members.iter().next() {
            Some((name, root)) if members.len() == 1 && !root.is_array() && rules.is_element(name) => writer.element(name, root, 0),
            _ => writer.element(ROOT, &value, 0),
        },
        // JSON of one value has no name; that of an array's items is the root's again (assumed).
        Value::Array(_) => writer.element(ROOT, &Value::Object([(ROOT.to_owned(), value)].into_iter().collect()), 0),
        _ => writer.element(ROOT, &value, 0),
    }
    Ok(writer.out)
}

impl Rules {
    fn is_attribute_block(&self, name: &str) -> bool {
        self.attributes.as_deref() == Some(name)
    }

    /// `xmlns`, or `xmlns` and the separator in front: a namespace declaration.
    fn declared<'n>(&self, name: &'n str) -> Option<&'n str> {
        let rest = name.strip_prefix(self.prefix.as_deref()?)?;
        if rest.is_empty() { Some("") } else { rest.strip_prefix(self.separator) }
    }

    fn is_element(&self, name: &str) -> bool {
        !self.is_attribute_block(name)
            && self.declared(name).is_none()
            && !name.starts_with('@')
            && !matches!(name, "#text" | "#cdata-section" | "?xml")
    }

    fn text(&self, value: &Value) -> String {
        match value {
            Value::Null => String::new(),
            // "When set to false date values are simply copied."
            Value::String(text) if self.dates && is_json_date(text) => {
                date_text(text, "yyyy-MM-ddTHH:mm:ss.FFFFFFFK").unwrap_or_else(|| text.clone())
            }
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }
}

struct Writer<'r> {
    rules: &'r Rules,
    out: String,
    /// Prefixes that are declared around.
    prefixes: Vec<String>,
}

impl Writer<'_> {
    fn line(&mut self, depth: usize) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        self.out.extend(std::iter::repeat_n("  ", depth));
    }

    /// The name in XML: the separator becomes a colon where the prefix is declared, what cannot stand in a name is encoded.
    fn name(&self, name: &str) -> String {
        if let Some((prefix, local)) = name.split_once(self.rules.separator)
            && !local.is_empty()
            && self.prefixes.iter().any(|own| own == prefix)
        {
            return format!("{}:{}", encoded(prefix), encoded(local));
        }
        encoded(name)
    }

    fn element(&mut self, name: &str, value: &Value, depth: usize) {
        let declared = self.prefixes.len();
        if let Value::Object(members) = value {
            let rules = self.rules;
            self.prefixes.extend(members.keys().filter_map(|own| rules.declared(own)).filter(|own| !own.is_empty()).map(str::to_owned));
        }
        self.line(depth);
        let name = self.name(name);
        self.out.push('<');
        self.out.push_str(&name);
        match value {
            Value::Null => {
                self.out.push(' ');
                self.out.push_str(NIL);
                self.out.push_str(" />");
            }
            Value::Object(members) => self.members(&name, members, depth),
            Value::Array(items) => {
                // An array inside of an array: its items have the same name (assumed).
                let inner = Value::Object([(name.clone(), Value::Array(items.clone()))].into_iter().collect());
                if let Value::Object(members) = &inner {
                    self.members(&name, members, depth);
                }
            }
            scalar => {
                let text = self.rules.text(scalar);
                if text.is_empty() {
                    self.out.push_str(" />");
                } else {
                    self.out.push('>');
                    escape_text(&text, &mut self.out);
                    self.close(&name);
                }
            }
        }
        self.prefixes.truncate(declared);
    }

    fn members(&mut self, name: &str, members: &Map<String, Value>, depth: usize) {
        let rules = self.rules;
        for (own, value) in members {
            if let Some(prefix) = rules.declared(own) {
                let attribute = if prefix.is_empty() { "xmlns".to_owned() } else { format!("xmlns:{}", encoded(prefix)) };
                self.attribute(&attribute, value);
            } else if rules.is_attribute_block(own)
                && let Value::Object(attributes) = value
            {
                for (own, value) in attributes {
                    let name = self.name(own);
                    self.attribute(&name, value);
                }
            } else if let Some(own) = own.strip_prefix('@') {
                let name = self.name(own);
                self.attribute(&name, value);
            }
        }
        let mut text = String::new();
        for (own, value) in members {
            if matches!(own.as_str(), "#text" | "#cdata-section") {
                text.push_str(&rules.text(value));
            }
        }
        let elements: Vec<_> = members.iter().filter(|(own, _)| rules.is_element(own)).collect();
        if elements.is_empty() && text.is_empty() {
            self.out.push_str(" />");
            return;
        }
        self.out.push('>');
        escape_text(&text, &mut self.out);
        for (own, value) in &elements {
            match value {
                Value::Array(items) if items.is_empty() => self.element(own, &Value::String(String::new()), depth + 1),
                Value::Array(items) => items.iter().for_each(|item| self.element(own, item, depth + 1)),
                other => self.element(own, other, depth + 1),
            }
        }
        if !elements.is_empty() {
            self.line(depth);
        }
        self.close(name);
    }

    fn attribute(&mut self, name: &str, value: &Value) {
        self.out.push(' ');
        self.out.push_str(name);
        self.out.push_str("=\"");
        escape_attribute(&self.rules.text(value), &mut self.out);
        self.out.push('"');
    }

    fn close(&mut self, name: &str) {
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }
}

/// `XmlConvert.EncodeName`: what cannot stand in a name becomes `_xHHHH_`.
fn encoded(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for (place, character) in name.char_indices() {
        let letter = character.is_alphabetic() || character == '_' || character == ':';
        let fits = letter || place > 0 && (character.is_ascii_digit() || matches!(character, '-' | '.'));
        if fits {
            out.push(character);
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                out.push_str(&format!("_x{unit:04X}_"));
            }
        }
    }
    if out.is_empty() { "_x0000_".to_owned() } else { out }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::xml;
    use super::*;

    const PLAIN: Rules = Rules { separator: '_', prefix: None, attributes: None, dates: true };

    #[test]
    fn the_example_of_the_page() {
        let json = r##"{ "soapenv:Envelope": {
            "xmlns:soapenv": "http://schemas.xmlsoap.org/soap/envelope/", "xmlns:v1": "http://localdomain.com/core/v1",
            "soapenv:Header": {},
            "soapenv:Body": { "v1:QueryList": { "#attrs": { "queryName": "test" }, "v1:QueryItem": { "name": "dummy text" } } }
        } }"##;
        let rules = Rules { separator: ':', prefix: Some("xmlns".to_owned()), attributes: Some("#attrs".to_owned()), dates: false };
        // The page's own answer leaves out `v1:QueryItem`, which can only be a slip.
        let expected = r#"<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:v1="http://localdomain.com/core/v1">
  <soapenv:Header />
  <soapenv:Body>
    <v1:QueryList queryName="test">
      <v1:QueryItem>
        <name>dummy text</name>
      </v1:QueryItem>
    </v1:QueryList>
  </soapenv:Body>
</soapenv:Envelope>"#;
        assert_eq!(to_xml(json, &rules).unwrap(), expected);
    }

    #[test]
    fn what_was_seen() {
        let json = r#"{ "a": "John", "alive": true, "age": 25, "phone": [{ "n": 1 }, { "n": 2 }], "children": [], "spouse": null }"#;
        let expected = "<Document>\n  <a>John</a>\n  <alive>true</alive>\n  <age>25</age>\n  <phone>\n    <n>1</n>\n  </phone>\n  <phone>\n    \
                        <n>2</n>\n  </phone>\n  <children />\n  <spouse xsi:nil=\"true\" \
                        xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" />\n</Document>";
        assert_eq!(to_xml(json, &PLAIN).unwrap(), expected);
    }

    #[test]
    fn names_and_dates() {
        assert_eq!(to_xml(r#"{"first name":"a<b"}"#, &PLAIN).unwrap(), "<first_x0020_name>a&lt;b</first_x0020_name>");
        assert_eq!(to_xml(r#"{"d":"2024-03-05T14:06:07.500Z"}"#, &PLAIN).unwrap(), "<d>2024-03-05T14:06:07.5Z</d>");
        let copied = Rules { dates: false, ..PLAIN };
        assert_eq!(to_xml(r#"{"d":"2024-03-05T14:06:07.500Z"}"#, &copied).unwrap(), "<d>2024-03-05T14:06:07.500Z</d>");
        // The separator only counts where the prefix is declared.
        assert_eq!(to_xml(r#"{"first_name":1}"#, &PLAIN).unwrap(), "<first_name>1</first_name>");
    }

    #[test]
    fn what_is_no_json_or_too_deep_is_refused() {
        assert!(to_xml("{", &PLAIN).is_err());
        assert!(to_xml(&"[".repeat(100_000), &PLAIN).is_err());
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "\\PC{0,12}".prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec(("\\PC{0,8}", inner), 0..4).prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_json_becomes_xml_that_can_be_read(value in json()) {
            let rules = Rules { dates: false, ..PLAIN };
            let text = to_xml(&value.to_string(), &rules).unwrap();
            prop_assert!(xml::parse(&text).is_ok(), "{}", text);
        }
    }
}
