"""A service to try the gate with: python3 app.py [PORT [URL-OF-THE-GATE [TIMEOUT-MS]]]"""

import sys
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIServer, make_server

from opsgate import OpsGate


def hello(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello\n"]


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


if __name__ == "__main__":
    port, url, timeout_ms = (sys.argv[1:] + ["3000", "http://127.0.0.1:9180/gate", "100"][len(sys.argv) - 1:])[:3]
    gated = OpsGate(hello, url=url, timeout_seconds=int(timeout_ms) / 1000, health_paths=["/healthz"])
    with make_server("127.0.0.1", int(port), gated, Server) as server:
        print(f"ready http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()
