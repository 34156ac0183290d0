//! A curl command line (curl(1)). Options that shape the request are followed, those about the connection and the output are passed over,
//! and what cannot be a scenario's request is refused by name.

use std::path::Path;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::draft::{Body, Draft};
use super::values::Text;
use super::{Importer, codes, shell};
use crate::support::source::SourceText;
use crate::support::suggest::nearest;

/// What an option means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Means {
    /// It takes no value and does not change the request.
    Nothing,
    /// It takes a value and does not change the request.
    Ignored,
    Method,
    Header,
    Data(Data),
    Url,
    UrlQuery,
    Get,
    Head,
    User,
    Bearer,
    Agent,
    Referer,
    Cookie,
    Compressed,
    /// It takes a value, and nothing here can do what it does.
    Refused,
}

/// Kinds of body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Data {
    /// `-d`: a file loses its line ends.
    Ascii,
    /// `--data-raw`: `@` is a character.
    Raw,
    /// `--data-binary`: a file as it is.
    Binary,
    /// `--data-urlencode`.
    Encoded,
    /// `--json`.
    Json,
}

/// Short name, long name, meaning (curl(1)).
const OPTIONS: &[(Option<char>, &str, Means)] = &[
    (Some('X'), "request", Means::Method),
    (Some('H'), "header", Means::Header),
    (Some('d'), "data", Means::Data(Data::Ascii)),
    (None, "data-ascii", Means::Data(Data::Ascii)),
    (None, "data-raw", Means::Data(Data::Raw)),
    (None, "data-binary", Means::Data(Data::Binary)),
    (None, "data-urlencode", Means::Data(Data::Encoded)),
    (None, "json", Means::Data(Data::Json)),
    (None, "url", Means::Url),
    (None, "url-query", Means::UrlQuery),
    (Some('G'), "get", Means::Get),
    (Some('I'), "head", Means::Head),
    (Some('u'), "user", Means::User),
    (None, "oauth2-bearer", Means::Bearer),
    (Some('A'), "user-agent", Means::Agent),
    (Some('e'), "referer", Means::Referer),
    (Some('b'), "cookie", Means::Cookie),
    (None, "compressed", Means::Compressed),
    (Some('F'), "form", Means::Refused),
    (None, "form-string", Means::Refused),
    (Some('T'), "upload-file", Means::Refused),
    (Some('K'), "config", Means::Refused),
    (Some('r'), "range", Means::Refused),
    (Some('C'), "continue-at", Means::Refused),
    (Some('Q'), "quote", Means::Refused),
    (Some(':'), "next", Means::Refused),
    (None, "variable", Means::Refused),
    (Some('s'), "silent", Means::Nothing),
    (Some('S'), "show-error", Means::Nothing),
    (Some('v'), "verbose", Means::Nothing),
    (Some('i'), "include", Means::Nothing),
    (None, "show-headers", Means::Nothing),
    (Some('k'), "insecure", Means::Nothing),
    (Some('L'), "location", Means::Nothing),
    (None, "location-trusted", Means::Nothing),
    (Some('N'), "no-buffer", Means::Nothing),
    (Some('f'), "fail", Means::Nothing),
    (None, "fail-with-body", Means::Nothing),
    (None, "fail-early", Means::Nothing),
    (Some('g'), "globoff", Means::Nothing),
    (Some('q'), "disable", Means::Nothing),
    (Some('#'), "progress-bar", Means::Nothing),
    (None, "no-progress-meter", Means::Nothing),
    (Some('0'), "http1.0", Means::Nothing),
    (None, "http1.1", Means::Nothing),
    (None, "http2", Means::Nothing),
    (None, "http2-prior-knowledge", Means::Nothing),
    (None, "http3", Means::Nothing),
    (Some('1'), "tlsv1", Means::Nothing),
    (None, "tlsv1.2", Means::Nothing),
    (None, "tlsv1.3", Means::Nothing),
    (Some('4'), "ipv4", Means::Nothing),
    (Some('6'), "ipv6", Means::Nothing),
    (Some('O'), "remote-name", Means::Nothing),
    (Some('J'), "remote-header-name", Means::Nothing),
    (None, "retry-all-errors", Means::Nothing),
    (None, "retry-connrefused", Means::Nothing),
    (None, "create-dirs", Means::Nothing),
    (None, "no-keepalive", Means::Nothing),
    (None, "path-as-is", Means::Nothing),
    (None, "styled-output", Means::Nothing),
    (None, "tcp-nodelay", Means::Nothing),
    (Some('j'), "junk-session-cookies", Means::Nothing),
    (Some('o'), "output", Means::Ignored),
    (None, "output-dir", Means::Ignored),
    (Some('m'), "max-time", Means::Ignored),
    (None, "connect-timeout", Means::Ignored),
    (None, "retry", Means::Ignored),
    (None, "retry-delay", Means::Ignored),
    (None, "retry-max-time", Means::Ignored),
    (None, "max-redirs", Means::Ignored),
    (Some('w'), "write-out", Means::Ignored),
    (None, "cacert", Means::Ignored),
    (None, "capath", Means::Ignored),
    (Some('E'), "cert", Means::Ignored),
    (None, "key", Means::Ignored),
    (None, "ciphers", Means::Ignored),
    (None, "tls-max", Means::Ignored),
    (Some('x'), "proxy", Means::Ignored),
    (Some('U'), "proxy-user", Means::Ignored),
    (None, "noproxy", Means::Ignored),
    (None, "resolve", Means::Ignored),
    (None, "connect-to", Means::Ignored),
    (None, "interface", Means::Ignored),
    (None, "dns-servers", Means::Ignored),
    (None, "unix-socket", Means::Ignored),
    (Some('D'), "dump-header", Means::Ignored),
    (Some('c'), "cookie-jar", Means::Ignored),
    (None, "limit-rate", Means::Ignored),
    (Some('Y'), "speed-limit", Means::Ignored),
    (Some('y'), "speed-time", Means::Ignored),
    (None, "keepalive-time", Means::Ignored),
    (None, "expect100-timeout", Means::Ignored),
    (None, "trace", Means::Ignored),
    (None, "trace-ascii", Means::Ignored),
    (None, "stderr", Means::Ignored),
];

