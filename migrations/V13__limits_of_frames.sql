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
