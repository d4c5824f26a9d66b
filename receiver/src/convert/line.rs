//! Log lines: the fields of an item in Alloy's order, then those of its batch, as logfmt or JSON.
//!
//! A field set twice keeps its first place and its last value, empty texts are left out, and groups
//! of pairs are sorted by key: all as Alloy's ordered map has it.

use super::field::{self, Field};
use crate::enrich::Item;
use std::collections::HashMap;
use wire::Meta;

/// The longest line, bytes. Loki refuses lines over 256 KB; this holds whichever way KB is counted.
pub const LINE_BYTES: usize = 256_000;

/// The longest text in a line that had to be cut, bytes: a few of them fit beside the short fields.
const CUT_TEXT_BYTES: usize = 64 * 1024;

/// Said on a line that could not be kept whole.
const CUT: Field = Field::text("farol_cut", "true");
const CUT_BYTES: usize = r#""farol_cut":"true","#.len();

/// How lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `key=value key="two words"`
    #[default]
    Logfmt,
    /// One JSON object, keys sorted bytewise.
    Json,
}

/// Writes the lines of one batch. What its items have in common is encoded once.
pub struct Lines<'b> {
    format: Format,
    meta: Vec<Field<'b>>,
    /// `meta`, already in `format`; used where no field of an item can repeat one of it.
    encoded_meta: Vec<u8>,
    /// The fields of the item at hand.
    fields: Vec<Field<'b>>,
    scratch: Vec<u8>,
}

impl<'b> Lines<'b> {
    /// `share` is how many bytes of the batch's own fields a line may carry; what does not fit is left
    /// out of every line, and the lines are marked `farol_cut`.
    pub fn new(meta: &'b Meta<'b>, format: Format, share: usize) -> Self {
        let mut fields = Vec::with_capacity(32);
        field::of_meta(meta, &mut fields);
        let (all, mut left) = (fields.len(), share);
        fields.retain(|field| {
            let fits = field.size() <= left;
            left -= if fits { field.size() } else { 0 };
            fits
        });
        if fields.len() < all {
            fields.push(CUT);
        }
        let (encoded_meta, scratch) = (Vec::with_capacity(1024), Vec::new());
        let mut lines = Lines { format, meta: fields, encoded_meta, fields: Vec::with_capacity(64), scratch };
        if format == Format::Logfmt {
            for field in &lines.meta {
                field.logfmt(&mut lines.scratch, &mut lines.encoded_meta);
            }
        }
        lines
    }

    /// Replaces `out` with the line of `item`, at most [`LINE_BYTES`] long.
    pub fn write(&mut self, item: Item<'b, 'b>, out: &mut Vec<u8>) {
        out.clear();
        let mut fields = std::mem::take(&mut self.fields);
        fields.clear();
        field::of_item(item, &mut fields);
        // Only the values of a measurement have names that the sender is free to choose.
        let repeats = matches!(item, Item::Measurement(_)) && fields.iter().any(Field::may_repeat);
        match self.format {
            Format::Logfmt if !repeats => {
                for field in &fields {
                    field.logfmt(&mut self.scratch, out);
                }
                out.extend_from_slice(&self.encoded_meta);
                // The space after the last field; there is one, for `meta` is never empty.
                out.pop();
            }
            Format::Logfmt => {
                fields.extend_from_slice(&self.meta);
                fields = last_value_at_first_place(&fields);
                self.bounded(&fields, usize::MAX, out);
            }
            Format::Json => {
                fields.extend_from_slice(&self.meta);
                self.bounded(&sorted(&fields), usize::MAX, out);
            }
        }
        self.fields = fields;
        if out.len() > LINE_BYTES {
            self.cut(item, out);
        }
    }

    /// Writes the line again with its long texts cut short, and without the fields that do not fit.
    fn cut(&mut self, item: Item, out: &mut Vec<u8>) {
        out.clear();
        let mut fields = Vec::new();
        field::of_item(item, &mut fields);
        fields.extend(self.meta.iter().filter(|field| **field != CUT));
        // A stack is rendered to be cut, and so must live here.
        let rendered: Vec<Option<String>> = fields.iter().map(|field| field.cut(CUT_TEXT_BYTES)).collect();
        for (field, text) in fields.iter_mut().zip(&rendered) {
            if let Some(text) = text {
                *field = field.with_text(text);
            }
        }
        let fields = match self.format {
            Format::Logfmt => last_value_at_first_place(&fields),
            Format::Json => sorted(&fields),
        };
        self.bounded(&fields, LINE_BYTES - CUT_BYTES, out);
    }

    /// Appends the fields that fit into `limit` bytes; a line with a limit gets the mark.
    fn bounded(&mut self, fields: &[Field], limit: usize, out: &mut Vec<u8>) {
        if self.format == Format::Json {
            out.push(b'{');
        }
        let mark = (limit < usize::MAX).then_some(&CUT);
        for field in fields.iter().chain(mark) {
            let before = out.len();
            match self.format {
                Format::Logfmt => field.logfmt(&mut self.scratch, out),
                Format::Json => field.json(&mut self.scratch, out),
            }
            if out.len() > limit && *field != CUT {
                out.truncate(before);
            }
        }
        // The last field's separator goes; every line has `browser_mobile` at least.
        out.pop();
        if self.format == Format::Json {
            out.push(b'}');
        }
    }
}

/// What Go's encoder makes of the map: keys sorted bytewise, the last value of each.
fn sorted<'b>(fields: &[Field<'b>]) -> Vec<Field<'b>> {
    let mut fields = fields.to_vec();
    fields.sort_by(|a, b| a.key().cmp(b.key()));
    field::keep_last_of_equal(&mut fields, 0);
    fields
}

fn last_value_at_first_place<'b>(fields: &[Field<'b>]) -> Vec<Field<'b>> {
    let mut places: HashMap<Vec<u8>, usize> = HashMap::with_capacity(fields.len());
    let mut kept: Vec<Field> = Vec::with_capacity(fields.len());
    for field in fields {
        let place = *places.entry(field.key().collect()).or_insert(kept.len());
        match kept.get_mut(place) {
            Some(first) => *first = *field,
            None => kept.push(*field),
        }
    }
    kept
}
