//! The small JSON encoder: the writing half of the schema, in the agent's budget.
//!
//! Strings are escaped as `serde_json` escapes them. Numbers have up to 15 significant digits,
//! which is what survives a round trip of any decimal; `NaN` and the infinities are `null`.

use serde::ser::{self, Serialize};

/// Appends the JSON of `value`. Cannot fail for the types of this crate.
pub fn json<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    // The error type has no value that a type of ours produces; there is nothing to report.
    let _ = value.serialize(Encoder(out));
}

/// Items that are JSON already, comma separated, one text for each kind; the empty text is left out.
#[derive(Default)]
pub struct Parts<'a> {
    /// The `meta` object.
    pub meta: &'a [u8],
    /// Log lines.
    pub logs: &'a [u8],
    /// Events.
    pub events: &'a [u8],
    /// Measurements.
    pub measurements: &'a [u8],
    /// Errors.
    pub exceptions: &'a [u8],
    /// Spans.
    pub spans: &'a [u8],
    /// The `resource` object of the spans.
    pub resource: &'a [u8],
    /// The `scope` object of the spans.
    pub scope: &'a [u8],
}

/// Appends the payload that these parts make up.
pub fn payload(parts: &Parts, out: &mut Vec<u8>) {
    let mut put = |texts: &[&[u8]]| texts.iter().for_each(|text| out.extend_from_slice(text));
    put(&[b"{\"meta\":", parts.meta]);
    let lists: [(&[u8], &[u8]); 4] = [
        (b",\"logs\":[", parts.logs),
        (b",\"events\":[", parts.events),
        (b",\"measurements\":[", parts.measurements),
        (b",\"exceptions\":[", parts.exceptions),
    ];
    for (open, items) in lists {
        if !items.is_empty() {
            put(&[open, items, b"]"]);
        }
    }
    if !parts.spans.is_empty() {
        put(&[b",\"traces\":{\"resourceSpans\":[{\"resource\":", parts.resource, b",\"scopeSpans\":[{\"scope\":"]);
        put(&[parts.scope, b",\"spans\":[", parts.spans, b"]}]}]}"]);
    }
    put(&[b"}"]);
}

/// Appends a JSON string.
pub fn string(text: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    for &byte in text.as_bytes() {
        let short = match byte {
            b'"' | b'\\' => byte,
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            8 => b'b',
            12 => b'f',
            0..=31 => {
                out.extend_from_slice(b"\\u00");
                out.push(b'0' + (byte >> 4));
                out.push(HEX[usize::from(byte & 15)]);
                continue;
            }
            _ => {
                out.push(byte);
                continue;
            }
        };
        out.push(b'\\');
        out.push(short);
    }
    out.push(b'"');
}

/// Appends the digits of a whole number. The itoa crate is quicker by tables of 0.3 KB, which an agent cannot spare.
pub fn whole(mut value: u64, out: &mut Vec<u8>) {
    let start = out.len();
    loop {
        out.push(b'0' + (value % 10) as u8);
        value /= 10;
        if value == 0 {
            break;
        }
    }
    if let Some(digits) = out.get_mut(start..) {
        digits.reverse();
    }
}

/// Appends a JSON number of up to 15 significant digits, or `null`.
pub fn number(value: f64, out: &mut Vec<u8>) {
    const POWERS: [f64; 9] = [1e1, 1e2, 1e4, 1e8, 1e16, 1e32, 1e64, 1e128, 1e256];
    if !value.is_finite() {
        return out.extend_from_slice(b"null");
    }
    let mut rest = value.abs();
    if value < 0.0 {
        out.push(b'-');
    }
    if rest < 1e15 && rest == (rest as u64) as f64 {
        return whole(rest as u64, out);
    }
    // Scale into [1e14, 1e15), so that the whole part holds 15 digits.
    let mut exponent = 0_i32;
    for (bit, power) in POWERS.iter().enumerate().rev() {
        if rest >= 1e15 && rest / power >= 1e14 {
            rest /= power;
            exponent += 1 << bit;
        }
        if rest < 1e14 && rest * power < 1e15 {
            rest *= power;
            exponent -= 1 << bit;
        }
    }
    let mut digits = (rest + 0.5) as u64;
    while digits.is_multiple_of(10) && digits > 0 {
        digits /= 10;
        exponent += 1;
    }
    let mut text = Vec::new();
    whole(digits, &mut text);
    let point = text.len() as i32 + exponent;
    if (1..=15).contains(&point) && exponent < 0 {
        let (whole, fraction) = text.split_at(point as usize);
        out.extend_from_slice(whole);
        out.push(b'.');
        out.extend_from_slice(fraction);
    } else if (-5..=0).contains(&point) {
        out.extend_from_slice(b"0.");
        (point..0).for_each(|_| out.push(b'0'));
        out.extend_from_slice(&text);
    } else {
        out.extend_from_slice(&text);
        out.push(b'e');
        if exponent < 0 {
            out.push(b'-');
        }
        whole(u64::from(exponent.unsigned_abs()), out);
    }
}

struct Encoder<'b>(&'b mut Vec<u8>);

