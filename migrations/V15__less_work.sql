-- The same sends and marks with less work: what profiles showed (docs/performance.md).
--
-- The plans of these functions don't depend on their parameters, but the planner prefers to make a new one for each call where an array
-- is a parameter, as it expects more in it than there is: `force_generic_plan` keeps the one plan. A quarter of a send was planning.
-- It is kept while the tables grow, so it must not be one for small tables, which the planner would read whole: hence `enable_seqscan`.

-- The strongest lock that this takes of a table goes first. A trigger takes a weaker one, behind which a send that has read the table waits to
-- write it; to ask for the stronger one then is a deadlock, and the migration would be its victim.
lock table conversations in access exclusive mode;

-- A check constraint is parsed anew by each statement that writes a row, whatever it writes, and every message writes this row. A
-- trigger that names its columns costs only those who write them.
create function check_conversation() returns trigger
language plpgsql as $$
begin
    if not coalesce(
        case new.kind
            when 'direct' then new.low_user < new.high_user and new.name is null
            when 'group' then new.low_user is null and new.high_user is null and new.name is not null
        end,
        false
    ) then
        raise exception 'a conversation is direct, with two users in order, or a group, with a name'
            using errcode = 'check_violation', table = 'conversations', constraint = 'conversations_check';
    end if;
    return null;
end
$$;

create constraint trigger conversations_check
    after insert or update of kind, low_user, high_user, name on conversations
    for each row execute function check_conversation();

alter table conversations
    drop constraint conversations_kind_check,
    drop constraint conversations_pair_check,
    drop constraint conversations_name_check;

-- As in V7, with less work; and who takes no part in a conversation is refused without a lock, as in V14.
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
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
declare
    r post_result;
    v_token token;
    v_low uuid;
    v_high uuid;
    v_existing record;
    v_pair record;
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

    -- A token, as `take_token` takes one, which is asked only where there is none yet or none left.
    update rate_limits set tat = greatest(tat, clock_timestamp()) + interval '1 second' / 10
        where key = 'send:' || r.sender_id and tat + interval '1 second' / 10 <= clock_timestamp() + interval '1 second';
    if not found then
        v_token := take_token('send:' || r.sender_id, 10, interval '1 second');
        if not v_token.allowed then
            r.status := 'rate_limited';
            r.retry_after_ms := v_token.retry_after_ms;
            return r;
        end if;
    end if;

    v_low := least(r.sender_id, p_receiver);
    v_high := greatest(r.sender_id, p_receiver);
    loop
        if p_client_id is not null then
            select * into v_existing from messages where sender_id = r.sender_id and client_id = p_client_id;
            if found then
                select low_user, high_user into v_pair from conversations where id = v_existing.conversation_id;
                if v_existing.digest <> p_digest
                    or v_existing.conversation_id <> p_target
                    or (p_target is null and (v_pair.low_user, v_pair.high_user) is distinct from (v_low, v_high))
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
                v_low := v_pair.low_user;
                v_high := v_pair.high_user;
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

alter function post_messages(text[], uuid[], uuid[], uuid[], text[], uuid[], text[], bytea[])
    set plan_cache_mode = force_generic_plan;
alter function post_messages(text[], uuid[], uuid[], uuid[], text[], uuid[], text[], bytea[]) set enable_seqscan = off;

-- Notes that every message from `p_from` to `p_to` of a conversation was pushed to a user, for many such marks at once, a user's side of a
-- conversation once at most. A mark moves only where nothing below is undelivered: it never runs ahead. To be told: in a
-- direct conversation both users; in a group, where everyone's marks told to everyone would be a storm, those whose messages the mark
-- passed and the user's own devices; of a former member's, nobody.
create function move_delivered_marks(p_conversations uuid[], p_users uuid[], p_from bigint[], p_to bigint[])
returns setof mark_result
language plpgsql
set plan_cache_mode = force_generic_plan
-- A few rows of each table, whatever its size: all by index. For ten rows the planner would rather read a table of some hundred blocks.
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
declare
    v_movable bigint[];
begin
    -- Whether a mark may move can only change to "yes" while nobody looks, but for another move: looked at before the lock, for most
    -- calls that change nothing, and again by the update.
    select array_agg(position) into v_movable
        from unnest(p_conversations, p_users, p_from, p_to) with ordinality as marks (conversation, member, seq_from, seq_to, position)
        join members on conversation_id = conversation and user_id = member
        where delivered_seq < seq_to
            and (delivered_seq >= seq_from - 1 or is_delivered_below(conversation, member, seq_from));
    -- In the order in which everybody locks several.
    perform from conversations
        where id in (select p_conversations[position] from unnest(v_movable) as position)
        order by id for no key update;
    return query
        with moves as (
            select position, members.conversation_id, user_id, seq_to, delivered_seq as old_seq, left_seq is null as is_told, kind,
                    conversations.version + count(*) filter (where left_seq is null) over (
                        partition by members.conversation_id order by position
                    ) as new_version
                from unnest(v_movable) as position
                cross join lateral (
                    select p_conversations[position] as conversation, p_users[position] as member, p_to[position] as seq_to
                ) as mark
                join members on conversation_id = conversation and user_id = member
                join conversations on id = conversation
                where delivered_seq < seq_to
        ),
        moved as (
            update members
                set delivered_seq = seq_to, marks_version = case when is_told then new_version else marks_version end
                from moves
                where members.conversation_id = moves.conversation_id and members.user_id = moves.user_id
        ),
        versioned as (
            update conversations set version = newest.version
                from (select conversation_id, max(new_version) as version from moves where is_told group by conversation_id) as newest
                where id = conversation_id
        )
        select null::text, conversation, coalesce(moves.seq_to, delivered_seq), coalesce(is_told, false), told.ids, told.open
            from unnest(p_conversations, p_users) with ordinality as marks (conversation, member, position)
            left join moves using (position)
            left join members on members.conversation_id = conversation and members.user_id = member
            left join lateral (
                select array_agg(id) as ids, array_agg(opened_at is not null) as open
                    from members others
                    join connections on connections.user_id = others.user_id and connected_at > lease_start()
                    where is_told and others.conversation_id = conversation and others.left_seq is null
                        and (kind = 'direct' or others.user_id = member or others.user_id in (
                            select sender_id from messages
                                where messages.conversation_id = conversation and seq > old_seq and seq <= moves.seq_to
                        ))
            ) as told on true
            order by position;
end
$$;
