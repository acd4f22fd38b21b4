//! Read marks.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use shared::Error;
use shared::domain::{ConversationId, ConversationRef, MessageId, UserId};
use shared::fields::whole_number;
use shared::http::{CurrentUser, OptionalJsonObject, PathId, Problem};
use shared::service::{conversations, reading};

use super::Services;

/// Where the user's mark stands after the call.
#[derive(Serialize)]
pub(super) struct ReadView {
    conversation_id: ConversationId,
    seq: i64,
}

pub(super) async fn read_conversation(
    State(services): State<Services>,
    CurrentUser(user): CurrentUser,
    PathId(reference): PathId<ConversationRef>,
    OptionalJsonObject(mut fields): OptionalJsonObject,
) -> Result<Json<ReadView>, Problem> {
    let seq = fields.optional_value("seq", whole_number);
    let seq = seq.ok_or_else(|| fields.refusal())?;
    let conversation = conversations::resolve(&services.db, user, reference).await?;
    Ok(read(&services, user, conversation, seq).await?)
}

pub(super) async fn read_message(
    State(services): State<Services>,
    CurrentUser(user): CurrentUser,
    PathId(message): PathId<MessageId>,
) -> Result<Json<ReadView>, Problem> {
    let (conversation, seq) = conversations::place_of_message(&services.db, user, message).await?;
    Ok(read(&services, user, conversation, Some(seq)).await?)
}

async fn read(
    services: &Services,
    user: UserId,
    conversation_id: ConversationId,
    seq: Option<i64>,
) -> Result<Json<ReadView>, Error> {
    let seq = reading::mark_read(&services.delivery, user, conversation_id, seq).await?;
    Ok(Json(ReadView { conversation_id, seq }))
}
