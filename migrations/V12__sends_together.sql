-- Sends that arrived while others were being stored, with one statement and one commit for all of them.
--
-- Each is a send by `post_message`, with an answer of its own, in the order of the parameters. They are made in the order of their
-- conversations, like everything that locks several of them. A send whose conversation is not there yet is answered `apart`, with nothing done:
-- to open one locks users, who come before conversations. One that finds its conversation locked for longer than a moment undoes them
-- all, with an error: it must not hold up its neighbours. In both cases the caller makes these sends one by one.
create function post_messages(
    p_connections text[],
    p_receivers uuid[],
    p_targets uuid[],
    p_messages uuid[],
    p_contents text[],
    p_replies_to uuid[],
    p_client_ids text[],
    p_digests bytea[]
) returns setof post_result
language plpgsql set lock_timeout = '250ms' as $$
declare
    v_results post_result[];
    v_send record;
    v_result post_result;
begin
    for v_send in
        select sends.*, coalesce(target, conversations.id) as place
            from unnest(
                p_connections, p_receivers, p_targets, p_messages, p_contents, p_replies_to, p_client_ids, p_digests
            ) with ordinality
                as sends (connection, receiver, target, message, content, reply_to, client_id, digest, position)
            left join connections on connections.id = connection
            left join conversations
                on low_user = least(user_id, receiver) and high_user = greatest(user_id, receiver)
            order by place, position
    loop
        if v_send.place is null then
            v_result := null;
            v_result.status := 'apart';
        else
            v_result := post_message(
                v_send.connection, v_send.receiver, v_send.target, v_send.message, null,
                v_send.content, v_send.reply_to, v_send.client_id, v_send.digest
            );
        end if;
        v_results[v_send.position] := v_result;
    end loop;
    return query select * from unnest(v_results);
end
$$;
