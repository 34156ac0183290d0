//! A C# compiler and runtime (Mono) as the judge: expressions in, recorded answers out.
//!
//! `tests/judge/Host.cs` is what surrounds an expression; the interfaces of `context`, and the classes behind them, are generated here from the
//! catalogue, so that both sides have one list of members. Each expression is a source file of its own, so that an error belongs to one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tempfile::TempDir;

/// Expressions that are compiled together.
const BATCH: usize = 500;
/// Rounds of compiling what the round before left; each throws out at least one.
const ROUNDS: usize = 40;
const NEWTONSOFT: &str = "/usr/lib/cli/Newtonsoft.Json-5.0/Newtonsoft.Json.dll";
/// The stage of an answer that has a value which Newtonsoft.Json cannot write.
pub const NOT_SHOWN: &str = "not shown";
const ABOUT: &str = "Debian's packages mono-mcs, mono-runtime, libmono-system-core4.0-cil, libmono-system-xml-linq4.0-cil, \
                     libmono-system-numerics4.0-cil and libnewtonsoft-json5.0-cil are the judge";

const USINGS: &str = "using System; using System.Collections.Generic; using System.Globalization; using System.IO; using System.Linq; using System.Net; \
using System.Security.Cryptography; using System.Security.Cryptography.X509Certificates; using System.Text; using System.Text.RegularExpressions; \
using System.Xml; using System.Xml.Linq; using Newtonsoft.Json; using Newtonsoft.Json.Linq; \
using Formatting = Newtonsoft.Json.Formatting;\n";
/// Inside of a namespace, since a name of the global one cannot be an alias beside it.
const ALIAS: &str = "using Authorization = global::Authorization;";

/// An expression to be judged.
#[derive(Debug, Clone)]
pub struct Question {
    /// `@( … )` or `@{ … }`.
    pub text: String,
    /// The name of the context that surrounds it, such as `context` of `context.json`; nothing for an empty one.
    pub context: Option<String>,
}

/// The judge, with its host compiled.
pub struct Judge {
    folder: TempDir,
    batches: AtomicUsize,
}

impl Judge {
    /// Compiles the host.
    pub fn new() -> Self {
        let judge = Self { folder: TempDir::new().unwrap(), batches: AtomicUsize::new(0) };
        assert!(Path::new(NEWTONSOFT).exists(), "{NEWTONSOFT} is missing: {ABOUT}");
        std::fs::copy(NEWTONSOFT, judge.path("Newtonsoft.Json.dll")).unwrap();
        std::fs::write(judge.path("Interfaces.cs"), interfaces()).unwrap();
        let host = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/judge/Host.cs");
        let output = compiler()
            .args(["-target:library", &format!("-out:{}", judge.path("Host.dll").display())])
            .arg(judge.path("Interfaces.cs"))
            .arg(host)
            .output()
            .unwrap_or_else(|problem| panic!("mcs cannot be run: {problem}: {ABOUT}"));
        assert!(output.status.success(), "the host does not compile:\n{}", text(&output));
        judge
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The answers, in order.
    pub fn ask(&self, questions: &[Question]) -> Vec<Value> {
        let batches: Vec<&[Question]> = questions.chunks(BATCH).collect();
        let next = AtomicUsize::new(0);
        let workers = std::thread::available_parallelism().map_or(1, usize::from).min(batches.len());
        let mut answered: Vec<(usize, Vec<Value>)> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..workers)
                .map(|_| {
                    scope.spawn(|| {
                        let mut own = Vec::new();
                        while let Some((index, batch)) =
                            Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|index| Some((index, *batches.get(index)?)))
                        {
                            own.push((index, self.batch(batch)));
                        }
                        own
                    })
                })
                .collect();
            workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
        });
        answered.sort_by_key(|(index, _)| *index);
        answered.into_iter().flat_map(|(_, answers)| answers).collect()
    }

    fn batch(&self, questions: &[Question]) -> Vec<Value> {
        let folder = self.path(&format!("batch-{}", self.batches.fetch_add(1, Ordering::Relaxed)));
        std::fs::create_dir(&folder).unwrap();
        for name in ["Host.dll", "Newtonsoft.Json.dll"] {
            std::fs::hard_link(self.path(name), folder.join(name)).unwrap();
        }
        let mut answers: Vec<Option<Value>> = vec![None; questions.len()];
        let mut left: BTreeSet<usize> = BTreeSet::new();
        for (index, question) in questions.iter().enumerate() {
            match source(index, &question.text) {
                Some(source) => {
                    std::fs::write(folder.join(format!("E{index}.cs")), source).unwrap();
                    left.insert(index);
                }
                None => answers[index] = Some(json!({ "ok": false, "stage": "wrap", "message": "not a whole @(...) or @{...}" })),
            }
        }
        let mut rounds = 0;
        loop {
            rounds += 1;
            assert!(rounds <= ROUNDS, "the compiler still refuses some after {ROUNDS} rounds");
            let output = compile(&folder, &left);
            if output.status.success() {
                break;
            }
            let refused = refusals(&text(&output));
            assert!(!refused.is_empty(), "an error that belongs to no expression:\n{}", text(&output));
            for (index, errors) in refused {
                left.remove(&index);
                answers[index] = Some(json!({ "ok": false, "stage": "compile", "errors": errors }));
            }
        }
        let flags: String = questions.iter().map(|question| format!("{}\n", question.context.as_deref().unwrap_or_default())).collect();
        std::fs::write(folder.join("flags"), flags).unwrap();
        let output = Command::new("mono")
            .arg(folder.join("P.exe"))
            .arg(super::cases())
            .arg(folder.join("flags"))
            .env("TZ", "UTC")
            .env("LC_ALL", "C.UTF-8")
            .output()
            .unwrap();
        for line in String::from_utf8(output.stdout.clone()).unwrap().lines() {
            let (index, answer) = line.split_once('\t').unwrap();
            let answer = serde_json::from_str(answer);
            answers[index.parse::<usize>().unwrap()] =
                Some(answer.unwrap_or_else(|_| json!({ "ok": false, "stage": NOT_SHOWN, "message": line })));
        }
        std::fs::remove_dir_all(&folder).unwrap();
        let named = |(index, answer): (usize, Option<Value>)| {
            answer.unwrap_or_else(|| {
                panic!("the runtime died at or before {}:\n{}", questions[index].text, String::from_utf8_lossy(&output.stderr))
            })
        };
        answers.into_iter().enumerate().map(named).collect()
    }
}

