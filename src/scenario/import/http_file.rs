//! `.http` and `.rest` files, as the REST Client of VS Code and JetBrains' HTTP client read them: requests parted by `###`, names by
//! `# @name` or behind `###`, variables `@name = value` and `{{name}}`, a request line (the method may be missing, the query may go on below),
//! headers, a body as it is or `< file`, also whole curl commands. Scripts (`> {% … %}`) and references to other answers are not run.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use super::draft::{Body, Draft};
use super::values::Text;
use super::{Importer, codes, curl, did_you_mean};
use crate::support::source::{SourceText, Span};

/// How often variables may stand inside variables.
const NESTING: usize = 16;
/// How long a text may become by its variables.
const EXPANDED: usize = 1024 * 1024;

/// A line with its place.
#[derive(Clone)]
struct Line<'t> {
    text: &'t str,
    range: Range<usize>,
}

/// The lines between two `###`.
struct Part<'t> {
    name: Option<String>,
    lines: Vec<Line<'t>>,
}

/// Reads the request `name`; `at` is where the user asks for it.
pub(super) fn read(importer: &mut Importer<'_>, source: &SourceText, path: &Path, name: Option<&str>, at: Span) -> Option<Draft> {
    let (parts, variables) = parts(source.text());
    let part = choose(importer, &parts, name, at)?;
    let variables = Variables { file: variables, importer_wide: importer.options.variables.clone() };
    Reader { importer, source, path, variables }.part(part)
}

fn lines(text: &str) -> Vec<Line<'_>> {
    let mut start = 0;
    let mut lines = Vec::new();
    for line in text.split('\n') {
        let shown = line.strip_suffix('\r').unwrap_or(line);
        lines.push(Line { text: shown, range: start..start + shown.len() });
        start += line.len() + 1;
    }
    lines
}

/// The requests, and the variables of the file: these hold everywhere in it.
fn parts(text: &str) -> (Vec<Part<'_>>, BTreeMap<String, String>) {
    let mut parts = vec![Part { name: None, lines: Vec::new() }];
    let mut variables = BTreeMap::new();
    for line in lines(text) {
        let Some(part) = parts.last_mut() else { break };
        let begun = part.lines.iter().any(|line| !is_blank_or_comment(line.text));
        if let Some(title) = line.text.strip_prefix("###") {
            let title = title.trim_start_matches('#').trim();
            parts.push(Part { name: (!title.is_empty()).then(|| title.to_owned()), lines: Vec::new() });
        } else if let Some((name, value)) = variable(line.text).filter(|_| !begun) {
            variables.insert(name.to_owned(), value.to_owned());
        } else {
            if let Some(name) = directive_name(line.text).filter(|_| !begun) {
                part.name = Some(name.to_owned());
            }
            part.lines.push(line);
        }
    }
    parts.retain(|part| part.lines.iter().any(|line| !is_blank_or_comment(line.text)));
    (parts, variables)
}

fn is_blank_or_comment(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty() || is_comment(line)
}

fn is_comment(line: &str) -> bool {
    line.starts_with('#') || line.starts_with("//")
}

/// `@name = value`.
fn variable(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.strip_prefix('@')?.split_once('=')?;
    let name = name.trim();
    (!name.is_empty() && !name.contains(char::is_whitespace)).then(|| (name, value.trim()))
}

/// `# @name login`, `// @name=login`.
fn directive_name(line: &str) -> Option<&str> {
    let rest = line.trim_start().trim_start_matches(['#', '/']).trim_start().strip_prefix("@name")?;
    let name = rest.trim_start_matches([' ', '\t', '=']).trim();
    (is_comment(line.trim_start()) && !name.is_empty() && rest.len() > name.len()).then_some(name)
}

