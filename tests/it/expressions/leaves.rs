//! Values that are written down: literals and small objects for each type, such that members called on them have something to do.

use super::catalogue::Ty;
use super::generator::Generator;

const STRINGS: &[&str] = &[
    "\"\"",
    "\"a\"",
    "\"Hello, World\"",
    "\"abc\"",
    "\"b,a;c,,d\"",
    "\"  pad \"",
    "\"42\"",
    "\"-7\"",
    "\"3.25\"",
    "\"true\"",
    "\"äöü ÀÉ ß\"",
    "\"x=1&y=2\"",
    "\"2024-05-06\"",
    "\"Äpfel und Öl\"",
    "@\"c:\\\"\"x\"",
    "\"tab\\tline\\n\\u0041\"",
    "\"AAbbAAbb\"",
    "\"gpt-4o\"",
];
const INTS: &[&str] = &["0", "1", "2", "3", "5", "7", "10", "42", "100", "255", "1024", "-1", "-17", "65536", "2147483647", "0x1F"];
const SMALL: &[&str] = &["0", "1", "2", "3", "1", "2", "4"];
const DOUBLES: &[&str] =
    &["0.0", "1.0", "2.5", "-3.75", "0.1", "1e3", "123456.789", "1e-5", "-0.5", "1e17", "double.NaN", "double.PositiveInfinity"];
const DECIMALS: &[&str] = &["0m", "1m", "1.25m", "-3.5m", "100.00m", "0.005m", "79228162514264337593543950335m", "12345.6789m"];
const DATES: &[&str] = &[
    "new DateTime(2024, 2, 29)",
    "new DateTime(2021, 3, 4, 5, 6, 7)",
    "new DateTime(1999, 12, 31, 23, 59, 59, 999)",
    "new DateTime(2024, 5, 6, 7, 8, 9, DateTimeKind.Utc)",
    "DateTime.MinValue",
    "new DateTime(638000000000000000L)",
    "context.Timestamp",
];
const OFFSETS: &[&str] = &[
    "new DateTimeOffset(2024, 2, 29, 13, 5, 9, TimeSpan.FromHours(2))",
    "new DateTimeOffset(2021, 3, 4, 5, 6, 7, TimeSpan.Zero)",
    "DateTimeOffset.MinValue",
    "DateTimeOffset.FromUnixTimeSeconds(1700000000L)",
];
const SPANS: &[&str] = &[
    "TimeSpan.FromSeconds(90)",
    "new TimeSpan(1, 2, 3)",
    "new TimeSpan(3, 4, 5, 6, 789)",
    "TimeSpan.Zero",
    "TimeSpan.FromMilliseconds(-1500)",
    "new TimeSpan(12345678901L)",
];
const GUIDS: &[&str] =
    &["Guid.Empty", "Guid.Parse(\"00112233-4455-6677-8899-aabbccddeeff\")", "new Guid(\"{FFFFFFFF-4455-6677-8899-AABBCCDDEEFF}\")"];
const OBJECTS: &[&str] = &[
    "{'a':1,'b':{'c':[1,2,{'d':'x'}]},'s':'str','f':1.5,'t':true,'n':null}",
    "{}",
    "{\\\"model\\\":\\\"gpt-4o\\\",\\\"messages\\\":[{\\\"role\\\":\\\"user\\\",\\\"content\\\":\\\"hi\\\"}],\\\"max_tokens\\\":100}",
    "{'b':2,'a':'3','c':'2024-05-06T07:08:09Z'}",
];
const ARRAYS: &[&str] = &["[1,2,3]", "[]", "['a','b',null]", "[{'k':1},{'k':2,'v':[true]}]", "[1.5,'x',[2]]"];
const VALUES: &[&str] = &["5", "'text'", "true", "1.5", "'42'", "null"];
const XML: &[&str] =
    &["<a x='1'><b>t</b><b y='2'/></a>", "<r xmlns='urn:n'><c>5</c></r>", "<e/>", "<a>one<!-- c --><b><c>2</c></b>two</a>"];
