-- Watermarks that tell of themselves: each move takes a version of the conversation, so that whoever was away finds it there.

create type mark_result as (
    status text,  -- of a read mark: read, unknown_conversation, forbidden
    conversation_id uuid,
    seq bigint,      -- where the mark stands then
    moved boolean,
    connection_ids text[],
    connections_open boolean[]
);

-- Moves a user's read mark up to `p_seq`, to the end where that is null; never back, never beyond the end.
create function mark_read(p_user uuid, p_conversation uuid, p_seq bigint) returns mark_result
language plpgsql as $$
declare
    r mark_result;
    v_left_seq bigint;
    v_last_seq bigint;
begin
    r.conversation_id := p_conversation;
    r.moved := false;
    select members.read_seq, left_seq, last_seq into r.seq, v_left_seq, v_last_seq
        from members join conversations c on c.id = conversation_id
        where conversation_id = p_conversation and user_id = p_user;
    r.status := case when not found then 'unknown_conversation' when v_left_seq is not null then 'forbidden' else 'read' end;
    if r.status <> 'read' or least(coalesce(p_seq, v_last_seq), v_last_seq) <= r.seq then
        return r;
    end if;

    perform from conversations where id = p_conversation for no key update;
    update members
        set read_seq = least(coalesce(p_seq, c.last_seq), c.last_seq), marks_version = c.version + 1
        from conversations c
        where c.id = p_conversation and members.conversation_id = c.id and user_id = p_user and left_seq is null
            and read_seq < least(coalesce(p_seq, c.last_seq), c.last_seq)
        returning read_seq into r.seq;
    if not found then
        -- Another device was faster, or the user was just removed.
        select read_seq, case when left_seq is null then 'read' else 'forbidden' end into r.seq, r.status
            from members where members.conversation_id = p_conversation and user_id = p_user;
        return r;
    end if;
    update conversations set version = version + 1 where id = p_conversation;
    insert into read_marks (conversation_id, user_id, seq) values (p_conversation, p_user, r.seq);
    r.moved := true;
    select array_agg(c.id), array_agg(c.opened_at is not null) into r.connection_ids, r.connections_open
        from connections c join members on members.user_id = c.user_id
        where members.conversation_id = p_conversation and left_seq is null and c.connected_at > lease_start();
    return r;
end
$$;

-- Notes that every message of the conversation from `p_from` to `p_to` was pushed to the user. The mark moves only where nothing
-- below is undelivered: it never runs ahead. To be told: in a direct conversation both users; in a group, where everyone's marks
-- told to everyone would be a storm, those whose messages the mark passed and the user's own devices.
create function move_delivered(p_conversation uuid, p_user uuid, p_from bigint, p_to bigint) returns mark_result
language plpgsql as $$
declare
    r mark_result;
    v_old bigint;
    v_left_seq bigint;
    v_kind text;
begin
    r.conversation_id := p_conversation;
    r.moved := false;
    -- Whether it may move can only change to "yes" while nobody looks, but for another move: looked at before the lock, for most
    -- calls that change nothing, and again by the update.
    select delivered_seq into r.seq from members where conversation_id = p_conversation and user_id = p_user;
    if not found or r.seq >= p_to or (r.seq < p_from - 1 and not is_delivered_below(p_conversation, p_user, p_from)) then
        return r;
    end if;
    select kind into v_kind from conversations where id = p_conversation for no key update;
    select delivered_seq, left_seq into v_old, v_left_seq from members where conversation_id = p_conversation and user_id = p_user;
    if v_left_seq is not null then
        -- Nobody is told where a former member is.
        update members set delivered_seq = greatest(delivered_seq, p_to)
            where conversation_id = p_conversation and user_id = p_user
            returning delivered_seq into r.seq;
        return r;
    end if;
    update members set delivered_seq = p_to, marks_version = c.version + 1
        from conversations c
        where c.id = p_conversation and members.conversation_id = c.id and user_id = p_user and delivered_seq < p_to
        returning delivered_seq into r.seq;
    if not found then
        r.seq := v_old;
        return r;
    end if;
    update conversations set version = version + 1 where id = p_conversation;
    r.moved := true;
    select array_agg(c.id), array_agg(c.opened_at is not null) into r.connection_ids, r.connections_open
        from connections c join members on members.user_id = c.user_id
        where members.conversation_id = p_conversation and left_seq is null and c.connected_at > lease_start()
            and (v_kind = 'direct' or c.user_id = p_user or c.user_id in (
                select sender_id from messages
                    where messages.conversation_id = p_conversation and messages.seq > v_old and messages.seq <= p_to
            ));
    return r;
end
$$;

-- Whether the user has everything of the conversation below `p_seq`: it was pushed, is their own, or was deleted; or, they being a
-- former member, they never get it, as it changed after they were removed.
create function is_delivered_below(p_conversation uuid, p_user uuid, p_seq bigint) returns boolean
language plpgsql stable as $$
begin
    return (
        select delivered_seq >= p_seq - 1 or not exists (
            select from messages
                where messages.conversation_id = p_conversation
                    and seq > greatest(delivered_seq, joined_seq) and seq < p_seq
                    and sender_id <> p_user and deleted_at is null
                    and (left_version is null or messages.version <= left_version)
        )
        from members where conversation_id = p_conversation and user_id = p_user
    );
end
$$;
