//! No text makes the reader panic or hang.

use apimctl::scenario::read::{ReadOptions, read};
use proptest::prelude::*;

use super::cases;

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// A file from which a piece was cut, and into which another was put, as an editor leaves it.
    #[test]
    fn a_mangled_file_is_read_all_the_same(from in 0_usize..9_000, length in 0_usize..200, put in "[-a-z0-9 :{}\\[\\]&*\"'#|>\n]{0,12}") {
        let text = std::fs::read_to_string(cases().join("rules.test.yaml")).unwrap();
        let floor = |mut at: usize| {
            at = at.min(text.len());
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let (start, end) = (floor(from), floor(from + length));
        let mangled = format!("{}{put}{}", &text[..start], &text[end..]);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rules.test.yaml");
        std::fs::copy(cases().join("rules.yaml"), directory.path().join("rules.yaml")).unwrap();
        std::fs::write(&path, mangled).unwrap();
        let read = read(&path, &ReadOptions::default());
        prop_assert!(read.file.is_some() || !read.findings.is_empty());
    }
}
