//! Reading the head of a backend's answer.

use std::mem::{self, MaybeUninit};

use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::chunks::{Chunk, Decoder};
use super::failure::WireError;
use super::outgoing::is_of_connection;

/// Longest head that is read, in bytes.
pub(super) const LONGEST_HEAD: usize = 64 * 1024;
/// Most fields that are read.
const MOST_FIELDS: usize = 128;

/// The head of an answer.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) status: StatusCode,
    /// Only when it is not the status's usual one.
    pub(super) reason: Option<Bytes>,
    pub(super) headers: HeaderMap,
    pub(super) decoder: Decoder,
    /// The connection can serve another call afterwards.
    pub(super) keep: bool,
}

/// Names as the last answer on this connection had them. An account answers with the same fields in the same order nearly
/// always: then a name costs a comparison and no allocation.
#[derive(Debug, Default)]
pub(super) struct KnownNames(Vec<HeaderName>);

impl KnownNames {
    fn get(&mut self, index: usize, name: &[u8]) -> Option<HeaderName> {
        if let Some(known) = self.0.get(index)
            && known.as_str().as_bytes().eq_ignore_ascii_case(name)
        {
            return Some(known.clone());
        }
        let name = HeaderName::from_bytes(name).ok()?;
        match self.0.get_mut(index) {
            Some(known) => *known = name.clone(),
            None => self.0.push(name.clone()),
        }
        Some(name)
    }
}

/// A field's name and value as offsets: name start and end, value start and end.
#[derive(Debug, Clone, Copy)]
struct Place(u32, u32, u32, u32);

impl Place {
    /// Offsets fit: a head is at most [`LONGEST_HEAD`] long.
    const fn new(name: (usize, usize), value: (usize, usize)) -> Self {
        Self(name.0 as u32, name.1 as u32, value.0 as u32, value.1 as u32)
    }

    const fn name(self) -> std::ops::Range<usize> {
        self.0 as usize..self.1 as usize
    }

    const fn value(self) -> std::ops::Range<usize> {
        self.2 as usize..self.3 as usize
    }
}

/// Takes a head from the front of `buffer`; `None` if it is not all there yet.
///
/// The fields go into `spare`, an empty map whose memory is used again.
pub(super) fn parse(
    buffer: &mut BytesMut,
    names: &mut KnownNames,
    spare: &mut HeaderMap,
    to_head: bool,
) -> Result<Option<Head>, WireError> {
    let mut fields = [const { MaybeUninit::uninit() }; MOST_FIELDS];
    let mut response = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(&mut response, buffer, &mut fields);
    let length = match parsed {
        Ok(httparse::Status::Complete(length)) if length <= LONGEST_HEAD => length,
        Ok(httparse::Status::Partial) if buffer.len() <= LONGEST_HEAD => return Ok(None),
        Ok(_) | Err(httparse::Error::TooManyHeaders) => return Err(WireError::HeadTooLarge),
        Err(error) => return Err(WireError::NotHttp(error)),
    };
    let base = buffer.as_ptr() as usize;
    let http11 = response.version == Some(1);
    let status = response.code.and_then(|code| StatusCode::from_u16(code).ok());
    let status = status.ok_or(WireError::Framing("invalid status code"))?;
    let reason = response.reason.filter(|reason| !reason.is_empty() && Some(*reason) != status.canonical_reason());
    let reason = reason.map(|reason| Bytes::copy_from_slice(reason.as_bytes()));
    let count = response.headers.len();
    let mut places = [Place(0, 0, 0, 0); MOST_FIELDS];
    for (place, field) in places.iter_mut().zip(response.headers.iter()) {
        let name = field.name.as_ptr() as usize - base;
        // An empty value may point anywhere.
        let value = if field.value.is_empty() { name } else { field.value.as_ptr() as usize - base };
        *place = Place::new((name, name + field.name.len()), (value, value + field.value.len()));
    }
    // The values share the bytes that were read.
    let bytes = buffer.split_to(length).freeze();
    let mut framing = FramingFields::default();
    let mut headers = mem::take(spare);
    headers.reserve(count);
    for (index, place) in places.into_iter().take(count).enumerate() {
        let raw = bytes.get(place.name()).unwrap_or_default();
        let name = names.get(index, raw).ok_or(WireError::Framing("invalid field name"))?;
        let value = HeaderValue::from_maybe_shared(bytes.slice(place.value()));
        let value = value.map_err(|_| WireError::Framing("invalid field value"))?;
        let again = name == CONTENT_LENGTH && framing.length.is_some();
        framing.see(&name, &value)?;
        if !again && !is_of_connection(&name) {
            headers.append(name, value);
        }
    }
    framing.drop_named(&mut headers);
    let (decoder, keep) = framing.decide(status, http11, to_head, &mut headers);
    Ok(Some(Head { status, reason, headers, decoder, keep }))
}

/// What the head says about the body's end and the connection.
#[derive(Debug, Default)]
struct FramingFields {
    length: Option<u64>,
    transfer_encoding: bool,
    chunked: bool,
    close: bool,
    keep_alive: bool,
    /// `Connection` names fields that end here.
    named: Vec<String>,
}

impl FramingFields {
    fn see(&mut self, name: &HeaderName, value: &HeaderValue) -> Result<(), WireError> {
        if *name == CONTENT_LENGTH {
            let text = value.to_str().unwrap_or_default().trim();
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let length = if digits { text.parse().ok() } else { None };
            let length = length.ok_or(WireError::Framing("invalid Content-Length"))?;
            if self.length.is_some_and(|earlier| earlier != length) {
                return Err(WireError::Framing("two different Content-Length fields"));
            }
            self.length = Some(length);
        } else if *name == TRANSFER_ENCODING {
            self.transfer_encoding = true;
            let last = value.to_str().unwrap_or_default().rsplit(',').next().unwrap_or_default();
            self.chunked = last.trim().eq_ignore_ascii_case("chunked");
        } else if *name == CONNECTION {
            for option in value.to_str().unwrap_or_default().split(',').map(str::trim).filter(|option| !option.is_empty()) {
                if option.eq_ignore_ascii_case("close") {
                    self.close = true;
                } else if option.eq_ignore_ascii_case("keep-alive") {
                    self.keep_alive = true;
                } else {
                    self.named.push(option.to_owned());
                }
            }
        }
        Ok(())
    }

    /// Removes the fields that `Connection` names (RFC 9110 section 7.6.1).
    fn drop_named(&self, headers: &mut HeaderMap) {
        for name in &self.named {
            headers.remove(name.as_str());
        }
    }

    /// RFC 9112 section 6.3.
    fn decide(&self, status: StatusCode, http11: bool, to_head: bool, headers: &mut HeaderMap) -> (Decoder, bool) {
        let keep = !self.close && (http11 || self.keep_alive);
        if to_head || status.is_informational() || status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED {
            return (Decoder::Length(0), keep);
        }
        if self.transfer_encoding {
            // A length beside it is an attempt to be read in two ways: the encoding counts, and the connection ends.
            headers.remove(CONTENT_LENGTH);
            return if self.chunked && http11 {
                (Decoder::Chunked(Chunk::Size), keep && self.length.is_none())
            } else {
                (Decoder::UntilClose, false)
            };
        }
        match self.length {
            Some(length) => (Decoder::Length(length), keep),
            None => (Decoder::UntilClose, false),
        }
    }
}
