//! How much of its clients' bodies the gateway holds at once, over all connections.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Room for bodies. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Memory(Arc<Semaphore>);

/// A part of the room, until it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    memory: Memory,
    /// `None` while there is nothing.
    permit: Option<OwnedSemaphorePermit>,
}

/// There is no room left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Exhausted;

impl Memory {
    /// Room for so many bytes.
    pub(super) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes.min(Semaphore::MAX_PERMITS))))
    }

    /// A part that holds nothing yet.
    pub(super) fn hold(&self) -> Held {
        Held {
            memory: self.clone(),
            permit: None,
        }
    }
}

impl Held {
    /// Holds so many bytes more.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), Exhausted> {
        let bytes = u32::try_from(bytes).map_err(|_| Exhausted)?;
        let more = Arc::clone(&self.memory.0).try_acquire_many_owned(bytes);
        let more = more.map_err(|_| Exhausted)?;
        match &mut self.permit {
            Some(permit) => permit.merge(more),
            None => self.permit = Some(more),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_so_much_until_some_is_given_back() {
        let memory = Memory::new(10);
        let (mut one, mut other) = (memory.hold(), memory.hold());
        assert_eq!(one.grow(4), Ok(()));
        assert_eq!(one.grow(4), Ok(()));
        assert_eq!(other.grow(3), Err(Exhausted));
        assert_eq!(other.grow(2), Ok(()));
        drop(one);
        assert_eq!(other.grow(8), Ok(()));
        assert_eq!(other.grow(1), Err(Exhausted));
    }
}
