//! The codes of findings about specifications. A code is never renumbered and never gets a second meaning.

use crate::support::finding::codes;
use crate::support::yaml::Words;

codes! {
    NOT_YAML = "SPEC001", "the file is not YAML";
    EMPTY = "SPEC002", "the file is empty";
    NOT_A_MAPPING = "SPEC003", "the document is not a mapping";
    TOO_LARGE = "SPEC004", "the file is too large";
    SEVERAL_DOCUMENTS = "SPEC005", "the file holds more than one document";
    DUPLICATE_KEY = "SPEC006", "a key stands twice in one mapping";
    TOO_DEEP = "SPEC007", "values are nested too deeply";
    EXPANDS_TOO_FAR = "SPEC008", "anchors, aliases or variables expand to too much";
    BAD_ALIAS = "SPEC009", "an alias or a merge key does not name something that can be used there";
    BAD_KEY_OR_TAG = "SPEC010", "a mapping key is not a plain name, or a tag has no meaning here";
    NOT_UTF8 = "SPEC011", "the file is not UTF-8";
    TOO_MANY = "SPEC012", "there are more findings than are told";
    INCLUDE_EMPTY = "SPEC020", "an include matches no file";
    INCLUDE_CYCLE = "SPEC021", "files include each other";
    INCLUDE_DUPLICATE = "SPEC022", "two files say the same thing";
    INCLUDE_UNREADABLE = "SPEC023", "an included file cannot be read";
    UNKNOWN_ENVIRONMENT = "SPEC030", "there is no such environment";
    BAD_OVERLAY = "SPEC031", "an environment cannot change this";
    UNSET_VARIABLE = "SPEC032", "a variable has no value";
    VARIABLE_CYCLE = "SPEC033", "variables refer to each other in a circle";
    BAD_VARIABLE = "SPEC034", "a variable or a reference to it is malformed";
    UNUSED_VARIABLE = "SPEC035", "a given variable is used nowhere";
    UNKNOWN_KEY = "SPEC040", "there is no such key";
    MISSING_KEY = "SPEC041", "a required key is missing";
    WRONG_TYPE = "SPEC042", "a value has the wrong type";
    NOT_ALLOWED = "SPEC043", "a value is not one of those allowed";
    BAD_FORM = "SPEC044", "a text does not have the required form";
    BAD_LENGTH = "SPEC045", "a text or a list is too short or too long";
    OUT_OF_RANGE = "SPEC046", "a number is out of its range";
    UNFIT = "SPEC047", "the document does not fit the specification's types";
    BAD_NAME = "SPEC048", "a name has characters or a length that the service refuses";
    DUPLICATE_NAME = "SPEC049", "two things have names that differ in case only, or one display name";
    DANGLING = "SPEC050", "something is named that is not there";
    DUPLICATE_PATH = "SPEC051", "two APIs have the same path";
    TEMPLATE_PARAMETERS = "SPEC052", "the URL template and its parameters disagree";
    DUPLICATE_OPERATION = "SPEC053", "two operations have the same method and URL template";
    BAD_DURATION = "SPEC054", "a text is not a duration that the service takes";
    BREAKER = "SPEC055", "a circuit breaker cannot be as written";
    POOL = "SPEC056", "a pool cannot be as written";
    BACKEND_TARGET = "SPEC057", "a backend must have exactly one of url, openAI and pool";
    SKU_FEATURE = "SPEC058", "the tier does not offer this";
    SKU_CAPACITY = "SPEC059", "the tier does not have this number of units";
    NAMED_VALUE = "SPEC060", "a named value needs either a value or a Key Vault reference";
    PRODUCT_OPEN = "SPEC061", "settings of subscriptions on a product without subscriptions";
    CLIENTS = "SPEC062", "the kinds of clients cannot be served together as written";
    EXISTING = "SPEC063", "a thing that exists already is described as if it were made here";
    SERVICE_INCOMPLETE = "SPEC064", "a service that is to be made lacks something";
    IDENTITY = "SPEC065", "the managed identity does not fit";
    ALERT = "SPEC066", "an alert cannot be as written";
    VERSIONING = "SPEC067", "version set and version do not fit together";
    IMPORT = "SPEC068", "an import needs exactly one of file and url, and a format that fits";
    FILE_MISSING = "SPEC069", "a file that is named cannot be read";
    POLICY_SOURCE = "SPEC070", "a policy needs exactly one of file and value";
    DIAGNOSTIC = "SPEC071", "a diagnostic cannot be as written";
    RAW_RESOURCE = "SPEC072", "a raw resource cannot be as written";
    SUBSCRIPTION = "SPEC073", "a subscription cannot be as written";
    LITERAL_SECRET = "SPEC075", "a secret stands in the file";
    GROUP = "SPEC076", "a group cannot be as written";
    ROUND_ROBIN_WITH_PRIORITIES = "SPEC080", "different priorities mean failover, not round robin";
    POOL_WITHOUT_BREAKER = "SPEC081", "a pool whose members have no circuit breaker never leaves one out";
    ROOT_API_WITHOUT_SDK = "SPEC082", "Azure OpenAI SDKs do not call the root path";
    BEARER_UNSERVED = "SPEC083", "clients that send their key as a bearer token are refused";
    METRICS_WITHOUT_DIMENSIONS = "SPEC084", "custom metrics arrive without their dimensions";
    UNUSED = "SPEC085", "something is defined and opens or does nothing";
    NO_OPERATIONS = "SPEC086", "an API without operations answers nothing";
    FRUITLESS_QUERY = "SPEC087", "a log query looks for what is not there";
}

/// How the YAML reader speaks of specifications.
pub(super) const YAML: Words = Words {
    not_yaml: NOT_YAML,
    empty: EMPTY,
    empty_message: "the file holds no specification",
    empty_help: "write one: `examples/openai-lb.yaml` is one to start from",
    several_documents: SEVERAL_DOCUMENTS,
    several_documents_help: "keep one document in each file, and `include` the others",
    duplicate_key: DUPLICATE_KEY,
    too_deep: TOO_DEEP,
    expands_too_far: EXPANDS_TOO_FAR,
    expands_too_far_help: "write the values out, or split the file with `include`",
    bad_alias: BAD_ALIAS,
    bad_key_or_tag: BAD_KEY_OR_TAG,
};
