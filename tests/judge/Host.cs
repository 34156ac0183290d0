// What surrounds an expression when a C# compiler judges it: `context` made of JSON, the extension methods of policies, and answers as JSON lines.
// The interfaces and the classes behind them (HostRequest of IRequest, …) are generated from src/expression/catalogue/context.txt.
using System;
using System.Collections;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Xml.Linq;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

/// One object of the host: a JSON object whose members are looked up by their camel-case names.
public abstract class HostObject
{
    internal JToken Data;
    // What a property gives when the JSON does not have it.
    static readonly Dictionary<string, object> defaults = new Dictionary<string, object> {
        { "Request.Method", "GET" }, { "Request.IpAddress", "127.0.0.1" }, { "Response.StatusCode", 200 }, { "Response.StatusReason", "OK" },
        { "ContextApi.Revision", "1" }, { "ContextApi.IsCurrentRevision", true }, { "ContextApi.Protocols", new[] { "https" } }, { "Api.Protocols", new[] { "https" } },
        { "Deployment.GatewayId", "managed" }, { "Product.SubscriptionRequired", true },
        { "ProxyRequestContext.RequestId", Guid.Parse("00000000-0000-0000-0000-000000000001") },
        { "ProxyRequestContext.Timestamp", Text.Date("2026-01-02T03:04:05.678Z") },
        { "ProxyRequestContext.Elapsed", TimeSpan.FromMilliseconds(12) },
    };
    // Where a property looks when its own name is not there.
    static readonly Dictionary<string, string> others = new Dictionary<string, string> {
        { "Request.OriginalUrl", "url" }, { "Subscription.Key", "primaryKey" }, { "Deployment.ServiceId", "serviceName" },
        { "Product.SubscriptionsLimit", "subscriptionLimit" }, { "ProxyRequestContext.Elapsed", "elapsedMs" },
    };

    JToken Find(string property)
    {
        var found = Member(char.ToLowerInvariant(property[0]) + property.Substring(1));
        string other;
        return found == null && others.TryGetValue(Key(property), out other) ? Member(other) : found;
    }
    JToken Member(string name)
    {
        var holder = Data as JObject;
        var found = holder == null ? null : holder[name];
        return found == null || found.Type == JTokenType.Null ? null : found;
    }
    // The gateway's own class names are not known: the interface's name stands for both sides.
    public override string ToString() { return "I" + GetType().Name.Substring("Host".Length); }
    string Key(string property) { return GetType().Name.Substring("Host".Length) + "." + property; }

