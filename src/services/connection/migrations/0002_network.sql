-- What this service knows of a member: fields of the profile, from its events (folded, so that equal texts mean the
-- same), and the member's settings. A member without a row is like a new one.
CREATE TABLE members (
    user_id bigint NOT NULL,
    place text NOT NULL DEFAULT '',
    industry text NOT NULL DEFAULT '',
    who_may_invite text NOT NULL DEFAULT 'everyone',
    hides_connections bigint NOT NULL DEFAULT 0,
    is_suggestable bigint NOT NULL DEFAULT 1,
    -- Invitations sent since the present window began.
    window_began_at bigint NOT NULL DEFAULT 0,
    sent_in_window bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (user_id)
);
INSERT INTO members (user_id) SELECT DISTINCT user_id FROM connections;

-- Whether each of a pair follows the other; 'implied': when they are connected.
ALTER TABLE pairs ADD COLUMN low_follow text NOT NULL DEFAULT 'implied';
ALTER TABLE pairs ADD COLUMN high_follow text NOT NULL DEFAULT 'implied';

-- Follows that are not implied, two rows each, one for each side: of a member who is not a connection (is_following =
-- 1), and of a connection who is not followed (0).
CREATE TABLE follows (
    user_id bigint NOT NULL,
    direction text NOT NULL,
    peer_id bigint NOT NULL,
    is_following bigint NOT NULL,
    PRIMARY KEY (user_id, direction, peer_id)
);

-- Whom a member does not want to be suggested.
CREATE TABLE dismissals (
    user_id bigint NOT NULL,
    peer_id bigint NOT NULL,
    dismissed_at bigint NOT NULL,
    PRIMARY KEY (user_id, peer_id)
);
CREATE INDEX dismissals_by_time ON dismissals (user_id, dismissed_at);

-- The one row about the graph: when a comparison with these tables was requested, who does it (a number for each time
-- it is taken; 0: nobody) until when, and what was found.
CREATE TABLE graph_checks (
    id bigint NOT NULL,
    asked_at bigint NOT NULL,
    repairs bigint NOT NULL,
    taken_by bigint NOT NULL,
    taken_until bigint NOT NULL,
    done_at bigint NOT NULL,
    report text NOT NULL,
    PRIMARY KEY (id)
);
INSERT INTO graph_checks (id, asked_at, repairs, taken_by, taken_until, done_at, report) VALUES (1, 1, 1, 0, 0, 0, '');
