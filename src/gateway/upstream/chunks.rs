//! Reading a body's framing: by length, by chunks, by the connection's end.

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::failure::WireError;

#[cfg(test)]
mod tests;

/// A chunk's size line, with its extensions, is not read beyond this.
const LONGEST_SIZE_LINE: usize = 4 * 1024;
/// Trailers are not read beyond this.
const LONGEST_TRAILERS: usize = 16 * 1024;
const MOST_TRAILERS: usize = 64;

/// What is next in the bytes that have come.
#[derive(Debug)]
pub(super) enum Step {
    /// A piece of the body.
    Data(Bytes),
    /// The fields after the last chunk.
    Trailers(HeaderMap),
    /// The body is over.
    End,
    /// More bytes are needed.
    More,
}

/// How the body's end is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decoder {
    /// So many bytes are still to come.
    Length(u64),
    /// Chunks.
    Chunked(Chunk),
    /// Everything until the connection closes.
    UntilClose,
}

/// Where in a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chunk {
    /// Before a size line.
    Size,
    /// So many bytes of the chunk are still to come.
    Data(u64),
    /// At the line end after a chunk.
    DataEnd,
    /// After the last chunk.
    Trailers,
    /// Over.
    Over,
}

impl Decoder {
    /// Whether the body is over without another byte.
    pub(super) const fn is_end(self) -> bool {
        matches!(self, Self::Length(0) | Self::Chunked(Chunk::Over))
    }

    /// Takes the next piece out of `buffer`.
    pub(super) fn decode(&mut self, buffer: &mut BytesMut) -> Result<Step, WireError> {
        match self {
            Self::Length(0) => Ok(Step::End),
            Self::Length(_) | Self::UntilClose if buffer.is_empty() => Ok(Step::More),
            Self::Length(rest) => Ok(Step::Data(take(buffer, rest))),
            Self::UntilClose => Ok(Step::Data(buffer.split().freeze())),
            Self::Chunked(chunk) => chunk.decode(buffer),
        }
    }

    /// Reads on past a piece that has been taken, as far as no data is concerned, so that an end that is there already is
    /// known with the last piece.
    pub(super) fn settle(&mut self, buffer: &mut BytesMut) -> Result<(), WireError> {
        if let Self::Chunked(chunk) = self
            && *chunk == Chunk::DataEnd
            && chunk.line_end(buffer)?
            && *chunk == Chunk::Size
            && buffer.starts_with(b"0\r\n\r\n")
        {
            buffer.advance(5);
            *chunk = Chunk::Over;
        }
        Ok(())
    }
}

/// Up to `rest` bytes.
fn take(buffer: &mut BytesMut, rest: &mut u64) -> Bytes {
    let length = usize::try_from(*rest).unwrap_or(usize::MAX).min(buffer.len());
    *rest -= length as u64;
    buffer.split_to(length).freeze()
}

impl Chunk {
    fn decode(&mut self, buffer: &mut BytesMut) -> Result<Step, WireError> {
        loop {
            match self {
                Self::Size => match httparse::parse_chunk_size(buffer).map_err(|_| WireError::Framing("invalid chunk size"))? {
                    httparse::Status::Complete((length, size)) => {
                        if length > LONGEST_SIZE_LINE {
                            return Err(WireError::Framing("a chunk's size line is too long"));
                        }
                        buffer.advance(length);
                        *self = if size == 0 { Self::Trailers } else { Self::Data(size) };
                    }
                    httparse::Status::Partial if buffer.len() > LONGEST_SIZE_LINE => {
                        return Err(WireError::Framing("a chunk's size line is too long"));
                    }
                    httparse::Status::Partial => return Ok(Step::More),
                },
                Self::Data(rest) => {
                    if buffer.is_empty() {
                        return Ok(Step::More);
                    }
                    let data = take(buffer, rest);
                    if *rest == 0 {
                        *self = Self::DataEnd;
                    }
                    return Ok(Step::Data(data));
                }
                Self::DataEnd => {
                    if !self.line_end(buffer)? {
                        return Ok(Step::More);
                    }
                }
                Self::Trailers => return self.trailers(buffer),
                Self::Over => return Ok(Step::End),
            }
        }
    }

    /// Whether the line end after a chunk was there.
    fn line_end(&mut self, buffer: &mut BytesMut) -> Result<bool, WireError> {
        match buffer.get(..2) {
            Some(b"\r\n") => {
                buffer.advance(2);
                *self = Self::Size;
                Ok(true)
            }
            None if buffer.is_empty() || buffer.starts_with(b"\r") => Ok(false),
            _ => Err(WireError::Framing("a chunk is longer than its size")),
        }
    }

    fn trailers(&mut self, buffer: &mut BytesMut) -> Result<Step, WireError> {
        if buffer.starts_with(b"\r\n") {
            buffer.advance(2);
            *self = Self::Over;
            return Ok(Step::End);
        }
        let mut fields = [httparse::EMPTY_HEADER; MOST_TRAILERS];
        match httparse::parse_headers(buffer, &mut fields).map_err(|_| WireError::Framing("invalid trailers"))? {
            httparse::Status::Partial if buffer.len() > LONGEST_TRAILERS => Err(WireError::HeadTooLarge),
            httparse::Status::Partial => Ok(Step::More),
            httparse::Status::Complete((length, fields)) => {
                let mut trailers = HeaderMap::with_capacity(fields.len());
                for field in fields {
                    let name = HeaderName::from_bytes(field.name.as_bytes());
                    let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(field.value)) else {
                        return Err(WireError::Framing("invalid trailers"));
                    };
                    trailers.append(name, value);
                }
                buffer.advance(length);
                *self = Self::Over;
                Ok(Step::Trailers(trailers))
            }
        }
    }
}