    protected T Get<T>(string property)
    {
        var found = Find(property);
        object value;
        if (found == null) return defaults.TryGetValue(Key(property), out value) ? (T)value : default(T);
        var type = Nullable.GetUnderlyingType(typeof(T)) ?? typeof(T);
        if (type == typeof(string)) value = (string)found;
        else if (type == typeof(int)) value = (int)found;
        else if (type == typeof(bool)) value = (bool)found;
        else if (type == typeof(Guid)) value = Guid.Parse((string)found);
        else if (type == typeof(ProductState)) value = string.Equals((string)found, "published", StringComparison.OrdinalIgnoreCase) ? ProductState.Published : ProductState.NotPublished;
        else if (type == typeof(DateTime)) value = Text.Date((string)found);
        else if (type == typeof(TimeSpan)) value = TimeSpan.FromMilliseconds((double)found);
        else if (type == typeof(IEnumerable<string>)) value = found.Select(item => (string)item).ToArray();
        else throw new NotSupportedException("the judge has no " + typeof(T));
        return (T)value;
    }
    readonly Dictionary<string, object> made = new Dictionary<string, object>();
    // The same object each time it is asked for.
    object Once(string property, Func<object> make)
    {
        object value;
        if (!made.TryGetValue(property, out value)) made[property] = value = make();
        return value;
    }
    protected T Child<T>(string property, bool always) where T : HostObject, new()
    {
        return (T)Once(property, () => { var found = Find(property); return found == null && !always ? null : new T { Data = found ?? new JObject() }; });
    }
    protected IEnumerable<I> Children<T, I>(string property) where T : HostObject, I, new()
    {
        var found = Find(property) ?? new JArray();
        return found.Select(item => (I)new T { Data = item }).ToArray();
    }
    protected IUrl Address(string property) { return (IUrl)Once(property, () => { var found = Find(property); return found == null ? null : new HostAddress((string)found); }); }
    protected IMessageBody Message(string property) { return (IMessageBody)Once(property, () => { var found = Find(property); return found == null ? null : new HostMessage(found.Type == JTokenType.String ? (string)found : found.ToString(Formatting.None)); }); }
    protected IReadOnlyDictionary<string, string[]> Lists(string property)
    {
        return (IReadOnlyDictionary<string, string[]>)Once(property, () => Table(property, false, token => token is JArray ? token.Select(item => (string)item).ToArray() : new[] { (string)token }));
    }
    protected IReadOnlyDictionary<string, string> Texts(string property)
    {
        return (IReadOnlyDictionary<string, string>)Once(property, () => Table(property, false, token => (string)token));
    }
    protected IReadOnlyDictionary<string, object> Objects(string property)
    {
        return (IReadOnlyDictionary<string, object>)Once(property, () => Table(property, true, Variable));
    }
    protected X509Certificate2 Certificate(string property)
    {
        return (X509Certificate2)Once(property, () => { var found = Find(property); return found == null ? null : Read(found); });
    }
    protected IReadOnlyDictionary<string, X509Certificate2> Certificates(string property)
    {
        return (IReadOnlyDictionary<string, X509Certificate2>)Once(property, () => Table(property, false, Read));
    }
    static X509Certificate2 Read(JToken token) { return new X509Certificate2(Convert.FromBase64String((string)token)); }
    Map<V> Table<V>(string property, bool exact, Func<JToken, V> read)
    {
        var table = new Map<V>(exact);
        var found = Find(property) as JObject;
        if (found != null) foreach (var member in found.Properties()) table.Put(member.Name, read(member.Value));
        return table;
    }
    static Map<object> Claims(JObject claims)
    {
        var table = new Map<object>(true);
        foreach (var claim in claims.Properties()) table.Put(claim.Name, Variable(claim.Value));
        return table;
    }
    static object Variable(JToken token)
    {
        var typed = token as JObject;
        if (typed != null && typed["$type"] != null)
        {
            var value = typed["value"];
            switch ((string)typed["$type"])
            {
                case "JObject": return value;
                case "IResponse": return new HostResponse { Data = value };
                case "long": return (long)value;
                case "guid": return Guid.Parse((string)value);
                case "DateTime": return Text.Date((string)value);
                case "Jwt": return ContextExtensions.AsJwt((string)value);
                case "Authorization": return new Authorization { AccessToken = (string)value["accessToken"], Claims = Claims((JObject)value["claims"]) };
                default: throw new NotSupportedException("a variable of type " + typed["$type"]);
            }
        }
        switch (token.Type)
        {
            case JTokenType.Integer: return (int)token;
            case JTokenType.Float: return (double)token;
            case JTokenType.Boolean: return (bool)token;
            case JTokenType.String: return (string)token;
            case JTokenType.Null: return null;
            default: return token;
        }
    }
}

static class Text
{
    internal static DateTime Date(string text) { return DateTime.Parse(text, CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal | DateTimeStyles.AssumeUniversal); }
    internal static string Unescaped(string text) { return WebUtility.UrlDecode(text); }
    internal static IEnumerable<KeyValuePair<string, string>> Pairs(string form)
    {
        foreach (var part in form.Split(new[] { '&' }, StringSplitOptions.RemoveEmptyEntries))
        {
            var at = part.IndexOf('=');
            yield return new KeyValuePair<string, string>(Unescaped(at < 0 ? part : part.Substring(0, at)), at < 0 ? "" : Unescaped(part.Substring(at + 1)));
        }
    }
    internal static byte[] Base64Url(string text) { return Convert.FromBase64String(text.Replace('-', '+').Replace('_', '/').PadRight((text.Length + 3) / 4 * 4, '=')); }
}

