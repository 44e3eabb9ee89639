-- Two members, smaller id first: the one row that serialises everything about them.
-- Every change between the two locks it first.
CREATE TABLE pairs (
    low_id bigint NOT NULL,
    high_id bigint NOT NULL,
    state text NOT NULL,
    -- The pending invitation: 0 unless state is 'invited'.
    inviter_id bigint NOT NULL DEFAULT 0,
    invitation_id bigint NOT NULL DEFAULT 0,
    is_ignored bigint NOT NULL DEFAULT 0,
    -- When the cool-down after a withdrawn invitation ends, for each direction.
    low_may_invite_at bigint NOT NULL DEFAULT 0,
    high_may_invite_at bigint NOT NULL DEFAULT 0,
    -- The user service's blocks as its events told them.
    low_blocks bigint NOT NULL DEFAULT 0,
    high_blocks bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (low_id, high_id)
);

-- A connection is two rows, one in the list of each side.
CREATE TABLE connections (
    user_id bigint NOT NULL,
    peer_id bigint NOT NULL,
    connected_at bigint NOT NULL,
    -- A copy of the peer's name, folded for sorting and searching.
    sort_name text NOT NULL,
    PRIMARY KEY (user_id, peer_id)
);
CREATE INDEX connections_by_time ON connections (user_id, connected_at, peer_id);
CREATE INDEX connections_by_name ON connections (user_id, sort_name, peer_id);

-- An invitation is two rows, one for each side, because the sides see different states: what the invitee ignores
-- is pending for the inviter.
CREATE TABLE invitations (
    user_id bigint NOT NULL,
    id bigint NOT NULL,
    direction text NOT NULL,
    peer_id bigint NOT NULL,
    state text NOT NULL,
    note text NOT NULL,
    created_at bigint NOT NULL,
    PRIMARY KEY (user_id, id)
);
CREATE INDEX invitations_by_state ON invitations (user_id, direction, state, id);
