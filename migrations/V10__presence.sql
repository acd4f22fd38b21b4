-- Who is online: whoever has a connection whose lease runs. Opening and ending connections lock the user's row, so exactly one of
-- them sees the first come and the last go; it takes the user's next presence version and is the one that tells.
alter table users
    add column presence_version bigint not null default 0,
    add column last_seen timestamptz;

create type presence as (
    user_id uuid,
    version bigint,  -- null where nothing changed for others
    last_seen timestamptz
);

-- Writes a new connection's row and returns those of the user's connections that it pushes out, the oldest beyond `p_limit`, and the
-- presence version if it is the first. Null where there is no such user.
create function admit_connection(
    p_connection text, p_user uuid, p_limit integer, out pushed_out text[], out presence_version bigint
)
language plpgsql as $$
declare
    v_is_first boolean;
begin
    perform from users where id = p_user for no key update;
    if not found then
        return;
    end if;
    v_is_first := not exists (select from connections where user_id = p_user and connected_at > lease_start());
    insert into connections (id, user_id) values (p_connection, p_user);
    with oldest as (
        delete from connections where id in (
            select id from connections where user_id = p_user order by connected_at desc, id offset p_limit
        )
        returning id
    )
    select coalesce(array_agg(id), '{}') into pushed_out from oldest;
    if v_is_first then
        update users set presence_version = users.presence_version + 1 where id = p_user
            returning users.presence_version into presence_version;
    end if;
end
$$;

-- What is to be told after rows of the user's connections were removed; their row must be locked.
create function presence_after_removal(p_user uuid) returns presence
language plpgsql as $$
declare
    r presence;
begin
    r.user_id := p_user;
    if not exists (select from connections where user_id = p_user and connected_at > lease_start()) then
        update users set presence_version = presence_version + 1, last_seen = clock_timestamp() where id = p_user
            returning presence_version, users.last_seen into r.version, r.last_seen;
    end if;
    return r;
end
$$;

-- Removes a connection that ended.
create function end_connection(p_connection text) returns presence
language plpgsql as $$
declare
    v_user uuid;
begin
    select user_id into v_user from connections where id = p_connection;
    perform from users where id = v_user for no key update;
    delete from connections where id = p_connection;
    return case when found then presence_after_removal(v_user) end;
end
$$;

-- Removes a connection of which the gateway said 410 to a sender that had listed it as open, or not yet open (`p_was_open`). The
-- 410 of one that was not open yet is no proof, unless the handshake (29 s at most) is long over.
create function end_gone_connection(p_connection text, p_was_open boolean) returns presence
language plpgsql as $$
declare
    v_user uuid;
begin
    select user_id into v_user from connections where id = p_connection;
    perform from users where id = v_user for no key update;
    delete from connections
        where id = p_connection and (opened_at is not null) = p_was_open
            and (p_was_open or connected_at < clock_timestamp() - interval '30 seconds');
    return case when found then presence_after_removal(v_user) end;
end
$$;

-- Removes the rows whose lease ran out.
create function end_expired_connections() returns setof presence
language plpgsql as $$
declare
    v_user uuid;
begin
    for v_user in select distinct user_id from connections where connected_at <= lease_start() order by user_id loop
        perform from users where id = v_user for no key update;
        delete from connections where user_id = v_user and connected_at <= lease_start();
        if found then
            return next presence_after_removal(v_user);
        end if;
    end loop;
end
$$;

-- Removes every row: for a gateway that starts, whose predecessor's connections are gone with it. Nobody is there to be told.
create function end_all_connections() returns void
language sql as $$
    with gone as (delete from connections returning user_id)
    update users set presence_version = presence_version + 1, last_seen = clock_timestamp()
        where id in (select user_id from gone)
$$;

-- Whose presence a user sees, and who sees theirs: those with whom they share a group of up to 100, or a direct conversation in which
-- both have written.
create function contacts(p_user uuid) returns setof uuid
language sql stable as $$
    select distinct other.user_id
        from members me
        join conversations c on c.id = me.conversation_id
        join members other on other.conversation_id = me.conversation_id and other.user_id <> p_user and other.left_seq is null
        where me.user_id = p_user and me.left_seq is null and c.member_count <= 100
            and (c.kind = 'group' or (me.has_written and other.has_written))
$$;
