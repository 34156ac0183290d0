//! HAR files (HTTP Archive 1.2), as browsers and proxies save them: the request of one entry.

use base64::Engine as _;
use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::draft::{Body, Draft};
use super::values::Text;
use super::{Importer, codes, json_places};
use crate::support::source::{SourceText, Span};

/// Which entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Select {
    /// The only one.
    Only,
    /// By its number, from 1.
    Number(usize),
    /// The one whose URL holds this text.
    Url(String),
}

#[derive(Deserialize)]
struct Har {
    log: Log,
}

#[derive(Deserialize)]
struct Log {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    request: Request,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<Pair>,
    post_data: Option<PostData>,
}

#[derive(Deserialize)]
struct Pair {
    name: String,
    #[serde(default)]
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PostData {
    #[serde(default)]
    mime_type: String,
    text: Option<String>,
    /// Of some exporters: `base64`.
    encoding: Option<String>,
    #[serde(default)]
    params: Vec<Param>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Param {
    name: String,
    #[serde(default)]
    value: String,
    file_name: Option<String>,
}

/// Reads the entry; `at` is where the user asks for it.
pub(super) fn read(importer: &mut Importer<'_>, source: &SourceText, select: &Select, at: Span) -> Option<Draft> {
    let har: Har = match serde_json::from_str(source.text()) {
        Ok(har) => har,
        Err(problem) => {
            let offset = offset_of(source.text(), problem.line(), problem.column());
            // serde_json's words end with the place, which the finding has.
            let words = problem.to_string();
            let words = words.rsplit_once(" at line ").map_or(words.as_str(), |(words, _)| words);
            importer.error(codes::NOT_HAR, format!("this is not a HAR file: {words}"), source.span(offset..offset + 1));
            return None;
        }
    };
    let index = choose(importer, &har.log.entries, select, at)?;
    let entry = har.log.entries.into_iter().nth(index)?;
    let range = json_places::element(source.text(), &["log", "entries"], index).unwrap_or(0..0);
    // A caret under a whole entry says no more than one under its beginning.
    let span = source.span(range.start..(range.start + 1).min(range.end));
    draft(importer, entry.request, span)
}

fn draft(importer: &mut Importer<'_>, request: Request, span: Span) -> Option<Draft> {
    let mut draft = Draft::new(span);
    draft.method = Some(Text::whole(request.method, span));
    draft.url = Some(Text::whole(request.url, span));
    draft.headers = request.headers.into_iter().map(|pair| (Text::whole(pair.name, span), Text::whole(pair.value, span))).collect();
    let Some(data) = request.post_data else { return Some(draft) };
    if !data.mime_type.is_empty() && !draft.has_header("content-type") {
        draft.headers.push((Text::whole("content-type", span), Text::whole(data.mime_type.clone(), span)));
    }
    draft.body = match data.text {
        Some(text) if data.encoding.as_deref() == Some("base64") => match base64::engine::general_purpose::STANDARD.decode(text.trim()) {
            Ok(bytes) => Some(Body::Bytes(Bytes::from(bytes))),
            Err(_) => {
                importer.error(codes::NOT_HAR, "the body of this entry is not base64", span);
                return None;
            }
        },
        Some(text) if !text.is_empty() || data.params.is_empty() => (!text.is_empty()).then(|| Body::Text(Text::whole(text, span))),
        _ if data.params.is_empty() => None,
        _ if data.mime_type.starts_with("multipart/") || data.params.iter().any(|param| param.file_name.is_some()) => {
            importer.error(codes::NOT_IMPORTED, "a form with files cannot be imported: the entry does not hold its body", span);
            return None;
        }
        _ => {
            let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
            let pairs: Vec<String> = data.params.iter().map(|param| format!("{}={}", encode(&param.name), encode(&param.value))).collect();
            Some(Body::Text(Text::whole(pairs.join("&"), span)))
        }
    };
    Some(draft)
}

fn choose(importer: &mut Importer<'_>, entries: &[Entry], select: &Select, at: Span) -> Option<usize> {
    let several = |number: usize| format!("choose one with `entry: 1` to `entry: {number}`, or with `url: TEXT`");
    match select {
        Select::Only if entries.len() == 1 => Some(0),
        Select::Only if entries.is_empty() => {
            importer.error(codes::NO_SUCH_REQUEST, "the file holds no entry", at);
            None
        }
        Select::Only => {
            let message = format!("the file holds {} entries", entries.len());
            importer.error(codes::WHICH_REQUEST, message, at).help = Some(several(entries.len()));
            None
        }
        Select::Number(number) if (1..=entries.len()).contains(number) => Some(number - 1),
        Select::Number(number) => {
            let message = format!("the file has no entry {number}: it holds {}", entries.len());
            importer.error(codes::NO_SUCH_REQUEST, message, at);
            None
        }
        Select::Url(text) => {
            let fitting: Vec<usize> =
                entries.iter().enumerate().filter(|(_, entry)| entry.request.url.contains(text.as_str())).map(|(index, _)| index).collect();
            match fitting.as_slice() {
                [only] => Some(*only),
                [] => {
                    importer.error(codes::NO_SUCH_REQUEST, format!("no entry's URL holds `{text}`"), at);
                    None
                }
                [..] => {
                    let numbers: Vec<String> = fitting.iter().take(10).map(|index| (index + 1).to_string()).collect();
                    let message = format!("the URLs of {} entries hold `{text}`", fitting.len());
                    importer.error(codes::WHICH_REQUEST, message, at).help =
                        Some(format!("choose one with `entry`: {}", numbers.join(", ")));
                    None
                }
            }
        }
    }
}

/// The byte of a line and column (both from 1, the column in bytes), as serde_json counts them.
fn offset_of(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let mut offset = (start + column.saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}
