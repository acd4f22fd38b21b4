-- Groups, roles, replies, and a place in the feed of changes for every message.
--
-- The functions of V4 to V6 stay for the previous release, which still serves while this one is brought out; a later migration drops
-- them.

alter table conversations
    add column name text,                                -- of a group
    add column name_version bigint not null default 0,   -- the conversation's version when it was last named
    add column member_count integer not null default 2,  -- those who have not left
    add constraint conversations_name_check check ((kind = 'group') = (name is not null));

alter table members
    add column role text not null default 'member' constraint members_role_check check (role in ('owner', 'admin', 'member')),
    -- The conversation's version when the user joined, and when they were removed. They see what it was between the two.
    add column joined_version bigint not null default 0,
    add column left_version bigint,
    add column left_name text,                            -- the group's name when they were removed
    add column version bigint not null default 0,         -- the conversation's version when the membership or the role last changed …
    add column marks_version bigint not null default 0,   -- … and when a watermark last moved
    add column has_written boolean not null default false,  -- in a direct conversation; for presence
    -- When the conversation was last active, too early by `activity_slack` at most; exact once the user was removed.
    add column active_at timestamptz;

update members set has_written = true
    where exists (
        select from messages
            where messages.conversation_id = members.conversation_id and sender_id = user_id
    );

update members set active_at = greatest(last_message_at, created_at)
    from conversations where conversations.id = conversation_id;
alter table members alter column active_at set not null;

-- A user's conversations by their activity. Whatever changes `active_at` moves the row in all indexes, so not every message does.
drop index members_user_id;
create index members_user_id on members (user_id, active_at);

-- How much later than its members' rows say a conversation may have been active. A message that comes later than that after the time in
-- the rows writes its own there; a page of conversations looks that much further than it needs to.
create function activity_slack() returns interval
language sql immutable as $$ select interval '10 minutes' $$;

-- The conversations of a user that were last active before `p_time`, or then and have smaller ids than `p_id` (all where they are
-- null), the newest activity first. It reads the rows of a page, and of those that were active within twice `activity_slack` of its ends.
create function recent_conversations(p_user uuid, p_time timestamptz, p_id uuid, p_limit bigint)
returns table (conversation_id uuid, active_at timestamptz)
language plpgsql stable rows 20 set enable_bitmapscan = off as $$
#variable_conflict use_column
declare
    v_time constant timestamptz := coalesce(p_time, 'infinity');
    v_last timestamptz;
begin
    -- Whatever the planner takes for the number of a user's conversations: with `offset 0` each is looked up by its id, and without bitmaps
    -- they are read in the order of the index, not all of them to be sorted.
    --
    -- As many as the page holds were active at `v_last` or later. So no other belongs on it that was not active after `v_last`.
    select me.active_at into v_last
        from members me cross join lateral (
            select case when me.left_seq is null then greatest(c.last_message_at, c.created_at) else me.active_at end as active_at
            from conversations c where c.id = me.conversation_id offset 0
        ) activity
        where me.user_id = p_user and me.active_at <= v_time and (activity.active_at, me.conversation_id) < (v_time, p_id)
        order by me.active_at desc offset p_limit - 1 limit 1;
    return query
        select me.conversation_id, activity.active_at
        from members me cross join lateral (
            select case when me.left_seq is null then greatest(c.last_message_at, c.created_at) else me.active_at end as active_at
            from conversations c where c.id = me.conversation_id offset 0
        ) activity
        where me.user_id = p_user and me.active_at <= v_time
            and me.active_at >= coalesce(v_last, '-infinity') - activity_slack()
            and (activity.active_at, me.conversation_id) < (v_time, p_id)
        order by activity.active_at desc, me.conversation_id desc limit p_limit;
end
$$;

-- `created_version` is the conversation's version at which the message was stored. It grows with `seq`, so what is new above a version
-- is found by way of `milestones`; what changed later stands in an index of its own, which new messages do not pay for.
alter table messages
    add column reply_to uuid,
    add column created_version bigint;

-- Of a changed message the version at which it was stored is forgotten. `version - seq` counts what was no message before it, and never
-- falls: with that of the unchanged message below, the estimate is not too late, and no two messages have the same.
update messages set created_version = stored.version
    from (
        select id, seq + greatest(
            0,
            max(case when edited_at is null and deleted_at is null then version - seq end)
                over (partition by conversation_id order by seq)
        ) as version
        from messages
    ) stored
    where stored.id = messages.id;

alter table messages alter column created_version set not null;

create index messages_changed on messages (conversation_id, version) where version > created_version;

-- Every 32nd message of a conversation, so that the place of a version or a time is found in one step and a look at 32 messages at most.
-- An index on `messages` would be paid for by each of them.
create table milestones (
    conversation_id uuid not null,
    seq bigint not null,
    version bigint not null,  -- the message's `created_version`
    created_at timestamptz not null,
    primary key (conversation_id, version)
);
create index milestones_created_at on milestones (conversation_id, created_at, seq);

insert into milestones (conversation_id, seq, version, created_at)
    select conversation_id, seq, created_version, created_at from messages where seq % 32 = 0;

