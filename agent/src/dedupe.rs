//! Leaves out an item that equals the one of its kind before it, as Faro does. No window, no rate.

use crate::json;
use crate::signal::Kind;

/// The last item of each kind, as the bytes that came over the border.
pub struct Dedupe {
    last: [Vec<u8>; Kind::COUNT],
}

impl Dedupe {
    /// Nothing seen yet.
    pub fn new() -> Self {
        Dedupe { last: [const { Vec::new() }; Kind::COUNT] }
    }

    /// Whether `item` says the same as the last one of `kind`; it is remembered in any case.
    pub fn repeats(&mut self, kind: Kind, item: &[u8]) -> bool {
        let Some(last) = self.last.get_mut(kind as usize) else { return false };
        if last == item {
            return true;
        }
        last.clear();
        json::put(last, item);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_direct_repeat_of_the_same_kind_is_left_out() {
        let mut dedupe = Dedupe::new();
        let mut check = |kind, item: &[u8], repeats| assert_eq!(dedupe.repeats(kind, item), repeats);
        check(Kind::Log, b"a", false);
        check(Kind::Log, b"a", true);
        check(Kind::Event, b"a", false);
        check(Kind::Log, b"b", false);
        check(Kind::Log, b"a", false);
        check(Kind::Event, b"a", true);
    }
}
