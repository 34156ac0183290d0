//! The codes of findings about imported requests. A code is never renumbered and never gets a second meaning.

use crate::support::finding::codes;

codes! {
    WRONG_TYPE = "IMP001", "a part of an import has the wrong type";
    CONTRADICTION = "IMP002", "parts of an import exclude each other";
    UNREADABLE = "IMP003", "a file of an import cannot be read";
    NOT_CURL = "IMP004", "the text is not a curl command line";
    QUOTES = "IMP005", "a quoted text or an escape of the command line has no end";
    SHELL = "IMP006", "the command line needs a shell that runs commands";
    UNKNOWN_OPTION = "IMP007", "curl has no such option, or it lacks its value";
    NOT_IMPORTED = "IMP008", "the request does something that cannot be imported";
    NO_URL = "IMP009", "the request has no URL, or several";
    BAD_URL = "IMP010", "the URL cannot be requested";
    BAD_METHOD = "IMP011", "the method is not one of HTTP";
    BAD_HEADER = "IMP012", "a line is not a header";
    UNKNOWN_VARIABLE = "IMP013", "nothing knows the value of a variable";
    VARIABLE_LOOP = "IMP014", "variables refer to each other in a circle";
    NO_SUBSCRIPTION = "IMP015", "the request holds a key, and the scenario names no subscription";
    SECRET_LEFT_OUT = "IMP016", "a secret is left out";
    KEY_ELSEWHERE = "IMP017", "the key also stands where it cannot be replaced";
    NO_SUCH_REQUEST = "IMP018", "the file has no such request";
    WHICH_REQUEST = "IMP019", "the file has several requests";
    NOT_HAR = "IMP020", "the file is not a HAR file";
    MORE_COMMANDS = "IMP021", "only the first command is imported";
}