/// A read-only dictionary that keeps the order of the JSON.
sealed class Map<V> : IReadOnlyDictionary<string, V>
{
    readonly List<KeyValuePair<string, V>> entries = new List<KeyValuePair<string, V>>();
    readonly StringComparison rule;
    // What gives keys and values their types.
    readonly Dictionary<string, V> mirror = new Dictionary<string, V>();
    internal Map(bool exact) { rule = exact ? StringComparison.Ordinal : StringComparison.OrdinalIgnoreCase; }
    int Place(string key) { if (key == null) throw new ArgumentNullException("key"); return entries.FindIndex(entry => string.Equals(entry.Key, key, rule)); }
    internal void Put(string key, V value)
    {
        var place = Place(key);
        mirror[place < 0 ? key : entries[place].Key] = value;
        if (place < 0) entries.Add(new KeyValuePair<string, V>(key, value)); else entries[place] = new KeyValuePair<string, V>(key, value);
    }
    public V this[string key]
    {
        get { var place = Place(key); if (place < 0) throw new KeyNotFoundException("The given key '" + key + "' was not present in the dictionary."); return entries[place].Value; }
    }
    public bool TryGetValue(string key, out V value) { var place = Place(key); value = place < 0 ? default(V) : entries[place].Value; return place >= 0; }
    public bool ContainsKey(string key) { return Place(key) >= 0; }
    public int Count { get { return entries.Count; } }
    public IEnumerable<string> Keys { get { return mirror.Keys; } }
    public IEnumerable<V> Values { get { return mirror.Values; } }
    public IEnumerator<KeyValuePair<string, V>> GetEnumerator() { return entries.GetEnumerator(); }
    IEnumerator IEnumerable.GetEnumerator() { return entries.GetEnumerator(); }
}

sealed class HostAddress : IUrl
{
    readonly Uri uri;
    readonly Map<string[]> query = new Map<string[]>(false);
    internal HostAddress(string text)
    {
        uri = new Uri(text);
        foreach (var pair in Text.Pairs(uri.Query.TrimStart('?')))
        {
            string[] before;
            query.Put(pair.Key, query.TryGetValue(pair.Key, out before) ? before.Concat(new[] { pair.Value }).ToArray() : new[] { pair.Value });
        }
    }
    public string Scheme { get { return uri.Scheme; } }
    public string Host { get { return uri.Host; } }
    public int Port { get { return uri.Port; } }
    public string Path { get { return uri.AbsolutePath; } }
    public string QueryString { get { return uri.Query; } }
    public IReadOnlyDictionary<string, string[]> Query { get { return query; } }
    public Uri ToUri() { return uri; }
    public override string ToString() { return uri.ToString(); }
}

sealed class HostMessage : IMessageBody
{
    readonly string text;
    bool consumed;
    internal HostMessage(string text) { this.text = text; }
    string Read(bool preserve)
    {
        if (consumed) throw new InvalidOperationException("The body was read before without preserveContent");
        consumed = !preserve;
        return text;
    }
    public override string ToString() { return "IMessageBody"; }
    public T As<T>(bool preserveContent = false)
    {
        var content = Read(preserveContent);
        object value;
        switch (typeof(T).Name)
        {
            case "String": value = content; break;
            case "Byte[]": value = Encoding.UTF8.GetBytes(content); break;
            case "JObject": value = JObject.Parse(content); break;
            case "JArray": value = JArray.Parse(content); break;
            case "JToken": value = JToken.Parse(content); break;
            case "XDocument": value = XDocument.Parse(content); break;
            case "XElement": case "XNode": value = XElement.Parse(content); break;
            default: throw new NotSupportedException("a body as " + typeof(T));
        }
        return (T)value;
    }
    public IDictionary<string, IList<string>> AsFormUrlEncodedContent(bool preserveContent = false)
    {
        var form = new Dictionary<string, IList<string>>();
        foreach (var pair in Text.Pairs(Read(preserveContent)))
        {
            IList<string> list;
            if (!form.TryGetValue(pair.Key, out list)) form[pair.Key] = list = new List<string>();
            list.Add(pair.Value);
        }
        return form;
    }
}