const PATTERNS: &[&str] = &["[a-z]+", "\\\\d+", "(\\\\w)(\\\\w)?", "(?<first>[A-Z])\\\\w*", "^a|b$", "\\\\s", "x(?=y)", "(a)|(b)"];
const URLS: &[&str] = &[
    "https://h:81/p/q?a=1&b=%20#f",
    "http://example.com",
    "https://user@gw.example.com/openai/deployments/x/chat?api-version=2024",
    "https://h/a%20b/",
];
const NUMBER_FORMATS: &[&str] = &["N2", "F1", "D4", "X", "0.00", "#,##0.##", "E2", "P1", "G", "x8", "000", "0.0%"];
const DATE_FORMATS: &[&str] = &["o", "r", "s", "u", "yyyy-MM-dd", "HH:mm:ss.fff", "d", "dddd, d MMMM yyyy", "yy/M/d h:m:s tt", "t"];
const TOKEN: &str = "\"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImsifQ.eyJzdWIiOiIxMjMiLCJhdWQiOlsiYSIsImIiXSwiaXNzIjoibWUiLCJleHAiOjE3MDAwMDAwMDAsIm5iZiI6MTYwMDAwMDAwMCwiaWF0IjoxNjAwMDAwMDAxLCJqdGkiOiJpIn0.sig\"";
const OTHER_TOKEN: &str = "context.Request.Headers.GetValueOrDefault(\"Authorization\", \"\")";

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

