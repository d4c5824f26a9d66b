//! One record as bytes: the frame that a segment file is a row of. The layout is in the module doc of `journal`.

use bytes::Bytes;

use super::{Encoding, Header, Record};

/// Bytes before a frame's payload: checksum and length.
const PREFIX: usize = 8;
/// Bytes of a payload before its first text.
const FIXED: usize = 28;
/// The payload layout that is written now.
const VERSION: u8 = 1;
/// Largest payload, 16 MiB: three times the largest body that admission lets in by default. A longer length on disk
/// can only be damage.
const PAYLOAD_MAX: usize = 16 << 20;

/// What stands at one place of a segment.
#[derive(Debug)]
pub(super) enum Frame {
    /// A whole record and the bytes that its frame takes.
    Record(Record, usize),
    /// A whole frame of this size, checksum good, in a layout of a later version.
    Foreign(usize),
    /// The buffer ends before the frame does: it takes this many bytes.
    Short(usize),
    /// The checksum is wrong; the size is what the (doubtful) length says.
    Damaged(usize),
    /// No frame can start here.
    Nothing,
}

/// Bytes that the record's frame takes, or `None` when the record is over a limit of the format: 16 MiB of payload,
/// 65,535 bytes for a text.
pub(super) fn size(record: &Record) -> Option<usize> {
    let header = &record.header;
    let texts = [&header.app, &header.client, &header.user_agent];
    let payload = FIXED + texts.iter().map(|text| text.len()).sum::<usize>() + record.body.len();
    let fits = payload <= PAYLOAD_MAX && texts.iter().all(|text| text.len() <= usize::from(u16::MAX));
    fits.then_some(PREFIX + payload)
}

/// Appends the frame of a record for which [`size`] is `Some`, to stand at `position` of the journal.
pub(super) fn encode(buffer: &mut Vec<u8>, position: u64, record: &Record) {
    let Header { received, encoding, inflated, app, client, user_agent, idempotency } = &record.header;
    let start = buffer.len();
    buffer.extend_from_slice(&[0; PREFIX]);
    buffer.push(VERSION);
    buffer.push(code(*encoding));
    for text in [app, client, user_agent] {
        buffer.extend_from_slice(&(text.len() as u16).to_le_bytes());
    }
    buffer.extend_from_slice(&inflated.to_le_bytes());
    buffer.extend_from_slice(&received.to_le_bytes());
    buffer.extend_from_slice(&idempotency.to_le_bytes());
    for text in [app, client, user_agent] {
        buffer.extend_from_slice(text.as_bytes());
    }
    buffer.extend_from_slice(&record.body);
    let length = (buffer.len() - start - PREFIX) as u32;
    buffer[start + 4..start + 8].copy_from_slice(&length.to_le_bytes());
    let checksum = checksum(position, &buffer[start + 4..]);
    buffer[start..start + 4].copy_from_slice(&checksum.to_le_bytes());
}

/// Reads the frame at `at` in `buffer`, which stands at `position` of the journal. The body shares the buffer.
pub(super) fn parse(buffer: &Bytes, at: usize, position: u64) -> Frame {
    let bytes = buffer.get(at..).unwrap_or_default();
    let Some((prefix, rest)) = bytes.split_first_chunk::<PREFIX>() else { return Frame::Short(PREFIX) };
    let [c0, c1, c2, c3, l0, l1, l2, l3] = *prefix;
    let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    if !(FIXED..=PAYLOAD_MAX).contains(&length) {
        return Frame::Nothing;
    }
    let size = PREFIX + length;
    let Some(payload) = rest.get(..length) else { return Frame::Short(size) };
    if checksum(position, &bytes[4..size]) != u32::from_le_bytes([c0, c1, c2, c3]) {
        return Frame::Damaged(size);
    }
    if payload[0] != VERSION {
        return Frame::Foreign(size);
    }
    match header(payload) {
        Some((header, texts)) => {
            let body = buffer.slice(at + PREFIX + FIXED + texts..at + size);
            Frame::Record(Record { header, body }, size)
        }
        None => Frame::Damaged(size),
    }
}

