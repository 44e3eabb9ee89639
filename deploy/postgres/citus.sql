-- Distributes the tables over the workers of a Citus cluster. Run it once with psql, after `guildhall migrate` and
-- before the first row is written. It has NOT been run on Citus, because none was available: docs/operations.md,
-- "Sharding". The key of a table is the first column of its primary key. scripts/check_statements.py compares the keys
-- with the migrations and the statements. Tables with the same kind of key are colocated, so that a transaction over
-- them stays on one worker. A line "-- local: TABLE: why" names a table that stays on the coordinator.

BEGIN;

-- Of the user service.
SELECT create_distributed_table('user.accounts', 'user_id');
SELECT create_distributed_table('user.profiles', 'user_id', colocate_with => 'user.accounts');
SELECT create_distributed_table('user.sessions', 'user_id', colocate_with => 'user.accounts');
SELECT create_distributed_table('user.blocks', 'user_id', colocate_with => 'user.accounts');
SELECT create_distributed_table('user.blocked_by', 'user_id', colocate_with => 'user.accounts');
SELECT create_distributed_table('user.revoked_sessions', 'session_id', colocate_with => 'user.accounts');
SELECT create_distributed_table('user.mails', 'id', colocate_with => 'user.accounts');
SELECT create_distributed_table('user.emails', 'email');
SELECT create_distributed_table('user.registrations', 'email', colocate_with => 'user.emails');
SELECT create_distributed_table('user.handles', 'handle', colocate_with => 'user.emails');
SELECT create_distributed_table('user.refresh_tokens', 'token_hash', colocate_with => 'user.emails');
SELECT create_reference_table('user.signing_keys');
SELECT create_distributed_table('user.outbox', 'subject', colocate_with => 'user.accounts');
SELECT create_distributed_table('user.idempotency_keys', 'user_id', colocate_with => 'user.accounts');
SELECT create_distributed_table('user.inbox', 'consumer', colocate_with => 'user.emails');
SELECT create_distributed_table('user.dead_letters', 'consumer', colocate_with => 'user.inbox');
-- local: user.relay_leases: sixteen rows and one for each relay, which all relays watch
-- local: user.consumers: a row for each consumer, written every five minutes by each process
-- local: user.node_leases: at most 1,024 rows, read when a process starts and written once a minute

-- Of the connection service.
SELECT create_distributed_table('connection.connections', 'user_id');
SELECT create_distributed_table('connection.invitations', 'user_id', colocate_with => 'connection.connections');
SELECT create_distributed_table('connection.pairs', 'low_id', colocate_with => 'connection.connections');
SELECT create_distributed_table('connection.members', 'user_id', colocate_with => 'connection.connections');
SELECT create_distributed_table('connection.follows', 'user_id', colocate_with => 'connection.connections');
SELECT create_distributed_table('connection.dismissals', 'user_id', colocate_with => 'connection.connections');
-- local: connection.graph_checks: one row
SELECT create_distributed_table('connection.outbox', 'subject', colocate_with => 'connection.connections');
SELECT create_distributed_table('connection.idempotency_keys', 'user_id', colocate_with => 'connection.connections');
SELECT create_distributed_table('connection.inbox', 'consumer', colocate_with => 'none');
SELECT create_distributed_table('connection.dead_letters', 'consumer', colocate_with => 'connection.inbox');
-- local: connection.relay_leases: sixteen rows and one for each relay, which all relays watch
-- local: connection.consumers: a row for each consumer, written every five minutes by each process
-- local: connection.node_leases: at most 1,024 rows, read when a process starts and written once a minute

-- Of the post service.
SELECT create_distributed_table('post.posts', 'author_id');
SELECT create_distributed_table('post.reactions_by_user', 'user_id', colocate_with => 'post.posts');
SELECT create_distributed_table('post.comments_by_user', 'user_id', colocate_with => 'post.posts');
SELECT create_distributed_table('post.post_counts', 'post_id', colocate_with => 'post.posts');
SELECT create_distributed_table('post.reactions', 'post_id', colocate_with => 'post.posts');
SELECT create_distributed_table('post.comments', 'post_id', colocate_with => 'post.posts');
SELECT create_distributed_table('post.purges', 'post_id', colocate_with => 'post.posts');
SELECT create_distributed_table('post.comment_routes', 'comment_id', colocate_with => 'post.posts');
SELECT create_distributed_table('post.imported', 'key', colocate_with => 'post.posts');
SELECT create_distributed_table('post.hashtag_posts', 'tag');
SELECT create_distributed_table('post.outbox', 'subject', colocate_with => 'post.posts');
SELECT create_distributed_table('post.idempotency_keys', 'user_id', colocate_with => 'post.posts');
SELECT create_distributed_table('post.inbox', 'consumer', colocate_with => 'post.hashtag_posts');
SELECT create_distributed_table('post.dead_letters', 'consumer', colocate_with => 'post.inbox');
-- local: post.relay_leases: sixteen rows and one for each relay, which all relays watch
-- local: post.consumers: a row for each consumer, written every five minutes by each process
-- local: post.node_leases: at most 1,024 rows, read when a process starts and written once a minute

COMMIT;
