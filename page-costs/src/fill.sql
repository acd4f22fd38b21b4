-- Fills an empty database, as if it had been used for long: one user, the first, has `$conversations` conversations, each with another
-- user, and half of all `$messages` messages are in the first of them. Message number n was sent half a minute after the one before it;
-- the odd ones are of the first conversation, so that messages of different conversations lie side by side as they came in.

create function page_costs_user(n bigint) returns uuid language sql immutable as
$$ select ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid $$;

create function page_costs_conversation(n bigint) returns uuid language sql immutable as
$$ select ('01900000-0000-7001-8000-' || lpad(to_hex(n), 12, '0'))::uuid $$;

-- A UUIDv7 of this time.
create function page_costs_message(n bigint, at timestamptz) returns uuid language sql immutable as
$$
    select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '7' || substr(md5(n::text), 1, 3)
        || '8' || substr(md5(n::text), 4, 15))::uuid
$$;

insert into users (id, username, username_key, email, password_hash)
    select page_costs_user(n), 'user' || n, 'user' || n, 'user' || n || '@example.com', 'none'
    from generate_series(1, $users) n;

-- Each message takes two versions: its own, and then every 20th time an edit of the message ten before it, every 100th its deletion, else
-- a watermark's move.
insert into messages
        (id, conversation_id, seq, version, created_version, sender_id, client_id, digest, content, created_at, edited_at, deleted_at)
    select page_costs_message(n, at), page_costs_conversation(conversation), seq,
        case when seq % 20 = 10 then 2 * (seq + 10) else 2 * seq - 1 end, 2 * seq - 1,
        page_costs_user(case seq % 2 when 0 then 1 else conversation + 1 end), 'page-costs-' || n, decode(md5(n::text), 'hex'),
        'Message number ' || n || ', which is about as long as what people write to each other.', at,
        case when seq % 20 = 10 then at + interval '5 minutes' end,
        case when seq % 100 = 10 then at + interval '5 minutes' end
    from generate_series(1, $messages::bigint) n
    cross join lateral (
        select
            case n % 2 when 1 then 1 else 2 + (n / 2 - 1) % ($conversations - 1) end as conversation,
            case n % 2 when 1 then (n + 1) / 2 else 1 + (n / 2 - 1) / ($conversations - 1) end as seq,
            now() - ($messages - n) * interval '30 seconds' as at
    ) message;

insert into milestones (conversation_id, seq, version, created_at)
    select conversation_id, seq, created_version, created_at from messages where seq % 32 = 0;

insert into conversations (id, low_user, high_user, last_seq, version, last_message_at, created_at)
    select page_costs_conversation(n), page_costs_user(1), page_costs_user(n + 1), coalesce(last.seq, 0), coalesce(2 * last.seq + 20, 0),
        coalesce(last.created_at, '-infinity'), now() - $messages * interval '30 seconds'
    from generate_series(1, $conversations) n
    left join lateral (
        select seq, created_at from messages where conversation_id = page_costs_conversation(n) order by seq desc limit 1
    ) last on true;

-- The first user has read everything but the last 1,000 messages of the first conversation. `active_at` is early, as it may be.
insert into members (conversation_id, user_id, active_at, delivered_seq, read_seq, marks_version, has_written)
    select id, member, greatest(last_message_at, created_at) - (row_number() over () % 10) * interval '1 minute', last_seq,
        case id when page_costs_conversation(1) then last_seq - 1000 else last_seq end, version, true
    from conversations, unnest(array[low_user, high_user]) member;

insert into read_marks (conversation_id, user_id, seq, read_at)
    select conversation_id, user_id, messages.seq, created_at + interval '1 minute'
    from messages join members using (conversation_id)
    where messages.seq % 10 = 0 and messages.seq <= read_seq;

insert into connections (id, user_id, opened_at) select 'page-costs-' || n, page_costs_user(1), now() from generate_series(0, 6) n;
