-- Each table is distributed by the first column of its primary key. Visibility and kinds are numbers
-- (public/types.hpp), hashtags and mentions are JSON. A deleted post stays as a tombstone without text, hashtags,
-- mentions, comments and reactions.

CREATE TABLE posts (
    author_id bigint NOT NULL,
    id bigint NOT NULL,
    text text NOT NULL,
    visibility bigint NOT NULL,
    hashtags text NOT NULL,
    mentions text NOT NULL,
    created_at bigint NOT NULL,
    edited_at bigint,
    version bigint NOT NULL,
    deleted_at bigint,
    PRIMARY KEY (author_id, id)
);

-- The routing row of a post (post_id -> author_id) and its counters, which change in the transaction of what they
-- count. It is the lock of a post: a transaction that adds or removes comments, or deletes the post, updates it first.
CREATE TABLE post_counts (
    post_id bigint PRIMARY KEY,
    author_id bigint NOT NULL,
    is_deleted bigint NOT NULL,
    like_count bigint NOT NULL,
    celebrate_count bigint NOT NULL,
    support_count bigint NOT NULL,
    love_count bigint NOT NULL,
    insightful_count bigint NOT NULL,
    funny_count bigint NOT NULL,
    comment_count bigint NOT NULL
);

CREATE TABLE hashtag_posts (
    tag text NOT NULL,
    post_id bigint NOT NULL,
    author_id bigint NOT NULL,
    visibility bigint NOT NULL,
    PRIMARY KEY (tag, post_id)
);
CREATE INDEX hashtag_posts_by_visibility ON hashtag_posts (tag, visibility, post_id);

-- A member's reaction to a post. Its id is ordered by time and contains it. previous_kind is what the last change
-- replaced (-1: nothing), so that an upsert can return it.
CREATE TABLE reactions (
    post_id bigint NOT NULL,
    user_id bigint NOT NULL,
    id bigint NOT NULL,
    kind bigint NOT NULL,
    previous_kind bigint NOT NULL,
    PRIMARY KEY (post_id, user_id)
);
CREATE INDEX reactions_by_post ON reactions (post_id, id);
CREATE INDEX reactions_by_kind ON reactions (post_id, kind, id);

CREATE TABLE reactions_by_user (
    user_id bigint NOT NULL,
    post_id bigint NOT NULL,
    id bigint NOT NULL,
    kind bigint NOT NULL,
    PRIMARY KEY (user_id, post_id)
);
CREATE INDEX reactions_by_user_and_time ON reactions_by_user (user_id, id);

-- parent_id 0: a comment of the post itself. reply_count: the direct replies that lists show. A deleted comment stays
-- as a tombstone, which lists show while it has replies.
CREATE TABLE comments (
    post_id bigint NOT NULL,
    id bigint NOT NULL,
    parent_id bigint NOT NULL,
    depth bigint NOT NULL,
    author_id bigint NOT NULL,
    text text NOT NULL,
    mentions text NOT NULL,
    created_at bigint NOT NULL,
    edited_at bigint,
    version bigint NOT NULL,
    reply_count bigint NOT NULL,
    deleted_at bigint,
    PRIMARY KEY (post_id, id)
);
-- Without the tombstones that no list shows: a list never walks over what was removed.
CREATE INDEX comments_by_parent ON comments (post_id, parent_id, id) WHERE deleted_at IS NULL OR reply_count > 0;

-- For the counts of a reader from whom members are hidden.
CREATE INDEX comments_by_author ON comments (post_id, author_id) WHERE deleted_at IS NULL;

CREATE TABLE comment_routes (
    comment_id bigint PRIMARY KEY,
    post_id bigint NOT NULL
);

CREATE TABLE comments_by_user (
    user_id bigint NOT NULL,
    id bigint NOT NULL,
    post_id bigint NOT NULL,
    PRIMARY KEY (user_id, id)
);

-- Deleted posts whose comments and reactions are still to be removed.
CREATE TABLE purges (
    post_id bigint PRIMARY KEY
);

-- What an import has made, by the hash of its key in the input, so that an import can be resumed.
CREATE TABLE imported (
    key bigint PRIMARY KEY,
    id bigint NOT NULL
);
