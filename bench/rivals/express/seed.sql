-- Users 1 to :users, both directions of each edge, and :posts posts of 256 characters for each user on average.
--   psql -v users=4039 -v posts=10 -f seed.sql < EDGES      EDGES: "a b" a line, nodes from 0
CREATE TEMP TABLE edges (a bigint, b bigint);
\copy edges from pstdin delimiter ' '
INSERT INTO users(id, email, name, headline)
    SELECT n, 'u' || n || '@example.test', 'User ' || n, 'Engineer ' || n FROM generate_series(1, :users) n;
INSERT INTO connections(a, b, state)
    SELECT a + 1, b + 1, 1 FROM edges UNION SELECT b + 1, a + 1, 1 FROM edges;
INSERT INTO posts(author, body)
    SELECT 1 + floor(random() * :users)::int, repeat('x', 256) FROM generate_series(1, :users * :posts);
ANALYZE;
