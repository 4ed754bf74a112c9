'use strict';

/* The gate as a middleware: turns requests away with 503 while a maintenance window is active. It asks the sidecar on this
 * machine, 'g3nops gate', and lets requests pass when the sidecar does not answer. Needs Node.js 18 and nothing else.
 *
 *     const opsgate = require('./opsgate');
 *     app.use(opsgate({ healthPaths: ['/healthz'] }));                              // Express, Connect
 *
 *     const gate = opsgate();
 *     http.createServer((req, res) => gate(req, res, () => answer(req, res)));      // without a framework
 *
 * Options:
 *
 *     url           of the sidecar's gate; 'http://127.0.0.1:9180/gate'
 *     cacheMs       so long an answer counts that lets requests pass; 1000
 *     timeoutMs     for one question; then the request passes; 100
 *     healthPaths   paths that are never turned away; one that ends in '*' is a prefix; none
 *
 * Only "pass" is kept. While a window is active every request asks: each caller gets a 503 of its own, with a Retry-After of
 * its own, and nobody is turned away by an answer that has been lying about here on top of its age in the sidecar.
 */

const http = require('node:http');

const PASSED_ON = ['content-type', 'retry-after', 'cache-control', 'x-api-version', 'x-ops-maintenance'];

function isOneOf(patterns, path) {
    return patterns.some((pattern) => (pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern));
}

function refusalOf(response, body) {
    const names = PASSED_ON.filter((name) => name in response.headers);
    const headers = Object.fromEntries(names.map((name) => [name, response.headers[name]]));
    return { status: 503, headers: { ...headers, 'content-length': body.length }, body };
}

/* Asks once. done(refusal), or done(null) when requests may pass: the sidecar says so, or does not answer, or it is no
 * sidecar. */
function ask(sidecar, accept, timeoutMs, done) {
    let isDone = false;
    const finish = (refusal) => {
        if (isDone) return;
        isDone = true;
        clearTimeout(timer);
        done(refusal);
    };
    const send = () => {
        const request = http.get({ ...sidecar, headers: accept ? { accept } : {} }, (response) => {
            const parts = [];
            response.on('data', (part) => parts.push(part));
            response.on('error', () => finish(null));
            response.on('end', () => finish(response.statusCode === 503 ? refusalOf(response, Buffer.concat(parts)) : null));
        });
        request.on('error', (error) => {
            /* The sidecar closed a kept connection just when it was used again; that says nothing about the gate. */
            if (request.reusedSocket && error.code === 'ECONNRESET' && !isDone) send();
            else finish(null);
        });
        current = request;
    };
    let current = null;
    const timer = setTimeout(() => {
        finish(null);
        current.destroy();
    }, timeoutMs);
    send();
}

function opsgate({ url = 'http://127.0.0.1:9180/gate', cacheMs = 1000, timeoutMs = 100, healthPaths = [] } = {}) {
    const { hostname, port, pathname } = new URL(url);
    /* The sidecar closes a connection that is idle for 30 s; this side must be earlier. */
    const agent = new http.Agent({ keepAlive: true, timeout: 20_000 });
    const sidecar = { hostname: hostname.replace(/^\[|\]$/g, ''), port: port || 80, path: pathname, agent };
    let passUntil = -Infinity; /* on a clock that nobody sets */

    return function gate(req, res, next) {
        const path = (req.originalUrl ?? req.url).split('?', 1)[0];
        if (req.method === 'OPTIONS' || isOneOf(healthPaths, path) || performance.now() < passUntil) {
            next();
            return;
        }
        ask(sidecar, req.headers.accept, timeoutMs, (refusal) => {
            if (refusal) {
                res.writeHead(refusal.status, refusal.headers);
                res.end(req.method === 'HEAD' ? undefined : refusal.body);
                return;
            }
            passUntil = performance.now() + cacheMs;
            next();
        });
    };
}

module.exports = opsgate;
