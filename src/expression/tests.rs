//! The engine through its public interface: what stops and goes on, what is known before it runs, and random texts.

use proptest::prelude::*;

use super::{
    BodyState, Effects, Evaluation, Expression, ExpressionContext, Heap, Host, HostKind, HostValue, Need, Outcome, VariableMismatch,
};

/// A request whose body arrives when it is told to.
#[derive(Default)]
struct Late {
    ready: bool,
}

impl ExpressionContext for Late {
    fn property(&mut self, object: Host, name: &'static str) -> HostValue {
        match (object.kind, name) {
            (HostKind::Context, "Request") => HostValue::Object(Host { kind: HostKind::Request, id: 0 }),
            (HostKind::Request, "Body") => HostValue::Object(Host { kind: HostKind::Body, id: 0 }),
            (HostKind::Request, "Method") => HostValue::Text("POST".to_owned()),
            _ => HostValue::Null,
        }
    }
    fn lookup(&mut self, _: Host, _: &str) -> Option<HostValue> {
        None
    }
    fn entries(&mut self, _: Host) -> Vec<(String, HostValue)> {
        Vec::new()
    }
    fn body(&mut self, _: Host, _: bool) -> BodyState {
        if self.ready { BodyState::Ready(b"{\"a\":7}".as_slice().into()) } else { BodyState::NotReady }
    }
    fn trace(&mut self, _: &str) {}
    fn utc_ticks(&mut self) -> i64 {
        638_000_000_000_000_000
    }
    fn random(&mut self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

fn effects(text: &str) -> Effects {
    Expression::compile(text, None).unwrap().effects().clone()
}

#[test]
fn a_missing_body_stops_the_evaluation_and_the_rest_runs_once() {
    let text = "@{ var n = 1; n += (int)context.Request.Body.As<JObject>(true)[\"a\"]; return n; }";
    let expression = Expression::compile(text, None).unwrap();
    let (mut heap, mut context) = (Heap::new(), Late::default());
    let mut evaluation = Evaluation::new(&expression);
    for _ in 0..3 {
        assert!(matches!(evaluation.run(&mut heap, &mut context, 1_000), Outcome::NeedBody(Host { kind: HostKind::Body, id: 0 })));
    }
    context.ready = true;
    let Outcome::Done(value) = evaluation.run(&mut heap, &mut context, 1_000) else { panic!("it goes on") };
    assert_eq!(value.text(&mut heap, &mut context).unwrap(), "8");
}

#[test]
fn little_fuel_stops_a_loop_and_the_result_is_the_same() {
    let expression = Expression::compile("@{ var s = 0; for (int i = 0; i < 100; i++) s += i; return s; }", None).unwrap();
    let (mut heap, mut context) = (Heap::new(), Late::default());
    let mut evaluation = Evaluation::new(&expression);
    let mut stops = 0;
    let value = loop {
        match evaluation.run(&mut heap, &mut context, 50) {
            Outcome::OutOfFuel => stops += 1,
            Outcome::Done(value) => break value,
            other => panic!("{other:?}"),
        }
    };
    assert!(stops > 10, "it stopped {stops} times");
    assert_eq!(value.text(&mut heap, &mut context).unwrap(), "4950");
}

#[test]
fn what_is_read_is_known_before_it_runs() {
    assert_eq!(effects("@(context.Request.Method)").request_body, Need::Never);
    assert_eq!(effects("@(context.Request.Body.As<string>())").request_body, Need::Always);
    let maybe = effects("@(context.Response.StatusCode == 429 ? context.Response.Body.As<string>() : \"\")");
    assert_eq!((maybe.request_body, maybe.response_body), (Need::Never, Need::Maybe));
    // A lambda cannot be stopped: the body has to be there before.
    assert_eq!(effects("@(new[]{1}.Select(x => context.Request.Body.As<string>(true)).First())").request_body, Need::Always);
    let headers = effects("@(context.Request.Headers.GetValueOrDefault(\"A\",\"\") + context.Request.Headers.ContainsKey(\"b\"))");
    assert_eq!((headers.headers, headers.all_headers), (vec!["A".to_owned(), "b".to_owned()], false));
    assert!(effects("@(context.Request.Headers.Count)").all_headers);
}

#[test]
fn the_wanted_type_is_enforced() {
    assert!(Expression::compile("@(1)", Some("int")).is_ok());
    assert!(Expression::compile("@(\"x\")", Some("bool")).is_err());
    assert!(Expression::compile("@{ if (true) { return 1; } return \"x\"; }", Some("int")).is_err());
    assert_eq!(Expression::compile("@(1)", Some("long")).unwrap().result_type(), "long");
}

#[test]
fn what_is_consumed_is_known() {
    let of = |text: &str| (effects(text).request_body_consumed, effects(text).response_body_consumed);
    assert_eq!(of("@(context.Request.Body.As<string>())"), (Need::Always, Need::Never));
    assert_eq!(of("@(context.Request.Body?.As<string>(preserveContent: false))"), (Need::Always, Need::Never));
    assert_eq!(of("@(context.Request.Body?.As<string>(preserveContent: true))"), (Need::Never, Need::Never));
    assert_eq!(
        of("@(context.Response.Body.As<string>(true) == \"\" ? context.Response.Body.As<string>() : \"\")"),
        (Need::Never, Need::Maybe)
    );
    // The body of a response in a variable is there already.
    assert_eq!(of("@(((IResponse)context.Variables[\"r\"]).Body.As<string>())"), (Need::Never, Need::Never));
    assert_eq!(effects("@(context.Request.Body?.As<string>(true))").response_body, Need::Never);
}

#[test]
fn the_type_before_the_conversion_and_constants_are_known() {
    let natural = |text: &str, wanted| Expression::check(text, Some(wanted)).unwrap().natural_type();
    assert_eq!(natural("@(1)", "long").as_deref(), Some("System.Int32"));
    assert_eq!(natural("@(1L)", "long").as_deref(), Some("System.Int64"));
    assert_eq!(natural("@{ if (context.Request == null) { return 1; } return 2L; }", "long").as_deref(), Some("System.Int64"));
    assert_eq!(natural("@{ if (context.Request == null) { return 1; } return \"\"; }", "object"), None);
    assert_eq!(natural("@(new[] { 1 }.Select(x => { return \"s\"; }).First())", "object").as_deref(), Some("System.String"));
    assert_eq!(natural("@(null)", "string"), None);
    let constant = |text: &str| Expression::check(text, Some("bool")).unwrap().constant();
    assert_eq!(constant("@(1 + 1 == 2)"), Some(true));
    assert_eq!(constant("@{ return false; }"), Some(false));
    assert_eq!(constant("@(context.Request.Method == \"GET\")"), None);
}

#[test]
fn a_member_that_is_not_emulated_hides_no_error_behind_it() {
    // Whatever is not emulated today: a handle into Windows' certificate store never will be.
    let members = super::catalogue::find("X509Certificate2", 0).unwrap().base().unwrap().definition().unwrap().members();
    let absent = members.iter().find(|member| member.name == "Handle" && member.native.is_none()).expect("choose another member");
    let read = format!("context.Request.Certificate.{}", absent.name);
    let text = format!("@({read}.ToString() + {read})");
    let checked = Expression::check(&text, None).unwrap();
    let places: Vec<usize> = checked.missing().iter().map(|missing| missing.at).collect();
    assert_eq!(places, [text.find(absent.name).unwrap(), text.rfind(absent.name).unwrap()]);
    let refused = Expression::compile(&text, None).unwrap_err();
    assert_eq!((refused.code, refused.at), (super::codes::NOT_EMULATED, places[0]));
    let wrong = Expression::check(&format!("@({read}.Undefined())"), None).unwrap_err();
    assert_eq!(wrong.code, super::codes::TYPE);
    // Nor does looking for an overload leave a trace of what was only tried.
    let lambda = format!("@(new[] {{ 1 }}.Select(x => {read}).First().ToString())");
    assert_eq!(Expression::check(&lambda, None).unwrap().missing().len(), 1);
}

#[test]
fn a_value_has_the_type_of_its_object() {
    let (mut heap, mut context) = (Heap::new(), Late::default());
    let first = Expression::compile("@(new JObject())", None).unwrap();
    let Outcome::Done(value) = Evaluation::new(&first).run(&mut heap, &mut context, 1_000) else { panic!("it has a value") };
    assert_eq!(value.type_name(&heap).unwrap(), "Newtonsoft.Json.Linq.JObject");
}

/// Pieces that programs are made of.
fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "1", "\"s\"", "x", "context", ".", "(", ")", "[", "]", "{", "}", "+", "-", "=>", "?", ":", "?.", "??", ",", ";", "new", "var",
        "if", "int", "string", "<", ">", "return", "$\"{", "}\"", "'c'", "@\"v\"", "is", "as", "JObject", "Select", "==", "&&", "||", "!",
        "out", "for", "foreach", "in", "try", "catch", "throw", " ", "null",
    ])
}

