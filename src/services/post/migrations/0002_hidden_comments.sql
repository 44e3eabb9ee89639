-- Counts for readers from whom members are hidden: comments of an author are counted within the index, and only those
-- that have replies are read. deleted_at is always NULL in these indexes; SQLite takes a partial index as covering only
-- when the column of its condition is in it.

DROP INDEX comments_by_author;
CREATE INDEX comments_by_author ON comments (post_id, author_id, deleted_at) WHERE deleted_at IS NULL;
CREATE INDEX comments_with_replies ON comments (post_id, author_id, deleted_at, reply_count)
    WHERE deleted_at IS NULL AND reply_count > 0;
