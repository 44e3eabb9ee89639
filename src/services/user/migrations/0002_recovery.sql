-- Accounts that can be recovered, known devices, and mail that an SMTP server refuses.

-- When an operator disabled the account; 0 while it is enabled.
ALTER TABLE accounts ADD COLUMN disabled_at bigint NOT NULL DEFAULT 0;

-- A handle is reserved when its registration is verified, no longer when it is asked for.
DELETE FROM handles WHERE user_id = 0;
DROP INDEX handles_by_claim;
ALTER TABLE handles DROP COLUMN claimed_by;
ALTER TABLE handles DROP COLUMN claimed_until;

-- The code is in mailed_codes now. Who waited for one asks again.
DELETE FROM registrations;
ALTER TABLE registrations DROP COLUMN code_hash;

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

-- Of a session: the refresh token before the one that works ('' when there is none), the time of its use, and what
-- gives its successor from it.
ALTER TABLE sessions ADD COLUMN previous_hash text NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN successor_salt text NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN rotated_at bigint NOT NULL DEFAULT 0;

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
