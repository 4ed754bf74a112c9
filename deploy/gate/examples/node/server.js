'use strict';

/* A service to try the gate with: node server.js [PORT [URL-OF-THE-GATE [TIMEOUT-MS]]] */

const http = require('node:http');
const opsgate = require('./opsgate');

const [port = '3000', url, timeout = '100'] = process.argv.slice(2);
const gate = opsgate({ url, timeoutMs: Number(timeout), healthPaths: ['/healthz'] });

function answer(req, res) {
    res.writeHead(200, { 'content-type': 'text/plain' });
    res.end('hello\n');
}

const server = http.createServer((req, res) => gate(req, res, () => answer(req, res)));
server.listen(Number(port), '127.0.0.1', () => console.log(`ready http://127.0.0.1:${server.address().port}`));
