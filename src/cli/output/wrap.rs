//! Text in lines that fit.

/// `text` in lines of at most `width` characters, broken at spaces; what holds no space stays whole, and so does what stands between
/// backticks if it fits on a line, since it is there to be copied.
pub(in crate::cli) fn lines(text: &str, width: usize) -> Vec<String> {
    let width = width.max(20);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in words(text, width) {
        let wanted = line.chars().count() + 1 + word.chars().count();
        if !line.is_empty() && wanted > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
    }
    lines.push(line);
    lines
}

fn words(text: &str, width: usize) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut open = false;
    for word in text.split_whitespace() {
        match words.last_mut() {
            Some(last) if open && last.chars().count() + word.chars().count() < width => {
                last.push(' ');
                last.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
        open ^= word.matches('`').count() % 2 == 1;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn breaks_at_spaces_and_keeps_code_whole() {
        assert_eq!(lines("", 40), [""]);
        assert_eq!(lines("one two three four five", 20), ["one two three four", "five"]);
        assert_eq!(lines("write the attribute `name = 1` here", 24), ["write the attribute", "`name = 1` here"]);
        let long = "`a b c d e f g h i j k l m n o p q r s t u v w x y z`";
        assert!(lines(long, 20).iter().all(|line| line.chars().count() <= 20));
    }
}
