-- An edit, or a deletion where `p_content` is null, by the sender. `status`: changed, unchanged (deleted before), unknown_message,
-- forbidden. The content of a deleted message stays in its row for the answer to the sender.
create type change_result as (
    status text,
    id uuid,
    conversation_id uuid,
    seq bigint,
    version bigint,
    sender_id uuid,
    receiver_id uuid,
    content text,
    created_at timestamptz,
    edited_at timestamptz,
    deleted boolean,
    connection_ids text[],
    connections_open boolean[]
);

create function change_message(p_user uuid, p_message uuid, p_content text) returns change_result
language plpgsql as $$
declare
    r change_result;
    v_version bigint;
begin
    select m.id, m.conversation_id, m.sender_id, case m.sender_id when c.low_user then c.high_user else c.low_user end
        into r.id, r.conversation_id, r.sender_id, r.receiver_id
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

    select m.seq, m.version, m.content, m.created_at, m.edited_at, m.deleted_at is not null
        into r.seq, r.version, r.content, r.created_at, r.edited_at, r.deleted
        from messages m where m.id = p_message;
    select array_agg(c.id), array_agg(c.opened_at is not null)
        into r.connection_ids, r.connections_open
        from connections c join members on members.user_id = c.user_id
        where members.conversation_id = r.conversation_id and c.connected_at > lease_start();
    return r;
end
$$;
