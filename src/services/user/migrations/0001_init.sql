-- Members. Each table is keyed first by what its reader knows, so that a request touches one shard.

-- password_version is raised by each change of the password, not by a new hash of the same one.
CREATE TABLE accounts (
    user_id bigint NOT NULL,
    email text NOT NULL,
    password_hash text NOT NULL,
    password_version bigint NOT NULL,
    created_at bigint NOT NULL,
    PRIMARY KEY (user_id)
);

-- What is unique in the whole network has a table of its own.
CREATE TABLE emails (
    email text NOT NULL,
    user_id bigint NOT NULL,
    PRIMARY KEY (email)
);

-- An old handle stays with its owner and leads to the current one. With user_id 0 it waits until claimed_until for the
-- registration that asked for it, of the address claimed_by.
CREATE TABLE handles (
    handle text NOT NULL,
    user_id bigint NOT NULL,
    is_current bigint NOT NULL,
    claimed_by text NOT NULL,
    claimed_until bigint NOT NULL,
    PRIMARY KEY (handle)
);
CREATE INDEX handles_by_claim ON handles (claimed_until);

CREATE TABLE profiles (
    user_id bigint NOT NULL,
    handle text NOT NULL,
    name text NOT NULL,
    headline text NOT NULL,
    about text NOT NULL,
    location text NOT NULL,
    industry text NOT NULL,
    pronouns text NOT NULL,
    version bigint NOT NULL,
    created_at bigint NOT NULL,
    PRIMARY KEY (user_id)
);

-- Requests for an account whose address is not verified yet: a row for each request, so that nobody changes the request
-- of another person. They are visible to nobody else.
CREATE TABLE registrations (
    email text NOT NULL,
    token_hash text NOT NULL,
    code_hash text NOT NULL,
    tries_left bigint NOT NULL,
    password_hash text NOT NULL,
    name text NOT NULL,
    handle text NOT NULL,
    expires_at bigint NOT NULL,
    PRIMARY KEY (email, token_hash)
);
CREATE INDEX registrations_by_expiry ON registrations (expires_at);

-- A session is a family of refresh tokens, and token_hash is the only one of them that still works.
CREATE TABLE sessions (
    user_id bigint NOT NULL,
    id bigint NOT NULL,
    token_hash text NOT NULL,
    device text NOT NULL,
    ip text NOT NULL,
    user_agent text NOT NULL,
    created_at bigint NOT NULL,
    last_seen_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    PRIMARY KEY (user_id, id)
);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- From any token of a family, used or not, to its session.
CREATE TABLE refresh_tokens (
    token_hash text NOT NULL,
    user_id bigint NOT NULL,
    session_id bigint NOT NULL,
    expires_at bigint NOT NULL,
    PRIMARY KEY (token_hash)
);
CREATE INDEX refresh_tokens_by_expiry ON refresh_tokens (expires_at);

-- Sessions that ended while access tokens of theirs may live. Every replica reads the new rows.
CREATE TABLE revoked_sessions (
    session_id bigint NOT NULL,
    user_id bigint NOT NULL,
    revoked_at bigint NOT NULL,
    PRIMARY KEY (session_id)
);
CREATE INDEX revoked_sessions_by_time ON revoked_sessions (revoked_at);

-- A block is two rows, one for each reader, written in one transaction.
CREATE TABLE blocks (
    user_id bigint NOT NULL,
    blocked_id bigint NOT NULL,
    id bigint NOT NULL,
    created_at bigint NOT NULL,
    PRIMARY KEY (user_id, blocked_id)
);
CREATE INDEX blocks_by_id ON blocks (user_id, id);
CREATE TABLE blocked_by (
    user_id bigint NOT NULL,
    by_id bigint NOT NULL,
    PRIMARY KEY (user_id, by_id)
);

CREATE TABLE signing_keys (
    kid text NOT NULL,
    jwk text NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    PRIMARY KEY (kid)
);

-- Mail that waits to be sent, deleted when the mailer has taken it over.
CREATE TABLE mails (
    id bigint NOT NULL,
    recipient text NOT NULL,
    subject text NOT NULL,
    body text NOT NULL,
    tries bigint NOT NULL,
    next_try_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX mails_by_next_try ON mails (next_try_at);
