-- The life of a group. Each of these locks the conversation before it reads who takes part, takes the next version, and answers with
-- the connections of those to tell: everyone who takes part then, and who was removed.
--
-- `status`: created, added, role_changed, unchanged, removed, renamed, or what stands in the way: unknown_conversation, unknown_user,
-- unknown_member, forbidden, not_a_group, last_owner, group_full.
create type membership_result as (
    status text,
    conversation_id uuid,
    version bigint,
    name text,
    user_id uuid,    -- whom it is about
    username text,
    role text,
    connection_ids text[],
    connection_users uuid[],
    connection_usernames text[],
    connections_open boolean[]
);

-- Fills in whom to tell: the members of now, and `p_removed`.
create function with_audience(r membership_result, p_removed uuid) returns membership_result
language plpgsql as $$
begin
    select array_agg(c.id), array_agg(c.user_id), array_agg(users.username), array_agg(c.opened_at is not null)
        into r.connection_ids, r.connection_users, r.connection_usernames, r.connections_open
        from connections c join users on users.id = c.user_id
        where c.connected_at > lease_start() and c.user_id in (
            select members.user_id from members where members.conversation_id = r.conversation_id and left_seq is null
            union all
            select p_removed
        );
    return r;
end
$$;

-- A group of `p_owner` and `p_users`, who may name themselves and be named twice.
create function create_group(p_owner uuid, p_conversation uuid, p_name text, p_users uuid[]) returns membership_result
language plpgsql as $$
declare
    r membership_result;
    v_others uuid[];
    v_now timestamptz;
begin
    select coalesce(array_agg(distinct id), '{}') into v_others from unnest(p_users) as named (id) where id <> p_owner;
    select other.id into r.user_id from unnest(v_others) as other (id) left join users on users.id = other.id where users.id is null limit 1;
    if found then
        r.status := 'unknown_user';
        return r;
    end if;
    insert into conversations (id, kind, name, name_version, version, member_count)
        values (p_conversation, 'group', p_name, 1, 1, cardinality(v_others) + 1)
        returning created_at into v_now;
    insert into members (conversation_id, user_id, role, joined_version, version, active_at)
        select p_conversation, id, case id when p_owner then 'owner' else 'member' end, 1, 1, v_now
        from unnest(v_others || p_owner) as member (id);
    r.status := 'created';
    r.conversation_id := p_conversation;
    r.version := 1;
    r.name := p_name;
    r.user_id := p_owner;
    return with_audience(r, null);
end
$$;

-- What the actor is in the group, with the conversation locked: a role, or `unknown_conversation`, `not_a_group` or `forbidden`.
create function lock_group(p_actor uuid, p_conversation uuid) returns text
language plpgsql as $$
declare
    v_kind text;
    v_member record;
begin
    select kind into v_kind from conversations where id = p_conversation for no key update;
    select role, left_seq into v_member from members where conversation_id = p_conversation and user_id = p_actor;
    return case
        when not found then 'unknown_conversation'
        when v_kind <> 'group' then 'not_a_group'
        when v_member.left_seq is not null then 'forbidden'
        else v_member.role
    end;
end
$$;

-- Whether the user is the only owner of the group.
create function is_last_owner(p_conversation uuid, p_user uuid) returns boolean
language sql as $$
    select bool_and(user_id = p_user) from members
        where conversation_id = p_conversation and role = 'owner' and left_seq is null
$$;

-- Adds a user, or changes the role of one who takes part. Owners and admins add members; roles are the owners' to give. Whoever was
-- removed before starts anew.
create function set_member(p_actor uuid, p_conversation uuid, p_user uuid, p_role text) returns membership_result
language plpgsql as $$
declare
    r membership_result;
    v_actor_role text;
    v_member record;
    v_conversation record;
