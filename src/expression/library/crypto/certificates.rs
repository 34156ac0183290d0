//! `X509Certificate2`: what a certificate says, from its DER bytes. Its chain is not checked here: `Verify()` is refused by name.

use base64::Engine as _;

use super::hashes::{Function, hex};
use super::{Args, Machine, Members, Outcome, cryptographic, der, field, keys, names, opaque, set_field};
use crate::expression::library::dates;
use crate::expression::machine::Fault;
use crate::expression::text::Text;
use crate::expression::types;
use crate::expression::value::{DateTime, Value};

const DATA: usize = 0;
/// An `RSA`, or null.
const KEY: usize = 1;
const FRIENDLY: usize = 2;

/// What is read of a certificate.
struct Parsed<'d> {
    version: i32,
    serial: &'d [u8],
    issuer: der::Item<'d>,
    subject: der::Item<'d>,
    not_before: i64,
    not_after: i64,
    /// Algorithm and key as they stand.
    public: Vec<der::Item<'d>>,
    signature: String,
    /// DNS names of the extension for other names.
    hosts: Vec<String>,
    mail: Option<String>,
}

pub(in crate::expression::library) const MEMBERS: Members = &[
    ("X509Certificate2.new()", |m, _| Ok(opaque(m, "X509Certificate2", vec![Value::Null; 3]))),
    ("X509Certificate.new()", |m, _| Ok(opaque(m, "X509Certificate", vec![Value::Null; 3]))),
    ("X509Certificate2.new(byte[])", |m, a| new(m, a, "X509Certificate2")),
    ("X509Certificate2.new(byte[],string)", |m, a| new(m, a, "X509Certificate2")),
    ("X509Certificate2.new(byte[],string,X509KeyStorageFlags)", |m, a| new(m, a, "X509Certificate2")),
    ("X509Certificate.new(byte[])", |m, a| new(m, a, "X509Certificate")),
    ("X509Certificate.new(byte[],string)", |m, a| new(m, a, "X509Certificate")),
    ("X509Certificate.new(byte[],string,X509KeyStorageFlags)", |m, a| new(m, a, "X509Certificate")),
    ("X509Certificate2.new(X509Certificate)", |m, a| same_again(m, a, "X509Certificate2")),
    ("X509Certificate.new(X509Certificate)", |m, a| same_again(m, a, "X509Certificate")),
    ("X509Certificate2.Import(byte[])", |m, a| import(m, a)),
    ("X509Certificate.Import(byte[])", |m, a| import(m, a)),
    ("X509Certificate2.Reset()", |m, a| set_field(m, a.get(0), DATA, Value::Null).map(|()| Value::Null)),
    ("X509Certificate.Reset()", |m, a| set_field(m, a.get(0), DATA, Value::Null).map(|()| Value::Null)),
    ("X509Certificate.Dispose()", |m, a| field(m, a.get(0), DATA).map(|_| Value::Null)),
    ("X509Certificate2.GetCertContentType(byte[])", |m, a| {
        let data = m.bytes(a.get(0), "rawData")?;
        let data = decoded(&data);
        if parse(&data).is_none() {
            return Err(invalid(m));
        }
        Ok(Value::Enum(types::named("X509ContentType"), 1))
    }),
    ("X509Certificate.Subject", |m, a| with(m, a, |parsed| Value::from(name(&parsed.subject, true)))),
    ("X509Certificate.Issuer", |m, a| with(m, a, |parsed| Value::from(name(&parsed.issuer, true)))),
    ("X509Certificate.GetName()", |m, a| with(m, a, |parsed| Value::from(name(&parsed.subject, false)))),
    ("X509Certificate.GetIssuerName()", |m, a| with(m, a, |parsed| Value::from(name(&parsed.issuer, false)))),
    ("X509Certificate2.SubjectName", |m, a| {
        let text = with(m, a, |parsed| Value::from(name(&parsed.subject, true)))?;
        Ok(opaque(m, "X500DistinguishedName", vec![text]))
    }),
    ("X509Certificate2.IssuerName", |m, a| {
        let text = with(m, a, |parsed| Value::from(name(&parsed.issuer, true)))?;
        Ok(opaque(m, "X500DistinguishedName", vec![text]))
    }),
    ("X500DistinguishedName.Name", |m, a| field(m, a.get(0), 0)),
    ("X509Certificate2.GetNameInfo(X509NameType,bool)", |m, a| name_info(m, a)),
    ("X509Certificate2.MatchesHostname", |m, a| {
        let host = m.string(a, 1, "hostname")?.to_str().to_ascii_lowercase();
        let (wild, common) = (a.truth(2), a.truth(3));
        with(m, a, |parsed| {
            let own = if parsed.hosts.is_empty() && common {
                attribute(&parsed.subject, "2.5.4.3").into_iter().collect()
            } else {
                parsed.hosts.clone()
            };
            Value::Boolean(own.iter().any(|known| {
                let known = known.to_ascii_lowercase();
                known == host
                    || wild && known.strip_prefix("*.").is_some_and(|rest| host.split_once('.').is_some_and(|(_, tail)| tail == rest))
            }))
        })
    }),
    ("X509Certificate2.NotBefore", |m, a| with(m, a, |parsed| Value::DateTime(DateTime { ticks: parsed.not_before, kind: 2 }))),
    ("X509Certificate2.NotAfter", |m, a| with(m, a, |parsed| Value::DateTime(DateTime { ticks: parsed.not_after, kind: 2 }))),
    ("X509Certificate.GetEffectiveDateString()", |m, a| with(m, a, |parsed| moment(parsed.not_before))),
    ("X509Certificate.GetExpirationDateString()", |m, a| with(m, a, |parsed| moment(parsed.not_after))),
    ("X509Certificate2.SerialNumber", |m, a| with(m, a, |parsed| Value::from(hex(parsed.serial)))),
    ("X509Certificate.GetSerialNumberString()", |m, a| with(m, a, |parsed| Value::from(hex(parsed.serial)))),
    ("X509Certificate.GetSerialNumber()", |m, a| {
        let data = data(m, a)?;
        let Some(parsed) = parse(&data) else { return Err(invalid(m)) };
        let reversed: Vec<u8> = parsed.serial.iter().rev().copied().collect();
        m.byte_array(&reversed)
    }),
    ("X509Certificate2.Thumbprint", |m, a| data(m, a).map(|data| Value::from(hex(&Function::Sha1.hash(&data))))),
    ("X509Certificate.GetCertHashString()", |m, a| data(m, a).map(|data| Value::from(hex(&Function::Sha1.hash(&data))))),
    ("X509Certificate.GetCertHash()", |m, a| {
        let data = data(m, a)?;
        m.byte_array(&Function::Sha1.hash(&data))
    }),
    ("X509Certificate.GetCertHashString(HashAlgorithmName)", |m, a| named_hash(m, a).map(|hash| Value::from(hex(&hash)))),
    ("X509Certificate.GetCertHash(HashAlgorithmName)", |m, a| {
        let hash = named_hash(m, a)?;
        m.byte_array(&hash)
    }),
    ("X509Certificate.GetRawCertData()", |m, a| data(m, a).and_then(|data| m.byte_array(&data))),
    ("X509Certificate.GetRawCertDataString()", |m, a| data(m, a).map(|data| Value::from(hex(&data)))),
    ("X509Certificate2.RawData", |m, a| data(m, a).and_then(|data| m.byte_array(&data))),
    ("X509Certificate.Export(X509ContentType)", |m, a| export(m, a)),
    ("X509Certificate.Export(X509ContentType,string)", |m, a| export(m, a)),
    ("X509Certificate2.ExportCertificatePem()", |m, a| data(m, a).map(|data| keys::pem("CERTIFICATE", &data))),
    ("X509Certificate2.ToString()", |m, a| crate::expression::library::basics::instance_text(m, a)),
    ("X509Certificate.GetFormat()", |m, a| field(m, a.get(0), DATA).map(|_| Value::from("X509"))),
    ("X509Certificate2.Version", |m, a| with(m, a, |parsed| Value::Int32(parsed.version))),
    ("X509Certificate2.SignatureAlgorithm", |m, a| {
        let number = with(m, a, |parsed| Value::from(parsed.signature.as_str()))?;
        Ok(opaque(m, "Oid", vec![number, Value::Null]))
    }),
    ("X509Certificate.GetKeyAlgorithm()", |m, a| with(m, a, |parsed| Value::from(key_algorithm(parsed).0))),
    ("X509Certificate.GetKeyAlgorithmParameters()", |m, a| {
        let data = data(m, a)?;
        let Some(parsed) = parse(&data) else { return Err(invalid(m)) };
        let parameters = key_algorithm(&parsed).1.to_vec();
        m.byte_array(&parameters)
    }),
    ("X509Certificate.GetKeyAlgorithmParametersString()", |m, a| with(m, a, |parsed| Value::from(hex(key_algorithm(parsed).1)))),
    ("X509Certificate.GetPublicKey()", |m, a| {
        let data = data(m, a)?;
        let key = parse(&data).and_then(|parsed| public_key(&parsed).map(<[u8]>::to_vec));
        match key {
            Some(key) => m.byte_array(&key),
            None => Err(invalid(m)),
        }
    }),
    ("X509Certificate.GetPublicKeyString()", |m, a| with(m, a, |parsed| public_key(parsed).map(|key| Value::from(hex(key))).into())),
    ("X509Certificate2.PublicKey", |m, a| {
        data(m, a)?;
        Ok(opaque(m, "PublicKey", vec![a.get(0).clone()]))
    }),
    ("PublicKey.Oid", |m, a| {
        let certificate = field(m, a.get(0), 0)?;
        let number = with(m, Args { values: &[certificate], types: &[] }, |parsed| Value::from(key_algorithm(parsed).0))?;
        Ok(opaque(m, "Oid", vec![number, Value::Null]))
    }),
    ("PublicKey.Key", |m, a| {
        let certificate = field(m, a.get(0), 0)?;
        rsa(m, &certificate)
    }),
    ("PublicKey.GetRSAPublicKey()", |m, a| {
        let certificate = field(m, a.get(0), 0)?;
        rsa(m, &certificate)
    }),
    ("PublicKey.ExportSubjectPublicKeyInfo()", |m, a| {
        let certificate = field(m, a.get(0), 0)?;
        let data = data(m, Args { values: &[certificate], types: &[] })?;
        let Some(parsed) = parse(&data) else { return Err(invalid(m)) };
        let inner: Vec<u8> = parsed.public.iter().flat_map(|item| item.whole.iter().copied()).collect();
        m.byte_array(&der::write(der::SEQUENCE, &inner))
    }),
    ("RSACertificateExtensions.GetRSAPublicKey", |m, a| {
        if a.get(0).is_null() {
            return Err(m.argument_null("certificate"));
        }
        rsa(m, a.get(0))
    }),
    ("RSACertificateExtensions.GetRSAPrivateKey", |m, a| {
        if a.get(0).is_null() {
            return Err(m.argument_null("certificate"));
        }
        own(m, a, KEY)
    }),
    ("RSACertificateExtensions.CopyWithPrivateKey", |m, a| {
        if a.get(0).is_null() {
            return Err(m.argument_null("certificate"));
        }
        if !keys::is_rsa(m, a.get(1)) {
            return Err(m.argument_null("privateKey"));
        }
        let data = own(m, a, DATA)?;
        Ok(opaque(m, "X509Certificate2", vec![data, a.get(1).clone(), Value::Null]))
    }),
    ("X509Certificate2.HasPrivateKey", |m, a| own(m, a, KEY).map(|key| Value::Boolean(!key.is_null()))),
    ("X509Certificate2.PrivateKey", |m, a| own(m, a, KEY)),
    ("X509Certificate2.PrivateKey=", |m, a| set_field(m, a.get(0), KEY, a.get(1).clone()).map(|()| Value::Null)),
    ("X509Certificate2.FriendlyName", |m, a| match own(m, a, FRIENDLY)? {
        Value::Null => Ok(Value::from("")),
        name => Ok(name),
    }),
    ("X509Certificate2.FriendlyName=", |m, a| set_field(m, a.get(0), FRIENDLY, a.get(1).clone()).map(|()| Value::Null)),
    ("X509Certificate2.Archived", |m, a| data(m, a).map(|_| Value::Boolean(false))),
    ("X509Certificate.Equals", |m, a| {
        let is_certificate = |m: &Machine<'_>| m.heap.type_of(a.get(1)).bases().iter().any(|base| base.is("X509Certificate"));
        let own = field(m, a.get(0), DATA)?;
        if a.get(1).is_null() || !is_certificate(m) {
            return Ok(Value::Boolean(false));
        }
        let other = field(m, a.get(1), DATA)?;
        // Certificates of nothing are equal.
        Ok(Value::Boolean(match (own.is_null(), other.is_null()) {
            (false, false) => m.bytes(&own, "data")? == m.bytes(&other, "data")?,
            (own, other) => own == other,
        }))
    }),
    ("X509Certificate.GetHashCode()", |m, a| {
        let data = data(m, a)?;
        let hash = Function::Sha1.hash(&data);
        Ok(Value::Int32(hash.iter().take(4).fold(0i32, |sum, byte| sum << 8 | i32::from(*byte))))
    }),
];

