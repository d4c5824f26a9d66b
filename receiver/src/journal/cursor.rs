//! How far a lane has come, as a file of one line: `farol-cursor 1 POSITION SEQUENCE CRC32C`.

use std::{fs, io, path::Path};

use super::{Place, files::Files};

const MAGIC: &str = "farol-cursor 1";

/// What a lane's cursor file says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    At(Place),
    Missing,
    /// There is a file, but its line or checksum is wrong.
    Damaged,
}

/// File name of the cursor of the lane `name`.
pub(super) fn file_name(name: &str) -> String {
    format!("{name}.cursor")
}

/// Reads a cursor file.
pub(super) fn load(path: &Path) -> io::Result<Found> {
    match fs::read(path) {
        Ok(bytes) => Ok(parse(&bytes).map_or(Found::Damaged, Found::At)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Missing),
        Err(error) => Err(error),
    }
}

/// Puts a new cursor file in place of the old one. The rename is durable only after [`Files::sync_dir`].
pub(super) fn store(files: &Files, name: &str, place: Place) -> io::Result<()> {
    files.replace(&file_name(name), line(place).as_bytes())
}

fn line(Place { position, sequence }: Place) -> String {
    let text = format!("{MAGIC} {position} {sequence}");
    format!("{text} {:08x}\n", crc32c::crc32c(text.as_bytes()))
}

fn parse(bytes: &[u8]) -> Option<Place> {
    let (text, checksum) = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?.rsplit_once(' ')?;
    if checksum != format!("{:08x}", crc32c::crc32c(text.as_bytes())) {
        return None;
    }
    let (position, sequence) = text.strip_prefix(MAGIC)?.strip_prefix(' ')?.split_once(' ')?;
    Some(Place { position: position.parse().ok()?, sequence: sequence.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_comes_back_and_nothing_else_does() {
        let place = Place { position: u64::MAX, sequence: 12 };
        let good = line(place);
        assert_eq!(parse(good.as_bytes()), Some(place));
        for cut in 0..good.len() {
            assert_eq!(parse(&good.as_bytes()[..cut]), None);
        }
        for byte in 0..good.len() {
            let mut bad = good.clone().into_bytes();
            bad[byte] ^= 1;
            assert_eq!(parse(&bad), None);
        }
    }
}
