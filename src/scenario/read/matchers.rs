//! Expectations of single values: texts, JSON, numbers of things, durations.

use regex::{Regex, RegexBuilder};

use super::reader::Reader;
use crate::scenario::codes;
use crate::scenario::expect::{Amount, Json, Text, Time, Tolerance};
use crate::support::finding::Kind;
use crate::support::tree::{Entry, Node, Resolved, Value};

/// Largest compiled pattern, in bytes: a text that cannot be a sensible pattern must not eat the memory.
const LARGEST_PATTERN: usize = 1 << 20;

const TEXT_KEYS: &[&str] = &["equals", "contains", "lacks", "matches", "atLeast", "atMost"];
/// How a JSON value says that it is no value but what one must look like.
const JSON_KEYS: &[&str] = &["$any", "$absent", "$exactly", "$matches", "$contains", "$lacks", "$atLeast", "$atMost", "$holds", "$length"];

impl Reader<'_> {
    fn pattern(&mut self, node: &Node) -> Option<Regex> {
        let text = self.text(node, "`matches`")?;
        match RegexBuilder::new(&text).size_limit(LARGEST_PATTERN).build() {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                let reason = error.to_string();
                let reason = reason.lines().last().unwrap_or_default().trim().trim_start_matches("error: ").to_owned();
                self.error(codes::BAD_PATTERN, Kind::Type, node.span, format!("this is not a regular expression: {reason}"));
                None
            }
        }
    }

    /// A text: as it is, `*` for any, or a mapping of what must hold.
    pub(super) fn text_expected(&mut self, node: &Node, what: &str) -> Text {
        if let Value::Mapping(_) = node.value {
            let mut text = Text::default();
            for (key, entry) in self.entries(node, what, TEXT_KEYS) {
                let value = &entry.node;
                match key {
                    "equals" => text.exactly = self.text(value, "`equals`"),
                    "contains" => text.contains = self.texts(value, "`contains`"),
                    "lacks" => text.lacks = self.texts(value, "`lacks`"),
                    "matches" => text.matches = self.pattern(value),
                    "atLeast" => text.at_least = self.number(value, "`atLeast`", f64::NEG_INFINITY, f64::INFINITY),
                    _ => text.at_most = self.number(value, "`atMost`", f64::NEG_INFINITY, f64::INFINITY),
                }
            }
            self.possible_bounds(node, text.at_least, text.at_most);
            return text;
        }
        match self.text(node, what) {
            Some(text) if text == "*" => Text::default(),
            Some(text) => Text::exactly(text),
            None => Text::default(),
        }
    }

    fn possible_bounds(&mut self, node: &Node, least: Option<f64>, most: Option<f64>) {
        if let (Some(least), Some(most)) = (least, most)
            && least > most
        {
            self.error(codes::IMPOSSIBLE, Kind::Type, node.span, format!("no number is at least {least} and at most {most}"));
        }
    }

    /// JSON of which everything that is given must be there. `$`-keys look at a value instead of being members of it.
    pub(super) fn json_subset(&mut self, node: &Node) -> Json {
        match &node.value {
            Value::Scalar(scalar) => match scalar.resolve() {
                Resolved::Text("*") => Json::Any,
                _ => Json::Exactly(node.to_json()),
            },
            Value::Sequence(items) => Json::List(items.iter().map(|item| self.json_subset(item)).collect()),
            Value::Mapping(entries) if entries.iter().any(|entry| entry.key.starts_with('$')) => self.json_matcher(node, entries),
            Value::Mapping(entries) => {
                Json::Object(entries.iter().map(|entry| (entry.key.clone(), self.json_subset(&entry.node))).collect())
            }
        }
    }

    fn json_matcher(&mut self, node: &Node, entries: &[Entry]) -> Json {
        let found = self.entries(node, "an expectation of JSON", JSON_KEYS);
        let has = |name: &str| found.iter().any(|(key, _)| *key == name);
        let alone = ["$any", "$absent", "$exactly", "$holds", "$length"];
        let kinds = alone.iter().filter(|name| has(name)).count()
            + usize::from(has("$matches") || has("$contains") || has("$lacks"))
            + usize::from(has("$atLeast") || has("$atMost"));
        if kinds > 1 {
            let keys: Vec<&str> = entries.iter().map(|entry| entry.key.as_str()).collect();
            let message = format!("{} exclude each other", super::reader::listed(&keys));
            self.error(codes::CONTRADICTION, Kind::Place, node.span, message);
        }
        let (mut text, mut least, mut most) = (Text::default(), None, None);
        let mut is_text = false;
        for (key, entry) in found {
            let value = &entry.node;
            match key {
                "$any" => return Json::Any,
                "$absent" => return Json::Absent,
                "$exactly" => return Json::Exactly(value.to_json()),
                "$holds" => return Json::Holding(self.one_or_many(value).into_iter().map(|item| self.json_subset(item)).collect()),
                "$length" => {
                    let length = self.whole(value, "`$length`", 0, 1_000_000).and_then(|length| usize::try_from(length).ok());
                    return length.map_or(Json::Any, Json::Length);
                }
                "$matches" => (text.matches, is_text) = (self.pattern(value), true),
                "$contains" => (text.contains, is_text) = (self.texts(value, "`$contains`"), true),
                "$lacks" => (text.lacks, is_text) = (self.texts(value, "`$lacks`"), true),
                "$atLeast" => least = self.number(value, "`$atLeast`", f64::NEG_INFINITY, f64::INFINITY),
                _ => most = self.number(value, "`$atMost`", f64::NEG_INFINITY, f64::INFINITY),
            }
        }
        self.possible_bounds(node, least, most);
        if is_text { Json::Text(text) } else { Json::Number(least, most) }
    }

    /// How many, of `total` if that is known: a number, bounds, or a share.
    pub(super) fn amount(&mut self, node: &Node, what: &str, total: Option<u64>) -> Option<Amount> {
        let amount = if let Value::Mapping(_) = node.value {
            let (mut least, mut most, mut share, mut tolerance) = (None, None, None, None);
            for (key, entry) in self.entries(node, what, &["atLeast", "atMost", "share", "within", "standardErrors"]) {
                let value = &entry.node;
                match key {
                    "atLeast" => least = self.whole(value, "`atLeast`", 0, u64::MAX),
                    "atMost" => most = self.whole(value, "`atMost`", 0, u64::MAX),
                    "share" => share = self.number(value, "`share`", 0.0, 1.0),
                    "within" | "standardErrors" if tolerance.is_some() => {
                        self.error(codes::CONTRADICTION, Kind::Place, entry.key_span, "`within` and `standardErrors` exclude each other");
                    }
                    "within" => tolerance = self.number(value, "`within`", 0.0, 1.0).map(Tolerance::Absolute),
                    _ => tolerance = self.number(value, "`standardErrors`", 0.0, 100.0).map(Tolerance::StandardErrors),
                }
            }
            match (share, least.is_some() || most.is_some()) {
                (Some(_), true) => {
                    self.error(codes::CONTRADICTION, Kind::Place, node.span, "`share` and `atLeast` or `atMost` exclude each other");
                    return None;
                }
                (Some(share), false) => Amount::Share(share, tolerance.unwrap_or(Tolerance::Absolute(0.0))),
                (None, true) => Amount::Between(least, most),
                (None, false) => {
                    let message = format!("{what} says neither how many nor which share");
                    self.error_with_help(codes::MISSING_KEY, Kind::Place, node.span, message, "write `atLeast`, `atMost` or `share`");
                    return None;
                }
            }
        } else {
            Amount::Exactly(self.whole(node, what, 0, u64::MAX)?)
        };
        if let Some(total) = total.filter(|total| !amount.can_hold(*total)) {
            let message = format!("{what} can never be {}: {}", amount.words(total), super::reader::requests(total));
            self.error(codes::IMPOSSIBLE, Kind::Type, node.span, message);
        }
        Some(amount)
    }

    /// A duration, or bounds of one.
    pub(super) fn time(&mut self, node: &Node, what: &str) -> Option<Time> {
        if let Value::Mapping(_) = node.value {
            let mut time = Time::default();
            for (key, entry) in self.entries(node, what, &["atLeast", "atMost"]) {
                let duration = self.duration(&entry.node, &format!("`{key}`"));
                if key == "atLeast" { time.at_least = duration } else { time.at_most = duration }
            }
            if let (Some(least), Some(most)) = (time.at_least, time.at_most)
                && least > most
            {
                self.error(codes::IMPOSSIBLE, Kind::Type, node.span, "no time is at least the one and at most the other");
            }
            return Some(time);
        }
        self.duration(node, what).map(Time::exactly)
    }
}
