"""The gate as a WSGI middleware: turns requests away with 503 while a maintenance window is active.

It asks the sidecar on this machine, 'g3nops gate', and lets requests pass when the sidecar does not answer. Needs Python 3.8
and nothing else.

    from opsgate import OpsGate
    app = OpsGate(app, health_paths=["/healthz"])                          # any WSGI application
    application = OpsGate(get_wsgi_application())                          # Django, in wsgi.py
    app.wsgi_app = OpsGate(app.wsgi_app)                                   # Flask

Only "pass" is kept, for a second. While a window is active every request asks: each caller gets a 503 of its own, with a
Retry-After of its own, and nobody is turned away by an answer that has been lying about here on top of its age in the
sidecar.
"""

import http.client
import time
from urllib.parse import urlsplit

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
        self.pass_until = float("-inf")  # on a clock that nobody sets; threads may write it at the same time

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
        refusal = self._ask(environ.get("HTTP_ACCEPT"))
        if refusal is None:
            self.pass_until = time.monotonic() + self.cache_seconds
        return refusal

    def _always_passes(self, environ):
        path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        return environ["REQUEST_METHOD"] == "OPTIONS" or any(
            path.startswith(pattern[:-1]) if pattern.endswith("*") else path == pattern for pattern in self.health_paths)

    def _ask(self, accept):
        """None also when the sidecar does not answer, or is none."""
        connection = http.client.HTTPConnection(self.sidecar.hostname, self.sidecar.port or 80, timeout=self.timeout_seconds)
        try:
            connection.request("GET", self.sidecar.path, headers={"Accept": accept} if accept else {})
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
        if response.status != 503:
            return None
        return [(name, response.headers[name]) for name in PASSED_ON if name in response.headers], body