/// The request that is asked for: by name, by its number from 1, or the only one.
fn choose<'p, 't>(importer: &mut Importer<'_>, parts: &'p [Part<'t>], name: Option<&str>, at: Span) -> Option<&'p Part<'t>> {
    let names = || parts.iter().filter_map(|part| part.name.as_deref());
    let Some(name) = name.filter(|name| !name.is_empty()) else {
        return match parts {
            [] => {
                importer.error(codes::NO_SUCH_REQUEST, "the file holds no request", at);
                None
            }
            [only] => Some(only),
            several => {
                let help = format!("write `FILE#NAME`, or `FILE#1` to `FILE#{}`", several.len());
                importer.error(codes::WHICH_REQUEST, format!("the file holds {} requests", several.len()), at).help = Some(help);
                None
            }
        };
    };
    let mut named = parts.iter().filter(|part| part.name.as_deref() == Some(name));
    if let Some(part) = named.next() {
        if named.next().is_some() {
            importer.error(codes::WHICH_REQUEST, format!("the file holds several requests `{name}`"), at).help =
                Some("give them different names behind `###`, or ask for one by its number".to_owned());
            return None;
        }
        return Some(part);
    }
    let numbered = name.parse::<usize>().ok().and_then(|number| parts.get(number.checked_sub(1)?));
    if numbered.is_none() {
        let help = did_you_mean(name, names());
        importer.error(codes::NO_SUCH_REQUEST, format!("the file holds no request `{name}`"), at).help = help;
    }
    numbered
}

/// Values of `{{name}}`.
struct Variables {
    file: BTreeMap<String, String>,
    importer_wide: BTreeMap<String, String>,
}

/// A variable refers to itself.
struct Circle(String);

impl Variables {
    /// `text` with its variables replaced.
    fn fill(&self, text: &str, depth: usize, out: &mut Text) -> Result<(), Circle> {
        let mut rest = text;
        while let Some(open) = rest.find("{{") {
            let (before, inner) = rest.split_at(open);
            out.value.push_str(before);
            let Some(close) = inner.find("}}") else {
                out.value.push_str(inner);
                return Ok(());
            };
            let name = inner.get(2..close).unwrap_or_default().trim();
            match self.file.get(name).or_else(|| self.importer_wide.get(name)) {
                Some(_) if depth >= NESTING || out.value.len() > EXPANDED => return Err(Circle(name.to_owned())),
                Some(value) => self.fill(value, depth + 1, out)?,
                None => out.holes.push((out.value.len(), inner.get(..close + 2).unwrap_or_default().to_owned())),
            }
            rest = inner.get(close + 2..).unwrap_or_default();
        }
        out.value.push_str(rest);
        Ok(())
    }
}

struct Reader<'i, 'a, 's> {
    importer: &'i mut Importer<'a>,
    source: &'s SourceText,
    path: &'s Path,
    variables: Variables,
}