/// What the host gives: DER bytes, and the private key in PKCS #8 if it has it.
pub(in crate::expression::library) fn from_host(m: &mut Machine<'_>, certificate: &[u8], private: Option<&[u8]>) -> Outcome {
    let data = m.byte_array(&decoded(certificate))?;
    let key = match private {
        Some(private) => keys::from_pkcs8(m, private).unwrap_or(Value::Null),
        None => Value::Null,
    };
    Ok(opaque(m, "X509Certificate2", vec![data, key, Value::Null]))
}

fn invalid(m: &mut Machine<'_>) -> Fault {
    cryptographic(m, "Cannot find the requested object.")
}

/// PEM text is taken for the bytes that it holds.
fn decoded(data: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(data);
    let inner = text.split_once("-----BEGIN CERTIFICATE-----").and_then(|(_, rest)| rest.split_once("-----END CERTIFICATE-----"));
    let base = inner.map_or(&*text, |(inner, _)| inner);
    let clean: String = base.chars().filter(|character| !character.is_whitespace()).collect();
    match base64::engine::general_purpose::STANDARD.decode(clean) {
        Ok(bytes) if inner.is_some() || data.first() != Some(&der::SEQUENCE) => bytes,
        _ => data.to_vec(),
    }
}

fn new(m: &mut Machine<'_>, a: Args<'_>, name: &str) -> Outcome {
    let data = if a.get(0).is_null() { Vec::new() } else { decoded(&m.bytes(a.get(0), "data")?) };
    // Bytes alone that are none make a certificate of nothing, as no argument does.
    if data.is_empty() && a.len() == 1 {
        return Ok(opaque(m, name, vec![Value::Null; 3]));
    }
    if data.is_empty() {
        return Err(m.throw("ArgumentException", "Array cannot be empty or null.\nParameter name: rawData"));
    }
    if parse(&data).is_none() {
        // A PKCS #12 file begins with version 3 and holds the key: another format, which is not read.
        if der::sequence(&data).is_some_and(|items| items.first().is_some_and(|item| item.content == [3])) {
            return Err(m.throw("NotSupportedException", "Reading certificates in PKCS #12 (PFX) is not emulated."));
        }
        return Err(invalid(m));
    }
    let data = m.byte_array(&data)?;
    Ok(opaque(m, name, vec![data, Value::Null, Value::Null]))
}

