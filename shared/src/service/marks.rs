use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::db::deliveries::{Mark, Standing};
use crate::domain::{ConversationId, UserId};

/// How long a user's side of a conversation is remembered after its last push: longer than any statement that read the mark from
/// before may take to get here.
const MEMORY: Duration = Duration::from_secs(30);

/// What this process is pushing and has pushed, and how far the marks in the database are by what it wrote.
///
/// A mark lags behind its pushes, as one statement writes many marks. Meanwhile this tells a message that was lost from one that is
/// only not marked yet.
#[derive(Debug)]
pub(super) struct Marks {
    /// How many own messages in a row are worth a mark without one of somebody else.
    own_run: usize,
    streams: Mutex<HashMap<Stream, Track>>,
}

/// One user's side of one conversation.
pub(super) type Stream = (ConversationId, UserId);

#[derive(Debug)]
struct Track {
    /// Up to here the database's mark is known to stand.
    marked: i64,
    /// What lies above it.
    pushes: BTreeMap<i64, Progress>,
    last_push: Instant,
}

/// How far the push of one message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    InFlight,
    Pushed,
    /// The user's own: there is nothing to push, and nothing that others wait to hear of.
    Own,
    /// Its mark is on the way to the database.
    Marking,
}

impl Marks {
    /// No marks yet. Fewer than `own_run` own messages in a row are marked with the next one of somebody else, as nobody waits to
    /// hear of them.
    pub(super) fn new(own_run: usize) -> Self {
        Self {
            own_run,
            streams: Mutex::default(),
        }
    }

    /// A push begins.
    pub(super) fn begin(&self, stream: Stream, seq: i64) {
        self.with_track(stream, |track| {
            track.pushes.entry(seq).or_insert(Progress::InFlight);
        });
    }

    /// A message is the user's own.
    pub(super) fn own(&self, stream: Stream, seq: i64) {
        self.with_track(stream, |track| {
            track.pushes.entry(seq).or_insert(Progress::Own);
        });
    }

    /// A push succeeded.
    pub(super) fn pushed(&self, stream: Stream, seq: i64) {
        self.with_track(stream, |track| {
            track.pushes.insert(seq, Progress::Pushed);
        });
    }

    /// A push failed: the message is undelivered again, unless another push of it succeeded.
    pub(super) fn failed(&self, stream: Stream, seq: i64) {
        self.with_track(stream, |track| {
            if track.pushes.get(&seq) == Some(&Progress::InFlight) {
                track.pushes.remove(&seq);
            }
        });
    }

    /// How far the push of a message is; `None` where this process knows nothing of it.
    pub(super) fn progress(&self, stream: Stream, seq: i64) -> Option<Progress> {
        let streams = self.lock();
        let track = streams.get(&stream)?;
        if seq <= track.marked {
            return Some(Progress::Pushed);
        }
        track.pushes.get(&seq).copied()
    }

    /// Where a gap below `seq` begins: above the mark that is returned at least one message is neither pushed nor on its way, as far
    /// as this process knows. `mark` is what a statement found in the database; this process may know better.
    pub(super) fn gap_above(&self, stream: Stream, mark: i64, seq: i64) -> Option<i64> {
        let streams = self.lock();
        let Some(track) = streams.get(&stream) else {
            return (mark + 1 < seq).then_some(mark);
        };
        let mark = mark.max(track.marked);
        let missing = usize::try_from(seq - mark - 1).unwrap_or(0);
        let known = track.pushes.range(mark + 1..seq.max(mark + 1)).count();
        (known < missing).then_some(mark)
    }

    /// Takes what was pushed, as ranges sorted by conversation and user. [`Marks::marked`] or [`Marks::not_marked`] must follow.
    pub(super) fn take_pushed(&self) -> Vec<Mark> {
        let mut marks = Vec::new();
        for ((conversation_id, user_id), track) in self.lock().iter_mut() {
            marks.extend(track.take_ranges(self.own_run).into_iter().map(|(from, to)| Mark {
                conversation_id: *conversation_id,
                user_id: *user_id,
                seqs: from..=to,
            }));
        }
        marks.sort_by_key(|mark| (mark.conversation_id, mark.user_id, *mark.seqs.start()));
        marks
    }

    /// The marks were written, and stand now at `standing`. What lies above a gap stays: once the gap is closed its mark follows.
    pub(super) fn marked(&self, marks: &[Mark], standing: &[Standing]) {
        for (mark, standing) in std::iter::zip(marks, standing) {
            self.with_known(mark, |track| {
                track.marked = track.marked.max(standing.seq);
                track.pushes = track.pushes.split_off(&(track.marked + 1));
                track.unmark(mark);
            });
        }
        self.lock().retain(|_, track| !track.is_forgettable());
    }

    /// The marks could not be written: they stay for the next time.
    pub(super) fn not_marked(&self, marks: &[Mark]) {
        for mark in marks {
            self.with_known(mark, |track| track.unmark(mark));
        }
    }

    fn with_track(&self, stream: Stream, change: impl FnOnce(&mut Track)) {
        let mut streams = self.lock();
        let track = streams.entry(stream).or_insert_with(Track::new);
        track.last_push = Instant::now();
        change(track);
    }

    fn with_known(&self, mark: &Mark, change: impl FnOnce(&mut Track)) {
        if let Some(track) = self.lock().get_mut(&(mark.conversation_id, mark.user_id)) {
            change(track);
        }
    }

    /// The map is consistent between any two calls, so a panic elsewhere while it was locked is no reason to stop.
    fn lock(&self) -> MutexGuard<'_, HashMap<Stream, Track>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Track {
    fn new() -> Self {
        Self {
            marked: 0,
            pushes: BTreeMap::new(),
            last_push: Instant::now(),
        }
    }

