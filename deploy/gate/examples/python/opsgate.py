"""The gate as a WSGI middleware: turns requests away with 503 while a maintenance window is active.

It asks the sidecar on this machine, 'g3nops gate', and lets requests pass when the sidecar does not answer. Needs Python 3.8
and nothing else.

    from opsgate import OpsGate
    app = OpsGate(app, health_paths=["/healthz"])                          # any WSGI application
    application = OpsGate(get_wsgi_application())                          # Django, in wsgi.py
    app.wsgi_app = OpsGate(app.wsgi_app)                                   # Flask

Only "pass" is kept, for a second. While a window is active every request asks: each caller gets a 503 of its own, with a
Retry-After of its own, and nobody is turned away by an answer that has been lying about here on top of its age in the
sidecar. A question without an answer lets its own request pass; others only where the sidecar has not said "closed" within the
20 seconds for which an answer counts.
"""

import http.client
import re
import time
from urllib.parse import urlsplit

KNOWLEDGE_SECONDS = 20
# What may come out at another place than it begins at; such a path is under no prefix.
ODD = re.compile(r"[#;\\\x00-\x1f\x7f]|\.\.|//|/\.(/|$)|%(00|23|25|2e|2f|3b|3f|5c)", re.IGNORECASE)
PASSED_ON = ("Content-Type", "Retry-After", "Cache-Control", "X-API-Version", "x-ops-maintenance")


class OpsGate:
    def __init__(self, app, url="http://127.0.0.1:9180/gate", cache_seconds=1.0, timeout_seconds=0.1, health_paths=()):
        """url: of the sidecar's gate. cache_seconds: so long an answer counts that lets requests pass. timeout_seconds: for
        one question; then the request passes. health_paths: paths that are never turned away; one that ends in "*" is a
        prefix."""
        self.app = app
        self.sidecar = urlsplit(url)
        self.cache_seconds = cache_seconds
        self.timeout_seconds = timeout_seconds
        self.health_paths = tuple(health_paths)
        # On a clock that nobody sets; threads may write them at the same time.
        self.pass_until = float("-inf")
        self.closed_until = float("-inf")  # so long what was heard last counts, if it was "closed"

    def __call__(self, environ, start_response):
        refusal = self._refusal(environ)
        if refusal is None:
            return self.app(environ, start_response)
        headers, body = refusal
        start_response("503 Service Unavailable", [*headers, ("Content-Length", str(len(body)))])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def _refusal(self, environ):
        """The headers and the body of a 503; None when the request may pass."""
        if self._always_passes(environ) or time.monotonic() < self.pass_until:
            return None
        status, refusal = self._ask(self._accept(environ))
        now = time.monotonic()
        if status in (204, 503):
            self.closed_until = now + KNOWLEDGE_SECONDS if status == 503 else float("-inf")
        if refusal is None and now >= self.closed_until:
            self.pass_until = now + self.cache_seconds
        return refusal

    @staticmethod
    def _accept(environ):
        """What a caller wants to read, if that is short and plain: with anything else the question might be no question."""
        accept = environ.get("HTTP_ACCEPT", "")
        return accept if re.fullmatch(r"[\x20-\x7e]{1,1000}", accept) else "application/json"

    def _always_passes(self, environ):
        path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        return environ["REQUEST_METHOD"] == "OPTIONS" or any(
            path.startswith(pattern[:-1]) and len(path) < 1000 and not ODD.search(path)
            if pattern.endswith("*") else path == pattern for pattern in self.health_paths)

    def _ask(self, accept):
        """The status and, of a 503, headers and body; (0, None) when the sidecar does not answer."""
        connection = http.client.HTTPConnection(self.sidecar.hostname, self.sidecar.port or 80, timeout=self.timeout_seconds)
        try:
            connection.request("GET", self.sidecar.path, headers={"Accept": accept})
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException):
            return 0, None
        finally:
            connection.close()
        if response.status != 503:
            return response.status, None
        return 503, ([(name, response.headers[name]) for name in PASSED_ON if name in response.headers], body)
