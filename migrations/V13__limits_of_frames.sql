-- A frame that writes, or is passed on to others, takes a token of its user's: a read mark up to a group of 256 is told to all their
-- devices, and what is typed to anybody. As with sends, the token is taken where the rest is done, and costs no round trip.

create type read_result as (
    status text,  -- read, unknown_connection, rate_limited, unknown_conversation, forbidden
    retry_after_ms bigint,
    user_id uuid,
    conversation_id uuid,
    seq bigint,
    moved boolean,
    connection_ids text[],
    connections_open boolean[]
);

-- `mark_read` by the user of a connection: 10 a second in the long run, 100 at once, as a client that comes back may mark many
-- conversations.
create function mark_read_from(p_connection text, p_conversation uuid, p_seq bigint) returns read_result
language plpgsql as $$
declare
    r read_result;
    v_token token;
    v_mark mark_result;
begin
    r.user_id := connection_user(p_connection);
    if r.user_id is null then
        r.status := 'unknown_connection';
        return r;
    end if;
    v_token := take_token('read:' || r.user_id, 100, interval '10 seconds');
    if not v_token.allowed then
        r.status := 'rate_limited';
        r.retry_after_ms := v_token.retry_after_ms;
        return r;
    end if;
    v_mark := mark_read(r.user_id, p_conversation, p_seq);
    r.status := v_mark.status;
    r.conversation_id := v_mark.conversation_id;
    r.seq := v_mark.seq;
    r.moved := v_mark.moved;
    r.connection_ids := v_mark.connection_ids;
    r.connections_open := v_mark.connections_open;
    return r;
end
$$;

-- As before, once a second for each conversation; now also 10 a second over all of them. That is looked at first, so that whoever names
-- another conversation each time writes no more buckets either.
create or replace function note_typing(p_connection text, p_receiver uuid, p_target uuid) returns typing_result
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

    v_token := take_token('typing:' || r.user_id, 10, interval '1 second');
    if v_token.allowed then
        v_token := take_token('typing:' || r.user_id || coalesce(r.conversation_id, p_receiver), 1, interval '1 second');
    end if;
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
