-- Open WebSocket connections. A row is a lease: `$disconnect` is best effort, and the gateway ends every connection after two hours.
create table connections (
    id text collate "C" primary key,
    user_id uuid not null references users,
    connected_at timestamptz not null default clock_timestamp(),
    -- When the gateway was first seen to deliver to it. Before that it answers 410 Gone, which then says nothing of the client.
    opened_at timestamptz
);
create index connections_user_id on connections (user_id, connected_at);

-- Older leases than this are worth nothing.
create function lease_start() returns timestamptz
language sql stable as $$ select now() - interval '2 hours' $$;

-- Opening, closing, removing and sweeping lock the user's row: they are seen one after the other.

-- Writes a new connection's row and returns those of the user's connections that it pushes out: the oldest beyond `p_limit`.
-- Null where there is no such user.
create function open_connection(p_connection text, p_user uuid, p_limit integer) returns text[]
language plpgsql as $$
declare
    v_oldest text[];
begin
    perform from users where id = p_user for no key update;
    if not found then
        return null;
    end if;
    insert into connections (id, user_id) values (p_connection, p_user);
    with oldest as (
        delete from connections where id in (
            select id from connections where user_id = p_user order by connected_at desc, id offset p_limit
        )
        returning id
    )
    select coalesce(array_agg(id), '{}') into v_oldest from oldest;
    return v_oldest;
end
$$;

create function close_connection(p_connection text) returns void
language plpgsql as $$
begin
    perform from users
        where id = (select user_id from connections where id = p_connection) for no key update;
    delete from connections where id = p_connection;
end
$$;

-- Removes a connection of which the gateway said 410 to a sender that had listed it as open, or not yet open (`p_was_open`). The
-- 410 of one that was not open yet is no proof, unless the handshake (29 s at most) is long over.
create function remove_gone_connection(p_connection text, p_was_open boolean) returns void
language plpgsql as $$
begin
    perform from users
        where id = (select user_id from connections where id = p_connection) for no key update;
    delete from connections
        where id = p_connection and (opened_at is not null) = p_was_open
            and (p_was_open or connected_at < clock_timestamp() - interval '30 seconds');
end
$$;

-- Removes the rows whose lease ran out.
create function sweep_connections() returns void
language plpgsql as $$
declare
    v_user uuid;
begin
    for v_user in select distinct user_id from connections where connected_at < lease_start() order by user_id loop
        perform from users where id = v_user for no key update;
        delete from connections where user_id = v_user and connected_at < lease_start();
    end loop;
end
$$;
