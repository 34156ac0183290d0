//! The codes of findings about policy documents: 001–049 reading, 050–099 place and type, 100–199 traps.

use crate::support::finding::codes;

codes! {
    UNREADABLE = "POL001", "the document is not well-formed";
    EXPRESSION_UNCLOSED = "POL002", "a policy expression does not end where its value ends";
    ATTRIBUTE_SYNTAX = "POL003", "an attribute is not written as `name=\"value\"`";
    END_TAG = "POL004", "start and end tags do not match";
    TOO_LARGE = "POL005", "the document is larger or deeper than can be a policy";
    WRONG_ROOT = "POL006", "the root element is neither `<policies>` nor `<fragment>`";
    NEEDS_ESCAPING = "POL007", "format `xml` needs expressions to be XML-encoded";
    NOT_TEXT = "POL008", "the file cannot be read as text";
    UNKNOWN_SECTION = "POL050", "`<policies>` holds something that is no section";
    UNKNOWN_POLICY = "POL051", "no policy has this name";
    MISPLACED_SECTION = "POL052", "the policy is not allowed in this section";
    MISPLACED_SCOPE = "POL053", "the policy is not allowed at this scope";
    MISPLACED_GATEWAY = "POL054", "the policy is not available in this tier";
    ONE_BACKEND_POLICY = "POL055", "`<backend>` takes one policy only";
    REPEATED = "POL056", "the policy may be used once only";
    UNKNOWN_ATTRIBUTE = "POL057", "the policy has no such attribute";
    MISSING_ATTRIBUTE = "POL058", "a required attribute is missing";
    WRONG_VALUE = "POL059", "an attribute or text has a value that is not allowed";
    NO_EXPRESSION = "POL060", "an expression stands where only a literal is allowed";
    UNKNOWN_CHILD = "POL061", "the element may not hold this child";
    MISSING_CHILD = "POL062", "a required child element is missing";
    CHILD_ORDER = "POL063", "child elements stand in the wrong order or too often";
    UNEXPECTED_TEXT = "POL064", "the element may not hold text";
    EXCLUSIVE_ATTRIBUTES = "POL065", "attributes exclude or need each other";
    PLACEHOLDER = "POL069", "a placeholder stands where the service takes none";
    VARIABLE_TYPE = "POL070", "a variable has a type that is not documented for variables";
    NO_BASE = "POL066", "a section has no `<base />`";
    DOCUMENT_SIZE = "POL067", "the document is larger than the service takes";
    TOO_MANY = "POL068", "further findings of this document are left out";
    KEY_FROM_BEARER = "POL100", "a key header set in `<inbound>` does not authenticate";
    RETRY_UNBUFFERED = "POL101", "a retry that cannot send the request body again";
    RETRY_NULL_RESPONSE = "POL102", "a retry condition that fails when there is no response";
    BUFFERED_STREAM = "POL103", "streamed answers are held back";
    UNSAFE_PARSE = "POL104", "what a client sent is parsed without a guard";
    PRIORITY_DEFAULT = "POL105", "requests without the header get the privileged branch";
    KEY_FORWARDED = "POL106", "the client's key reaches the backend";
    NEVER_SET = "POL107", "a variable is read and never set";
    POOL_REASON_TEXT = "POL108", "a condition depends on a text that the service has changed";
    LITERAL_CAST = "POL109", "a literal variable is a string and cannot be cast";
    TOO_MANY_DIMENSIONS = "POL110", "more metric dimensions than are kept";
    MIXED_VALUE = "POL111", "literal text around an expression is not evaluated";
    BODY_CONSUMED = "POL112", "the body is read without `preserveContent` and then needed again";
    UNREACHABLE = "POL113", "a policy that can never run";
    CLIENT_CHOOSES = "POL114", "any client can choose the privileged backend";
    NOT_THERE_YET = "POL115", "a part of `context` is read where it is null";
    UNSETTABLE = "POL116", "a header that cannot be set or deleted";
    WRONG_CAST = "POL117", "a variable is cast to another type than it holds";
    STREAM_READ = "POL118", "a streamed answer is held back because its body is read";
}
