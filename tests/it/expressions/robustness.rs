//! What must hold of any text: an answer or a reason, never a panic, and work that grows with the text and no faster.

use apimctl::expression::{Evaluation, Expression, Heap, Outcome};
use proptest::prelude::*;

use super::recorded;

#[path = "../../fuzz/properties.rs"]
mod properties;

use properties::{SmallContext, document_holds, expression_holds};

/// Pieces that make texts which get far into the parser and the binder.
const PIECES: &[&str] = &[
    "context",
    ".",
    "Request",
    "Response",
    "Headers",
    "GetValueOrDefault",
    "(",
    ")",
    "(",
    ")",
    "\"a\"",
    "\"1\"",
    ",",
    "1",
    "2.5",
    "'c'",
    "null",
    "true",
    "+",
    "-",
    "*",
    "/",
    "%",
    "&&",
    "||",
    "==",
    "<",
    ">",
    "<<",
    "?",
    ":",
    "??",
    "?.",
    "=>",
    "x",
    "y",
    "var",
    "int",
    "string",
    "=",
    ";",
    "{",
    "}",
    "[",
    "]",
    "new",
    "List<int>",
    "if",
    "else",
    "for",
    "foreach",
    "in",
    "while",
    "return",
    "switch",
    "case",
    "default",
    "break",
    "try",
    "catch",
    "finally",
    "throw",
    "is",
    "as",
    "out",
    "$\"{x}\"",
    "@\"v\"",
    "JObject",
    "Body",
    "As<JObject>",
    "()",
    "Variables",
    "Select",
    "Where",
    "Count",
    "ToString",
    "Parse",
    "int.Parse",
    "string.Join",
    "DateTime",
    "Math.Max",
    "(int)",
    "nameof",
    "typeof",
    "_",
    "++",
    "--",
    "+=",
    "!",
    "~",
    "//",
    "/*",
    "*/",
    "\\",
    "\"",
    "'",
    "\n",
    "é",
    "😀",
    "\u{0}",
    "0x",
    "1e9",
    "9999999999999999999",
    "default(",
    "checked",
    "Func<int,int>",
];

const XML_PIECES: &[&str] = &[
    "<policies>",
    "</policies>",
    "<inbound>",
    "</inbound>",
    "<backend>",
    "</backend>",
    "<base />",
    "<set-header name=\"",
    "\" exists-action=\"override\">",
    "</set-header>",
    "<value>",
    "</value>",
    "@(",
    "@{",
    ")",
    "}",
    "\"",
    "'",
    "<choose>",
    "</choose>",
    "<when condition=\"@(true)\">",
    "</when>",
    "<set-body>",
    "</set-body>",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "&amp;",
    "&lt;",
    "&#x41;",
    "&",
    "<",
    ">",
    "/>",
    "=",
    " ",
    "\n",
    "\t",
    "{{name}}",
    "{% if x %}",
    "a",
    "context.Request.Url.Path",
    "List<string>",
    "1 < 2",
    "<?x y?>",
    "\u{feff}",
    "\u{0}",
    "é",
    "<fragment>",
    "</fragment>",
    "<retry condition=\"",
    "\" count=\"3\" interval=\"1\">",
    "</retry>",
];

fn soup(pieces: &'static [&'static str], most: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(pieces), 0..most).prop_map(|list| list.concat())
}

/// A recorded expression with a stretch cut out, doubled, or put elsewhere.
fn changed(texts: Vec<String>) -> impl Strategy<Value = String> {
    (prop::sample::select(texts), any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..3usize)
        .prop_map(|(text, one, two, three, way)| {
            let characters: Vec<char> = text.chars().collect();
            let (start, end) = (one.index(characters.len()), two.index(characters.len()));
            let (start, end) = (start.min(end), start.max(end).min(start + 40));
            let mut out: Vec<char> = characters.clone();
            match way {
                0 => drop(out.drain(start..end)),
                1 => drop(out.splice(end..end, characters[start..end].iter().copied())),
                _ => {
                    let part: Vec<char> = out.drain(start..end).collect();
                    let at = three.index(out.len() + 1);
                    drop(out.splice(at..at, part));
                }
            }
            out.into_iter().collect()
        })
}

proptest! {
    #[test]
    fn any_text_is_an_expression_or_is_refused(text in "\\PC{0,80}") {
        expression_holds(&text);
        expression_holds(&format!("@({text})"));
        expression_holds(&format!("@{{{text}}}"));
    }

    #[test]
    fn any_words_are_an_expression_or_are_refused(text in soup(PIECES, 40)) {
        expression_holds(&format!("@({text})"));
        expression_holds(&format!("@{{ {text} }}"));
    }

    #[test]
    fn any_text_is_a_document_or_is_refused(text in "\\PC{0,200}") {
        document_holds(&text);
    }

    #[test]
    fn any_tags_are_a_document_or_are_refused(text in soup(XML_PIECES, 40)) {
        document_holds(&text);
        document_holds(&format!("<policies><inbound>{text}</inbound></policies>"));
    }
}

