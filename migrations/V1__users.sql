-- Who can log in. Names and addresses are unique by what Rust made of them (case folding, trimming), never by the database's
-- locale; collation "C" keeps comparisons bytewise and lets a prefix search use the index.
create table users (
    id uuid primary key,
    username text not null,
    username_key text collate "C" not null,
    email text collate "C" not null,
    password_hash text not null,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    constraint users_username_key unique (username_key),
    constraint users_email_key unique (email)
);