/// A list or object under way.
struct Members<'b> {
    out: &'b mut Vec<u8>,
    open: u8,
    close: u8,
}

impl Members<'_> {
    /// Writes the opening bracket or the comma before the next member.
    fn next(&mut self) {
        let mark = if self.open == 0 { b',' } else { self.open };
        self.open = 0;
        self.out.push(mark);
    }

    fn close(mut self) {
        if self.open != 0 {
            self.next();
        }
        self.out.push(self.close);
    }
}

/// The error that nothing here raises; serde wants one.
#[derive(Debug)]
struct Unsupported;

impl std::fmt::Display for Unsupported {
    fn fmt(&self, _: &mut std::fmt::Formatter) -> std::fmt::Result {
        Ok(())
    }
}
impl std::error::Error for Unsupported {}
impl ser::Error for Unsupported {
    fn custom<T: std::fmt::Display>(_: T) -> Self {
        Unsupported
    }
}

type Done = Result<(), Unsupported>;

impl<'b> ser::Serializer for Encoder<'b> {
    type Ok = ();
    type Error = Unsupported;
    type SerializeSeq = Members<'b>;
    type SerializeTuple = ser::Impossible<(), Unsupported>;
    type SerializeTupleStruct = ser::Impossible<(), Unsupported>;
    type SerializeTupleVariant = ser::Impossible<(), Unsupported>;
    type SerializeMap = Members<'b>;
    type SerializeStruct = Members<'b>;
    type SerializeStructVariant = ser::Impossible<(), Unsupported>;

    fn serialize_bool(self, v: bool) -> Done {
        self.0.extend_from_slice(if v { b"true" } else { b"false" });
        Ok(())
    }
    fn serialize_i8(self, v: i8) -> Done {
        self.serialize_i64(i64::from(v))
    }
    fn serialize_i16(self, v: i16) -> Done {
        self.serialize_i64(i64::from(v))
    }
    fn serialize_i32(self, v: i32) -> Done {
        self.serialize_i64(i64::from(v))
    }
    fn serialize_i64(self, v: i64) -> Done {
        if v < 0 {
            self.0.push(b'-');
        }
        whole(v.unsigned_abs(), self.0);
        Ok(())
    }
    fn serialize_u8(self, v: u8) -> Done {
        self.serialize_i64(i64::from(v))
    }
    fn serialize_u16(self, v: u16) -> Done {
        self.serialize_i64(i64::from(v))
    }
    fn serialize_u32(self, v: u32) -> Done {
        self.serialize_i64(i64::from(v))
    }
    fn serialize_u64(self, v: u64) -> Done {
        whole(v, self.0);
        Ok(())
    }
    fn serialize_f32(self, v: f32) -> Done {
        self.serialize_f64(f64::from(v))
    }
    fn serialize_f64(self, v: f64) -> Done {
        number(v, self.0);
        Ok(())
    }
    fn serialize_char(self, v: char) -> Done {
        string(v.encode_utf8(&mut [0; 4]), self.0);
        Ok(())
    }
    fn serialize_str(self, v: &str) -> Done {
        string(v, self.0);
        Ok(())
    }
    fn serialize_bytes(self, _: &[u8]) -> Done {
        Err(Unsupported)
    }
    fn serialize_none(self) -> Done {
        self.serialize_unit()
    }
    fn serialize_some<T: Serialize + ?Sized>(self, v: &T) -> Done {
        v.serialize(self)
    }
    fn serialize_unit(self) -> Done {
        self.0.extend_from_slice(b"null");
        Ok(())
    }
    fn serialize_unit_struct(self, _: &'static str) -> Done {
        self.serialize_unit()
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Done {
        self.serialize_str(variant)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, v: &T) -> Done {
        v.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(self, _: &'static str, _: u32, _: &'static str, _: &T) -> Done {
        Err(Unsupported)
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<Members<'b>, Unsupported> {
        Ok(Members { out: self.0, open: b'[', close: b']' })
    }
    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Unsupported> {
        Err(Unsupported)
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, Unsupported> {
        Err(Unsupported)
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Unsupported> {
        Err(Unsupported)
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Members<'b>, Unsupported> {
        Ok(Members { out: self.0, open: b'{', close: b'}' })
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Members<'b>, Unsupported> {
        self.serialize_map(None)
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Unsupported> {
        Err(Unsupported)
    }
}

impl ser::SerializeSeq for Members<'_> {
    type Ok = ();
    type Error = Unsupported;
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        self.next();
        value.serialize(Encoder(self.out))
    }
    fn end(self) -> Done {
        self.close();
        Ok(())
    }
}

impl ser::SerializeMap for Members<'_> {
    type Ok = ();
    type Error = Unsupported;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Done {
        self.next();
        key.serialize(Encoder(self.out))
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        self.out.push(b':');
        value.serialize(Encoder(self.out))
    }
    fn end(self) -> Done {
        self.close();
        Ok(())
    }
}

impl ser::SerializeStruct for Members<'_> {
    type Ok = ();
    type Error = Unsupported;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Done {
        ser::SerializeMap::serialize_entry(self, key, value)
    }
    fn end(self) -> Done {
        self.close();
        Ok(())
    }
}