    /// Whether this may be forgotten. What was pushed above a gap that nobody closes is pushed again then.
    fn is_forgettable(&self) -> bool {
        let is_idle = self.pushes.values().all(|progress| progress.is_settled());
        is_idle && self.last_push.elapsed() > MEMORY
    }

    /// The runs of pushed and own messages that are worth writing, whose marks are on the way from now on.
    fn take_ranges(&mut self, own_run: usize) -> Vec<(i64, i64)> {
        let mut ranges = settled_ranges(&self.pushes);
        ranges.retain(|(from, to)| {
            let mut run = self.pushes.range(*from..=*to);
            run.clone().count() >= own_run || run.any(|(_, progress)| *progress == Progress::Pushed)
        });
        for (from, to) in &ranges {
            let run = self.pushes.range_mut(*from..=*to);
            run.for_each(|(_, progress)| *progress = Progress::Marking);
        }
        ranges
    }

    fn unmark(&mut self, mark: &Mark) {
        let marking = self.pushes.range_mut(mark.seqs.clone());
        for (_, progress) in marking.filter(|(_, progress)| **progress == Progress::Marking) {
            *progress = Progress::Pushed;
        }
    }
}

impl Progress {
    /// Whether nothing is under way, to the connections or to the database.
    fn is_settled(self) -> bool {
        matches!(self, Self::Pushed | Self::Own)
    }
}

/// The runs of pushed and own messages without a hole between them.
fn settled_ranges(pushes: &BTreeMap<i64, Progress>) -> Vec<(i64, i64)> {
    let mut ranges: Vec<(i64, i64)> = Vec::new();
    for (&seq, _) in pushes.iter().filter(|(_, progress)| progress.is_settled()) {
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

    fn at(seq: i64) -> Standing {
        Standing {
            seq,
            connections: Vec::new(),
        }
    }

    fn ranges(marks: &[Mark]) -> Vec<(i64, i64)> {
        marks
            .iter()
            .map(|mark| (*mark.seqs.start(), *mark.seqs.end()))
            .collect()
    }

    #[test]
    fn a_message_in_flight_is_no_gap_but_makes_no_mark() {
        let (marks, stream) = (Marks::new(3), stream());
        marks.begin(stream, 1);
        assert_eq!(marks.gap_above(stream, 0, 2), None);
        assert!(marks.take_pushed().is_empty());
        marks.pushed(stream, 1);
        assert_eq!(ranges(&marks.take_pushed()), [(1, 1)]);
    }

    #[test]
    fn a_failed_push_leaves_a_gap() {
        let (marks, stream) = (Marks::new(3), stream());
        marks.begin(stream, 1);
        marks.failed(stream, 1);
        assert_eq!(marks.gap_above(stream, 0, 2), Some(0));
        assert_eq!(marks.progress(stream, 1), None);
    }

    #[test]
    fn a_failure_after_a_success_changes_nothing() {
        let (marks, stream) = (Marks::new(3), stream());
        marks.begin(stream, 1);
        marks.pushed(stream, 1);
        marks.failed(stream, 1);
        assert_eq!(marks.progress(stream, 1), Some(Progress::Pushed));
    }

    #[test]
    fn what_was_not_written_is_written_the_next_time() {
        let (marks, stream) = (Marks::new(3), stream());
        marks.pushed(stream, 1);
        let taken = marks.take_pushed();
        marks.not_marked(&taken);
        assert_eq!(marks.take_pushed(), taken);
        marks.marked(&taken, &[at(1)]);
        assert!(marks.take_pushed().is_empty());
    }

    #[test]
    fn a_statement_that_read_an_older_mark_finds_no_gap() {
        let (marks, stream) = (Marks::new(3), stream());
        for seq in 1..=3 {
            marks.pushed(stream, seq);
        }
        let taken = marks.take_pushed();
        assert_eq!(marks.gap_above(stream, 0, 4), None, "while the marks are on their way");
        marks.marked(&taken, &[at(3)]);
        assert_eq!(marks.gap_above(stream, 0, 4), None, "and when they are written");
        assert_eq!(marks.gap_above(stream, 0, 6), Some(3));
    }

    #[test]
    fn own_messages_are_marked_with_the_next_of_somebody_else_or_when_they_are_many() {
        let (marks, stream) = (Marks::new(3), stream());
        marks.own(stream, 1);
        assert!(marks.take_pushed().is_empty());
        assert_eq!(marks.gap_above(stream, 0, 2), None, "it is no gap");
        marks.pushed(stream, 2);
        assert_eq!(ranges(&marks.take_pushed()), [(1, 2)]);
        for seq in 3..=5 {
            assert!(marks.take_pushed().is_empty(), "{seq}");
            marks.own(stream, seq);
        }
        assert_eq!(ranges(&marks.take_pushed()), [(3, 5)]);
    }

    #[test]
    fn what_was_pushed_above_a_gap_is_marked_once_the_gap_is_closed() {
        let (marks, stream) = (Marks::new(3), stream());
        marks.pushed(stream, 2);
        let taken = marks.take_pushed();
        marks.marked(&taken, &[at(0)]);
        assert_eq!(marks.progress(stream, 2), Some(Progress::Pushed));
        marks.pushed(stream, 1);
        assert_eq!(ranges(&marks.take_pushed()), [(1, 2)]);
    }

    proptest! {
        #[test]
        fn marks_cover_exactly_what_was_pushed(seqs in proptest::collection::btree_set(1..50i64, 0..30)) {
            let (marks, stream) = (Marks::new(3), stream());
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
