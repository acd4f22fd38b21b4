//! What a sync reads at a time.

use bytes::Bytes;

use crate::db::feed::{self, Entry, MemberState, Scope, Window};
use crate::db::{Database, DbError};
use crate::domain::UserId;
use crate::frames::{self, Membership};

/// How many messages of each kind one read brings.
const LIMIT: i64 = 100;

/// Changes of a conversation in the order of their positions.
pub(super) struct Batch {
    pub(super) changes: Vec<Change>,
    /// Nothing up to this version is missing.
    pub(super) upto: i64,
}

/// Something that a client missed.
pub(super) enum Change {
    /// A message that it does not know.
    Stored(Entry),
    /// A message that it knows differently.
    Amended(Entry),
    /// Who takes part, and as what.
    Part(MemberState),
    /// How far somebody is.
    Marks(MemberState),
    /// What the group is called: the name and its version.
    Name(String, i64),
}

impl Batch {
    /// Reads what lies in the window. Where that is a lot, the batch ends before the window does. What was stored above `known`, the
    /// version at the sync's start, is sent as it is by now when its turn comes, and not once more where it changed.
    pub(super) async fn read(
        db: &Database,
        user: UserId,
        scope: &Scope,
        window: Window,
        known: i64,
    ) -> Result<Self, DbError> {
        let mut window = window;
        let stored = feed::list_stored(db, user, scope.conversation_id, window, LIMIT).await?;
        if let Some(last) = last_of_full(&stored) {
            window.upto = last.created_version;
        }
        let mut amended = feed::list_changed(db, user, scope.conversation_id, window, LIMIT).await?;
        if let Some(last) = last_of_full(&amended) {
            window.upto = last.message.version;
        }
        amended.retain(|entry| entry.created_version <= known);
        let members = feed::list_members(db, user, scope, window).await?;

        let mut changes: Vec<Change> = stored.into_iter().map(Change::Stored).collect();
        changes.extend(amended.into_iter().map(Change::Amended));
        changes.extend(members.into_iter().flat_map(of_member));
        changes.extend(scope.name.clone().map(|name| Change::Name(name, scope.name_version)));
        changes.retain(|change| window.after < change.position() && change.position() <= window.upto);
        changes.sort_by_key(Change::position);
        Ok(Self {
            changes,
            upto: window.upto,
        })
    }
}

/// The last entry, where more may follow.
fn last_of_full(entries: &[Entry]) -> Option<&Entry> {
    let is_full = i64::try_from(entries.len()).is_ok_and(|length| length >= LIMIT);
    entries.last().filter(|_| is_full)
}

fn of_member(member: MemberState) -> [Change; 2] {
    [Change::Part(member.clone()), Change::Marks(member)]
}

impl Change {
    /// The version at which it stands in the feed.
    pub(super) fn position(&self) -> i64 {
        match self {
            Self::Stored(entry) => entry.created_version,
            Self::Amended(entry) => entry.message.version,
            Self::Part(member) => member.version,
            Self::Marks(member) => member.marks_version,
            Self::Name(_, version) => *version,
        }
    }

    /// The `seq` of somebody else's message, whose push counts for the user's delivered mark.
    pub(super) fn counts_for(&self, user: UserId) -> Option<i64> {
        match self {
            Self::Stored(Entry { message, .. }) if message.sender_id != user && !message.deleted => Some(message.seq),
            _ => None,
        }
    }

    /// How the client is told.
    pub(super) fn frames(&self, scope: &Scope) -> Vec<Bytes> {
        match self {
            Self::Stored(entry) if entry.message.deleted => {
                vec![frames::message_deleted(&entry.message, entry.client_id.as_ref())]
            }
            Self::Stored(entry) => vec![frames::message(
                &entry.message,
                &entry.sender_username,
                entry.client_id.as_ref(),
            )],
            Self::Amended(entry) if entry.message.deleted => vec![frames::message_deleted(&entry.message, None)],
            Self::Amended(entry) => vec![frames::message_edited(&entry.message)],
            Self::Part(member) if member.removed => vec![frames::member_removed(membership(scope, member))],
            Self::Part(member) => vec![frames::member_added(membership(scope, member))],
            Self::Marks(member) => marks(scope, member),
            Self::Name(name, version) => vec![frames::conversation_updated(scope.conversation_id, *version, name)],
        }
    }
}

fn membership<'a>(scope: &'a Scope, member: &'a MemberState) -> Membership<'a> {
    Membership {
        conversation_id: scope.conversation_id,
        version: member.version,
        name: scope.name.as_deref().unwrap_or_default(),
        user_id: member.user_id,
        username: &member.username,
        role: member.role,
    }
}

fn marks(scope: &Scope, member: &MemberState) -> Vec<Bytes> {
    let MemberState {
        user_id,
        read_seq,
        delivered_seq,
        ..
    } = *member;
    // Nobody is told of a mark that never moved.
    let moved = |seq: i64| seq > scope.joined_seq;
    let delivered = moved(delivered_seq).then(|| frames::delivered(scope.conversation_id, user_id, delivered_seq));
    let read = moved(read_seq).then(|| frames::conversation_read(scope.conversation_id, user_id, read_seq));
    delivered.into_iter().chain(read).collect()
}
