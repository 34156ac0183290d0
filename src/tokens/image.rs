//! What an image costs.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;

/// The most that the gateway's estimate counts for one image (Microsoft's page of llm-token-limit).
pub const GATEWAY_IMAGE_LIMIT: u32 = 1_200;

/// Cost of any image, and all of one in low detail (OpenAI's guide to images, the models that count tiles).
const BASE: u32 = 85;
/// Cost of each tile of 512 × 512 pixels.
const TILE: u32 = 170;
/// How much of an image is looked at for its size.
const LARGEST_HEAD: usize = 64 * 1024;

/// Tokens of an image of `size` pixels; `detail` is `low`, `high` or `auto`. `None` if the size is not known and matters.
///
/// The image is scaled into 2048 × 2048, then to 768 on its shorter side, and counted in tiles of 512.
#[must_use]
pub fn image_tokens(detail: Option<&str>, size: Option<(u32, u32)>) -> Option<u32> {
    if detail == Some("low") {
        return Some(BASE);
    }
    let (width, height) = size?;
    let (mut width, mut height) = (f64::from(width.max(1)), f64::from(height.max(1)));
    let fit = (2_048.0 / width.max(height)).min(1.0);
    (width, height) = (width * fit, height * fit);
    let fit = (768.0 / width.min(height)).min(1.0);
    (width, height) = (width * fit, height * fit);
    // At most 2048 × 768, so eight tiles.
    let tiles = (width / 512.0).ceil() * (height / 512.0).ceil();
    Some(BASE + TILE * tiles.clamp(1.0, 16.0) as u32)
}

/// Tokens of the `image_url` of a chat message or the `input_image` of a response: an object with `url` and `detail`, or the URL itself.
pub(super) fn of_part(image: &Value, detail: Option<&str>) -> Option<u32> {
    let (url, detail) = match image {
        Value::String(url) => (Some(url.as_str()), detail),
        image => (image.get("url").and_then(Value::as_str), image.get("detail").and_then(Value::as_str).or(detail)),
    };
    image_tokens(detail, url.and_then(size_of_data_url))
}

/// Width and height of a PNG, GIF or JPEG in a `data:` URL.
fn size_of_data_url(url: &str) -> Option<(u32, u32)> {
    let (_, encoded) = url.strip_prefix("data:")?.split_once(";base64,")?;
    let whole = encoded.len().min(LARGEST_HEAD) / 4 * 4;
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent).with_decode_allow_trailing_bits(true);
    let head = GeneralPurpose::new(&alphabet::STANDARD, config).decode(encoded.get(..whole)?).ok()?;
    size_of_image(&head)
}

fn size_of_image(head: &[u8]) -> Option<(u32, u32)> {
    let big = |at: usize, length: usize| {
        head.get(at..at + length).map(|bytes| bytes.iter().fold(0_u32, |number, byte| number.wrapping_shl(8) | u32::from(*byte)))
    };
    if head.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Some((big(16, 4)?, big(20, 4)?));
    }
    if head.starts_with(b"GIF8") {
        return Some((big(6, 2)?.swap_bytes() >> 16, big(8, 2)?.swap_bytes() >> 16));
    }
    if !head.starts_with(&[0xff, 0xd8]) {
        return None;
    }
    // JPEG: segments of marker and length; a start of frame (all C0 to CF but tables and extensions) has the size.
    let mut at = 2;
    loop {
        let marker = big(at, 2)?;
        match marker {
            0xffc4 | 0xffc8 | 0xffcc => {}
            0xffc0..=0xffcf => return Some((big(at + 7, 2)?, big(at + 5, 2)?)),
            0xff00.. => {}
            _ => return None,
        }
        at += 2 + big(at + 2, 2)?.max(2) as usize;
    }
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    #[test]
    fn images_cost_what_the_guide_says() {
        // The guide's own examples.
        assert_eq!(image_tokens(Some("high"), Some((1024, 1024))), Some(765));
        assert_eq!(image_tokens(Some("auto"), Some((2048, 4096))), Some(1105));
        assert_eq!(image_tokens(Some("low"), Some((4096, 8192))), Some(85));
        assert_eq!(image_tokens(None, None), None);
        assert_eq!(image_tokens(None, Some((0, u32::MAX))), Some(85 + 4 * 170));
    }

    #[test]
    fn sizes_are_read_from_the_images_head() {
        let url = |bytes: &[u8]| format!("data:image/x;base64,{}", STANDARD.encode(bytes));
        let png = [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".as_slice(), &640_u32.to_be_bytes(), &480_u32.to_be_bytes(), &[0; 9]].concat();
        assert_eq!(size_of_data_url(&url(&png)), Some((640, 480)));
        let gif = [b"GIF89a".as_slice(), &300_u16.to_le_bytes(), &200_u16.to_le_bytes(), &[0; 9]].concat();
        assert_eq!(size_of_data_url(&url(&gif)), Some((300, 200)));
        let jpeg = [[0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xc2, 0, 11, 8].as_slice(), &[1, 0, 2, 0], &[0; 9]].concat();
        assert_eq!(size_of_data_url(&url(&jpeg)), Some((512, 256)));
        for bad in ["data:,x", "https://host/x.png", "data:image/png;base64,", "data:image/png;base64,/9j/", "data:image/png;base64,é"] {
            assert_eq!(size_of_data_url(bad), None, "{bad}");
        }
    }
}
