-- Members. Each table is keyed first by what its reader knows, so that a request touches one shard.

-- password_version is raised by each change of the password, not by a new hash of the same one. disabled_at is 0 unless
-- an operator has disabled the account.
CREATE TABLE accounts (
    user_id bigint NOT NULL,
    email text NOT NULL,
    password_hash text NOT NULL,
    password_version bigint NOT NULL,
    created_at bigint NOT NULL,
    disabled_at bigint NOT NULL,
    PRIMARY KEY (user_id)
);

-- What is unique in the whole network has a table of its own.
CREATE TABLE emails (
    email text NOT NULL,
    user_id bigint NOT NULL,
    PRIMARY KEY (email)
);

-- An old handle stays with its owner and leads to the current one.
CREATE TABLE handles (
    handle text NOT NULL,
    user_id bigint NOT NULL,
    is_current bigint NOT NULL,
    PRIMARY KEY (handle)
);

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
    tries_left bigint NOT NULL,
    password_hash text NOT NULL,
    name text NOT NULL,
    handle text NOT NULL,
    expires_at bigint NOT NULL,
    PRIMARY KEY (email, token_hash)
);
CREATE INDEX registrations_by_expiry ON registrations (expires_at);

-- Codes that were mailed to an address. A code shows that its user can read the mail of the address; the row of the
-- request, which has its own token, says what happens then. Several requests share a code.
CREATE TABLE mailed_codes (
    email text NOT NULL,
    purpose text NOT NULL,
    code_hash text NOT NULL,
    expires_at bigint NOT NULL,
    PRIMARY KEY (email, purpose, code_hash)
);
CREATE INDEX mailed_codes_by_expiry ON mailed_codes (expires_at);

-- When the last code was mailed to an address, and how long no other follows.
CREATE TABLE code_turns (
    email text NOT NULL,
    purpose text NOT NULL,
    mailed_at bigint NOT NULL,
    pause_us bigint NOT NULL,
    PRIMARY KEY (email, purpose)
);
CREATE INDEX code_turns_by_time ON code_turns (mailed_at);

-- Requests for a new password, also for addresses without an account.
CREATE TABLE password_resets (
    email text NOT NULL,
    token_hash text NOT NULL,
    tries_left bigint NOT NULL,
    expires_at bigint NOT NULL,
    PRIMARY KEY (email, token_hash)
);
CREATE INDEX password_resets_by_expiry ON password_resets (expires_at);

-- Members who want another address, until it is verified.
CREATE TABLE email_changes (
    user_id bigint NOT NULL,
    email text NOT NULL,
    old_email text NOT NULL,
    tries_left bigint NOT NULL,
    expires_at bigint NOT NULL,
    PRIMARY KEY (user_id)
);
CREATE INDEX email_changes_by_expiry ON email_changes (expires_at);

-- From where a member has signed in: hashes of device tokens and of network addresses. The guesses of others do not
-- lock the member out there.
CREATE TABLE known_devices (
    user_id bigint NOT NULL,
    device_hash text NOT NULL,
    seen_at bigint NOT NULL,
    PRIMARY KEY (user_id, device_hash)
);
CREATE INDEX known_devices_by_time ON known_devices (seen_at);

-- A session is a family of refresh tokens, and token_hash is the only one of them that still works. previous_hash is
-- the one before ('' when there is none), rotated_at the time of its use, and successor_salt what gives its successor
-- from it.
CREATE TABLE sessions (
    user_id bigint NOT NULL,
    id bigint NOT NULL,
    token_hash text NOT NULL,
    previous_hash text NOT NULL,
    successor_salt text NOT NULL,
    rotated_at bigint NOT NULL,
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

-- Mail that waits to be sent, deleted when the mail server (or the folder) has it.
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

-- Mails that were not delivered: refused for good, or not sent in time. Without their text.
CREATE TABLE dead_mails (
    id bigint NOT NULL,
    recipient text NOT NULL,
    subject text NOT NULL,
    tries bigint NOT NULL,
    error text NOT NULL,
    died_at bigint NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX dead_mails_by_time ON dead_mails (died_at);
