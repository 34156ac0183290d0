//! Where the characters of a scalar stand in the file.

use std::ops::Range;

use saphyr_parser::ScalarStyle;

/// (offset in `text`, offset in the file) where a run of equal bytes begins.
///
/// Indentation, line folding, quoting and escapes make the text of a scalar differ from what stands in the file. The text
/// is laid along the file's characters: white space that the parser took away is skipped, and where the two part for good (an
/// escape in double quotes) the rest stays at the place reached.
pub(super) fn runs(text: &str, file: &str, raw: Range<usize>, style: ScalarStyle) -> Vec<(u32, u32)> {
    let content = match style {
        ScalarStyle::Plain => raw.start,
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => raw.start + 1,
        ScalarStyle::Literal | ScalarStyle::Folded => {
            // The parser's span begins at the indicator, or at the first line's content.
            let slice = file.get(raw.clone()).unwrap_or("");
            let start = if slice.starts_with(['|', '>']) {
                slice.find('\n').map_or(raw.end, |newline| raw.start + newline + 1)
            } else {
                file.get(..raw.start).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1)
            };
            return if style == ScalarStyle::Literal { block(text, file, start..raw.end) } else { flow(text, file, start..raw.end) };
        }
    };
    flow(text, file, content..raw.end)
}

/// Literal block scalars: line by line, the indentation of each is what differs.
fn block(text: &str, file: &str, raw: Range<usize>) -> Vec<(u32, u32)> {
    let mut runs = Vec::new();
    let mut place = raw.start;
    let mut offset = 0;
    let end = raw.end.max(raw.start).min(file.len());
    for line in text.split_inclusive('\n') {
        let wanted = line.trim_end_matches('\n');
        while place < end {
            let file_line = file.get(place..end).and_then(|rest| rest.split_inclusive('\n').next()).unwrap_or("");
            let indent = indent(wanted, file_line.trim_end_matches(['\n', '\r']));
            if let Some(indent) = indent {
                push(&mut runs, offset, place + indent);
            }
            place += file_line.len().max(1);
            if indent.is_some() {
                break;
            }
        }
        offset += line.len();
    }
    runs
}

/// How far `line` is indented if `wanted` is what it holds.
fn indent(wanted: &str, line: &str) -> Option<usize> {
    if wanted.is_empty() {
        return line.trim_start_matches(' ').is_empty().then_some(line.len());
    }
    let indent = line.len().checked_sub(wanted.len())?;
    (line.get(indent..) == Some(wanted) && line[..indent].bytes().all(|byte| byte == b' ')).then_some(indent)
}

/// All others: character by character.
fn flow(text: &str, file: &str, raw: Range<usize>) -> Vec<(u32, u32)> {
    let mut runs = Vec::new();
    let mut place = raw.start;
    let mut expected = usize::MAX;
    for (offset, character) in text.char_indices() {
        let rest = file.get(place..raw.end).unwrap_or("");
        if !rest.starts_with(character) {
            let skipped = rest.len() - rest.trim_start().len();
            let after = rest.get(skipped..).unwrap_or("");
            if character == ' ' || character == '\n' {
                // A folded line break: it stands for all the white space there.
                push(&mut runs, offset, place);
                place += skipped;
                expected = usize::MAX;
                continue;
            }
            if !after.starts_with(character) {
                return runs;
            }
            place += skipped;
            expected = usize::MAX;
        }
        if expected != place {
            push(&mut runs, offset, place);
        }
        place += character.len_utf8();
        if character == '\'' && file.get(place..raw.end).is_some_and(|rest| rest.starts_with('\'')) {
            place += 1;
            expected = usize::MAX;
        } else {
            expected = place;
        }
    }
    runs
}

fn push(runs: &mut Vec<(u32, u32)>, offset: usize, place: usize) {
    if let (Ok(offset), Ok(place)) = (u32::try_from(offset), u32::try_from(place)) {
        if runs.is_empty() && offset > 0 {
            runs.push((0, place));
        }
        runs.push((offset, place));
    }
}
