//! A user's conversations: which there are, what was said in them, and what changed.

use std::collections::{BTreeSet, HashMap};

use super::Delivery;
use crate::Error;
use crate::db::conversations::{GroupMember, Overview, Party};
use crate::db::feed::{Entry, MemberState, Scope, Window};
use crate::db::{self, Database};
use crate::domain::{Activity, ConversationId, ConversationRef, GroupName, MessageId, PageSize, UserId};

/// A conversation with what its user sees at a glance.
#[derive(Debug)]
pub struct Conversation {
    /// The conversation itself.
    pub overview: Overview,
    /// Who takes part, in a group. A former member does not see that.
    pub members: Vec<GroupMember>,
    /// The last message that the user sees, which may be deleted.
    pub last_message: Option<Entry>,
}

/// A page of a list.
#[derive(Debug)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Whether more follows.
    pub has_more: bool,
}

impl<T> Page<T> {
    /// A page of a list of which one more item was read than the page holds.
    fn of(mut items: Vec<T>, size: PageSize) -> Self {
        let has_more = items.len() > size.rows();
        items.truncate(size.rows());
        Self { items, has_more }
    }
}

/// How many rows tell what is on a page and whether another follows.
fn rows(size: PageSize) -> i64 {
    i64::try_from(size.rows()).unwrap_or(i64::MAX) + 1
}

/// A page of a user's conversations, the newest activity first.
///
/// # Errors
/// What the database says.
pub async fn list(
    db: &Database,
    user: UserId,
    size: PageSize,
    before: Option<Activity>,
) -> Result<Page<Conversation>, Error> {
    let overviews = db::conversations::list(db, user, before, rows(size)).await?;
    let Page { items, has_more } = Page::of(overviews, size);
    Ok(Page {
        items: complete(db, user, items).await?,
        has_more,
    })
}

/// One of a user's conversations.
///
/// # Errors
/// [`Error::UnknownConversation`], or what the database says.
pub async fn show(db: &Database, user: UserId, conversation: ConversationId) -> Result<Conversation, Error> {
    let overview = db::conversations::find(db, user, conversation).await?;
    let completed = complete(db, user, overview.into_iter().collect()).await?;
    completed.into_iter().next().ok_or(Error::UnknownConversation)
}

/// Adds members and last messages.
async fn complete(db: &Database, user: UserId, overviews: Vec<Overview>) -> Result<Vec<Conversation>, Error> {
    let ids: Vec<_> = overviews.iter().map(|overview| overview.id).collect();
    let groups: Vec<_> = overviews.iter().filter(|overview| shows_members(overview)).collect();
    let groups: Vec<_> = groups.iter().map(|overview| overview.id).collect();
    let mut last_messages: HashMap<_, _> = db::conversations::list_last_messages(db, user, &ids)
        .await?
        .into_iter()
        .map(|entry| (entry.message.conversation_id, entry))
        .collect();
    let mut members: HashMap<_, Vec<_>> = HashMap::new();
    for member in db::conversations::list_members(db, &groups).await? {
        members.entry(member.conversation_id).or_default().push(member);
    }
    let completed = overviews.into_iter().map(|overview| Conversation {
        members: members.remove(&overview.id).unwrap_or_default(),
        last_message: last_messages.remove(&overview.id),
        overview,
    });
    Ok(completed.collect())
}

fn shows_members(overview: &Overview) -> bool {
    matches!(overview.party, Party::Group { is_former: false, .. })
}

/// The direct conversation of two users, which is made if need be.
///
/// # Errors
/// [`Error::Invalid`] with oneself, [`Error::UnknownUser`], or what the database says.
pub async fn open_direct(db: &Database, user: UserId, other: UserId) -> Result<Conversation, Error> {
    if user == other {
        return Err(Error::field("user_id", "must be somebody else than yourself"));
    }
    let conversation = db::conversations::open_direct(db, user, other).await?;
    show(db, user, conversation.ok_or(Error::UnknownUser)?).await
}

/// Makes a group of the user, who owns it, and others.
///
/// # Errors
/// [`Error::UnknownUser`], or what the database says.
pub async fn create_group(
    delivery: &Delivery,
    owner: UserId,
    name: &GroupName,
    others: &BTreeSet<UserId>,
) -> Result<Conversation, Error> {
    let conversation = super::groups::create(delivery, owner, name, others).await?;
    show(delivery.db(), owner, conversation).await
}

