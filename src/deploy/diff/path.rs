//! A place in a body, as a pointer and as people write it.

/// A place in a body.
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    /// Unescaped segments.
    pub(super) segments: Vec<String>,
}

impl Place {
    pub(super) fn of(pointer: &str) -> Self {
        let segments = pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
        Self { segments }
    }

    pub(super) fn key(&self, key: &str) -> Self {
        let mut segments = self.segments.clone();
        segments.push(key.to_owned());
        Self { segments }
    }

    pub(super) fn index(&self, index: usize) -> Self {
        self.key(&index.to_string())
    }

    pub(super) fn pointer(&self) -> String {
        self.segments.iter().map(|segment| format!("/{}", segment.replace('~', "~0").replace('/', "~1"))).collect()
    }

    /// `properties.circuitBreaker.rules[0].tripDuration`; a key that is no plain word stands in brackets and quotes.
    pub(super) fn shown(&self) -> String {
        let mut text = String::new();
        for segment in &self.segments {
            let plain = segment.chars().all(|character| character.is_alphanumeric() || "_-$".contains(character));
            if !text.is_empty() && segment.parse::<usize>().is_ok() {
                text.push_str(&format!("[{segment}]"));
            } else if plain && !segment.is_empty() {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(segment);
            } else {
                text.push_str(&format!("[{segment:?}]"));
            }
        }
        text
    }
}
