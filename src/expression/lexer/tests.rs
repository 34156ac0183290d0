use super::*;
use proptest::prelude::*;

fn end_of(text: &str) -> Result<usize, LexError> {
    balanced_end(text, text.find(['(', '{']).unwrap())
}

#[test]
fn an_expression_ends_at_the_partner_of_its_bracket() {
    for expression in [
        "@(1)",
        r#"@("a)b")"#,
        r#"@(@"a""b)")"#,
        r#"@('(' + ")")"#,
        r#"@('"' + "\"" + '\'')"#,
        "@(a /* ) */ + b)",
        "@{ // )\n return 1; }",
        r#"@($"{x:N2} {{literal}} {(a ? "y)" : "n")}")"#,
        r#"@($"{d["k"]}{ list.Select(x => $"<{x}>") }")"#,
        r#"@($@"c:\{name}\""q""")"#,
        r#"@($"{ x }" + $"{ y : N2 }")"#,
        r#"@(context.Variables.GetValueOrDefault<Dictionary<string,List<int>>>("k"))"#,
        "@(x > {{limit}})",
        "@(a[0][1].B(c[d]))",
    ] {
        let text = format!("{expression}\" rest=\"@(");
        assert_eq!(end_of(&text), Ok(expression.len()), "{expression}");
    }
}

#[test]
fn what_does_not_end_is_told_apart() {
    assert_eq!(end_of("@(a"), Err(LexError::UnclosedBracket(1)));
    assert_eq!(end_of("@(a]"), Err(LexError::MismatchedBracket(3)));
    assert_eq!(end_of("@(\"a)"), Err(LexError::UnclosedString(2)));
    assert_eq!(end_of("@(/* )"), Err(LexError::UnclosedComment(2)));
    let deep = format!("@{}", "(".repeat(MAX_DEPTH + 1));
    assert_eq!(end_of(&deep), Err(LexError::TooDeep(MAX_DEPTH + 1)));
    let nested = format!("@({}", "$\"{".repeat(5_000));
    assert!(matches!(end_of(&nested), Err(LexError::TooDeep(_))));
}

#[test]
fn tokens_are_cut_as_csharp_cuts_them() {
    let kinds = |text: &str| tokens(text).unwrap().into_iter().map(|token| text[token.range].to_owned()).collect::<Vec<_>>().join(" ");
    assert_eq!(kinds("a?.B??c>=d"), "a ?. B ?? c >= d");
    assert_eq!(kinds("x=>x.Y<List<int>>(0x1FuL,1.5e-3m)"), "x => x . Y < List < int > > ( 0x1FuL , 1.5e-3m )");
    assert_eq!(kinds("a?.5:1..ToString()"), "a ? .5 : 1 . . ToString ( )");
    assert_eq!(kinds("@class+'\\u0041' // end"), "@class + '\\u0041'");
}

proptest! {
    #[test]
    fn any_text_is_cut_or_refused(text in "\\PC*|[@$\"'(){}\\[\\]/*:a-c \\n\\\\]*") {
        let mut lexer = Lexer::new(&text, 0);
        let mut last = 0;
        while let Ok(Some(token)) = lexer.next_token() {
            prop_assert!(token.range.start >= last && token.range.end > token.range.start);
            prop_assert!(text.get(token.range.clone()).is_some());
            last = token.range.end;
        }
        let _ = balanced_end(&text, 0);
    }

    #[test]
    fn the_end_does_not_depend_on_what_follows(inner in "[a-z0-9 +.,<>=&|\"]*", rest in "\\PC*") {
        let expression = format!("({inner})");
        if balanced_end(&expression, 0) == Ok(expression.len()) {
            prop_assert_eq!(balanced_end(&format!("{expression}{rest}"), 0), Ok(expression.len()));
        }
    }
}
