-- Distributes the tables over the workers of a Citus cluster. Run it with psql on the coordinator after each
-- `guildhall migrate`, also while the program serves: tables that are distributed already stay as they are. See
-- docs/operations.md, "Sharding". The key of a table is the first column of its primary key;
-- scripts/check_statements.py compares the keys with the migrations and the statements. The tables of a service whose
-- keys have the same type form one colocation group, so a fact, its event and its idempotency key lie on one shard.

BEGIN;

-- Distributes `name` by `key`, in the group of `neighbour`; 'none': in a new one.
CREATE FUNCTION pg_temp.distribute(name regclass, key text, neighbour text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = name) THEN
        PERFORM create_distributed_table(name, key, colocate_with => neighbour);
    END IF;
END $$;

-- Leaves `name` on the coordinator, or brings it back there.
CREATE FUNCTION pg_temp.keep_local(name regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = name) THEN
        PERFORM undistribute_table(name);
    END IF;
END $$;

-- Of the user service.
SELECT pg_temp.distribute('user.accounts', 'user_id', 'none');
SELECT pg_temp.distribute('user.profiles', 'user_id', 'user.accounts');
SELECT pg_temp.distribute('user.sessions', 'user_id', 'user.accounts');
SELECT pg_temp.distribute('user.blocks', 'user_id', 'user.accounts');
SELECT pg_temp.distribute('user.blocked_by', 'user_id', 'user.accounts');
SELECT pg_temp.distribute('user.known_devices', 'user_id', 'user.accounts');
SELECT pg_temp.distribute('user.email_changes', 'user_id', 'user.accounts');
SELECT pg_temp.keep_local('user.revoked_sessions');  -- each process reads the new rows every second, by time
SELECT pg_temp.keep_local('user.mails');  -- the post office reads what is due every second, by time
SELECT pg_temp.keep_local('user.dead_mails');  -- few, and listed by id
SELECT pg_temp.distribute('user.emails', 'email', 'none');
SELECT pg_temp.distribute('user.mailed_codes', 'email', 'user.emails');
SELECT pg_temp.distribute('user.code_turns', 'email', 'user.emails');
SELECT pg_temp.distribute('user.password_resets', 'email', 'user.emails');
SELECT pg_temp.distribute('user.registrations', 'email', 'user.emails');
SELECT pg_temp.distribute('user.handles', 'handle', 'user.emails');
SELECT pg_temp.distribute('user.refresh_tokens', 'token_hash', 'user.emails');
SELECT pg_temp.keep_local('user.signing_keys');  -- each process reads them every second
SELECT pg_temp.distribute('user.outbox', 'subject', 'user.accounts');
SELECT pg_temp.distribute('user.idempotency_keys', 'user_id', 'user.accounts');
SELECT pg_temp.distribute('user.inbox', 'event_id', 'user.accounts');
SELECT pg_temp.distribute('user.dead_letters', 'event_id', 'user.accounts');
SELECT pg_temp.keep_local('user.relay_leases');  -- all relays watch them
SELECT pg_temp.keep_local('user.consumers');  -- each process writes its own every five minutes
SELECT pg_temp.keep_local('user.node_leases');  -- at most 1,024 rows

-- Of the connection service.
SELECT pg_temp.distribute('connection.connections', 'user_id', 'none');
SELECT pg_temp.distribute('connection.invitations', 'user_id', 'connection.connections');
SELECT pg_temp.distribute('connection.pairs', 'low_id', 'connection.connections');
SELECT pg_temp.distribute('connection.members', 'user_id', 'connection.connections');
SELECT pg_temp.distribute('connection.follows', 'user_id', 'connection.connections');
SELECT pg_temp.distribute('connection.dismissals', 'user_id', 'connection.connections');
SELECT pg_temp.keep_local('connection.graph_checks');  -- one row
SELECT pg_temp.distribute('connection.outbox', 'subject', 'connection.connections');
SELECT pg_temp.distribute('connection.idempotency_keys', 'user_id', 'connection.connections');
SELECT pg_temp.distribute('connection.inbox', 'event_id', 'connection.connections');
SELECT pg_temp.distribute('connection.dead_letters', 'event_id', 'connection.connections');
SELECT pg_temp.keep_local('connection.relay_leases');  -- all relays watch them
SELECT pg_temp.keep_local('connection.consumers');  -- each process writes its own every five minutes
SELECT pg_temp.keep_local('connection.node_leases');  -- at most 1,024 rows

-- Of the post service.
SELECT pg_temp.distribute('post.posts', 'author_id', 'none');
SELECT pg_temp.distribute('post.reactions_by_user', 'user_id', 'post.posts');
SELECT pg_temp.distribute('post.comments_by_user', 'user_id', 'post.posts');
SELECT pg_temp.distribute('post.post_counts', 'post_id', 'post.posts');
SELECT pg_temp.distribute('post.reactions', 'post_id', 'post.posts');
SELECT pg_temp.distribute('post.comments', 'post_id', 'post.posts');
SELECT pg_temp.distribute('post.purges', 'post_id', 'post.posts');
SELECT pg_temp.distribute('post.comment_routes', 'comment_id', 'post.posts');
SELECT pg_temp.distribute('post.imported', 'key', 'post.posts');
SELECT pg_temp.distribute('post.hashtag_posts', 'tag', 'none');
SELECT pg_temp.distribute('post.outbox', 'subject', 'post.posts');
SELECT pg_temp.distribute('post.idempotency_keys', 'user_id', 'post.posts');
SELECT pg_temp.distribute('post.inbox', 'event_id', 'post.posts');
SELECT pg_temp.distribute('post.dead_letters', 'event_id', 'post.posts');
SELECT pg_temp.keep_local('post.relay_leases');  -- all relays watch them
SELECT pg_temp.keep_local('post.consumers');  -- each process writes its own every five minutes
SELECT pg_temp.keep_local('post.node_leases');  -- at most 1,024 rows

COMMIT;