fn same_again(m: &mut Machine<'_>, a: Args<'_>, name: &str) -> Outcome {
    if a.get(0).is_null() {
        return Err(m.argument_null("cert"));
    }
    let fields = vec![field(m, a.get(0), DATA)?, field(m, a.get(0), KEY)?, field(m, a.get(0), FRIENDLY)?];
    Ok(opaque(m, name, fields))
}

fn import(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let made = new(m, Args { values: a.values.get(1..).unwrap_or_default(), types: a.types }, "X509Certificate2")?;
    let data = field(m, &made, DATA)?;
    set_field(m, a.get(0), DATA, data)?;
    Ok(Value::Null)
}

fn export(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let data = data(m, a)?;
    match a.get(1).integer() {
        1 => m.byte_array(&data),
        _ => Err(m.throw("NotSupportedException", "Exporting a certificate in a form other than `Cert` is not emulated.")),
    }
}

fn data(m: &mut Machine<'_>, a: Args<'_>) -> Outcome<Vec<u8>> {
    match field(m, a.get(0), DATA)? {
        Value::Null => Err(cryptographic(m, "m_safeCertContext is an invalid handle.")),
        data => m.bytes(&data, "data"),
    }
}

/// A field of a certificate that is one: one of nothing has no key and no name.
fn own(m: &mut Machine<'_>, a: Args<'_>, index: usize) -> Outcome {
    match field(m, a.get(0), DATA)? {
        Value::Null => Err(cryptographic(m, "m_safeCertContext is an invalid handle.")),
        _ => field(m, a.get(0), index),
    }
}