impl Means {
    const fn takes_value(self) -> bool {
        !matches!(self, Self::Nothing | Self::Get | Self::Head | Self::Compressed)
    }
}

/// What stays as it is in `--data-urlencode`: curl encodes all but letters, digits and `-._~`.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Reads the command line; files that it names are beside `path`.
pub(super) fn read(importer: &mut Importer<'_>, text: &SourceText, path: &Path) -> Option<Draft> {
    let words = shell::words(importer, text)?;
    let whole = text.span(0..text.text().len());
    let Some((command, rest)) = words.split_first() else {
        importer.error(codes::NOT_CURL, "there is no command line", whole);
        return None;
    };
    let name = command.value.rsplit(['/', '\\']).next().unwrap_or_default();
    if !matches!(name, "curl" | "curl.exe") || !command.holes.is_empty() {
        let message = if command.holes.is_empty() { format!("`{name}` is not `curl`") } else { "the command is not `curl`".to_owned() };
        importer.error(codes::NOT_CURL, message, command.span).help = Some("write the command line from `curl` on".to_owned());
        return None;
    }
    let mut reader = Reader { importer, path, draft: Draft::new(whole), parts: Vec::new(), get: false, head: false, good: true };
    reader.options(rest)?;
    reader.finish()
}

struct Reader<'i, 'a, 'p> {
    importer: &'i mut Importer<'a>,
    path: &'p Path,
    draft: Draft,
    /// Pieces of the body; curl joins them with `&`.
    parts: Vec<(Data, Text)>,
    get: bool,
    head: bool,
    good: bool,
}