impl Generator<'_> {
    /// A value of that type without calls into the catalogue, if one is known. A whole operand: it needs no brackets.
    pub fn leaf(&mut self, ty: &Ty, depth: u32) -> Option<String> {
        let arguments = ty.arguments().to_vec();
        Some(match ty.name() {
            "bool" => self.pick(&["true", "false"]).to_owned(),
            "int" => operand(self.pick(INTS)),
            "byte" => format!("((byte){})", self.pick(&["0", "1", "7", "200", "255"])),
            "sbyte" => format!("((sbyte){})", self.pick(&["0", "1", "(-7)", "127", "(-128)"])),
            "short" => format!("((short){})", self.pick(&["0", "1", "(-7)", "300", "32767"])),
            "ushort" => format!("((ushort){})", self.pick(&["0", "1", "300", "65535"])),
            "uint" => self.pick(&["0u", "1u", "7u", "4000000000u"]).to_owned(),
            "long" => operand(self.pick(&["0L", "1L", "-3L", "5000000000L", "42L", "9223372036854775807L"])),
            "ulong" => self.pick(&["0UL", "1UL", "7UL", "18446744073709551615UL"]).to_owned(),
            "char" => self.pick(&["'a'", "'Z'", "'5'", "' '", "'-'", "'é'", "','", "'\\n'"]).to_owned(),
            "float" => operand(self.pick(&["0f", "1.5f", "-2.25f", "0.1f", "1e10f"])),
            "double" => operand(self.pick(DOUBLES)),
            "decimal" => operand(self.pick(DECIMALS)),
            "string" => match self.below(20) {
                0 => "((string)null)".to_owned(),
                1 => "context.Request.Url.Path".to_owned(),
                2 => "context.Request.Headers.GetValueOrDefault(\"X-Many\", \"\")".to_owned(),
                3 => "((string)context.Variables[\"s\"])".to_owned(),
                _ => self.pick(STRINGS).to_owned(),
            },
            "object" => {
                let inner = self.element();
                format!("((object){})", self.value(&inner, depth)?)
            }
            "DateTime" => self.pick(DATES).to_owned(),
            "DateTimeOffset" => self.pick(OFFSETS).to_owned(),
            "TimeSpan" => self.pick(SPANS).to_owned(),
            "Guid" => self.pick(GUIDS).to_owned(),
            "Uri" => format!("new Uri({})", quoted(self.pick(URLS))),
            "Type" => self.pick(&["typeof(int)", "typeof(string)", "typeof(JObject)"]).to_owned(),
            "JObject" => format!("JObject.Parse({})", quoted(self.pick(OBJECTS))),
            "JArray" => format!("JArray.Parse({})", quoted(self.pick(ARRAYS))),
            "JToken" => {
                let pool = self.pick(&[OBJECTS, ARRAYS, VALUES]);
                format!("JToken.Parse({})", quoted(self.pick(pool)))
            }
            "JContainer" => format!("((JContainer)JToken.Parse({}))", quoted(self.pick(OBJECTS))),
            "JValue" => match self.below(5) {
                0 => "new JValue(5)".to_owned(),
                1 => "new JValue(1.5)".to_owned(),
                2 => "new JValue(true)".to_owned(),
                _ => format!("new JValue({})", self.pick(STRINGS)),
            },
            "JProperty" => {
                format!("new JProperty({}, {})", self.pick(&["\"a\"", "\"b\"", "\"model\""]), self.pick(&["1", "\"x\"", "true", "1.5"]))
            }
            "XElement" => format!("XElement.Parse({})", quoted(self.pick(XML))),
            "XDocument" => format!("XDocument.Parse({})", quoted(self.pick(XML))),
            "XContainer" | "XNode" | "XObject" => format!("(({})XElement.Parse({}))", ty.name(), quoted(self.pick(XML))),
            "XAttribute" => format!("new XAttribute({}, {})", self.pick(&["\"n\"", "\"id\""]), self.pick(&["\"v\"", "5", "true"])),
            "XText" => format!("new XText({})", self.pick(&["\"t\"", "\"a<b\""])),
            "XCData" => "new XCData(\"a]b\")".to_owned(),
            "XComment" => format!("new XComment({})", self.pick(&["\"c\"", "\"more\""])),
            "XProcessingInstruction" => "new XProcessingInstruction(\"t\", \"d\")".to_owned(),
            "XDocumentType" => "new XDocumentType(\"html\", \"p\", \"s\", null)".to_owned(),
            "XDeclaration" => format!("new XDeclaration(\"1.0\", {}, \"yes\")", self.pick(&["\"utf-8\"", "\"utf-16\""])),
            "XName" => format!("XName.Get({})", self.pick(&["\"a\"", "\"b\"", "\"{urn:n}c\""])),
            "XNamespace" => format!("XNamespace.Get({})", self.pick(&["\"urn:n\"", "\"\""])),
            "Regex" => format!("new Regex({})", quoted(self.pick(PATTERNS))),
            "Match" => format!("Regex.Match({}, {})", self.pick(&STRINGS[1..]), quoted(self.pick(PATTERNS))),
            "MatchCollection" => format!("Regex.Matches({}, {})", self.pick(&STRINGS[1..]), quoted(self.pick(PATTERNS))),
            "Group" => format!("Regex.Match({}, \"(\\\\w)(\\\\w)?\").Groups[{}]", self.pick(&STRINGS[1..]), self.pick(SMALL)),
            "Capture" => format!("Regex.Match({}, \"(\\\\w)+\").Groups[1].Captures[0]", self.pick(&STRINGS[1..8])),
            "CaptureCollection" => format!("Regex.Match({}, \"(\\\\w)+\").Groups[{}].Captures", self.pick(&STRINGS[1..]), self.pick(SMALL)),
            "GroupCollection" => format!("Regex.Match({}, \"(\\\\w)(?<n>\\\\w)?\").Groups", self.pick(&STRINGS[1..])),
            "StringBuilder" => format!("new StringBuilder({})", self.pick(STRINGS)),
            "StringReader" => format!("new StringReader({})", self.pick(STRINGS)),
            "StringWriter" => "new StringWriter()".to_owned(),
            "Random" => format!("new Random({})", self.pick(INTS)),
            "Exception" => match self.below(4) {
                0 => "new Exception(\"outer\", new Exception(\"inner\"))".to_owned(),
                1 => "new Exception()".to_owned(),
                _ => format!("new Exception({})", self.pick(&STRINGS[1..5])),
            },
            "Encoding" => self.pick(&["Encoding.UTF8", "Encoding.ASCII", "Encoding.Unicode", "Encoding.BigEndianUnicode"]).to_owned(),
            "StringComparer" => {
                self.pick(&["StringComparer.Ordinal", "StringComparer.OrdinalIgnoreCase", "StringComparer.InvariantCulture"]).to_owned()
            }
            "IEqualityComparer" | "IComparer" if arguments.first().is_some_and(|one| one.name() == "string") => {
                self.pick(&["StringComparer.Ordinal", "StringComparer.OrdinalIgnoreCase"]).to_owned()
            }
            "IPAddress" => format!("IPAddress.Parse({})", self.pick(&["\"10.1.2.3\"", "\"::1\"", "\"2001:db8::1\"", "\"255.0.0.1\""])),
            "HashAlgorithm" => format!("((HashAlgorithm){}.Create())", self.pick(&["SHA256", "MD5"])),
            "MD5" | "SHA1" | "SHA256" | "SHA384" | "SHA512" => format!("{}.Create()", ty.name()),
            "SHA1Managed" | "SHA256Managed" | "SHA384Managed" | "SHA512Managed" => format!("new {}()", ty.name()),
            "HMACMD5" | "HMACSHA1" | "HMACSHA256" | "HMACSHA384" | "HMACSHA512" => {
                format!("new {}(new byte[] {{ 1, 2, {} }})", ty.name(), self.pick(SMALL))
            }
            "HMAC" | "KeyedHashAlgorithm" => format!("(({})new HMACSHA256(new byte[] {{ 1, {} }}))", ty.name(), self.pick(SMALL)),
            "Nullable" => {
                let inner = arguments.first()?.clone();
                if self.below(4) == 0 { format!("(new {ty}())") } else { format!("(({ty}){})", self.value(&inner, depth)?) }
            }
            "KeyValuePair" | "Tuple" if !arguments.is_empty() => {
                let mut parts = Vec::new();
                for argument in &arguments {
                    parts.push(self.value(argument, depth)?);
                }
                format!("new {ty}({})", parts.join(", "))
            }
            "[]" => {
                let items = self.items(&arguments[0], depth)?;
                format!("new {} {{ {} }}", ty, items.join(", "))
            }
            "Array" => {
                let element = self.element();
                format!("((Array){})", self.leaf(&Ty::array(element), depth)?)
            }
            "List" | "HashSet" => {
                let items = self.items(&arguments[0], depth)?;
                format!("new {ty} {{ {} }}", items.join(", "))
            }
            "Queue" | "Stack" => format!("new {ty}({})", self.leaf(&Ty::array(arguments[0].clone()), depth)?),
            "Dictionary" => {
                let mut entries = Vec::new();
                let mut keys = Vec::new();
                for _ in 0..self.below(4) {
                    let key = self.leaf(&arguments[0], 0)?;
                    if !keys.contains(&key) && !key.contains("null") {
                        entries.push(format!("{{ {key}, {} }}", self.value(&arguments[1], depth)?));
                        keys.push(key);
                    }
                }
                if entries.is_empty() { format!("new {ty}()") } else { format!("new {ty} {{ {} }}", entries.join(", ")) }
            }
            "IDictionary" => format!("(({ty}){})", self.leaf(&Ty::of("Dictionary", &arguments), depth)?),
            "IEnumerable" if arguments.is_empty() => format!("((IEnumerable<object>)new object[] {{ 1, \"a\", {} }})", self.pick(INTS)),
            "IEnumerable" | "IReadOnlyCollection" => format!("(({ty}){})", self.leaf(&Ty::array(arguments[0].clone()), depth)?),
            "ICollection" | "IList" if !arguments.is_empty() => format!("(({ty}){})", self.leaf(&Ty::of("List", &arguments), depth)?),
            "ISet" => format!("(({ty}){})", self.leaf(&Ty::of("HashSet", &arguments), depth)?),
            "IOrderedEnumerable" => {
                let name = self.name();
                format!("{}.OrderBy({name} => {name}.ToString())", self.leaf(&Ty::array(arguments[0].clone()), depth)?)
            }
            "IGrouping" => {
                let (name, key) = (self.name(), self.leaf(&arguments[0], 0)?);
                format!("{}.GroupBy({name} => {key}).First()", self.leaf(&Ty::array(arguments[1].clone()), depth)?)
            }
            "IReadOnlyDictionary" if arguments[0].name() == "string" => match arguments[1].to_string().as_str() {
                "string[]" => self.pick(&["context.Request.Headers", "context.Request.Url.Query", "context.Response.Headers"]).to_owned(),
                "string" => "context.Request.MatchedParameters".to_owned(),
                "object" => "context.Variables".to_owned(),
                _ => format!("(({ty}){})", self.leaf(&Ty::of("Dictionary", &arguments), depth)?),
            },
            "IProxyRequestContext" => "context".to_owned(),
            "IRequest" => "context.Request".to_owned(),
            "IResponse" => self.pick(&["context.Response", "((IResponse)context.Variables[\"r\"])"]).to_owned(),
            "IUrl" => self.pick(&["context.Request.Url", "context.Request.OriginalUrl", "context.Api.ServiceUrl"]).to_owned(),
            "IMessageBody" => self.pick(&["context.Request.Body", "context.Response.Body"]).to_owned(),
            "ISubscription" => "context.Subscription".to_owned(),
            "IUser" => "context.User".to_owned(),
            "IGroup" => self.pick(&["context.User.Groups.First()", "context.User.Groups.Last()"]).to_owned(),
            "IProduct" => "context.Product".to_owned(),
            "IContextApi" | "IApi" => "context.Api".to_owned(),
            "IOperation" => "context.Operation".to_owned(),
            "IDeployment" => "context.Deployment".to_owned(),
            "ILastError" => "context.LastError".to_owned(),
            "Jwt" => format!("{}.AsJwt()", self.pick(&[TOKEN, OTHER_TOKEN])),
            "BasicAuthCredentials" => format!("{}.AsBasic()", self.pick(&["\"Basic YTpi\"", "\"Basic dXNlcjpwYXNz\""])),
            "Func" | "Action" | "Predicate" | "Comparison" | "Converter" | "MatchEvaluator" => {
                let lambda = self.lambda(ty, depth)?;
                format!("(({ty})({lambda}))")
            }
            _ => return self.enum_value(ty),
        })
    }

    /// A value for a parameter, by what the parameter is called: a random text is seldom a format or a pattern.
    pub fn suited(&mut self, owner: &str, member: &str, parameter: &str, ty: &Ty) -> Option<String> {
        let name = parameter.to_ascii_lowercase();
        let text = ty.name() == "string";
        let short = |name: &str| {
            matches!(name, "startindex" | "index" | "count" | "length" | "arrayindex" | "offset" | "sourceindex" | "destinationindex")
        };
        Some(match name.as_str() {
            "year" => self.pick(&["2024", "1999", "2023"]).to_owned(),
            "month" => self.pick(&["1", "2", "12"]).to_owned(),
            "day" | "days" => self.pick(&["1", "15", "28"]).to_owned(),
            "hour" | "hours" | "minute" | "minutes" | "second" | "seconds" | "millisecond" | "milliseconds" if ty.name() == "int" => {
                self.pick(&["0", "5", "23"]).to_owned()
            }
            "decimals" | "digits" | "scale" if matches!(ty.name(), "int" | "byte") => {
                if ty.name() == "byte" {
                    format!("((byte){})", self.pick(SMALL))
                } else {
                    self.pick(SMALL).to_owned()
                }
            }
            "totalwidth" | "capacity" => self.pick(&["3", "5", "8", "16"]).to_owned(),
            "tobase" | "frombase" => self.pick(&["2", "8", "10", "16"]).to_owned(),
            name if short(name) && ty.name() == "int" => self.pick(SMALL).to_owned(),
            "pattern" if text => quoted(self.pick(PATTERNS)),
            "replacement" if text => quoted(self.pick(&["#", "$1", "[$0]", "${first}"])),
            "format" | "formats" if text => match owner {
                "DateTime" | "DateTimeOffset" => quoted(self.pick(DATE_FORMATS)),
                "TimeSpan" => quoted(self.pick(&["c", "g", "G", "hh\\\\:mm", "d\\\\.hh"])),
                "Guid" => quoted(self.pick(&["N", "D", "B", "P"])),
                "string" | "StringBuilder" => quoted(self.pick(&["{0}", "<{0}>", "{0,6}|", "{{{0}}}", "{0:D}"])),
                _ => quoted(self.pick(NUMBER_FORMATS)),
            },
            "json" if text => quoted(self.pick(match owner {
                "JObject" => OBJECTS,
                "JArray" => ARRAYS,
                _ => VALUES,
            })),
            "path" if text => quoted(self.pick(&["a", "b.c", "b.c[2].d", "$.s", "$..d", "[0]", "messages[0].role"])),
            "text" | "value" if text && matches!(owner, "XElement" | "XDocument") && member == "Parse" => quoted(self.pick(XML)),
            "uristring" | "uri" if text => quoted(self.pick(URLS)),
            "propertyname" | "name" if text => quoted(self.pick(&["a", "b", "model", "s", "X-Many", "i"])),
            "expandedname" | "localname" if text => quoted(self.pick(&["a", "b"])),
            "key" if text => quoted(self.pick(&["a", "s", "i", "X-Many"])),
            "s" | "input" | "g" | "value" if text && matches!(member, "Parse" | "TryParse" | "new" | "ParseExact") => match owner {
                "DateTime" | "DateTimeOffset" => quoted(self.pick(&[
                    "2024-05-06",
                    "2024-05-06T07:08:09Z",
                    "05/06/2024 1:02 PM",
                    "no date",
                    "Mon, 06 May 2024 07:08:09 GMT",
                ])),
                "TimeSpan" => quoted(self.pick(&["1.02:03:04", "00:10:00", "x", "5"])),
                "Guid" => quoted(self.pick(&["00112233-4455-6677-8899-aabbccddeeff", "x", "00112233445566778899aabbccddeeff"])),
                "bool" => quoted(self.pick(&["true", "False", "yes"])),
                "char" => quoted(self.pick(&["a", "Z", "ab"])),
                "decimal" | "double" | "float" => quoted(self.pick(&["1.5", "-7", "1e3", "abc", " 42 "])),
                _ => quoted(self.pick(&["5", "-7", "42", "abc", " 12 "])),
            },
            "ipstring" => quoted(self.pick(&["10.1.2.3", "::1", "x"])),
            "hashname" => quoted(self.pick(&["SHA1", "SHA256", "MD5"])),
            "codepage" => self.pick(&["65001", "20127", "1200"]).to_owned(),
            _ if text && owner == "Convert" && member == "FromBase64String" => quoted(self.pick(&["AQID", "", "!!", "aGk="])),
            _ if text && owner == "Convert" => quoted(self.pick(&["12", "-3", "true", "x", "1.5", "0"])),
            _ => return None,
        })
    }

    fn items(&mut self, ty: &Ty, depth: u32) -> Option<Vec<String>> {
        let mut items = Vec::new();
        let count = 1 + self.below(4);
        for _ in 0..count {
            items.push(if self.below(3) == 0 { self.value(ty, depth)? } else { self.leaf(ty, 0)? });
        }
        Some(items)
    }
}

/// A negative literal in brackets.
fn operand(text: &str) -> String {
    if text.starts_with('-') { format!("({text})") } else { text.to_owned() }
}