sealed class HostToken : Jwt
{
    readonly JObject head, body;
    readonly Map<string[]> claims = new Map<string[]>(true);
    internal HostToken(JObject head, JObject body)
    {
        this.head = head; this.body = body;
        foreach (var claim in body.Properties()) claims.Put(claim.Name, claim.Value is JArray ? claim.Value.Select(Shown).ToArray() : new[] { Shown(claim.Value) });
    }
    static string Shown(JToken token) { return token is JValue ? Convert.ToString(((JValue)token).Value, CultureInfo.InvariantCulture) : token.ToString(Formatting.None); }
    DateTime? Seconds(string name) { return body[name] == null ? (DateTime?)null : new DateTime(1970, 1, 1, 0, 0, 0, DateTimeKind.Utc).AddSeconds((double)body[name]); }
    public override string ToString() { return "Jwt"; }
    public string Algorithm { get { return (string)head["alg"]; } }
    public string Type { get { return (string)head["typ"]; } }
    public string Id { get { return (string)body["jti"]; } }
    public string Issuer { get { return (string)body["iss"]; } }
    public string Subject { get { return (string)body["sub"]; } }
    public IEnumerable<string> Audiences { get { string[] found; return claims.TryGetValue("aud", out found) ? found : new string[0]; } }
    public IReadOnlyDictionary<string, string[]> Claims { get { return claims; } }
    public DateTime? ExpirationTime { get { return Seconds("exp"); } }
    public DateTime? IssuedAt { get { return Seconds("iat"); } }
    public DateTime? NotBefore { get { return Seconds("nbf"); } }
}

sealed class HostCredentials : BasicAuthCredentials
{
    public override string ToString() { return "BasicAuthCredentials"; }
    public string UserId { get; internal set; }
    public string Username { get { return UserId; } }
    public string Password { get; internal set; }
}

public static class ContextExtensions
{
    public static string GetValueOrDefault(this IReadOnlyDictionary<string, string[]> d, string name, string defaultValue = null)
    { string[] found; return d.TryGetValue(name, out found) ? string.Join(",", found) : defaultValue; }
    public static string GetValueOrDefault(this IReadOnlyDictionary<string, string> d, string name, string defaultValue = null)
    { string found; return d.TryGetValue(name, out found) ? found : defaultValue; }
    public static T GetValueOrDefault<T>(this IReadOnlyDictionary<string, object> d, string name, T defaultValue = default(T))
    // The reference of policy expressions: "This method throws an exception if there is a type mismatch between the expected and actual types."
    { object found; return d.TryGetValue(name, out found) ? (T)found : defaultValue; }
    public static string GetValueOrDefault(this IReadOnlyDictionary<string, object> d, string name, string defaultValue)
    { return GetValueOrDefault<string>(d, name, defaultValue); }
    public static object GetValueOrDefault(this IReadOnlyDictionary<string, object> d, string name)
    { object found; return d.TryGetValue(name, out found) ? found : null; }

