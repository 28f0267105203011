# Says which handler it ran: as Python's own http.server reads a path (unquoted once, dots resolved).
import posixpath
import re
import sys
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def handler_of(target):
    path = urllib.parse.urlsplit(target).path if "://" in target else target.split("?", 1)[0].split("#", 1)[0]
    path = urllib.parse.unquote(path, errors="surrogatepass")
    clean = posixpath.normpath(path) + ("/" if path.rstrip().endswith("/") and path != "/" else "")
    clean = re.sub("/+", "/", clean)
    if clean == "/exact":
        return "exact"
    if clean.startswith("/admin"):
        return "admin"
    if clean.endswith("/secret"):
        return "secret"
    if re.fullmatch("/t/[^/]+/private", clean):
        return "private"
    return "none"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        length = int(self.headers.get("content-length") or 0)
        self.rfile.read(length)
        host = (self.headers.get("host") or "").rsplit(":", 1)[0].lower()
        shop = "shop" if host in ("shop.example", "shop.example.") else "other"
        role = "role" if "admin" in (self.headers.get_all("x-role") or []) else "none"
        self.send_response(200)
        self.send_header("x-handler", ",".join([handler_of(self.path), shop, role, self.command]))
        self.send_header("content-length", "0")
        self.end_headers()

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


server = Server(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
try:
    server.serve_forever()
except KeyboardInterrupt:
    sys.exit(0)
