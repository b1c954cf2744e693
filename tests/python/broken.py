"""Stands in front of a served tenant, under its own TLS certificate, and breaks some answers.

    broken.py FILE HOW [FIRST]

FILE describes the tenant, whose folder holds its CA. HOW is garbage, html, half, silent (an open connection
and no answer), closed, or through (nothing is broken). Without FIRST every answer is broken, else those
from the first request on whose line begins with FIRST, such as "POST /v1.0/applications"; that request
itself reaches the tenant. Once it is ready it prints its description as one line of JSON, and then a line
for each such request.
"""

import http.client
import http.server
import json
import pathlib
import ssl
import sys
import threading
from urllib.parse import urlsplit

FILE, HOW, FIRST = (sys.argv + [""])[1:4]
DESCRIBED = json.loads(pathlib.Path(FILE).read_text())
BEHIND = urlsplit(DESCRIBED["authority"])
TRUST = ssl.create_default_context(cafile=DESCRIBED["ca_file"])
PAGE = b"<!doctype html><html><head><title>Sign in to the guest network</title></head></html>"
broken = threading.Event()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        was_broken = broken.is_set()
        if not FIRST or f"{self.command} {self.path}".startswith(FIRST):
            broken.set()
            print(f"broken: {self.command}", flush=True)
        if HOW != "through" and (was_broken or not FIRST):
            return self.spoil(200, {"Content-Type": "application/json"}, b'{"value": []}')
        status, headers, content = self.forwarded(body)
        if HOW != "through" and broken.is_set():
            return self.spoil(status, headers, content)
        self.answer(status, headers, content)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = handle_any

    def forwarded(self, body):
        """Asks the tenant itself; it answers under the name that it is asked by."""
        connection = http.client.HTTPSConnection(BEHIND.hostname, BEHIND.port, context=TRUST)
        connection.request(self.command, self.path, body or None, dict(self.headers))
        answer = connection.getresponse()
        skipped = ("content-length", "transfer-encoding", "connection")
        headers = {n: v for n, v in answer.getheaders() if n.lower() not in skipped}
        content = answer.read()
        connection.close()
        return answer.status, headers, content

    def spoil(self, status, headers, content):
        if HOW == "garbage":
            return self.answer(status, {"Content-Type": "application/json"}, b"\x00\xff{[}" * 50)
        if HOW == "html":
            return self.answer(200, {"Content-Type": "text/html"}, PAGE)
        if HOW == "half":
            self.answer(status, headers, content, len(content) + 100)
        if HOW == "silent":
            self.connection.settimeout(None)
            self.rfile.read(1)
        self.close_connection = True

    def answer(self, status, headers, content, length=None):
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """A client that leaves is nothing to tell of."""


server = Server(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(pathlib.Path(DESCRIBED["ca_file"]).with_name("server.pem"))
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
authority = f"https://127.0.0.1:{server.server_address[1]}"
print(json.dumps(DESCRIBED | {"authority": authority, "graph": f"{authority}/v1.0"}), flush=True)
server.serve_forever()