    public static bool TryParseJwt(this string input, out Jwt result) { result = input.AsJwt(); return result != null; }
    public static Jwt AsJwt(this string input)
    {
        const string Scheme = "Bearer ";
        if (string.IsNullOrEmpty(input)) return null;
        var parts = (input.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) ? input.Substring(Scheme.Length) : input).Split('.');
        if (parts.Length < 2) return null;
        Func<string, JObject> read = part => JObject.Parse(Encoding.UTF8.GetString(Text.Base64Url(part)));
        try { return new HostToken(read(parts[0]), read(parts[1])); }
        catch (Exception) { return null; }
    }
    public static bool TryParseBasic(this string input, out BasicAuthCredentials result) { result = input.AsBasic(); return result != null; }
    public static BasicAuthCredentials AsBasic(this string input)
    {
        const string Scheme = "Basic ";
        if (input == null || !input.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)) return null;
        string both;
        try { both = Encoding.UTF8.GetString(Convert.FromBase64String(input.Substring(Scheme.Length).Trim())); }
        catch (FormatException) { return null; }
        var at = both.IndexOf(':');
        return at < 0 ? null : new HostCredentials { UserId = both.Substring(0, at), Password = both.Substring(at + 1) };
    }
    public static byte[] Encrypt(this byte[] input, string alg, byte[] key, byte[] iv) { return input.Encrypt(SymmetricAlgorithm.Create(alg), key, iv); }
    public static byte[] Decrypt(this byte[] input, string alg, byte[] key, byte[] iv) { return input.Decrypt(SymmetricAlgorithm.Create(alg), key, iv); }
    public static byte[] Encrypt(this byte[] input, SymmetricAlgorithm alg) { return input.Encrypt(alg, alg.Key, alg.IV); }
    public static byte[] Decrypt(this byte[] input, SymmetricAlgorithm alg) { return input.Decrypt(alg, alg.Key, alg.IV); }
    public static byte[] Encrypt(this byte[] input, SymmetricAlgorithm alg, byte[] key, byte[] iv)
    { using (var transform = alg.CreateEncryptor(key, iv)) return transform.TransformFinalBlock(input, 0, input.Length); }
    public static byte[] Decrypt(this byte[] input, SymmetricAlgorithm alg, byte[] key, byte[] iv)
    { using (var transform = alg.CreateDecryptor(key, iv)) return transform.TransformFinalBlock(input, 0, input.Length); }
    public static string ToFormUrlEncodedContent(this IDictionary<string, IList<string>> form)
    { return form == null ? null : string.Join("&", from entry in form from value in entry.Value select WebUtility.UrlEncode(entry.Key) + "=" + WebUtility.UrlEncode(value)); }
    public static string ToQueryString(this IDictionary<string, IList<string>> form)
    { var text = form.ToFormUrlEncodedContent(); return string.IsNullOrEmpty(text) ? null : "?" + text; }
    // Newtonsoft.Json 11 has it; Debian's is 6.
    public static bool ContainsKey(this JObject holder, string propertyName) { return holder.Property(propertyName) != null; }
}

public static class Judge
{
    // One line for each case: its number, a tab, and the answer as JSON. The input has one line each: the name of the context that surrounds it, or nothing.
    public static void Run(string contextFolder, string flagsFile, IList<KeyValuePair<int, Func<IProxyRequestContext, object>>> cases)
    {
        System.Threading.Thread.CurrentThread.CurrentCulture = CultureInfo.InvariantCulture;
        var contexts = new Dictionary<string, JObject> { { "", new JObject() } };
        var flags = File.ReadAllLines(flagsFile);
        using (var output = new StreamWriter(Console.OpenStandardOutput(), new UTF8Encoding(false)))
            foreach (var one in cases)
            {
                var answer = new JObject();
                var name = flags[one.Key];
                if (!contexts.ContainsKey(name)) contexts[name] = Read(Path.Combine(contextFolder, name + ".json"));
                try
                {
                    var value = one.Value(new HostProxyRequestContext { Data = contexts[name].DeepClone() });
                    var text = value == null ? null : Convert.ToString(value, CultureInfo.InvariantCulture);
                    var shown = Show(value);
                    answer["ok"] = true;
                    answer["type"] = value == null ? null : value.GetType().FullName;
                    answer["string"] = text;
                    answer["value"] = shown;
                }
                catch (Exception problem)
                {
                    answer["ok"] = false;
                    answer["stage"] = "runtime";
                    answer["exception"] = problem.GetType().FullName;
                    answer["message"] = problem.Message;
                }
                string line;
                try { line = answer.ToString(Formatting.None); }
                catch (Exception problem) { line = "not shown: " + problem.Message; }
                // What is no JSON (a raw token, say) is seen by the reader.
                output.WriteLine(one.Key + "\t" + line.Replace('\n', ' '));
            }
    }
    static JObject Read(string file)
    {
        using (var reader = new JsonTextReader(new StreamReader(file)) { DateParseHandling = DateParseHandling.None }) return JObject.Load(reader);
    }
    static JToken Show(object value)
    {
        if (value == null) return JValue.CreateNull();
        if (value is JProperty) return ((JProperty)value).ToString(Formatting.None);
        if (value is JToken) return (JToken)value;
        if (value is string || value is bool || value is int || value is long || value is double || value is decimal || value is float) return new JValue(value);
        var sequence = value as IEnumerable;
        if (sequence != null) return new JArray(sequence.Cast<object>().Select(Show));
        return new JValue(Convert.ToString(value, CultureInfo.InvariantCulture));
    }
}
