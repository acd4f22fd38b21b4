-- Users in pairs, each with a conversation and a row of an open connection, as they are while everybody is online. The number of a user is
-- in its ids, so that a statement can make them up without looking. They are made once and used again.
insert into users (id, username, username_key, email, password_hash)
    select format('00000000-0000-7000-8000-%s', lpad(n::text, 12, '0'))::uuid, 'pgbench' || n, 'pgbench' || n, 'pgbench' || n || '@example.com', '-'
        from generate_series(0, :users - 1) as n
    on conflict do nothing;

insert into connections (id, user_id, opened_at)
    select 'pgbench' || n, format('00000000-0000-7000-8000-%s', lpad(n::text, 12, '0'))::uuid, clock_timestamp()
        from generate_series(0, :users - 1) as n
    on conflict (id) do update set connected_at = clock_timestamp(), opened_at = clock_timestamp();

select open_direct(
        format('00000000-0000-7000-9000-%s', lpad(n::text, 12, '0'))::uuid,
        format('00000000-0000-7000-8000-%s', lpad(n::text, 12, '0'))::uuid,
        format('00000000-0000-7000-8000-%s', lpad((n + 1)::text, 12, '0'))::uuid
    )
    from generate_series(0, :users - 1, 2) as n
    where not exists (
        select from conversations
        where low_user = format('00000000-0000-7000-8000-%s', lpad(n::text, 12, '0'))::uuid
            and high_user = format('00000000-0000-7000-8000-%s', lpad((n + 1)::text, 12, '0'))::uuid
    );

vacuum (analyze) users, connections, conversations, members;