proptest! {
    #[test]
    fn random_pieces_never_break_the_compiler(pieces in prop::collection::vec(piece(), 0..40), block in any::<bool>()) {
        let inner: String = pieces.join(" ");
        let text = if block { format!("@{{{inner}}}") } else { format!("@({inner})") };
        if let Ok(expression) = Expression::compile(&text, None) {
            let _ = Evaluation::new(&expression).run(&mut Heap::new(), &mut Late::default(), 10_000);
        }
    }

    #[test]
    fn random_text_never_breaks_the_compiler(text in ".{0,80}") {
        let _ = Expression::compile(&text, None);
        let _ = Expression::compile(&format!("@({text})"), None);
    }

    #[test]
    fn integers_add_as_the_processor_does(a in any::<i32>(), b in any::<i32>()) {
        let text = format!("@{{ int a = {a}; int b = {b}; return a + b; }}");
        let expression = Expression::compile(&text, Some("int")).unwrap();
        let (mut heap, mut context) = (Heap::new(), Late::default());
        let Outcome::Done(value) = Evaluation::new(&expression).run(&mut heap, &mut context, 10_000) else { panic!("it has a value") };
        prop_assert_eq!(value.text(&mut heap, &mut context).unwrap(), a.wrapping_add(b).to_string());
    }

    #[test]
    fn json_reads_what_it_wrote(text in "[ -~äöü€\u{10000}]{0,30}") {
        let quoted = serde_json::Value::String(text.clone()).to_string().replace('"', "\"\"");
        let source = format!("@((string)JToken.Parse(JToken.Parse(@\"[{quoted}]\").ToString(Formatting.None))[0])");
        let expression = Expression::compile(&source, None).unwrap();
        let (mut heap, mut context) = (Heap::new(), Late::default());
        let Outcome::Done(value) = Evaluation::new(&expression).run(&mut heap, &mut context, 100_000) else { panic!("it has a value") };
        prop_assert_eq!(value.text(&mut heap, &mut context).unwrap(), text);
    }
}