impl Reader<'_, '_, '_> {
    fn part(&mut self, part: &Part<'_>) -> Option<Draft> {
        let first = part.lines.iter().position(|line| !is_blank_or_comment(line.text) && !is_script(line.text))?;
        let head = part.lines.get(first..)?;
        let (start, end) = (head.first()?.range.start, head.last()?.range.end);
        if curl::is_command(head.first()?.text) {
            return self.command(start..end);
        }
        let mut draft = Draft::new(self.source.span(head.first()?.range.clone()));
        let mut lines = head.iter().peekable();
        let mut target = lines.next()?.clone();
        let mut joined = target.text.trim().to_owned();
        // A query may go on on lines of its own.
        while let Some(next) =
            lines.next_if(|line| line.text.starts_with([' ', '\t']) && line.text.trim_start().starts_with(['?', '&', '/']))
        {
            joined.push_str(next.text.trim());
            target.range.end = next.range.end;
        }
        self.request_line(&mut draft, &joined, target.range)?;
        let mut good = true;
        for line in lines.by_ref().take_while(|line| !line.text.trim().is_empty()) {
            if is_comment(line.text.trim_start()) {
                continue;
            }
            let Some((name, value)) = line.text.split_once(':') else {
                let span = self.source.span(line.range.clone());
                self.importer.error(codes::BAD_HEADER, "this is not a header: it has no colon", span).help =
                    Some("leave a line empty between headers and body".to_owned());
                good = false;
                continue;
            };
            let (name, value) = (self.fill(name.trim(), line.range.clone())?, self.fill(value.trim(), line.range.clone())?);
            draft.headers.push((name, value));
        }
        let rest: Vec<&Line<'_>> = lines.collect();
        self.body(&mut draft, &rest)?;
        good.then_some(draft)
    }

    /// A curl command in the place of a request.
    fn command(&mut self, range: Range<usize>) -> Option<Draft> {
        let text = self.source.text().get(range.clone()).unwrap_or_default();
        let offset = u32::try_from(range.start).unwrap_or(u32::MAX);
        let text = self.source.derive(text.into(), &[(0, offset)]);
        curl::read(self.importer, &text, self.path)
    }

    /// `POST https://… HTTP/1.1`, or only a URL.
    fn request_line(&mut self, draft: &mut Draft, line: &str, range: Range<usize>) -> Option<()> {
        let (method, target) = match line.split_once([' ', '\t']) {
            Some((method, target)) if !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase()) => {
                (Some(method), target.trim())
            }
            _ => (None, line),
        };
        if matches!(method, Some("GRAPHQL" | "GRPC" | "WEBSOCKET")) {
            let message = format!("a request of the kind `{}` cannot be imported", method.unwrap_or_default());
            self.importer.error(codes::NOT_IMPORTED, message, self.source.span(range));
            return None;
        }
        let target = match target.rsplit_once([' ', '\t']) {
            Some((url, version)) if version.starts_with("HTTP/") => url.trim_end(),
            _ => target,
        };
        draft.method = Some(Text::whole(method.unwrap_or("GET"), self.source.span(range.clone())));
        draft.url = Some(self.fill(target, range)?);
        Some(())
    }

    fn body(&mut self, draft: &mut Draft, lines: &[&Line<'_>]) -> Option<()> {
        let mut body = Text::whole("", draft.at);
        let mut begun = false;
        let form = draft.headers.iter().any(|(name, value)| {
            name.value.eq_ignore_ascii_case("content-type") && value.value.starts_with("application/x-www-form-urlencoded")
        });
        let mut lines = lines.iter();
        while let Some(line) = lines.next() {
            // JetBrains: what is done with the answer.
            if line.text.starts_with("> ") || line.text.starts_with(">> ") || line.text.starts_with("<> ") {
                if line.text.contains("{%") && !line.text.contains("%}") {
                    lines.by_ref().find(|line| line.text.contains("%}"));
                }
                continue;
            }
            if !begun && line.text.trim().is_empty() {
                continue;
            }
            if begun && !(form && line.text.starts_with('&')) {
                body.value.push('\n');
            }
            begun = true;
            let piece = match line.text.strip_prefix('<').filter(|rest| rest.starts_with([' ', '@'])) {
                Some(file) => self.file(file, line.range.clone())?,
                None => self.fill(line.text, line.range.clone())?,
            };
            if body.holes.is_empty() {
                body.span = piece.span;
            }
            body.holes.extend(piece.holes.iter().map(|(at, name)| (body.value.len() + at, name.clone())));
            body.value.push_str(&piece.value);
        }
        let length = body.value.trim_end_matches(['\n', '\r']).len();
        if length > 0 || !body.holes.is_empty() {
            let end = body.holes.last().map_or(length, |(at, _)| length.max(*at));
            body.value.truncate(end);
            draft.body = Some(Body::Text(body));
        }
        Some(())
    }

    /// `< file`, `<@ file`, `<@utf8 file`: with `@` its variables are replaced.
    fn file(&mut self, rest: &str, range: Range<usize>) -> Option<Text> {
        let with_variables = rest.starts_with('@');
        let file = if with_variables { rest.split_once([' ', '\t']).map_or("", |(_, file)| file) } else { rest }.trim();
        if file.starts_with("{%") {
            self.importer.error(codes::NOT_IMPORTED, "a script cannot be imported", self.source.span(range));
            return None;
        }
        let file = self.fill(file, range.clone())?;
        if let Some(name) = file.hole() {
            self.importer.error(codes::UNKNOWN_VARIABLE, format!("nothing here knows the value of `{name}`"), file.span);
            return None;
        }
        let text = self.importer.body_file(self.path, &file.value, file.span)?;
        if with_variables { self.fill(&text, range) } else { Some(Text::whole(&*text, file.span)) }
    }

    fn fill(&mut self, text: &str, range: Range<usize>) -> Option<Text> {
        let span = self.source.span(range);
        let mut out = Text::whole("", span);
        match self.variables.fill(text, 0, &mut out) {
            Ok(()) => Some(out),
            Err(Circle(name)) => {
                self.importer.error(codes::VARIABLE_LOOP, format!("the variable `{name}` leads back to itself"), span);
                None
            }
        }
    }
}

/// A script before the request line (JetBrains).
fn is_script(line: &str) -> bool {
    line.starts_with("< {%")
}