/// The header of a payload of at least `FIXED` bytes, and how many bytes its texts take.
fn header(payload: &[u8]) -> Option<(Header, usize)> {
    let (fixed, rest) = payload.split_first_chunk::<FIXED>()?;
    let short = |at: usize| usize::from(u16::from_le_bytes([fixed[at], fixed[at + 1]]));
    let long = |at: usize| u64::from_le_bytes(std::array::from_fn(|index| fixed[at + index]));
    let mut read = 0;
    let mut text = |length: usize| {
        let text = std::str::from_utf8(rest.get(read..read + length)?).ok()?;
        read += length;
        Some(text.to_owned())
    };
    let header = Header {
        received: long(12),
        encoding: encoding(fixed[1])?,
        inflated: u32::from_le_bytes(std::array::from_fn(|index| fixed[8 + index])),
        app: text(short(2))?,
        client: text(short(4))?,
        user_agent: text(short(6))?,
        idempotency: long(20),
    };
    Some((header, read))
}

/// The position is part of what is summed, so that bytes that look like a frame inside a body, or a frame left over
/// from another place, never pass for a record.
fn checksum(position: u64, bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&position.to_le_bytes()), bytes)
}

fn code(encoding: Encoding) -> u8 {
    match encoding {
        Encoding::Identity => 0,
        Encoding::Gzip => 1,
        Encoding::Deflate => 2,
        Encoding::Brotli => 3,
        Encoding::Zstd => 4,
    }
}

fn encoding(code: u8) -> Option<Encoding> {
    Some(match code {
        0 => Encoding::Identity,
        1 => Encoding::Gzip,
        2 => Encoding::Deflate,
        3 => Encoding::Brotli,
        4 => Encoding::Zstd,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(encoding: Encoding, body: &'static [u8]) -> Record {
        let header = Header {
            received: 1_700_000_000_000_000_001,
            encoding,
            inflated: 70_000,
            app: "shop".into(),
            client: "192.0.2.0".into(),
            user_agent: "Ünï/1.0".into(),
            idempotency: 0xfeed_beef_0000_0001,
        };
        Record { header, body: Bytes::from_static(body) }
    }

    #[test]
    fn every_field_comes_back() {
        use Encoding::*;
        for encoding in [Identity, Gzip, Deflate, Brotli, Zstd] {
            let record = record(encoding, b"{\"logs\":[]}");
            let mut buffer = vec![9; 3];
            encode(&mut buffer, 77, &record);
            assert_eq!(Some(buffer.len() - 3), size(&record));
            match parse(&Bytes::from(buffer), 3, 77) {
                Frame::Record(read, size) => assert_eq!((read, Some(size)), (record.clone(), super::size(&record))),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn the_layout_on_disk_does_not_change() {
        let mut buffer = Vec::new();
        let header = Header { received: 1, inflated: 2, app: "a".into(), idempotency: 3, ..Header::default() };
        encode(&mut buffer, 5, &Record { header, body: Bytes::from_static(b"{}") });
        let (checksum, rest) = buffer.split_at(4);
        let expected: &[&[u8]] = &[
            &[31, 0, 0, 0],
            &[1, 0, 1, 0, 0, 0, 0, 0],
            &[2, 0, 0, 0],
            &[1, 0, 0, 0, 0, 0, 0, 0],
            &[3, 0, 0, 0, 0, 0, 0, 0],
            b"a{}",
        ];
        assert_eq!(rest, expected.concat());
        let summed = [&5u64.to_le_bytes(), rest].concat();
        assert_eq!(checksum, crc32c::crc32c(&summed).to_le_bytes());
    }

    #[test]
    fn a_record_is_good_at_its_own_position_only() {
        let mut buffer = Vec::new();
        encode(&mut buffer, 100, &record(Encoding::Gzip, b"body"));
        assert!(matches!(parse(&Bytes::from(buffer), 0, 101), Frame::Damaged(_)));
    }

    #[test]
    fn no_cut_and_no_flip_gives_a_record() {
        let mut whole = Vec::new();
        encode(&mut whole, 0, &record(Encoding::Identity, b"some body"));
        for cut in 0..whole.len() {
            let frame = parse(&Bytes::copy_from_slice(&whole[..cut]), 0, 0);
            assert!(matches!(frame, Frame::Short(need) if need > cut), "cut at {cut}: {frame:?}");
        }
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let frame = parse(&Bytes::from(flipped), 0, 0);
            assert!(!matches!(frame, Frame::Record(..) | Frame::Foreign(_)), "bit {bit}: {frame:?}");
        }
        assert!(matches!(parse(&Bytes::from(vec![0; 4096]), 0, 0), Frame::Nothing));
    }

    #[test]
    fn too_long_has_no_size() {
        let mut long = record(Encoding::Identity, b"");
        long.body = Bytes::from(vec![0; PAYLOAD_MAX]);
        assert_eq!(size(&long), None);
        let mut text = record(Encoding::Identity, b"");
        text.header.user_agent = "x".repeat(65_536);
        assert_eq!(size(&text), None);
    }
}