/// Names a group anew.
///
/// # Errors
/// As [`super::groups::rename`].
pub async fn rename_group(
    delivery: &Delivery,
    user: UserId,
    conversation: ConversationId,
    name: &GroupName,
) -> Result<Conversation, Error> {
    super::groups::rename(delivery, user, conversation, name).await?;
    show(delivery.db(), user, conversation).await
}

/// Where a page of messages lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Right below this `seq`, newest first.
    Before(i64),
    /// Right above this `seq`, oldest first.
    After(i64),
}

/// A page of a conversation's messages, deleted ones among them.
///
/// # Errors
/// [`Error::UnknownConversation`] to strangers, or what the database says.
pub async fn list_messages(
    db: &Database,
    user: UserId,
    conversation: ConversationId,
    size: PageSize,
    place: Place,
) -> Result<Page<Entry>, Error> {
    scope(db, user, conversation).await?;
    let entries = match place {
        Place::Before(seq) => db::conversations::list_before(db, user, conversation, seq, rows(size)).await?,
        Place::After(seq) => db::conversations::list_after(db, user, conversation, seq, rows(size)).await?,
    };
    Ok(Page::of(entries, size))
}

/// What changed in a conversation.
#[derive(Debug)]
pub struct Changes {
    /// The messages in the order of their versions, deleted ones among them.
    pub messages: Vec<Entry>,
    /// The members whose part or watermarks changed, as they stand now.
    pub members: Vec<MemberState>,
    /// What the conversation is called, a group.
    pub name: Option<String>,
    /// Nothing up to this version is missing.
    pub version: i64,
    /// Whether more follows above it.
    pub has_more: bool,
}

/// What changed in a conversation above the version `after`, up to about a page of messages.
///
/// # Errors
/// [`Error::UnknownConversation`] to strangers, or what the database says.
pub async fn list_changes(
    db: &Database,
    user: UserId,
    conversation: ConversationId,
    size: PageSize,
    after: i64,
) -> Result<Changes, Error> {
    let scope = scope(db, user, conversation).await?;
    let window = Window {
        after,
        upto: scope.version,
    };
    let (messages, upto) = changed_messages(db, user, conversation, size, window).await?;
    let seen = Window { after, upto };
    Ok(Changes {
        members: db::feed::list_members(db, user, &scope, seen).await?,
        messages,
        name: scope.name,
        version: upto,
        has_more: upto < scope.version,
    })
}

/// The first messages of the window, by their versions, and the version up to which none is missing.
async fn changed_messages(
    db: &Database,
    user: UserId,
    conversation: ConversationId,
    size: PageSize,
    mut window: Window,
) -> Result<(Vec<Entry>, i64), Error> {
    let limit = i64::try_from(size.rows()).unwrap_or(i64::MAX);
    let is_full = |entries: &[Entry]| entries.len() >= size.rows();
    let mut entries = db::feed::list_stored(db, user, conversation, window, limit).await?;
    if let Some(last) = entries.last().filter(|_| is_full(&entries)) {
        window.upto = last.created_version;
    }
    // Those that changed since they were stored stand at the version of that.
    entries.retain(|entry| entry.message.version == entry.created_version);
    entries.extend(db::feed::list_changed(db, user, conversation, window, limit).await?);
    entries.sort_by_key(|entry| entry.message.version);
    if is_full(&entries) {
        entries.truncate(size.rows());
        window.upto = entries.last().map_or(window.upto, |last| last.message.version);
    }
    Ok((entries, window.upto))
}

async fn scope(db: &Database, user: UserId, conversation: ConversationId) -> Result<Scope, Error> {
    let scope = db::feed::find_scope(db, user, conversation).await?;
    scope.ok_or(Error::UnknownConversation)
}

/// The conversation and the `seq` of a message that the user sees.
///
/// # Errors
/// [`Error::UnknownMessage`] for one that the user may not see, or what the database says.
pub async fn place_of_message(db: &Database, user: UserId, message: MessageId) -> Result<(ConversationId, i64), Error> {
    let place = db::conversations::find_message(db, user, message).await?;
    place.ok_or(Error::UnknownMessage)
}

/// The conversation of a user that a reference names.
///
/// # Errors
/// [`Error::UnknownConversation`] for one that is not theirs, or what the database says.
pub async fn resolve(db: &Database, user: UserId, reference: ConversationRef) -> Result<ConversationId, Error> {
    let conversation = db::conversations::resolve(db, user, reference).await?;
    conversation.ok_or(Error::UnknownConversation)
}
