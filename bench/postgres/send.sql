-- One send, with all that Postgres has to do for it: `post_message` as `ws-message` calls it, between the two users of a pair.
\set user random(0, :users - 1)
\set other :user + 1 - 2 * (:user % 2)
\set nonce random(0, 9007199254740991)
select * from post_message(
    'pgbench' || :user,
    ('00000000-0000-7000-8000-' || lpad(:other::text, 12, '0'))::uuid,
    null,
    -- As UUIDs of version 7 are, which begin with the time: new ones lie side by side in the index.
    (lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0') || '70008' || right(md5(:nonce::text), 15))::uuid,
    gen_random_uuid(),
    repeat('x', 64),
    null,
    :nonce::text,
    '\x00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff'
);
