-- A conversation numbers its messages 1, 2, 3, … (`last_seq`) and every change of itself (`version`). Both are taken under the row's
-- lock, so they have no holes and commit in order: a cursor over them skips nothing.
create table conversations (
    id uuid primary key,
    kind text not null default 'direct' check (kind in ('direct', 'group')),
    -- The two of a direct conversation, the smaller id first: one conversation for each pair.
    low_user uuid references users,
    high_user uuid references users,
    last_seq bigint not null default 0,
    version bigint not null default 0,
    last_message_at timestamptz not null default '-infinity',
    created_at timestamptz not null default clock_timestamp(),
    constraint conversations_pair_key unique (low_user, high_user),
    constraint conversations_pair_check check (
        case kind when 'direct' then low_user < high_user else low_user is null and high_user is null end
    )
) with (fillfactor = 70);  -- every message updates its conversation's row in place (HOT)

-- Who takes part, and how far they are. Watermarks instead of a row for each message and reader.
create table members (
    conversation_id uuid not null references conversations,
    user_id uuid not null references users,
    joined_seq bigint not null default 0,     -- sees what has a greater seq …
    left_seq bigint,                          -- … and, once removed, nothing after this one
    delivered_seq bigint not null default 0,  -- all up to here was pushed, is their own or was deleted; never leads, may lag
    read_seq bigint not null default 0,
    primary key (conversation_id, user_id)
) with (fillfactor = 70);
create index members_user_id on members (user_id);

-- When a reader's watermark passed what.
create table read_marks (
    conversation_id uuid not null,
    user_id uuid not null,
    seq bigint not null,
    read_at timestamptz not null default clock_timestamp(),
    primary key (conversation_id, user_id, seq),
    foreign key (conversation_id, user_id) references members
);

-- Each index here is paid for by every message, so there are three; and no foreign keys: rows are written by `send_message` alone, which
-- holds the lock of the conversation's row and has read the sender's.
create table messages (
    id uuid primary key,
    conversation_id uuid not null,
    seq bigint not null,
    version bigint not null,  -- the conversation's version when this row last changed
    sender_id uuid not null,
    client_id text collate "C",
    digest bytea,             -- of what was first sent under `client_id`: edits change the content, not this
    content text not null,
    created_at timestamptz not null,  -- never earlier than the message's before it
    edited_at timestamptz,
    deleted_at timestamptz,
    constraint messages_seq_key unique (conversation_id, seq)
) with (fillfactor = 90);
create unique index messages_client_id_key on messages (sender_id, client_id) where client_id is not null;

-- The first message of a conversation that is not older than `p_time` (one past the last where all are): a binary search, as
-- `created_at` grows with `seq` and `seq` has no holes. An index on the time would be paid for by every message.
create function first_seq_at(p_conversation uuid, p_time timestamptz) returns bigint
language plpgsql stable as $$
declare
    low bigint := 1;
    high bigint;
    middle bigint;
begin
    select last_seq + 1 into high from conversations where id = p_conversation;
    while low < high loop
        middle := (low + high) / 2;
        if (select created_at < p_time from messages where conversation_id = p_conversation and seq = middle) then
            low := middle + 1;
        else
            high := middle;
        end if;
    end loop;
    return low;
end
$$;
