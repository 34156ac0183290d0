//! The codes of findings about scenario files. A code is never renumbered and never gets a second meaning.

use crate::support::finding::codes;
use crate::support::yaml::Words;

codes! {
    NOT_YAML = "TST001", "the scenario file is not YAML";
    EMPTY = "TST002", "the scenario file is empty";
    SEVERAL_DOCUMENTS = "TST003", "the scenario file holds more than one document";
    DUPLICATE_KEY = "TST004", "a key of a scenario stands twice";
    TOO_DEEP = "TST005", "values of a scenario are nested too deeply";
    EXPANDS_TOO_FAR = "TST006", "anchors and aliases of a scenario file expand to too much";
    BAD_ALIAS = "TST007", "an alias or a merge key of a scenario file cannot be used there";
    BAD_KEY_OR_TAG = "TST008", "a key of a scenario is not a plain name, or a tag has no meaning";
    UNREADABLE = "TST009", "the scenario file is too large or is not UTF-8";
    UNKNOWN_KEY = "TST010", "scenarios have no such key";
    MISSING_KEY = "TST011", "a scenario lacks something";
    WRONG_TYPE = "TST012", "a value of a scenario has the wrong type";
    NOT_ALLOWED = "TST013", "a value of a scenario is not one of those allowed";
    BAD_DURATION = "TST014", "a text of a scenario is not a duration";
    OUT_OF_RANGE = "TST015", "a number of a scenario is out of its range";
    BAD_HEADER = "TST016", "a text of a scenario cannot be a header's name or value";
    BAD_PATTERN = "TST017", "a text of a scenario is not a regular expression";
    CONTRADICTION = "TST018", "parts of a scenario exclude each other";
    NAME_TWICE = "TST019", "two scenarios have the same name";
    NO_SPEC = "TST020", "the specification that scenarios are about cannot be read";
    BAD_SPEC = "TST021", "the specification that scenarios are about has errors";
    UNKNOWN_SUBSCRIPTION = "TST022", "the specification has no such subscription";
    UNKNOWN_BACKEND = "TST023", "the specification has no such backend";
    UNKNOWN_SETTING = "TST024", "there is no such setting, or it takes other values";
    UNKNOWN_REQUEST = "TST025", "the file has no request of that name";
    NOTHING_EXPECTED = "TST026", "a scenario expects nothing";
    IMPOSSIBLE = "TST027", "an expectation can never be met";
    NOT_LIVE = "TST028", "a live scenario expects what cannot be seen from outside";
    NEVER_ENDS = "TST029", "a scenario does not come to an end";
    NO_WORLD = "TST030", "the gateway of the specification cannot be started";
    BAD_REQUEST = "TST031", "a request cannot be sent";
    NO_SCENARIOS = "TST032", "there are no scenarios";
}

/// How the YAML reader speaks of scenario files.
pub(super) const YAML: Words = Words {
    not_yaml: NOT_YAML,
    empty: EMPTY,
    empty_message: "the file holds no scenarios",
    empty_help: "write `scenarios:` with a list of them; `docs/scenarios.md` has examples",
    several_documents: SEVERAL_DOCUMENTS,
    several_documents_help: "write a list of `scenarios`, or a file for each document",
    duplicate_key: DUPLICATE_KEY,
    too_deep: TOO_DEEP,
    expands_too_far: EXPANDS_TOO_FAR,
    expands_too_far_help: "write the values out",
    bad_alias: BAD_ALIAS,
    bad_key_or_tag: BAD_KEY_OR_TAG,
};