#[test]
fn what_is_not_emulated_is_listed_by_type() {
    let list = super::coverage();
    let of = |name: &str| list.iter().find(|one| one.type_name == name).unwrap();
    for name in ["System.TimeSpan", "System.Guid", "System.Math", "System.Linq.Enumerable", "System.Text.RegularExpressions.Regex"] {
        assert_eq!(of(name).missing, Vec::<String>::new(), "{name}");
    }
    let element = of("System.Xml.Linq.XElement");
    assert_eq!(element.allowed, element.emulated + element.missing.len());
    assert!(element.missing.contains(&"XElement.Load(string)".to_owned()), "no file is read: {:?}", element.missing);
    let (allowed, emulated) = list.iter().fold((0, 0), |(allowed, emulated), one| (allowed + one.allowed, emulated + one.emulated));
    assert!(emulated * 100 >= allowed * 92, "{emulated} of {allowed} members are emulated");
    assert!(super::emulated_members().len() > 2_900, "members that cases have to reach");
}

#[test]
fn a_variable_of_another_type_throws_unless_it_is_asked_to_give_the_default() {
    let expression = Expression::compile("@(context.Variables.GetValueOrDefault<int>(\"text\", 5))", None).unwrap();
    let run = |mismatch| {
        let mut heap = Heap::new().with_variable_mismatch(mismatch);
        match Evaluation::new(&expression).run(&mut heap, &mut Variable, 10_000) {
            Outcome::Done(value) => value.text(&mut heap, &mut Variable).unwrap(),
            Outcome::Threw(exception) => exception.type_name,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(run(VariableMismatch::Throws), "System.InvalidCastException", "as the reference says");
    assert_eq!(run(VariableMismatch::GivesDefault), "5", "as the test double does");
}

/// Has the variable `text`, a string.
struct Variable;

impl ExpressionContext for Variable {
    fn property(&mut self, _object: Host, _name: &'static str) -> HostValue {
        HostValue::Object(Host { kind: HostKind::Variables, id: 0 })
    }
    fn lookup(&mut self, _map: Host, key: &str) -> Option<HostValue> {
        (key == "text").then(|| HostValue::Text("x".to_owned()))
    }
    fn entries(&mut self, _map: Host) -> Vec<(String, HostValue)> {
        Vec::new()
    }
    fn body(&mut self, _body: Host, _preserve: bool) -> BodyState {
        BodyState::Consumed
    }
    fn trace(&mut self, _message: &str) {}
    fn utc_ticks(&mut self) -> i64 {
        0
    }
    fn random(&mut self, _bytes: &mut [u8]) {}
}

/// Members that the recorder's library is too old to have; the answers are those of the documentation of .NET.
#[test]
fn members_younger_than_the_recorder() {
    for (expression, text) in [
        ("int.Abs(-5)", "5"),
        ("int.Clamp(12, 0, 10) + int.Max(1, 2) + int.Min(1, 2) + int.Sign(-3)", "12"),
        ("Math.Clamp(1.5, 2.0, 3.0)", "2"),
        ("Math.Cbrt(27)", "3"),
        ("Math.CopySign(3, -1)", "-3"),
        ("Math.ILogB(8) + Math.ILogB(0.25)", "1"),
        ("Math.ScaleB(3, 2)", "12"),
        ("Math.MaxMagnitude(-3, 2) + Math.MinMagnitude(-3, 2)", "-1"),
        ("Convert.ToHexString(new byte[]{10, 255})", "0AFF"),
        ("Convert.FromHexString(\"0aff\").Length", "2"),
        ("char.IsAsciiDigit('5') && !char.IsAsciiLetter('5') && char.IsBetween('b', 'a', 'c')", "True"),
        ("string.Join(\"|\", Enumerable.Range(1, 5).Chunk(2).Select(x => string.Join(\",\", x)))", "1,2|3,4|5"),
        ("string.Join(\",\", new[]{1, 2, 3, 4}.DistinctBy(x => x % 2))", "1,2"),
        ("string.Join(\",\", new[]{1, 2, 3}.ExceptBy(new[]{1}, x => x % 2))", "2"),
        ("string.Join(\",\", new[]{1, 2, 3}.IntersectBy(new[]{1}, x => x % 2))", "1"),
        ("string.Join(\",\", new[]{1, 2}.UnionBy(new[]{3, 4}, x => x % 2))", "1,2"),
        ("new[]{\"a\", \"ccc\", \"bb\"}.MaxBy(x => x.Length) + new[]{\"aa\", \"c\"}.MinBy(x => x.Length)", "cccc"),
        ("string.Join(\",\", new[]{3, 1, 2}.Order()) + string.Join(\",\", new[]{3, 1, 2}.OrderDescending())", "1,2,33,2,1"),
        ("string.Join(\",\", new[]{1, 2, 3}.SkipLast(1)) + string.Join(\",\", new[]{1, 2, 3}.TakeLast(1))", "1,23"),
        ("new Dictionary<string, int>{{\"a\", 1}}.TryAdd(\"a\", 2)", "False"),
        ("TimeSpan.FromSeconds(10).Multiply(1.5).TotalSeconds", "15"),
        ("TimeSpan.FromSeconds(10) / TimeSpan.FromSeconds(4)", "2.5"),
        ("DateTimeOffset.UnixEpoch.Year", "1970"),
        ("\"a\\r\\nb\\rc\".ReplaceLineEndings(\"|\")", "a|b|c"),
        ("new StringBuilder().AppendJoin(\",\", new[]{\"a\", \"b\"}).ToString()", "a,b"),
        ("Convert.ToHexString(SHA256.HashData(new byte[0])).Substring(0, 8)", "E3B0C442"),
        ("Encoding.Latin1.GetBytes(\"\\u00e9\")[0]", "233"),
        ("TimeZoneInfo.Utc.HasIanaId", "True"),
        ("Guid.Empty < Guid.Parse(\"00112233-4455-6677-8899-aabbccddeeff\")", "True"),
    ] {
        let compiled =
            Expression::compile(&format!("@({expression})"), None).unwrap_or_else(|error| panic!("{expression}: {}", error.message));
        let mut heap = Heap::new();
        match Evaluation::new(&compiled).run(&mut heap, &mut Variable, 1_000_000) {
            Outcome::Done(value) => assert_eq!(value.text(&mut heap, &mut Variable).unwrap(), text, "{expression}"),
            other => panic!("{expression}: {other:?}"),
        }
    }
}

#[test]
fn rsa_signs_verifies_encrypts_and_travels_as_xml() {
    let expression = "@{
        var own = RSA.Create();
        var data = Encoding.UTF8.GetBytes(\"data\");
        var signature = own.SignData(data, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var other = RSA.Create();
        other.FromXmlString(own.ToXmlString(false));
        var verified = other.VerifyData(data, signature, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var refused = other.VerifyData(signature, signature, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var secret = other.Encrypt(data, RSAEncryptionPadding.OaepSHA256);
        return verified + \" \" + refused + \" \" + Encoding.UTF8.GetString(own.Decrypt(secret, RSAEncryptionPadding.OaepSHA256));
    }";
    let compiled = Expression::compile(expression, None).unwrap();
    let mut heap = Heap::new();
    match Evaluation::new(&compiled).run(&mut heap, &mut Variable, 10_000_000) {
        Outcome::Done(value) => assert_eq!(value.text(&mut heap, &mut Variable).unwrap(), "True False data"),
        other => panic!("{other:?}"),
    }
}
