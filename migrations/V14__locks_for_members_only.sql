-- Who does not take part in a conversation is refused without a look at its row: who only tries must neither wait for its lock nor hold it
-- up for those who write there. Who takes part is looked up once more when it is locked, as before. Of sends see V15.

-- As in V7, but that somebody else's message is refused before the conversation is locked.
create or replace function amend_message(p_user uuid, p_message uuid, p_content text) returns amend_result
language plpgsql as $$
declare
    r amend_result;
    v_version bigint;
begin
    select m.id, m.conversation_id, m.seq, m.sender_id,
            case m.sender_id when c.low_user then c.high_user when c.high_user then c.low_user end
        into r.id, r.conversation_id, r.seq, r.sender_id, r.receiver_id
        from messages m join conversations c on c.id = m.conversation_id
        where m.id = p_message;
    if not found then
        r.status := 'unknown_message';
        return r;
    end if;

    if r.sender_id <> p_user then
        r.status := 'forbidden';
        return r;
    end if;

    select c.version + 1 into v_version from conversations c where c.id = r.conversation_id for no key update;
    perform from members
        where members.conversation_id = r.conversation_id and user_id = p_user and left_seq is null and joined_seq < r.seq;
    if not found then
        r.status := 'forbidden';
        return r;
    end if;

    update messages m
        set version = v_version,
            content = coalesce(p_content, m.content),
            edited_at = case when p_content is null then m.edited_at else greatest(clock_timestamp(), m.created_at) end,
            deleted_at = case when p_content is null then greatest(clock_timestamp(), m.created_at) end
        where m.id = p_message and m.deleted_at is null;
    if found then
        r.status := 'changed';
        update conversations c set version = v_version where c.id = r.conversation_id;
    elsif p_content is null then
        r.status := 'unchanged';
    else
        r.status := 'unknown_message';
        return r;
    end if;

    select m.version, m.content, m.reply_to, m.created_at, m.edited_at, m.deleted_at is not null
        into r.version, r.content, r.reply_to, r.created_at, r.edited_at, r.deleted
        from messages m where m.id = p_message;
    select array_agg(c.id), array_agg(c.opened_at is not null)
        into r.connection_ids, r.connections_open
        from connections c join members on members.user_id = c.user_id
        where members.conversation_id = r.conversation_id and left_seq is null and joined_seq < r.seq
            and c.connected_at > lease_start();
    return r;
end
$$;

-- What the actor is in the group, with the conversation locked where they take part: a role, or `unknown_conversation`, `not_a_group` or
-- `forbidden`.
create or replace function lock_group(p_actor uuid, p_conversation uuid) returns text
language plpgsql as $$
declare
    v_kind text;
    v_member record;
begin
    select role, left_seq into v_member from members where conversation_id = p_conversation and user_id = p_actor;
    if found and v_member.left_seq is null then
        select kind into v_kind from conversations where id = p_conversation for no key update;
        select role, left_seq into v_member from members where conversation_id = p_conversation and user_id = p_actor;
    end if;
    return case
        when not found then 'unknown_conversation'
        when v_member.left_seq is not null then 'forbidden'
        when v_kind <> 'group' then 'not_a_group'
        else v_member.role
    end;
end
$$;
