"""A proxy in front of a server of AWS's protocols, which may answer in its place or change what it says."""

import contextlib
import http.client
import http.server
import threading
from urllib.parse import urlsplit

HOP_BY_HOP = ("connection", "content-length", "transfer-encoding", "date", "server")


class Rewriting:
    """before(method, path, body) -> (status, body) or None; after(method, path, body, status, answer) -> likewise.

    seen: (method, path) of each request."""

    def __init__(self, url, before=None, after=None):
        self.behind = urlsplit(url).netloc
        self.before, self.after, self.seen = before, after, []
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                proxy.seen.append((self.command, self.path))
                own = proxy.before and proxy.before(self.command, self.path, body)
                status, headers, text = (own[0], {}, own[1]) if own else proxy.forward(self, body)
                other = not own and proxy.after and proxy.after(self.command, self.path, body, status, text)
                status, text = other or (status, text)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = answer

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def forward(self, request, body):
        connection = http.client.HTTPConnection(self.behind, timeout=60)
        with contextlib.closing(connection):
            connection.request(request.command, request.path, body, dict(request.headers))
            answer = connection.getresponse()
            text = answer.read()
        headers = {name: value for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP}
        return answer.status, headers, text

    def count(self, part):
        """How many requests had this in their path."""
        return sum(part in path for _, path in self.seen)


@contextlib.contextmanager
def rewriting(url, **how):
    proxy = Rewriting(url, **how)
    thread = threading.Thread(target=proxy.server.serve_forever)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.server.shutdown()
        proxy.server.server_close()
        thread.join()
