-- Token buckets shared by all instances, as GCRA has them: one time for each bucket, the "theoretical arrival time" at which it is
-- full again. Unlogged: a crash of Postgres refills them, which costs nothing but a few more attempts.
create unlogged table rate_limits (
    key text collate "C" primary key,
    tat timestamptz not null
) with (fillfactor = 50);  -- room for HOT updates: every message moves one of these rows

create type token as (
    allowed boolean,
    remaining integer,      -- whole tokens left
    retry_after_ms bigint,  -- until the next token, 0 where one was allowed
    reset_ms bigint         -- until the bucket is full again
);

-- Takes one token of the bucket `p_key`, which holds `p_capacity` of them and fills up within `p_period`.
-- The clock is read after the row is locked (`on conflict` evaluates its expressions then): a caller that waited for the lock is
-- not judged by the time at which it began to wait.
create function take_token(p_key text, p_capacity integer, p_period interval) returns token
language plpgsql as $$
declare
    emission constant interval := p_period / p_capacity;
    v_tat timestamptz;
    v_now timestamptz;
begin
    insert into rate_limits as bucket (key, tat) values (p_key, clock_timestamp() + emission)
    on conflict (key) do update set tat = greatest(bucket.tat, clock_timestamp()) + emission
        where bucket.tat + emission <= clock_timestamp() + p_period
    returning tat into v_tat;
    v_now := clock_timestamp();
    if v_tat is not null then
        return row(
            true,
            greatest(floor(extract(epoch from v_now + p_period - v_tat) / extract(epoch from emission)), 0)::integer,
            0,
            greatest(ceil(extract(epoch from v_tat - v_now) * 1000), 0)::bigint
        )::token;
    end if;
    select tat into v_tat from rate_limits where key = p_key;
    v_tat := coalesce(v_tat, v_now);
    return row(
        false,
        0,
        greatest(ceil(extract(epoch from v_tat + emission - p_period - v_now) * 1000), 1)::bigint,
        greatest(ceil(extract(epoch from v_tat - v_now) * 1000), 1)::bigint
    )::token;
end
$$;

-- Gives a token back that was taken for something that turned out not to count.
create function return_token(p_key text, p_capacity integer, p_period interval) returns void
language sql as $$
    update rate_limits set tat = tat - p_period / p_capacity where key = p_key
$$;
