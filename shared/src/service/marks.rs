use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::db::deliveries::Mark;
use crate::domain::{ConversationId, UserId};

/// What this process is pushing and has pushed, until the delivered marks in the database say so.
///
/// A mark lags behind its pushes, as one statement writes many marks. Meanwhile this tells a message that was lost from one that is
/// only not marked yet.
#[derive(Debug, Default)]
pub(super) struct Marks(Mutex<HashMap<Stream, Track>>);

/// One user's side of one conversation.
pub(super) type Stream = (ConversationId, UserId);

type Track = BTreeMap<i64, Progress>;

/// How far the push of one message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    InFlight,
    Pushed,
    /// Its mark is on the way to the database.
    Marking,
}

impl Marks {
    /// A push begins.
    pub(super) fn begin(&self, stream: Stream, seq: i64) {
        self.lock()
            .entry(stream)
            .or_default()
            .entry(seq)
            .or_insert(Progress::InFlight);
    }

    /// A push succeeded, or there is none to make: the message is the user's own.
    pub(super) fn pushed(&self, stream: Stream, seq: i64) {
        self.lock().entry(stream).or_default().insert(seq, Progress::Pushed);
    }

    /// A push failed: the message is undelivered again, unless another push of it succeeded.
    pub(super) fn failed(&self, stream: Stream, seq: i64) {
        let mut streams = self.lock();
        if let Some(track) = streams.get_mut(&stream) {
            if track.get(&seq) == Some(&Progress::InFlight) {
                track.remove(&seq);
            }
            if track.is_empty() {
                streams.remove(&stream);
            }
        }
    }

    /// How far the push of a message is; `None` where this process knows nothing of it.
    pub(super) fn progress(&self, stream: Stream, seq: i64) -> Option<Progress> {
        self.lock().get(&stream)?.get(&seq).copied()
    }

    /// Whether a message above `mark` and below `seq` is neither pushed nor on its way, as far as this process knows.
    pub(super) fn has_gap(&self, stream: Stream, mark: i64, seq: i64) -> bool {
        let missing = seq - mark - 1;
        if missing <= 0 {
            return false;
        }
        let known = self
            .lock()
            .get(&stream)
            .map_or(0, |track| track.range(mark + 1..seq).count());
        i64::try_from(known).is_ok_and(|known| known < missing)
    }

    /// Takes what was pushed, as ranges sorted by conversation and user. [`Marks::marked`] or [`Marks::not_marked`] must follow.
    pub(super) fn take_pushed(&self) -> Vec<Mark> {
        let mut marks = Vec::new();
        for ((conversation_id, user_id), track) in self.lock().iter_mut() {
            let ranges = pushed_ranges(track);
            track
                .values_mut()
                .filter(|progress| **progress == Progress::Pushed)
                .for_each(|progress| {
                    *progress = Progress::Marking;
                });
            marks.extend(ranges.into_iter().map(|(from, to)| Mark {
                conversation_id: *conversation_id,
                user_id: *user_id,
                seqs: from..=to,
            }));
        }
        marks.sort_by_key(|mark| (mark.conversation_id, mark.user_id, *mark.seqs.start()));
        marks
    }

    /// The marks were written: the database knows better from now on.
    pub(super) fn marked(&self, marks: &[Mark]) {
        let mut streams = self.lock();
        for mark in marks {
            let stream = (mark.conversation_id, mark.user_id);
            if let Some(track) = streams.get_mut(&stream) {
                track.retain(|seq, progress| !(mark.seqs.contains(seq) && *progress == Progress::Marking));
                if track.is_empty() {
                    streams.remove(&stream);
                }
            }
        }
    }

    /// The marks could not be written: they stay for the next time.
    pub(super) fn not_marked(&self, marks: &[Mark]) {
        let mut streams = self.lock();
        for mark in marks {
            if let Some(track) = streams.get_mut(&(mark.conversation_id, mark.user_id)) {
                for (_, progress) in track.range_mut(mark.seqs.clone()) {
                    if *progress == Progress::Marking {
                        *progress = Progress::Pushed;
                    }
                }
            }
        }
    }

    /// The map is consistent between any two calls, so a panic elsewhere while it was locked is no reason to stop.
    fn lock(&self) -> MutexGuard<'_, HashMap<Stream, Track>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The runs of pushed messages without a hole between them.
fn pushed_ranges(track: &Track) -> Vec<(i64, i64)> {
    let mut ranges: Vec<(i64, i64)> = Vec::new();
    for (&seq, _) in track.iter().filter(|(_, progress)| **progress == Progress::Pushed) {
        match ranges.last_mut() {
            Some((_, to)) if *to + 1 == seq => *to = seq,
            _ => ranges.push((seq, seq)),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stream() -> Stream {
        (ConversationId::generate(), UserId::generate())
    }

    fn ranges(marks: &[Mark]) -> Vec<(i64, i64)> {
        marks
            .iter()
            .map(|mark| (*mark.seqs.start(), *mark.seqs.end()))
            .collect()
    }

    #[test]
    fn a_message_in_flight_is_no_gap_but_makes_no_mark() {
        let (marks, stream) = (Marks::default(), stream());
        marks.begin(stream, 1);
        assert!(!marks.has_gap(stream, 0, 2));
        assert!(marks.take_pushed().is_empty());
        marks.pushed(stream, 1);
        assert_eq!(ranges(&marks.take_pushed()), [(1, 1)]);
    }

    #[test]
    fn a_failed_push_leaves_a_gap() {
        let (marks, stream) = (Marks::default(), stream());
        marks.begin(stream, 1);
        marks.failed(stream, 1);
        assert!(marks.has_gap(stream, 0, 2));
        assert!(marks.lock().is_empty());
    }

    #[test]
    fn a_failure_after_a_success_changes_nothing() {
        let (marks, stream) = (Marks::default(), stream());
        marks.begin(stream, 1);
        marks.pushed(stream, 1);
        marks.failed(stream, 1);
        assert_eq!(marks.progress(stream, 1), Some(Progress::Pushed));
    }

    #[test]
    fn what_was_not_written_is_written_the_next_time() {
        let (marks, stream) = (Marks::default(), stream());
        marks.pushed(stream, 1);
        let taken = marks.take_pushed();
        assert!(!marks.has_gap(stream, 0, 2), "still known while its mark is on the way");
        marks.not_marked(&taken);
        assert_eq!(marks.take_pushed(), taken);
        marks.marked(&taken);
        assert!(marks.lock().is_empty(), "nothing is kept for ever");
    }

    proptest! {
        #[test]
        fn marks_cover_exactly_what_was_pushed(seqs in proptest::collection::btree_set(1..50i64, 0..30)) {
            let (marks, stream) = (Marks::default(), stream());
            for seq in &seqs {
                marks.pushed(stream, *seq);
            }
            let taken = marks.take_pushed();
            let covered: Vec<i64> = taken.iter().flat_map(|mark| mark.seqs.clone()).collect();
            prop_assert_eq!(covered, seqs.into_iter().collect::<Vec<_>>());
            prop_assert!(taken.windows(2).all(|pair| pair[0].seqs.end() + 1 < *pair[1].seqs.start()));
        }
    }
}
