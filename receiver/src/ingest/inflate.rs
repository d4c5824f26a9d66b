//! Inflating a body to a hard cap: gzip, deflate (zlib), br and zstd.

use super::limits;
use crate::journal::Encoding;
use std::borrow::Cow;
use std::io::{self, Read};
use thiserror::Error;

/// Why a body cannot be inflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InflateError {
    /// It is longer than allowed.
    #[error("inflated body is larger than {0} bytes")]
    TooLarge(usize),
    /// It is not what its encoding says, or it breaks off.
    #[error("body is not valid {}", name(*.0))]
    Corrupt(Encoding),
}

/// What HTTP calls it.
pub fn name(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Identity => "identity",
        Encoding::Gzip => "gzip",
        Encoding::Deflate => "deflate",
        Encoding::Brotli => "br",
        Encoding::Zstd => "zstd",
    }
}

/// The whole of `body`, inflated; borrowed when it is not compressed.
///
/// Never more than `limit` bytes: what is past it is not inflated, and sizes declared in the body are not believed.
pub fn all(encoding: Encoding, body: &[u8], limit: usize) -> Result<Cow<'_, [u8]>, InflateError> {
    let inflated = match encoding {
        Encoding::Identity => {
            return if body.len() > limit { Err(InflateError::TooLarge(limit)) } else { Ok(Cow::Borrowed(body)) };
        }
        Encoding::Gzip => read(flate2::bufread::MultiGzDecoder::new(body), body.len(), limit),
        Encoding::Deflate => deflate(body, limit),
        Encoding::Brotli => br(body, limit),
        Encoding::Zstd => zstd(body, limit),
    };
    match inflated {
        Ok(Some(text)) => Ok(Cow::Owned(text)),
        Ok(None) => Err(InflateError::TooLarge(limit)),
        Err(_) => Err(InflateError::Corrupt(encoding)),
    }
}

/// The encoding that a body's first bytes tell. JSON starts with none of these.
///
/// An agent that posts at page exit may not set `Content-Encoding`: with it the request would need a preflight.
pub fn detect(body: &[u8]) -> Encoding {
    match body {
        [0x1f, 0x8b, ..] => Encoding::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Encoding::Zstd,
        // RFC 1950: method 8, window up to 32 KiB, and the two bytes as a number divide by 31.
        [method @ 0x78, flags, ..] if (u16::from(*method) << 8 | u16::from(*flags)).is_multiple_of(31) => {
            Encoding::Deflate
        }
        _ => Encoding::Identity,
    }
}

/// Reads to the end, or `None` when there is more than `limit`.
fn read(reader: impl Read, compressed: usize, limit: usize) -> io::Result<Option<Vec<u8>>> {
    // Payloads shrink to a sixth; room for eight times makes one allocation do for nearly all.
    let mut text = Vec::with_capacity((compressed * 8).max(1 << 10).min(limit + 1));
    reader.take(limit as u64 + 1).read_to_end(&mut text)?;
    Ok((text.len() <= limit).then_some(text))
}

fn deflate(body: &[u8], limit: usize) -> io::Result<Option<Vec<u8>>> {
    let mut decoder = flate2::bufread::ZlibDecoder::new(body);
    let text = read(&mut decoder, body.len(), limit)?;
    // The reader stops at the end of the stream; what follows is not part of it.
    if text.is_some() && !decoder.get_ref().is_empty() {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(text)
}

fn br(body: &[u8], limit: usize) -> io::Result<Option<Vec<u8>>> {
    // The "large window" of the format's extension: HTTP's br does not have it, and its window may be 1 GiB.
    const LARGE_WINDOW: u8 = 0x11;
    if body.first() == Some(&LARGE_WINDOW) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    read(brotli::Decompressor::new(body, 4 << 10), body.len(), limit)
}

fn zstd(body: &[u8], limit: usize) -> io::Result<Option<Vec<u8>>> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(body)?;
    decoder.window_log_max(limits::ZSTD_WINDOW_LOG)?;
    read(decoder, body.len(), limit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(9));
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::new(9));
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn brotli(text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        brotli::BrotliCompress(&mut &text[..], &mut out, &Default::default()).unwrap();
        out
    }

    fn every(text: &[u8]) -> [(Encoding, Vec<u8>); 5] {
        [
            (Encoding::Identity, text.to_vec()),
            (Encoding::Gzip, gzip(text)),
            (Encoding::Deflate, zlib(text)),
            (Encoding::Brotli, brotli(text)),
            (Encoding::Zstd, ::zstd::encode_all(text, 3).unwrap()),
        ]
    }

    #[test]
    fn gives_back_what_was_compressed() {
        let text = "a payload ".repeat(1000).into_bytes();
        for (encoding, body) in every(&text) {
            assert_eq!(all(encoding, &body, text.len()).unwrap(), text, "{encoding:?}");
            assert_eq!(all(encoding, &body, text.len() - 1), Err(InflateError::TooLarge(text.len() - 1)));
        }
    }

    #[test]
    fn a_body_of_two_gzip_members_is_both() {
        let body = [gzip(b"{\"a\":"), gzip(b"1}")].concat();
        assert_eq!(all(Encoding::Gzip, &body, 100).unwrap(), &b"{\"a\":1}"[..]);
    }

    #[test]
    fn a_body_that_breaks_off_or_runs_on_is_corrupt() {
        let text = "a payload ".repeat(1000).into_bytes();
        for (encoding, body) in every(&text).into_iter().skip(1) {
            let corrupt = Err(InflateError::Corrupt(encoding));
            assert_eq!(all(encoding, &body[..body.len() / 2], 1 << 20), corrupt, "cut");
            assert_eq!(all(encoding, &body[..body.len() - 1], 1 << 20), corrupt, "cut by one");
            assert_eq!(all(encoding, b"{\"logs\":[]}", 1 << 20), corrupt, "not compressed at all");
            assert_eq!(all(encoding, b"", 1 << 20), corrupt, "empty");
            // The br reader buffers its input: it cannot tell where in it the stream ended.
            if encoding != Encoding::Brotli {
                assert!(
                    all(encoding, &[&body[..], b"more"].concat(), 1 << 20) == corrupt,
                    "{encoding:?} trailing bytes"
                );
            }
        }
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let zeros = vec![b' '; 8 << 20];
        for (encoding, body) in every(&zeros).into_iter().skip(1) {
            assert_eq!(all(encoding, &body, 1 << 20), Err(InflateError::TooLarge(1 << 20)), "{encoding:?}");
        }
    }

    #[test]
    fn large_windows_are_refused() {
        let mut encoder = ::zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
        encoder.window_log(27).unwrap();
        encoder.include_contentsize(false).unwrap();
        encoder.write_all(b"{}").unwrap();
        let body = encoder.finish().unwrap();
        assert_eq!(all(Encoding::Zstd, &body, 100), Err(InflateError::Corrupt(Encoding::Zstd)));
        assert_eq!(all(Encoding::Brotli, &[0x11, 0x1e, 0, 0], 100), Err(InflateError::Corrupt(Encoding::Brotli)));
    }

    #[test]
    fn the_first_bytes_tell_the_encoding() {
        for (encoding, body) in every(b"{\"logs\":[]}") {
            let expected = if encoding == Encoding::Brotli { Encoding::Identity } else { encoding };
            assert_eq!(detect(&body), expected);
        }
        assert_eq!(detect(b""), Encoding::Identity);
        assert_eq!(detect(b"x-y"), Encoding::Identity);
    }
}