-- The first message of a conversation that was stored above `p_version` (one past the last where none was). Without bitmaps, as those
-- would have all later messages read and sorted where the planner takes conversations for short.
create function first_seq_above(p_conversation uuid, p_version bigint) returns bigint
language plpgsql stable set enable_bitmapscan = off as $$
begin
    return coalesce(
        (
            select seq from messages
            where conversation_id = p_conversation and created_version > p_version and seq > coalesce(
                (
                    select seq from milestones
                    where conversation_id = p_conversation and version <= p_version
                    order by version desc limit 1
                ), 0)
            order by seq limit 1
        ),
        (select last_seq + 1 from conversations where id = p_conversation)
    );
end
$$;

-- The same for a time: the first message that is not older than `p_time`.
create or replace function first_seq_at(p_conversation uuid, p_time timestamptz) returns bigint
language plpgsql stable set enable_bitmapscan = off as $$
begin
    return coalesce(
        (
            select seq from messages
            where conversation_id = p_conversation and created_at >= p_time and seq > coalesce(
                (
                    select seq from milestones
                    where conversation_id = p_conversation and created_at < p_time
                    order by created_at desc, seq desc limit 1
                ), 0)
            order by seq limit 1
        ),
        (select last_seq + 1 from conversations where id = p_conversation)
    );
end
$$;

-- `status`: sent, repeated, unknown_connection, rate_limited, sending_to_oneself, unknown_user, unknown_conversation, forbidden,
-- unknown_message (what is replied to), client_id_conflict. Nothing is raised for what a client can do wrong.
create type post_result as (
    status text,
    retry_after_ms bigint,
    sender_id uuid,
    sender_username text,
    receiver_id uuid,  -- null in a group
    id uuid,
    conversation_id uuid,
    seq bigint,
    version bigint,
    content text,
    reply_to uuid,
    created_at timestamptz,
    edited_at timestamptz,
    deleted boolean,
    -- Who takes part and how far the delivered mark of each is; their connections, whose they are, and whether they are open.
    member_ids uuid[],
    member_marks bigint[],
    connection_ids text[],
    connection_users uuid[],
    connections_open boolean[]
);

-- A send, to a user (`p_receiver`) or to a conversation (`p_target`): everything between a frame and its pushes in one statement, one
-- round trip, one commit. A function of plain statements rather than one statement with CTEs: each of its statements sees what was
-- committed before it began, so what is read after a lock is current. It locks the sender's bucket first, then the conversation.
create function post_message(
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
            -- Locked before the membership is read: a removal that was under way is seen.
            perform from conversations where id = p_target for no key update;
            select joined_seq, left_seq into v_member
                from members where conversation_id = p_target and user_id = r.sender_id;
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

-- Makes the direct conversation of two users, the smaller id first, unless there is one.
create function open_direct(p_conversation uuid, p_low uuid, p_high uuid) returns void
language plpgsql as $$
declare
    v_now timestamptz;
begin
    insert into conversations (id, low_user, high_user) values (p_conversation, p_low, p_high)
        on conflict (low_user, high_user) do nothing
        returning created_at into v_now;
    if found then
        insert into members (conversation_id, user_id, active_at)
            values (p_conversation, p_low, v_now), (p_conversation, p_high, v_now);
    end if;
end
$$;

-- The direct conversation of two users, made if need be; null where the other does not exist.
create function find_or_open_direct(p_conversation uuid, p_user uuid, p_other uuid) returns uuid
language plpgsql as $$
declare
    v_low constant uuid := least(p_user, p_other);
    v_high constant uuid := greatest(p_user, p_other);
    v_id uuid;
begin
    select id into v_id from conversations where low_user = v_low and high_user = v_high;
    if not found and exists (select from users where id = p_other) then
        perform open_direct(p_conversation, v_low, v_high);
        select id into v_id from conversations where low_user = v_low and high_user = v_high;
    end if;
    return v_id;
end
$$;

-- The previous release's send: the same thing.
create or replace function send_message(
    p_connection text,
    p_receiver uuid,
    p_message uuid,
    p_conversation uuid,
    p_content text,
    p_client_id text,
    p_digest bytea
) returns send_result
language plpgsql as $$
declare
    p post_result;
begin
    p := post_message(p_connection, p_receiver, null, p_message, p_conversation, p_content, null, p_client_id, p_digest);
    return row(p.status, p.retry_after_ms, p.sender_id, p.sender_username, p.receiver_id, p.id, p.conversation_id, p.seq, p.version,
        p.content, p.created_at, p.deleted, p.member_ids, p.member_marks, p.connection_ids, p.connection_users,
        p.connections_open)::send_result;
end
$$;

-- An edit, or a deletion where `p_content` is null, by the sender. `status`: changed, unchanged (deleted before), unknown_message,
-- forbidden. The content of a deleted message stays in its row for the answer to the sender.
create type amend_result as (
    status text,
    id uuid,
    conversation_id uuid,
    seq bigint,
    version bigint,
    sender_id uuid,
    receiver_id uuid,  -- null in a group
    content text,
    reply_to uuid,
    created_at timestamptz,
    edited_at timestamptz,
    deleted boolean,
    connection_ids text[],
    connections_open boolean[]
);

create function amend_message(p_user uuid, p_message uuid, p_content text) returns amend_result
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

    select c.version + 1 into v_version from conversations c where c.id = r.conversation_id for no key update;
    perform from members
        where members.conversation_id = r.conversation_id and user_id = p_user and left_seq is null and joined_seq < r.seq;
    if not found or r.sender_id <> p_user then
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
