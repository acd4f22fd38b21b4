-- Whose a connection is, as long as its lease runs.
create function connection_user(p_connection text) returns uuid
language sql stable as $$
    select user_id from connections where id = p_connection and connected_at > lease_start()
$$;

-- One sync at a time for each connection, and one a second. A sync that never ends is over after the 11 seconds of its bucket: 5 for
-- what it sends, 5 for its end, and the second.
create type sync_permit as (
    user_id uuid,           -- null where the connection has no row
    retry_after_ms bigint   -- null where it may begin
);

create function begin_sync(p_connection text) returns sync_permit
language plpgsql as $$
declare
    r sync_permit;
    v_token token;
begin
    r.user_id := connection_user(p_connection);
    if r.user_id is not null then
        v_token := take_token('sync:' || p_connection, 1, interval '11 seconds');
        if not v_token.allowed then
            -- Whether the one before still runs, and how long it will, nobody knows: it may be over in a moment.
            r.retry_after_ms := least(v_token.retry_after_ms, 1000);
        end if;
    end if;
    return r;
end
$$;

-- The next sync may begin one second after this one began.
create function end_sync(p_connection text) returns void
language sql as $$
    update rate_limits set tat = tat - interval '10 seconds' where key = 'sync:' || p_connection
$$;

-- That somebody writes to a user (`p_receiver`) or a conversation (`p_target`): whom to tell. `status`: typing, unknown_connection,
-- sending_to_oneself, unknown_user, unknown_conversation, forbidden, rate_limited.
create type typing_result as (
    status text,
    retry_after_ms bigint,
    user_id uuid,
    conversation_id uuid,
    connection_ids text[],
    connections_open boolean[]
);

create function note_typing(p_connection text, p_receiver uuid, p_target uuid) returns typing_result
language plpgsql as $$
declare
    r typing_result;
    v_left_seq bigint;
    v_token token;
begin
    r.user_id := connection_user(p_connection);
    if r.user_id is null then
        r.status := 'unknown_connection';
        return r;
    end if;
    if r.user_id = p_receiver then
        r.status := 'sending_to_oneself';
        return r;
    end if;
    if p_target is null then
        perform from users where id = p_receiver;
        if not found then
            r.status := 'unknown_user';
            return r;
        end if;
        select id into r.conversation_id from conversations
            where low_user = least(r.user_id, p_receiver) and high_user = greatest(r.user_id, p_receiver);
    else
        select conversation_id, left_seq into r.conversation_id, v_left_seq
            from members where conversation_id = p_target and members.user_id = r.user_id;
        if not found or v_left_seq is not null then
            r.status := case when v_left_seq is null then 'unknown_conversation' else 'forbidden' end;
            return r;
        end if;
    end if;

    v_token := take_token('typing:' || r.user_id || coalesce(r.conversation_id, p_receiver), 1, interval '1 second');
    if not v_token.allowed then
        r.status := 'rate_limited';
        r.retry_after_ms := v_token.retry_after_ms;
        return r;
    end if;
    r.status := 'typing';
    select array_agg(c.id), array_agg(c.opened_at is not null)
        into r.connection_ids, r.connections_open
        from connections c
        where c.connected_at > lease_start() and c.user_id <> r.user_id and c.user_id in (
            select p_receiver
            union all
            select members.user_id from members where members.conversation_id = p_target and left_seq is null
        );
    return r;
end
$$;
