use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// Everything that `pieces`, arriving one after another, hold: the data, the trailers, and whether the end was seen.
fn read(decoder: &mut Decoder, pieces: &[&[u8]]) -> Result<(Vec<u8>, HeaderMap, bool), WireError> {
    let (mut data, mut trailers) = (Vec::new(), HeaderMap::new());
    let mut buffer = BytesMut::new();
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            match decoder.decode(&mut buffer)? {
                Step::Data(some) => {
                    assert!(!some.is_empty());
                    data.extend_from_slice(&some);
                    decoder.settle(&mut buffer)?;
                }
                Step::Trailers(fields) => trailers = fields,
                Step::End => return Ok((data, trailers, true)),
                Step::More => break,
            }
        }
    }
    Ok((data, trailers, decoder.is_end()))
}

/// `bytes` cut at the given places.
fn cut<'a>(bytes: &'a [u8], places: &[usize]) -> Vec<&'a [u8]> {
    let mut places: Vec<_> = places.iter().map(|place| place % (bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

proptest! {
    #[test]
    fn chunks_say_the_same_however_they_arrive(
        chunks in vec(vec(any::<u8>(), 1..50), 0..6),
        places in vec(any::<usize>(), 0..12),
        upper in any::<bool>(),
        trailer in any::<bool>(),
    ) {
        let mut wire = Vec::new();
        for chunk in &chunks {
            let size = if upper { format!("{:X};x=\"y\"\r\n", chunk.len()) } else { format!("{:x}\r\n", chunk.len()) };
            wire.extend_from_slice(size.as_bytes());
            wire.extend_from_slice(chunk);
            wire.extend_from_slice(b"\r\n");
        }
        wire.extend_from_slice(if trailer { b"0\r\nx-sum: 7\r\n\r\n" } else { b"0\r\n\r\n" });
        let (data, trailers, ended) = read(&mut Decoder::Chunked(Chunk::Size), &cut(&wire, &places)).unwrap();
        prop_assert_eq!(data, chunks.concat());
        prop_assert_eq!(trailers.get("x-sum").map(HeaderValue::as_bytes), trailer.then_some(&b"7"[..]));
        prop_assert!(ended);
    }

    #[test]
    fn a_length_is_neither_exceeded_nor_met_early(body in vec(any::<u8>(), 0..100), more in vec(any::<u8>(), 0..9), places in vec(any::<usize>(), 0..5)) {
        let wire = [body.clone(), more].concat();
        let (data, _, ended) = read(&mut Decoder::Length(body.len() as u64), &cut(&wire, &places)).unwrap();
        prop_assert_eq!(data, body);
        prop_assert!(ended);
    }

    #[test]
    fn no_bytes_do_harm(wire in vec(prop_oneof![Just(b'0'), Just(b'3'), Just(b'\r'), Just(b'\n'), Just(b';'), any::<u8>()], 0..200), places in vec(any::<usize>(), 0..9)) {
        let _ = read(&mut Decoder::Chunked(Chunk::Size), &cut(&wire, &places));
    }
}

#[test]
fn lines_without_end_are_not_waited_for() {
    let long = vec![b'0'; LONGEST_SIZE_LINE + 1];
    assert!(read(&mut Decoder::Chunked(Chunk::Size), &[&long]).is_err());
    let extension = [b"1;".to_vec(), vec![b'x'; LONGEST_SIZE_LINE + 1]].concat();
    assert!(read(&mut Decoder::Chunked(Chunk::Size), &[&extension]).is_err());
    let trailers = [b"0\r\nx: ".to_vec(), vec![b'y'; LONGEST_TRAILERS + 1]].concat();
    assert!(read(&mut Decoder::Chunked(Chunk::Size), &[&trailers]).is_err());
}