#[test]
fn changed_expressions_answer_or_are_refused() {
    let texts: Vec<String> = recorded().into_iter().map(|case| case.line["expr"].as_str().unwrap().to_owned()).collect();
    let mut runner = proptest::test_runner::TestRunner::default();
    let compiled = std::cell::Cell::new(0);
    runner
        .run(&changed(texts), |text| {
            compiled.set(compiled.get() + usize::from(expression_holds(&text)));
            Ok(())
        })
        .unwrap();
    assert!(compiled.get() > 0, "no changed expression compiled: the changes are too wild to test the machine");
}

/// Bytes that were asked of the allocator: each piece of work on these trees takes some, so that they tell more work from less.
fn asked(work: impl FnOnce()) -> u64 {
    allocation_counter::measure(work).bytes_total
}

/// Twice the text may cost about twice the work.
#[track_caller]
fn is_linear(name: &str, small: usize, make: impl Fn(usize) -> String, work: impl Fn(&str)) {
    let (one, two) = (make(small), make(small * 2));
    work(&one);
    let (first, second) = (asked(|| work(&one)), asked(|| work(&two)));
    assert!(second <= first * 3, "{name}: {first} bytes for {} characters, {second} for {}", one.len(), two.len());
}

#[test]
fn long_expressions_take_work_in_proportion() {
    let compile = |text: &str| drop(Expression::compile(text, None));
    is_linear("statements", 500, |count| format!("@{{ var s = 0; {} return s; }}", "s = s + 1; ".repeat(count)), compile);
    is_linear(
        "locals",
        200,
        |count| format!("@{{ {} return 1; }}", (0..count).map(|index| format!("var v{index} = {index}; ")).collect::<String>()),
        compile,
    );
    is_linear("one literal", 50_000, |count| format!("@(\"{}\")", "x".repeat(count)), compile);
    is_linear("a comment", 50_000, |count| format!("@(1 /* {} */)", "x".repeat(count)), compile);
    is_linear("arguments", 200, |count| format!("@(string.Concat({}\"\"))", "\"a\", ".repeat(count)), compile);
    is_linear("open brackets", 50_000, |count| format!("@({}1)", "(".repeat(count)), compile);
    is_linear("generic or not", 500, |count| format!("@({}1)", "a < ".repeat(count)), compile);
    is_linear("casts or not", 30, |count| format!("@({}1)", "(a)".repeat(count)), compile);
    is_linear("tokens", 20_000, |count| format!("@({})", "a ".repeat(count)), compile);
}

#[test]
fn long_documents_take_work_in_proportion() {
    let read = |text: &str| {
        document_holds(text);
    };
    let policies = |inner: String| format!("<policies><inbound>{inner}</inbound></policies>");
    is_linear("elements", 200, |count| policies("<set-header name=\"a\"><value>b</value></set-header>".repeat(count)), read);
    is_linear("expressions", 100, |count| policies("<set-body>@(context.Request.Url.Path + \"x\")</set-body>".repeat(count)), read);
    is_linear("text", 20_000, |count| policies(format!("<set-body>{}</set-body>", "text &amp; ".repeat(count))), read);
    is_linear("open tags", 20_000, |count| "<a>".repeat(count), read);
    is_linear("open expression", 20_000, |count| policies(format!("<set-body>@({}</set-body>", "(x ".repeat(count))), read);
    is_linear("comments", 2_000, |count| policies("<!-- c -->".repeat(count)), read);
    is_linear("quotes", 20_000, |count| policies(format!("<set-header name=\"{}", "'\"".repeat(count))), read);
}

#[test]
fn a_megabyte_is_read_or_refused() {
    let expression = format!("@(\"{}\".Length)", "x".repeat(1_000_000));
    let compiled = Expression::compile(&expression, None).expect("a long literal is no crime");
    let (mut heap, mut context) = (Heap::new(), SmallContext::default());
    let Outcome::Done(value) = Evaluation::new(&compiled).run(&mut heap, &mut context, u64::MAX) else { panic!("it ends") };
    assert_eq!(value.text(&mut heap, &mut context).unwrap(), "1000000");

    assert!(!document_holds(&"<a>".repeat(100_000)), "100,000 open elements");
    assert!(!document_holds(&format!("{}{}", "<a>".repeat(100_000), "</a>".repeat(100_000))), "100,000 nested elements");
    let within = format!("<policies><inbound><set-body>{}</set-body></inbound></policies>", "x".repeat((1 << 20) - 100));
    assert!(document_holds(&within), "a document below the limit");
    let beyond = format!("<policies><inbound><set-body>{}</set-body></inbound></policies>", "x".repeat(1 << 20));
    assert!(!document_holds(&beyond), "a document above the limit");
}

/// What the most frequent reads ask of the allocator, exactly. A new heap asks nothing until it holds an object.
#[test]
fn reading_a_header_or_a_variable_allocates_as_counted() {
    let allocations = |text: &str| {
        let compiled = Expression::compile(text, None).unwrap();
        let run = || {
            let (mut heap, mut context) = (Heap::new(), SmallContext::default());
            let outcome = Evaluation::new(&compiled).run(&mut heap, &mut context, 1_000);
            assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
        };
        // The first run fills what is made once for all.
        run();
        allocation_counter::measure(run).count_total
    };
    // What the host gives is made by the host: two header values in a list, one variable.
    assert_eq!(allocations("@(context.Request.Headers.GetValueOrDefault(\"ab\", \"\"))"), 5, "a header");
    assert_eq!(allocations("@((string)context.Variables[\"ab\"])"), 2, "a variable");
}
