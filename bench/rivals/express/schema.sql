CREATE TABLE users (
    id bigserial PRIMARY KEY,
    email text UNIQUE NOT NULL,
    name text NOT NULL,
    headline text NOT NULL DEFAULT '',
    created timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE posts (
    id bigserial PRIMARY KEY,
    author bigint NOT NULL REFERENCES users(id),
    body text NOT NULL,
    likes int NOT NULL DEFAULT 0,
    created timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX posts_of_author ON posts(author, id DESC);
CREATE TABLE connections (
    a bigint NOT NULL REFERENCES users(id),
    b bigint NOT NULL REFERENCES users(id),
    state smallint NOT NULL,
    created timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (a, b)
);
CREATE INDEX connections_reversed ON connections(b, a) WHERE state = 1;
