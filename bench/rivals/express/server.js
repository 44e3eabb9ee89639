'use strict';
// Rival: what the usual stack gives. Express, pg with prepared statements, ioredis, JWT, a cluster of workers.
// Variables: PORT, WORKERS, PGHOST, PGPORT, PGUSER, PGDATABASE, REDIS_PORT, JWT_SECRET
const cluster = require('cluster');
if (cluster.isPrimary) {
  for (let n = 0; n < Number(process.env.WORKERS); n++) cluster.fork();
  return;
}
const express = require('express');
const jwt = require('jsonwebtoken');
const { Pool } = require('pg');
const Redis = require('ioredis');

const secret = process.env.JWT_SECRET;
const pool = new Pool({ max: 10 });
const redis = new Redis(Number(process.env.REDIS_PORT), '127.0.0.1');
const query = (name, text, values) => pool.query({ name, text, values }).then((result) => result.rows);
const handle = (answer) => (request, response, next) => answer(request, response).catch(next);

function authenticate(request, response, next) {
  try {
    request.userId = Number(jwt.verify(request.headers.authorization.slice(7), secret, { algorithms: ['HS256'] }).sub);
  } catch {
    response.status(401).json({ error: 'unauthorized' });
    return;
  }
  next();
}

const app = express();
app.disable('x-powered-by');
app.set('etag', false);
app.use(express.json({ limit: '64kb' }));

app.get('/health', (request, response) => response.json({ ok: true }));

app.get('/users/:id', authenticate, handle(async (request, response) => {
  const [user] = await query('profile', 'SELECT id, name, headline, created FROM users WHERE id = $1',
    [request.params.id]);
  if (user) response.json(user);
  else response.status(404).json({ error: 'not found' });
}));

app.get('/users/:id/posts', authenticate, handle(async (request, response) => {
  const posts = await query('posts_of_user',
    'SELECT id, author, body, likes, created FROM posts WHERE author = $1 ORDER BY id DESC LIMIT 10',
    [request.params.id]);
  response.json({ posts });
}));

app.get('/feed', authenticate, handle(async (request, response) => {
  const posts = await query('feed', `
    SELECT p.id, p.author, u.name, u.headline, p.body, p.likes, p.created
    FROM connections c
    JOIN LATERAL (SELECT * FROM posts WHERE author = c.b ORDER BY id DESC LIMIT 10) p ON true
    JOIN users u ON u.id = p.author
    WHERE c.a = $1 AND c.state = 1 ORDER BY p.id DESC LIMIT 10`, [request.userId]);
  response.json({ posts });
}));

app.post('/posts', authenticate, handle(async (request, response) => {
  const { body } = request.body;
  if (!body || body.length > 3000) {
    response.status(400).json({ error: 'bad body' });
    return;
  }
  const [post] = await query('insert_post', 'INSERT INTO posts(author, body) VALUES ($1, $2) RETURNING id, created',
    [request.userId, body]);
  redis.publish('posts', JSON.stringify({ id: post.id, author: request.userId })).catch(() => {});
  response.status(201).json({ id: post.id, author: request.userId, body, created: post.created });
}));

app.use((error, request, response, next) => response.status(500).json({ error: 'internal' }));

const server = app.listen(Number(process.env.PORT), '127.0.0.1');
server.keepAliveTimeout = 65_000;