fn with(m: &mut Machine<'_>, a: Args<'_>, work: impl FnOnce(&Parsed<'_>) -> Value) -> Outcome {
    let data = data(m, a)?;
    m.charge(data.len() / 16)?;
    match parse(&data) {
        Some(parsed) => Ok(work(&parsed)),
        None => Err(invalid(m)),
    }
}

fn named_hash(m: &mut Machine<'_>, a: Args<'_>) -> Outcome<Vec<u8>> {
    let data = data(m, a)?;
    let name = if a.get(1).is_null() { Value::Null } else { field(m, a.get(1), 0)? };
    match name {
        Value::Text(name) => match Function::of(&name.to_str()) {
            Some(function) => Ok(function.hash(&data)),
            None => Err(cryptographic(m, &format!("'{}' is not a known hash algorithm.", name.to_str()))),
        },
        _ => Err(m.throw("ArgumentException", "The hash algorithm name cannot be null or empty.\nParameter name: hashAlgorithm")),
    }
}

/// The public key of a certificate; null if it is not RSA.
fn rsa(m: &mut Machine<'_>, certificate: &Value) -> Outcome {
    let data = data(m, Args { values: std::slice::from_ref(certificate), types: &[] })?;
    let Some(parsed) = parse(&data) else { return Err(invalid(m)) };
    match public_key(&parsed) {
        Some(key) if key_algorithm(&parsed).0 == "1.2.840.113549.1.1.1" => keys::from_pkcs1(m, key),
        _ => Ok(Value::Null),
    }
}

/// `ToString()` of an `X509Certificate2`; nothing of one without data, and of the older class, which are their class's name.
pub(in crate::expression::library) fn to_text(m: &mut Machine<'_>, value: &Value) -> Outcome<Option<Text>> {
    let is_empty = field(m, value, DATA)?.is_null();
    if is_empty || !m.heap.type_of(value).is("X509Certificate2") {
        return Ok(None);
    }
    let text = with(m, Args { values: std::slice::from_ref(value), types: &[] }, |parsed| {
        let moment = |ticks: i64| match moment(ticks) {
            Value::Text(text) => text.to_str().into_owned(),
            _ => String::new(),
        };
        let parts = [
            ("Subject", name(&parsed.subject, true)),
            ("Issuer", name(&parsed.issuer, true)),
            ("Serial Number", hex(parsed.serial).to_str().into_owned()),
            ("Not Before", moment(parsed.not_before)),
            ("Not After", moment(parsed.not_after)),
        ];
        Value::from(parts.iter().map(|(title, text)| format!("[{title}]\n  {text}\n\n")).collect::<String>())
    })?;
    let data = data(m, Args { values: std::slice::from_ref(value), types: &[] })?;
    let Value::Text(text) = text else { return Ok(None) };
    Ok(Some(Text::from(format!("{}[Thumbprint]\n  {}\n", text.to_str(), hex(&Function::Sha1.hash(&data)).to_str()))))
}

fn moment(ticks: i64) -> Value {
    Value::from(dates::format(&dates::Parts::of(DateTime { ticks, kind: 2 }), "G").unwrap_or_default())
}

fn parse(data: &[u8]) -> Option<Parsed<'_>> {
    let outer = der::sequence(data)?;
    let body = outer.first().filter(|item| item.tag == der::SEQUENCE)?;
    let mut items = der::list(body.content)?.into_iter().peekable();
    let mut version = 1;
    if let Some(first) = items.peek().filter(|item| item.tag == 0xa0) {
        version = i32::from(*der::read(first.content)?.0.content.last()?) + 1;
        items.next();
    }
    let serial = items.next().filter(|item| item.tag == der::INTEGER)?.content;
    let signature = der::oid(der::list(items.next()?.content)?.first()?.content);
    let issuer = items.next()?;
    let times = der::list(items.next()?.content)?;
    let subject = items.next()?;
    let public = der::list(items.next()?.content)?;
    let mut parsed = Parsed {
        version,
        serial,
        issuer,
        subject,
        not_before: time(times.first()?)?,
        not_after: time(times.get(1)?)?,
        public,
        signature,
        hosts: Vec::new(),
        mail: None,
    };
    let extensions = items.find(|item| item.tag == 0xa3).and_then(|item| der::sequence(item.content)).unwrap_or_default();
    for extension in extensions {
        let parts = der::list(extension.content)?;
        if parts.first().is_some_and(|item| der::oid(item.content) == "2.5.29.17") {
            for entry in der::sequence(parts.last()?.content).unwrap_or_default() {
                let text = String::from_utf8_lossy(entry.content).into_owned();
                match entry.tag {
                    0x82 => parsed.hosts.push(text),
                    0x81 => parsed.mail = parsed.mail.or(Some(text)),
                    _ => {}
                }
            }
        }
    }
    Some(parsed)
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`.
fn time(item: &der::Item<'_>) -> Option<i64> {
    let text = std::str::from_utf8(item.content).ok()?.strip_suffix('Z')?;
    let text = match text.len() {
        12 => format!("{}{text}", if text.get(..2)?.parse::<u32>().ok()? < 50 { "20" } else { "19" }),
        14 => text.to_owned(),
        _ => return None,
    };
    let part = |from: usize, to: usize| text.get(from..to)?.parse::<i32>().ok();
    let days = dates::days(part(0, 4)?, part(4, 6)?, part(6, 8)?)?;
    let seconds = i64::from(part(8, 10)?) * 3_600 + i64::from(part(10, 12)?) * 60 + i64::from(part(12, 14)?);
    Some(days * dates::DAY + seconds * 10_000_000)
}

fn key_algorithm<'d>(parsed: &Parsed<'d>) -> (String, &'d [u8]) {
    let items = parsed.public.first().and_then(|item| der::list(item.content)).unwrap_or_default();
    (items.first().map(|item| der::oid(item.content)).unwrap_or_default(), items.get(1).map_or(&[], |item| item.whole))
}

fn public_key<'d>(parsed: &Parsed<'d>) -> Option<&'d [u8]> {
    parsed.public.get(1).filter(|item| item.tag == der::BITS)?.content.get(1..)
}

/// The parts of a name: number and text, in the order they are encoded.
fn attributes(item: &der::Item<'_>) -> Vec<(String, String)> {
    let mut list = Vec::new();
    for set in der::list(item.content).unwrap_or_default() {
        for pair in der::list(set.content).unwrap_or_default() {
            if let Some([number, text]) = der::list(pair.content).as_deref() {
                let text = if text.tag == 0x1e {
                    let units: Vec<u16> = text.content.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
                    String::from_utf16_lossy(&units)
                } else {
                    String::from_utf8_lossy(text.content).into_owned()
                };
                list.push((der::oid(number.content), text));
            }
        }
    }
    list
}

fn attribute(item: &der::Item<'_>, number: &str) -> Option<String> {
    attributes(item).into_iter().find(|(known, _)| known == number).map(|(_, text)| text)
}

/// `CN=x, O=y`: the last part first, as Windows writes it; the older methods write it the other way round.
fn name(item: &der::Item<'_>, reversed: bool) -> String {
    let mut list = attributes(item);
    if reversed {
        list.reverse();
    }
    let parts: Vec<String> = list
        .into_iter()
        .map(|(number, text)| {
            let label = names::friendly(&number).map_or_else(|| format!("OID.{number}"), str::to_owned);
            let quoted = text.contains([',', '+', '"', '=', '\n', '<', '>', '#', ';']) || text.starts_with(' ') || text.ends_with(' ');
            if quoted { format!("{label}=\"{}\"", text.replace('"', "\"\"")) } else { format!("{label}={text}") }
        })
        .collect();
    parts.join(", ")
}

/// `GetNameInfo`: simple name, mail, UPN, DNS names, URL.
fn name_info(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let (kind, issuer) = (a.get(1).integer(), a.truth(2));
    with(m, a, |parsed| {
        let of = if issuer { &parsed.issuer } else { &parsed.subject };
        let own = |numbers: &[&str]| numbers.iter().find_map(|number| attribute(of, number));
        let found = match kind {
            0 => own(&["2.5.4.3", "2.5.4.11", "2.5.4.10", "1.2.840.113549.1.9.1"]),
            1 => parsed.mail.clone().filter(|_| !issuer).or_else(|| own(&["1.2.840.113549.1.9.1"])),
            3 => parsed.hosts.first().cloned().filter(|_| !issuer).or_else(|| own(&["2.5.4.3"])),
            4 => parsed.hosts.first().cloned().filter(|_| !issuer),
            _ => None,
        };
        Value::from(Text::from(found.unwrap_or_default()))
    })
}
