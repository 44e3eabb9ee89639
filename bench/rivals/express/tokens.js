'use strict';
// Access tokens of users 1 to N, one a line: node tokens.js N
const jwt = require('jsonwebtoken');
for (let id = 1; id <= Number(process.argv[2]); id++) {
  console.log(jwt.sign({ sub: String(id) }, process.env.JWT_SECRET, { algorithm: 'HS256', expiresIn: '1d' }));
}
