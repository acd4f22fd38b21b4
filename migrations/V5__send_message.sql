-- A send: everything between a frame and its pushes in one statement, one round trip, one commit. A function of plain statements
-- rather than one statement with CTEs: each of its statements sees what was committed before it began, so what is read after
-- a lock is current. It locks the sender's bucket first, then the conversation.
--
-- `status`: sent, repeated, unknown_connection, rate_limited, sending_to_oneself, unknown_user, client_id_conflict. Nothing is
-- raised for what a client can do wrong, so that sends can share a statement without failing each other.
create type send_result as (
    status text,
    retry_after_ms bigint,
    sender_id uuid,
    sender_username text,
    receiver_id uuid,
    id uuid,
    conversation_id uuid,
    seq bigint,
    version bigint,
    content text,
    created_at timestamptz,
    deleted boolean,
    -- Who takes part and how far the delivered mark of each is; their connections, whose they are, and whether they are open.
    member_ids uuid[],
    member_marks bigint[],
    connection_ids text[],
    connection_users uuid[],
    connections_open boolean[]
);

create function send_message(
    p_connection text,
    p_receiver uuid,
    p_message uuid,       -- the id of the message, should it be new
    p_conversation uuid,  -- the id of the conversation, should it be new
    p_content text,
    p_client_id text,
    p_digest bytea
) returns send_result
language plpgsql as $$
declare
    r send_result;
    v_token token;
    v_low uuid;
    v_high uuid;
    v_existing record;
begin
    select c.user_id, u.username into r.sender_id, r.sender_username
        from connections c join users u on u.id = c.user_id
        where c.id = p_connection and c.connected_at > lease_start();
    if not found then
        r.status := 'unknown_connection';
        return r;
    end if;
    if r.sender_id = p_receiver then
        r.status := 'sending_to_oneself';
        return r;
    end if;

    v_token := take_token('send:' || r.sender_id, 10, interval '1 second');
    if not v_token.allowed then
        r.status := 'rate_limited';
        r.retry_after_ms := v_token.retry_after_ms;
        return r;
    end if;

    r.receiver_id := p_receiver;
    v_low := least(r.sender_id, p_receiver);
    v_high := greatest(r.sender_id, p_receiver);
    loop
        if p_client_id is not null then
            select m.*, c.low_user, c.high_user into v_existing
                from messages m join conversations c on c.id = m.conversation_id
                where m.sender_id = r.sender_id and m.client_id = p_client_id;
            if found then
                if v_existing.digest <> p_digest
                    or (v_existing.low_user, v_existing.high_user) is distinct from (v_low, v_high)
                then
                    r.status := 'client_id_conflict';
                    return r;
                end if;
                r.status := 'repeated';
                r.id := v_existing.id;
                r.conversation_id := v_existing.conversation_id;
                r.seq := v_existing.seq;
                r.version := v_existing.version;
                r.content := v_existing.content;
                r.created_at := v_existing.created_at;
                r.deleted := v_existing.deleted_at is not null;
                exit;
            end if;
        end if;

        update conversations c
            set last_seq = last_seq + 1,
                version = c.version + 1,
                last_message_at = greatest(clock_timestamp(), last_message_at)
            where low_user = v_low and high_user = v_high
            returning c.id, last_seq, c.version, last_message_at
            into r.conversation_id, r.seq, r.version, r.created_at;
        if not found then
            perform from users where id = p_receiver;
            if not found then
                r.status := 'unknown_user';
                return r;
            end if;
            insert into conversations (id, low_user, high_user) values (p_conversation, v_low, v_high)
                on conflict (low_user, high_user) do nothing;
            if found then
                insert into members (conversation_id, user_id)
                    values (p_conversation, v_low), (p_conversation, v_high);
            end if;
            continue;
        end if;

        insert into messages
                (id, conversation_id, seq, version, sender_id, client_id, digest, content, created_at)
            values (p_message, r.conversation_id, r.seq, r.version, r.sender_id, p_client_id,
                case when p_client_id is not null then p_digest end, p_content, r.created_at)
            on conflict (sender_id, client_id) where client_id is not null do nothing;
        if found then
            r.status := 'sent';
            r.id := p_message;
            r.content := p_content;
            r.deleted := false;
            exit;
        end if;
        -- Another send with this `client_id` won the race (the sender's bucket was swept away between them): no hole is left.
        update conversations c set last_seq = last_seq - 1, version = c.version - 1 where id = r.conversation_id;
    end loop;

    select array_agg(user_id), array_agg(delivered_seq) into r.member_ids, r.member_marks
        from members where members.conversation_id = r.conversation_id;
    select array_agg(c.id), array_agg(c.user_id), array_agg(c.opened_at is not null)
        into r.connection_ids, r.connection_users, r.connections_open
        from connections c where c.user_id = any(r.member_ids) and c.connected_at > lease_start();
    return r;
end
$$;

-- Notes that every message of the conversation from `p_from` to `p_to` was pushed to the user. The mark moves only where nothing
-- below is undelivered: it never runs ahead. Returns where it stands then.
create function mark_delivered(p_conversation uuid, p_user uuid, p_from bigint, p_to bigint) returns bigint
language sql as $$
    update members set delivered_seq = p_to
        where conversation_id = p_conversation and user_id = p_user and delivered_seq < p_to
            and (delivered_seq >= p_from - 1 or not exists (
                select from messages
                    where messages.conversation_id = p_conversation
                        and seq > greatest(delivered_seq, joined_seq) and seq < p_from
                        and sender_id <> p_user and deleted_at is null
            ));
    select delivered_seq from members where conversation_id = p_conversation and user_id = p_user
$$;
