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
 * its own, and nobody is turned away by an answer that has been lying about here on top of its age in the sidecar. A question
 * without an answer lets its own request pass; others only where the sidecar has not said "closed" within the 20 seconds for
 * which an answer counts.
 */

const http = require('node:http');

const KNOWLEDGE_MS = 20_000;
const PASSED_ON = ['content-type', 'retry-after', 'cache-control', 'x-api-version', 'x-ops-maintenance'];

/* What may come out at another place than it begins at; such a path is under no prefix. */
const ODD = /[#;\\\x00-\x1f\x7f]|\.\.|\/\/|\/\.(\/|$)|%(00|23|25|2e|2f|3b|3f|5c)/i;

function isOneOf(patterns, path) {
    const isUnder = (prefix) => path.startsWith(prefix) && path.length < 1000 && !ODD.test(path);
    return patterns.some((pattern) => (pattern.endsWith('*') ? isUnder(pattern.slice(0, -1)) : path === pattern));
}

function refusalOf(response, body) {
    const names = PASSED_ON.filter((name) => name in response.headers);
    const headers = Object.fromEntries(names.map((name) => [name, response.headers[name]]));
    return { status: 503, headers: { ...headers, 'content-length': body.length }, body };
}

/* What a caller wants to read, if that is short and plain: with anything else the question might be no question. */
function acceptOf(req) {
    const { accept = '' } = req.headers;
    return /^[\x20-\x7e]{1,1000}$/.test(accept) ? accept : 'application/json';
}

/* Asks once. done(refusal, true); done(null, true) when requests may pass; done(null, false) when the sidecar does not
 * answer, or it is no sidecar. */
function ask(sidecar, accept, timeoutMs, done) {
    let isDone = false;
    const finish = (refusal, isAnswer = false) => {
        if (isDone) return;
        isDone = true;
        clearTimeout(timer);
        done(refusal, isAnswer);
    };
    const send = () => {
        const request = http.get({ ...sidecar, headers: { accept } }, (response) => {
            const parts = [];
            response.on('data', (part) => parts.push(part));
            response.on('error', () => finish(null));
            response.on('end', () => {
                const isNo = response.statusCode === 503;
                finish(isNo ? refusalOf(response, Buffer.concat(parts)) : null, isNo || response.statusCode === 204);
            });
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
    let closedUntil = -Infinity; /* so long what was heard last counts, if it was "closed" */

    return function gate(req, res, next) {
        const path = (req.originalUrl ?? req.url).split('?', 1)[0];
        if (req.method === 'OPTIONS' || isOneOf(healthPaths, path) || performance.now() < passUntil) {
            next();
            return;
        }
        ask(sidecar, acceptOf(req), timeoutMs, (refusal, isAnswer) => {
            const now = performance.now();
            if (isAnswer) closedUntil = refusal ? now + KNOWLEDGE_MS : -Infinity;
            if (refusal) {
                res.writeHead(refusal.status, refusal.headers);
                res.end(req.method === 'HEAD' ? undefined : refusal.body);
                return;
            }
            if (now >= closedUntil) passUntil = now + cacheMs;
            next();
        });
    };
}

module.exports = opsgate;
