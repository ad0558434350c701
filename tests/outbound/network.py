"""A small internet for tests: names, public addresses that lead to real local servers, and a canary behind everything private."""

import ipaddress
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from portraitist.outbound.client import system_resolve


class Canary:
    """Listens on every address of this machine and counts who connects."""

    def __init__(self):
        self.connections = 0
        self._sockets = [socket.create_server(("0.0.0.0", 0))]
        self.port = self._sockets[0].getsockname()[1]
        if socket.has_ipv6:
            try:
                self._sockets.append(socket.create_server(("::", self.port), family=socket.AF_INET6))
            except OSError:
                pass  # a machine without IPv6
        for one in self._sockets:
            threading.Thread(target=self._listen, args=[one], daemon=True).start()

    def _listen(self, server):
        while True:
            try:
                peer, _ = server.accept()
            except OSError:
                return
            self.connections += 1
            peer.close()

    def close(self):
        for one in self._sockets:
            one.shutdown(socket.SHUT_RDWR)
            one.close()


class Network:
    """`names`: host -> addresses, or a list of such answers, one per question. `servers`: public address -> local port."""

    def __init__(self, canary):
        self.canary, self.names, self.servers = canary, {}, {}
        self.asked, self.connected = [], []

    def resolve(self, host, port):
        self.asked.append(host)
        known = self.names.get(host)
        if known is None:
            try:
                ipaddress.ip_address(host)
            except ValueError:
                if host not in ("localhost", "localhost.localdomain", "ip6-localhost"):
                    raise socket.gaierror("no such name") from None
            return system_resolve(host, port)
        if known and isinstance(known[0], list):
            return known.pop(0) if len(known) > 1 else known[0]
        return known

    def connect(self, address, timeout):
        self.connected.append(address[0])
        if address[0] in self.servers:
            return socket.create_connection(("127.0.0.1", self.servers[address[0]]), timeout)
        return socket.create_connection(("127.0.0.1", self.canary.port), timeout)


class Site:
    """A real HTTP or HTTPS server. `answer(handler)` writes the answer; `requests` holds (method, path, headers, body)."""

    def __init__(self, answer, tls=None):
        self.requests = requests = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                requests.append((self.command, self.path, dict(self.headers), body))
                try:
                    answer(self)
                except OSError:
                    pass  # the client cut it off

            do_POST = do_GET

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # handshakes that the client broke off

        self._server = Server(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


def reply(handler, status=200, body=b"", **headers):
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    if "Content_Length" not in headers:
        handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
