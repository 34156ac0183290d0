//! The codes of findings about behavior files. A code is never renumbered and never gets a second meaning.

use crate::support::finding::codes;
use crate::support::yaml::Words;

codes! {
    NOT_YAML = "SIM001", "the file is not YAML";
    EMPTY = "SIM002", "the file is empty";
    SEVERAL_DOCUMENTS = "SIM003", "the file holds more than one document";
    DUPLICATE_KEY = "SIM004", "a key stands twice in one mapping";
    TOO_DEEP = "SIM005", "values are nested too deeply";
    EXPANDS_TOO_FAR = "SIM006", "anchors and aliases expand to too much";
    BAD_ALIAS = "SIM007", "an alias or a merge key does not name something that can be used there";
    BAD_KEY_OR_TAG = "SIM008", "a mapping key is not a plain name, or a tag has no meaning here";
    UNREADABLE = "SIM009", "the file is too large or is not UTF-8";
    UNKNOWN_KEY = "SIM010", "there is no such key";
    WRONG_TYPE = "SIM011", "a value has the wrong type";
    NOT_ALLOWED = "SIM012", "a value is not one of those allowed";
    BAD_DURATION = "SIM013", "a text is not a duration";
    OUT_OF_RANGE = "SIM014", "a number is out of its range";
    BAD_HEADER = "SIM015", "a text cannot be a header's name or value";
    NOTHING_TO_DO = "SIM016", "a rule does nothing";
    CONTRADICTION = "SIM017", "parts of a rule exclude each other";
    UNKNOWN_ACCOUNT = "SIM018", "no account or deployment has that name";
    NEVER_FITS = "SIM019", "a rule is never reached";
}

/// How the YAML reader speaks of behavior files.
pub(super) const YAML: Words = Words {
    not_yaml: NOT_YAML,
    empty: EMPTY,
    empty_message: "the file holds no behavior",
    empty_help: "write `rules: []` for accounts that always answer",
    several_documents: SEVERAL_DOCUMENTS,
    several_documents_help: "keep one document in each file",
    duplicate_key: DUPLICATE_KEY,
    too_deep: TOO_DEEP,
    expands_too_far: EXPANDS_TOO_FAR,
    expands_too_far_help: "write the values out",
    bad_alias: BAD_ALIAS,
    bad_key_or_tag: BAD_KEY_OR_TAG,
};