begin
    r.conversation_id := p_conversation;
    r.user_id := p_user;
    v_actor_role := lock_group(p_actor, p_conversation);
    if v_actor_role not in ('owner', 'admin') then
        r.status := case v_actor_role when 'member' then 'forbidden' else v_actor_role end;
        return r;
    end if;
    select name, last_seq, version + 1 as version, member_count, greatest(last_message_at, created_at) as active_at
        into v_conversation from conversations where id = p_conversation;
    select username into r.username from users where id = p_user;
    if not found then
        r.status := 'unknown_user';
        return r;
    end if;
    r.name := v_conversation.name;
    r.version := v_conversation.version;

    select role, left_seq is null as takes_part into v_member
        from members where conversation_id = p_conversation and members.user_id = p_user;
    if found and v_member.takes_part then
        r.role := coalesce(p_role, v_member.role);
        if r.role = v_member.role then
            r.status := 'unchanged';
            r.version := r.version - 1;
            return r;
        end if;
        if v_actor_role <> 'owner' then
            r.status := 'forbidden';
            return r;
        end if;
        if v_member.role = 'owner' and is_last_owner(p_conversation, p_user) then
            r.status := 'last_owner';
            return r;
        end if;
        r.status := 'role_changed';
        update members set role = r.role, version = r.version
            where conversation_id = p_conversation and members.user_id = p_user;
    else
        r.role := coalesce(p_role, 'member');
        if r.role <> 'member' and v_actor_role <> 'owner' then
            r.status := 'forbidden';
            return r;
        end if;
        if v_conversation.member_count >= 256 then
            r.status := 'group_full';
            return r;
        end if;
        r.status := 'added';
        insert into members (conversation_id, user_id, role, joined_seq, delivered_seq, read_seq, joined_version, version, active_at)
            values (p_conversation, p_user, r.role, v_conversation.last_seq, v_conversation.last_seq, v_conversation.last_seq,
                r.version, r.version, v_conversation.active_at)
            on conflict (conversation_id, user_id) do update
                set role = excluded.role, joined_seq = excluded.joined_seq, delivered_seq = excluded.delivered_seq,
                    read_seq = excluded.read_seq, joined_version = excluded.joined_version, version = excluded.version,
                    active_at = excluded.active_at, left_seq = null, left_version = null, left_name = null;
        delete from read_marks where conversation_id = p_conversation and read_marks.user_id = p_user;
        update conversations set member_count = member_count + 1 where id = p_conversation;
    end if;
    update conversations set version = r.version where id = p_conversation;
    return with_audience(r, null);
end
$$;

-- Removes a member: admins remove members, owners anyone, everyone themselves. Only an owner who is alone may leave a group without one.
create function remove_member(p_actor uuid, p_conversation uuid, p_user uuid) returns membership_result
language plpgsql as $$
declare
    r membership_result;
    v_actor_role text;
    v_role text;
    v_conversation record;
begin
    r.conversation_id := p_conversation;
    r.user_id := p_user;
    v_actor_role := lock_group(p_actor, p_conversation);
    if v_actor_role not in ('owner', 'admin', 'member') then
        r.status := v_actor_role;
        return r;
    end if;
    if v_actor_role = 'member' and p_actor <> p_user then
        r.status := 'forbidden';
        return r;
    end if;
    select role, username into v_role, r.username
        from members join users on users.id = members.user_id
        where conversation_id = p_conversation and members.user_id = p_user and left_seq is null;
    if not found then
        r.status := 'unknown_member';
        return r;
    end if;
    if v_actor_role = 'admin' and p_actor <> p_user and v_role <> 'member' then
        r.status := 'forbidden';
        return r;
    end if;
    select name, last_seq, version + 1 as version, member_count, greatest(last_message_at, created_at) as active_at
        into v_conversation from conversations where id = p_conversation;
    if v_role = 'owner' and v_conversation.member_count > 1 and is_last_owner(p_conversation, p_user) then
        r.status := 'last_owner';
        return r;
    end if;
    r.status := 'removed';
    r.version := v_conversation.version;
    r.name := v_conversation.name;
    r.role := v_role;
    update members
        set left_seq = v_conversation.last_seq, left_version = r.version, left_name = r.name, version = r.version,
            active_at = v_conversation.active_at
        where conversation_id = p_conversation and members.user_id = p_user;
    update conversations set version = r.version, member_count = member_count - 1 where id = p_conversation;
    return with_audience(r, p_user);
end
$$;

create function rename_group(p_actor uuid, p_conversation uuid, p_name text) returns membership_result
language plpgsql as $$
declare
    r membership_result;
    v_actor_role text;
begin
    r.conversation_id := p_conversation;
    r.user_id := p_actor;
    v_actor_role := lock_group(p_actor, p_conversation);
    if v_actor_role not in ('owner', 'admin') then
        r.status := case v_actor_role when 'member' then 'forbidden' else v_actor_role end;
        return r;
    end if;
    r.name := p_name;
    update conversations c
        set name = p_name, version = c.version + 1, name_version = c.version + 1
        where id = p_conversation and name <> p_name
        returning c.version into r.version;
    if found then
        r.status := 'renamed';
        return with_audience(r, null);
    end if;
    r.status := 'unchanged';
    select c.version into r.version from conversations c where id = p_conversation;
    return r;
end
$$;
