-- Who does not take part in a conversation is refused without a look at its row: who only tries must neither wait for its lock nor hold it
-- up for those who write there. Who takes part is looked up once more when it is locked, as before.

-- As in V7, but for where the sender's part is read.
create or replace function post_message(
    p_connection text,
    p_receiver uuid,
    p_target uuid,
    p_message uuid,       -- the id of the message, should it be new
    p_conversation uuid,  -- the id of the conversation, should it be new
    p_content text,
    p_reply_to uuid,
    p_client_id text,
    p_digest bytea
) returns post_result
language plpgsql as $$
declare
    r post_result;
    v_token token;
    v_low uuid;
    v_high uuid;
    v_existing record;
    v_member record;
    v_is_first boolean;
    v_active_at timestamptz;
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

    v_low := least(r.sender_id, p_receiver);
    v_high := greatest(r.sender_id, p_receiver);
    loop
        if p_client_id is not null then
            select m.*, c.low_user, c.high_user into v_existing
                from messages m join conversations c on c.id = m.conversation_id
                where m.sender_id = r.sender_id and m.client_id = p_client_id;
            if found then
                if v_existing.digest <> p_digest
                    or v_existing.conversation_id <> p_target
                    or (p_target is null and (v_existing.low_user, v_existing.high_user) is distinct from (v_low, v_high))
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
                r.reply_to := v_existing.reply_to;
                r.created_at := v_existing.created_at;
                r.edited_at := v_existing.edited_at;
                r.deleted := v_existing.deleted_at is not null;
                v_low := v_existing.low_user;
                v_high := v_existing.high_user;
                exit;
            end if;
        end if;

        if p_target is null then
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
                perform open_direct(p_conversation, v_low, v_high);
                continue;
            end if;
        else
            select joined_seq, left_seq into v_member
                from members where conversation_id = p_target and user_id = r.sender_id;
            if found and v_member.left_seq is null then
                -- Locked before the membership is read again: a removal that was under way is seen.
                perform from conversations where id = p_target for no key update;
                select joined_seq, left_seq into v_member
                    from members where conversation_id = p_target and user_id = r.sender_id;
            end if;
            if not found then
                r.status := 'unknown_conversation';
                return r;
            end if;
            if v_member.left_seq is not null then
                r.status := 'forbidden';
                return r;
            end if;
            if p_reply_to is not null then
                perform from messages
                    where id = p_reply_to and conversation_id = p_target and seq > v_member.joined_seq and deleted_at is null;
                if not found then
                    r.status := 'unknown_message';
                    return r;
                end if;
            end if;
            update conversations c
                set last_seq = last_seq + 1,
                    version = c.version + 1,
                    last_message_at = greatest(clock_timestamp(), last_message_at)
                where id = p_target
                returning c.id, last_seq, c.version, last_message_at, low_user, high_user
                into r.conversation_id, r.seq, r.version, r.created_at, v_low, v_high;
        end if;

        insert into messages
                (id, conversation_id, seq, version, created_version, sender_id, client_id, digest, content, reply_to, created_at)
            values (p_message, r.conversation_id, r.seq, r.version, r.version, r.sender_id, p_client_id,
                case when p_client_id is not null then p_digest end, p_content, p_reply_to, r.created_at)
            on conflict (sender_id, client_id) where client_id is not null do nothing;
        if found then
            if r.seq % 32 = 0 then
                insert into milestones (conversation_id, seq, version, created_at)
                    values (r.conversation_id, r.seq, r.version, r.created_at);
            end if;
            r.status := 'sent';
            r.id := p_message;
            r.content := p_content;
            r.reply_to := p_reply_to;
            r.deleted := false;
            exit;
        end if;
        -- Another send with this `client_id` won the race (the sender's bucket was swept away between them): no hole is left.
        update conversations c set last_seq = last_seq - 1, version = c.version - 1 where id = r.conversation_id;
    end loop;

    r.receiver_id := case r.sender_id when v_low then v_high when v_high then v_low end;
    select array_agg(user_id), array_agg(delivered_seq), bool_or(user_id = r.sender_id and not has_written), min(active_at)
        into r.member_ids, r.member_marks, v_is_first, v_active_at
        from members
        where members.conversation_id = r.conversation_id and left_seq is null and joined_seq < r.seq;
    if v_is_first and r.receiver_id is not null then
        update members set has_written = true
            where members.conversation_id = r.conversation_id and user_id = r.sender_id;
    end if;
    if r.created_at >= v_active_at + activity_slack() then
        update members set active_at = r.created_at where members.conversation_id = r.conversation_id and left_seq is null;
    end if;
    select array_agg(c.id), array_agg(c.user_id), array_agg(c.opened_at is not null)
        into r.connection_ids, r.connection_users, r.connections_open
        from connections c where c.user_id = any(r.member_ids) and c.connected_at > lease_start();
    return r;
end
$$;

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
