//! Sealed batches, waiting or in flight, bounded in number and bytes. The oldest waiting one gives way.

use crate::batch::Batch;
use crate::policy;

/// A batch that was handed to the browser.
#[derive(Debug)]
pub struct Flight {
    /// What its answer will name.
    pub id: u32,
    /// Its share of the browser's keepalive budget.
    pub keepalive: usize,
    /// The batch.
    pub batch: Batch,
}

/// The batches, oldest first.
#[derive(Default)]
pub struct Queue {
    waiting: Vec<Batch>,
    flying: Vec<Flight>,
    last: u32,
}

impl Queue {
    /// Adds a batch at the end. Returns the items of those that had to give way.
    pub fn push(&mut self, batch: Batch) -> u32 {
        self.waiting.push(batch);
        self.shrink()
    }

    /// Puts a batch back in front. Returns the items of those that had to give way, it may be the first.
    pub fn put_back(&mut self, batch: Batch) -> u32 {
        self.waiting.insert(0, batch);
        self.shrink()
    }

    fn shrink(&mut self) -> u32 {
        let mut dropped = 0;
        while !self.waiting.is_empty() && (self.batches() > policy::QUEUE_BATCHES || self.bytes() > policy::QUEUE_BYTES)
        {
            dropped += self.waiting.remove(0).items;
        }
        dropped
    }

    /// Moves the oldest waiting batch into flight.
    pub fn launch(&mut self, keepalive: usize) -> Option<&mut Flight> {
        if self.waiting.is_empty() {
            return None;
        }
        let batch = self.waiting.remove(0);
        self.last = self.last.wrapping_add(1);
        self.flying.push(Flight { id: self.last, keepalive, batch });
        self.flying.last_mut()
    }

    /// Takes a batch out of flight.
    pub fn land(&mut self, id: u32) -> Option<Batch> {
        let at = self.flying.iter().position(|flight| flight.id == id)?;
        Some(self.flying.swap_remove(at).batch)
    }

    /// The oldest waiting batch.
    pub fn first(&self) -> Option<&Batch> {
        self.waiting.first()
    }

    /// The same, to be changed.
    pub fn first_mut(&mut self) -> Option<&mut Batch> {
        self.waiting.first_mut()
    }

    /// The batches in flight.
    pub fn flying(&self) -> &[Flight] {
        &self.flying
    }

    /// Items waiting or in flight.
    pub fn items(&self) -> u32 {
        self.sum(|batch| batch.items as usize) as u32
    }

    fn sum(&self, of: fn(&Batch) -> usize) -> usize {
        let waiting: usize = self.waiting.iter().map(of).sum();
        waiting + self.flying.iter().map(|flight| of(&flight.batch)).sum::<usize>()
    }

    fn batches(&self) -> usize {
        self.waiting.len() + self.flying.len()
    }

    fn bytes(&self) -> usize {
        self.sum(Batch::bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::tests::batch;
    use proptest::prelude::*;

    #[test]
    fn drops_the_oldest_when_full() {
        let mut queue = Queue::default();
        let dropped: u32 = (0..policy::QUEUE_BATCHES as u32 + 2).map(|items| queue.push(batch(items, 10))).sum();
        assert_eq!((dropped, queue.first().map(|b| b.items)), (1, Some(2)));
    }

    proptest! {
        #[test]
        fn it_stays_bounded_and_every_item_is_somewhere(
            steps in proptest::collection::vec((0_u8..4, 1_u32..50, 0_usize..200_000), 0..200),
        ) {
            let mut queue = Queue::default();
            let (mut pushed, mut dropped, mut sent) = (0, 0, 0);
            for (step, items, bytes) in steps {
                let flying = queue.flying().first().map(|flight| flight.id);
                match step {
                    0 | 1 => {
                        pushed += items;
                        dropped += queue.push(batch(items, bytes));
                    }
                    2 => {
                        queue.launch(0);
                    }
                    _ => {
                        if let Some(batch) = flying.and_then(|id| queue.land(id)) {
                            if items % 2 == 0 {
                                sent += batch.items;
                            } else {
                                dropped += queue.put_back(batch);
                            }
                        }
                    }
                }
                prop_assert_eq!(queue.items() + dropped + sent, pushed);
                prop_assert!(queue.batches() <= policy::QUEUE_BATCHES);
                let waits = queue.first().is_some();
                prop_assert!(!waits || queue.bytes() <= policy::QUEUE_BYTES);
            }
        }
    }
}