fn compiler() -> Command {
    let mut command = Command::new("mcs");
    command.args(["-nologo", "-codepage:utf8", "-langversion:experimental", "-warn:0"]);
    command.arg(format!("-r:{NEWTONSOFT}"));
    command.args(["-r:System.Core", "-r:System.Xml", "-r:System.Xml.Linq", "-r:System.Numerics"]);
    command
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The file of one expression.
fn source(index: usize, text: &str) -> Option<String> {
    let text = text.trim();
    let (before, inner, after) = if text.starts_with("@(") && text.ends_with(')') {
        ("return", &text[1..], ";")
    } else if text.starts_with("@{") && text.ends_with('}') {
        ("", &text[2..text.len() - 1], "")
    } else {
        return None;
    };
    Some(format!(
        "{USINGS}namespace Cases {{ {ALIAS} public static class E{index} {{ public static object Run(IProxyRequestContext context) {{ {before}\n#line 1 \"E{index}\"\n{inner}\n{after}\n}} }} }}\n"
    ))
}

fn compile(folder: &Path, left: &BTreeSet<usize>) -> Output {
    let mut program = format!(
        "{USINGS}static class Program {{ static void Main(string[] a) {{\nvar all = new List<KeyValuePair<int, Func<IProxyRequestContext, object>>>();\n"
    );
    let mut files = String::new();
    for index in left {
        writeln!(program, "all.Add(new KeyValuePair<int, Func<IProxyRequestContext, object>>({index}, Cases.E{index}.Run));").unwrap();
        writeln!(files, "\"{}\"", folder.join(format!("E{index}.cs")).display()).unwrap();
    }
    program.push_str("Judge.Run(a[0], a[1], all);\n} }\n");
    std::fs::write(folder.join("P.cs"), program).unwrap();
    writeln!(files, "\"{}\"", folder.join("P.cs").display()).unwrap();
    std::fs::write(folder.join("files"), files).unwrap();
    compiler()
        .arg(format!("-r:{}", folder.join("Host.dll").display()))
        .arg(format!("-out:{}", folder.join("P.exe").display()))
        .arg(format!("@{}", folder.join("files").display()))
        .output()
        .unwrap()
}

/// The errors by expression: `E7(1,5): error CS0103: …`, or with the file's path where no line is named.
fn refusals(output: &str) -> BTreeMap<usize, Vec<Value>> {
    let mut refused: BTreeMap<usize, Vec<Value>> = BTreeMap::new();
    for line in output.lines() {
        let Some((place, problem)) = line.split_once(": error ") else { continue };
        let Some((file, position)) = place.split_once('(') else { continue };
        let name = file.rsplit('/').next().unwrap_or(file).trim_end_matches(".cs");
        let Some(index) = name.strip_prefix('E').and_then(|digits| digits.parse().ok()) else { continue };
        let (code, message) = problem.split_once(": ").unwrap_or((problem, ""));
        let numbers: Vec<u64> = position.trim_end_matches(')').split(',').filter_map(|number| number.parse().ok()).collect();
        let mut error = json!({ "code": code, "message": message });
        // A position in the file is none in the expression.
        if let ([line, column, ..], false) = (numbers.as_slice(), file.ends_with(".cs")) {
            error["line"] = json!(line);
            error["col"] = json!(column);
        }
        refused.entry(index).or_default().push(error);
    }
    refused
}

/// The interfaces of `context` and a class behind each, from the catalogue.
fn interfaces() -> String {
    let table = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/expression/catalogue/context.txt")).unwrap();
    let mut types: Vec<(Vec<&str>, Vec<&str>)> = Vec::new();
    for line in table.lines() {
        match line.strip_prefix("T\t") {
            Some(head) => types.push((head.split('\t').collect(), Vec::new())),
            None => types.last_mut().unwrap().1.push(line),
        }
    }
    let known: BTreeSet<&str> = types.iter().map(|(head, _)| head[1]).collect();
    let mut out = USINGS.to_owned();
    for (head, members) in &types {
        let (kind, name) = (head[0], head[1]);
        // What has a namespace is of .NET.
        if name.contains('.') {
            continue;
        }
        let properties = members.iter().filter_map(|line| line.strip_prefix("+p ")?.split_once(':'));
        let properties: Vec<(&str, &str)> =
            properties.map(|(name, ty)| (name, ty.trim_end_matches(" g"))).filter(|(_, ty)| exists(ty, &known)).collect();
        match kind {
            "enum" => {
                let values: Vec<&str> = members.iter().filter_map(|line| line.strip_prefix("+vs ")).collect();
                writeln!(out, "public enum {name} {{ {} }}", values.join(", ")).unwrap();
            }
            "class" => {
                let body: String = properties.iter().map(|(name, ty)| format!("public {ty} {name} {{ get; set; }} ")).collect();
                writeln!(out, "public class {name} {{ {body} }}").unwrap();
            }
            "interface" => {
                let methods = members.iter().filter_map(|line| line.strip_prefix("+m ")?.rsplit_once(':'));
                let body: String = properties
                    .iter()
                    .map(|(name, ty)| format!("{ty} {name} {{ get; }} "))
                    .chain(methods.clone().map(|(call, ty)| format!("{ty} {call}; ")))
                    .collect();
                let bases = head[4].replace(';', ", ");
                let colon = if bases.is_empty() { "" } else { " : " };
                writeln!(out, "public interface {name}{colon}{bases} {{ {body} }}").unwrap();
                // The rest has classes of its own in the host.
                if matches!(name, "IUrl" | "IMessageBody" | "Jwt" | "BasicAuthCredentials") {
                    continue;
                }
                let mut all = properties.clone();
                if let Some((_, inherited)) = types.iter().find(|(other, _)| other[1] == bases) {
                    let inherited = inherited.iter().filter_map(|line| line.strip_prefix("+p ")?.split_once(':'));
                    all.extend(inherited.map(|(name, ty)| (name, ty.trim_end_matches(" g"))).filter(|(_, ty)| exists(ty, &known)));
                }
                let mut class: String =
                    all.iter().map(|(name, ty)| format!("public {ty} {name} {{ get {{ return {}; }} }} ", getter(name, ty))).collect();
                if name == "IProxyRequestContext" {
                    class.push_str("public void Trace(string message) { }");
                }
                writeln!(out, "public sealed class Host{} : HostObject, {name} {{ {class} }}", &name[1..]).unwrap();
            }
            _ => {}
        }
    }
    out
}

/// Types that only Azure's gateway has are left out.
fn exists(ty: &str, known: &BTreeSet<&str>) -> bool {
    !matches!(ty, "CarbonIntensityCategory" | "IGraphQLDataObject") && (!ty.starts_with('I') || ty.contains('<') || known.contains(ty))
}

fn getter(name: &str, ty: &str) -> String {
    match ty {
        "IUrl" => format!("Address(\"{name}\")"),
        "IMessageBody" => format!("Message(\"{name}\")"),
        "IReadOnlyDictionary<string,string[]>" => format!("Lists(\"{name}\")"),
        "IReadOnlyDictionary<string,string>" => format!("Texts(\"{name}\")"),
        "IReadOnlyDictionary<string,object>" => format!("Objects(\"{name}\")"),
        "IReadOnlyDictionary<string,X509Certificate2>" => format!("Certificates(\"{name}\")"),
        "X509Certificate2" => format!("Certificate(\"{name}\")"),
        "IEnumerable<string>" => format!("Get<{ty}>(\"{name}\")"),
        _ if ty.starts_with("IEnumerable<I") => {
            let item = ty.trim_start_matches("IEnumerable<").trim_end_matches('>');
            format!("Children<Host{}, {item}>(\"{name}\")", &item[1..])
        }
        _ if ty.starts_with('I') => format!("Child<Host{}>(\"{name}\", {})", &ty[1..], matches!(name, "Request" | "Deployment")),
        _ => format!("Get<{ty}>(\"{name}\")"),
    }
}
