//! Writing delivered marks: some with one statement.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Delivery;
use super::outcomes::Post;
use crate::db;
use crate::db::deliveries::{Mark, Standing};
use crate::frames;
use crate::service::Afterwards;

/// How long marks are collected before one statement writes them.
const MARKING_DELAY: Duration = Duration::from_millis(500);

/// How many marks one statement writes at most. It locks their conversations until its commit, and sends wait for them.
const MAX_TOGETHER: usize = 16;

/// What one statement writes each: a user's side of a conversation once, as a later range may only count when the one before does.
fn batches(sorted: &[Mark]) -> impl Iterator<Item = &[Mark]> {
    let is_other_stream =
        |mark: &Mark, next: &Mark| (mark.conversation_id, mark.user_id) != (next.conversation_id, next.user_id);
    sorted
        .chunk_by(is_other_stream)
        .flat_map(|marks| marks.chunks(MAX_TOGETHER))
}

impl Delivery {
    /// Has the marks written soon: once for all pushes of the next fraction of a second. In a function there is no later:
    /// [`Self::finish_marking`] writes them.
    pub(super) fn mark_soon(&self) {
        let Afterwards::Spawned(tasks) = self.afterwards() else {
            return;
        };
        if !self.0.marking_is_due.swap(true, Ordering::AcqRel) {
            let delivery = self.clone();
            tasks.spawn(async move {
                tokio::time::sleep(MARKING_DELAY).await;
                delivery.0.marking_is_due.store(false, Ordering::Release);
                delivery.write_marks().await;
            });
        }
    }

    /// All pushes of a message were seen to.
    pub(super) async fn finish_marking(&self) {
        match self.afterwards() {
            Afterwards::Inline | Afterwards::Deferred(_) => self.write_marks().await,
            Afterwards::Spawned(_) => self.mark_soon(),
        }
    }

    /// Writes the marks of all that was pushed so far.
    pub(in crate::service) async fn write_marks(&self) {
        // One after the other, so that of a mark's moves the later one is told later.
        let marking = self.0.marking.lock().await;
        let marks = self.0.marks.take_pushed();
        if marks.is_empty() {
            return;
        }
        let mut posts = Vec::new();
        for marks in batches(&marks) {
            match db::deliveries::mark_delivered(&self.0.db, marks).await {
                Ok(standing) => {
                    self.0.marks.marked(marks, &standing);
                    posts.extend(self.post_marks(marks, standing));
                }
                Err(error) => {
                    tracing::warn!(%error, "delivered marks wait for the next push");
                    self.0.marks.not_marked(marks);
                }
            }
        }
        drop(marking);
        self.settle_afterwards(posts).await;
    }

    /// Tells of the marks that moved.
    fn post_marks(&self, marks: &[Mark], standing: Vec<Standing>) -> Vec<Post> {
        let posts = std::iter::zip(marks, standing).flat_map(|(mark, standing)| {
            let frame = frames::delivered(mark.conversation_id, mark.user_id, standing.seq);
            self.post_each(standing.connections, &frame)
        });
        posts.collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::{ConversationId, UserId};

    proptest! {
        #[test]
        fn a_batch_has_no_stream_twice_and_the_batches_are_what_was_given(ranges in proptest::collection::vec(1..4i64, 0..40)) {
            let marks: Vec<Mark> = ranges.into_iter().flat_map(stream_with).collect();
            let batches: Vec<_> = batches(&marks).collect();
            prop_assert_eq!(batches.concat(), &*marks);
            for batch in batches {
                let streams: std::collections::HashSet<_> = batch.iter().map(|mark| mark.user_id).collect();
                prop_assert_eq!(streams.len(), batch.len());
                prop_assert!((1..=MAX_TOGETHER).contains(&batch.len()));
            }
        }
    }

    /// Somebody's marks in a conversation, with holes between them.
    fn stream_with(ranges: i64) -> Vec<Mark> {
        let (conversation_id, user_id) = (ConversationId::generate(), UserId::generate());
        let mark = |range: i64| Mark {
            conversation_id,
            user_id,
            seqs: 10 * range..=10 * range + 5,
        };
        (0..ranges).map(mark).collect()
    }
}