impl Reader<'_, '_, '_> {
    fn options(&mut self, words: &[Text]) -> Option<()> {
        let mut words = words.iter();
        let mut only_urls = false;
        while let Some(word) = words.next() {
            if let Some(name) = word.value.strip_prefix("--").filter(|_| !only_urls) {
                if name.is_empty() {
                    only_urls = true;
                    continue;
                }
                let means = self.long(name, word)?;
                let value = if means.takes_value() { Some(self.value(words.next(), word)?) } else { None };
                self.apply(means, value.as_ref(), word)?;
            } else if word.value.len() > 1 && word.value.starts_with('-') && !only_urls {
                self.short(word, &mut words)?;
            } else {
                self.url(word);
            }
        }
        Some(())
    }

    /// `-sSX POST`, `-HName:value`: the first option with a value takes the rest of the word.
    fn short(&mut self, word: &Text, words: &mut std::slice::Iter<'_, Text>) -> Option<()> {
        for (at, character) in word.value.char_indices().skip(1) {
            let Some((_, _, means)) = OPTIONS.iter().find(|(short, _, _)| *short == Some(character)) else {
                self.importer.error(codes::UNKNOWN_OPTION, format!("curl has no option `-{character}` that is known here"), word.span);
                return None;
            };
            let end = at + character.len_utf8();
            if !means.takes_value() {
                self.apply(*means, None, word)?;
            } else if end < word.value.len() || word.holes.iter().any(|(hole, _)| *hole >= end) {
                let value = word.part(end, word.value.len());
                return self.apply(*means, Some(&value), word);
            } else {
                let value = self.value(words.next(), word)?;
                return self.apply(*means, Some(&value), word);
            }
        }
        Some(())
    }

    fn long(&mut self, name: &str, word: &Text) -> Option<Means> {
        if let Some((_, _, means)) = OPTIONS.iter().find(|(_, long, _)| *long == name) {
            return Some(*means);
        }
        // `--no-compressed` switches off what can be switched on.
        let positive = name.strip_prefix("no-");
        if positive.is_some_and(|name| OPTIONS.iter().any(|(_, long, means)| *long == name && !means.takes_value())) {
            return Some(Means::Nothing);
        }
        let near = nearest(name, OPTIONS.iter().map(|(_, long, _)| *long)).map(|near| format!("did you mean `--{near}`?"));
        // What follows `=` may be a secret.
        let shown = name.split('=').next().unwrap_or_default();
        let finding = self.importer.error(codes::UNKNOWN_OPTION, format!("curl has no option `--{shown}` that is known here"), word.span);
        finding.help = near;
        None
    }

    fn value(&mut self, value: Option<&Text>, option: &Text) -> Option<Text> {
        if value.is_none() {
            self.importer.error(codes::UNKNOWN_OPTION, format!("`{}` lacks its value", option.value), option.span);
        }
        value.cloned()
    }

    fn url(&mut self, url: &Text) {
        if self.draft.url.is_some() {
            let finding = self.importer.error(codes::NO_URL, "a second URL stands here", url.span);
            finding.help = Some("a scenario's request has one; put texts with blanks in quotes".to_owned());
            self.good = false;
        } else {
            self.draft.url = Some(url.clone());
        }
    }

    fn apply(&mut self, means: Means, value: Option<&Text>, option: &Text) -> Option<()> {
        let empty = Text::whole("", option.span);
        let value = value.unwrap_or(&empty);
        match means {
            Means::Nothing | Means::Ignored => {}
            Means::Get => self.get = true,
            Means::Head => self.head = true,
            Means::Compressed => self.header("Accept-Encoding", Text::whole("deflate, gzip", option.span)),
            Means::Method => self.draft.method = Some(value.clone()),
            Means::Url => self.url(value),
            Means::UrlQuery => self.draft.query.push(value.clone()),
            Means::Data(kind) => self.parts.push((kind, value.clone())),
            Means::Header => self.header_line(value),
            Means::User => self.header("Authorization", prefixed("Basic ", value)),
            Means::Bearer => self.header("Authorization", prefixed("Bearer ", value)),
            Means::Agent => self.header("User-Agent", value.clone()),
            Means::Referer => self.header("Referer", value.clone()),
            Means::Cookie => self.header("Cookie", value.clone()),
            Means::Refused => {
                let name =
                    option.value.get(..option.value.len().min(2)).filter(|_| !option.value.starts_with("--")).unwrap_or(&option.value);
                self.importer.error(codes::NOT_IMPORTED, format!("what `{name}` does cannot be imported"), option.span);
                return None;
            }
        }
        Some(())
    }

    fn header(&mut self, name: &str, value: Text) {
        self.draft.headers.push((Text::whole(name, value.span), value));
    }

    fn header_line(&mut self, line: &Text) {
        if line.value.starts_with('@') {
            self.importer.error(codes::NOT_IMPORTED, "headers from a file cannot be imported", line.span);
            self.good = false;
        } else if let Some((name, value)) = line.split_once(':') {
            // `Name:` takes a header of curl's own away; there is none here.
            let value = value.trimmed();
            if !value.is_empty() {
                self.draft.headers.push((name.trimmed(), value));
            } else if name.value.eq_ignore_ascii_case("content-type") {
                self.draft.no_content_type = true;
            }
        } else if let Some((name, _)) = line.split_once(';').filter(|(_, rest)| rest.value.trim().is_empty()) {
            self.draft.headers.push((name.trimmed(), Text::whole("", line.span)));
        } else {
            self.importer.error(codes::BAD_HEADER, "this is not a header: it has no colon", line.span);
            self.good = false;
        }
    }

    fn finish(mut self) -> Option<Draft> {
        let json = self.parts.iter().any(|(kind, _)| *kind == Data::Json);
        let parts = std::mem::take(&mut self.parts);
        let has_body = !parts.is_empty();
        let mut body = Text::whole("", self.draft.at);
        for (index, (kind, part)) in parts.iter().enumerate() {
            // `--json` pieces are joined without a sign, so that a document can be put together.
            if index > 0 && *kind != Data::Json {
                body.value.push('&');
            }
            let piece = self.piece(*kind, part)?;
            body.holes.extend(piece.holes.iter().map(|(at, name)| (body.value.len() + at, name.clone())));
            body.value.push_str(&piece.value);
            body.span = part.span;
        }
        if self.get && has_body {
            self.draft.query.push(body);
        } else if has_body {
            if json {
                for (name, value) in [("Content-Type", "application/json"), ("Accept", "application/json")] {
                    if !self.draft.has_header(name) {
                        self.header(name, Text::whole(value, self.draft.at));
                    }
                }
            } else if !self.draft.has_header("content-type") && !self.draft.no_content_type {
                self.header("Content-Type", Text::whole("application/x-www-form-urlencoded", self.draft.at));
            }
            self.draft.body = Some(Body::Text(body));
        }
        if self.head && self.draft.method.is_none() {
            self.draft.method = Some(Text::whole("HEAD", self.draft.at));
        }
        self.good.then_some(self.draft)
    }

    /// A piece of the body.
    fn piece(&mut self, kind: Data, part: &Text) -> Option<Text> {
        if kind == Data::Encoded {
            return self.encoded(part);
        }
        let Some(file) = part.value.strip_prefix('@').filter(|_| kind != Data::Raw) else { return Some(part.clone()) };
        let text = self.file(file, part)?;
        let text = if kind == Data::Ascii { text.replace(['\n', '\r'], "") } else { text };
        Some(Text::whole(text, part.span))
    }

    fn file(&mut self, file: &str, part: &Text) -> Option<String> {
        if file == "-" || !part.holes.is_empty() {
            let what = if file == "-" { "a body from the standard input" } else { "a body from a file whose name is not known" };
            self.importer.error(codes::NOT_IMPORTED, format!("{what} cannot be imported"), part.span);
            return None;
        }
        self.importer.body_file(self.path, file, part.span).map(|text| text.to_string())
    }

    /// `content`, `=content`, `name=content`, `@file`, `name@file`.
    fn encoded(&mut self, part: &Text) -> Option<Text> {
        let encode = |text: &str| utf8_percent_encode(text, ENCODED).to_string();
        let (equals, file) = (part.value.find('='), part.value.find('@'));
        let Some(at) = [equals, file].into_iter().flatten().min() else {
            return Some(Text { value: encode(&part.value), ..part.clone() });
        };
        let (name, content) = (part.value.get(..at).unwrap_or_default(), part.value.get(at + 1..).unwrap_or_default());
        let content = if file == Some(at) { self.file(content, part)? } else { content.to_owned() };
        let sign = if name.is_empty() { "" } else { "=" };
        Some(Text { value: format!("{name}{sign}{}", encode(&content)), ..part.clone() })
    }
}

fn prefixed(prefix: &str, text: &Text) -> Text {
    let holes = text.holes.iter().map(|(at, name)| (at + prefix.len(), name.clone())).collect();
    Text { value: format!("{prefix}{}", text.value), holes, span: text.span }
}

/// Whether a line of an `.http` file begins a command line.
pub(super) fn is_command(line: &str) -> bool {
    line.split_whitespace().next().is_some_and(|word| word == "curl")
}
