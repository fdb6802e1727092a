"""A phone's browser, as far as the gateway can tell: claims the box, keeps the cookie, opens the page's WebSocket."""

import base64
import http.client
import json
import os
import socket
import struct
import time
import urllib.parse

from machine import Failed

# An emulated box under load answers slowly.
ANSWER_S = 20
GOOD, HELD, MISSING = 0, 1, 2


class Browser:
    def __init__(self, port):
        self.port = port
        self.origin = f"http://127.0.0.1:{port}"
        self.cookie = None
        self.line = None
        self.hello = None
        # name -> [at, quality, value, ...] as the page would show it
        self.readings = {}
        self.watched = set()
        self.outcomes = []
        self.ids = 0

    def fetch(self, path="/", method="GET", body=None):
        """Status, headers, body. Redirections aren't followed."""
        headers = {"Origin": self.origin}
        if self.cookie:
            headers["Cookie"] = self.cookie
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_S)
        try:
            line.request(method, path, body, headers)
            answer = line.getresponse()
            return answer.status, answer.headers, answer.read()
        except http.client.HTTPException as error:
            raise ConnectionError(f"{path}: {error!r}") from error
        finally:
            line.close()

    def page_answers(self):
        return self.fetch()[0] in (200, 401)

    def claim(self, code):
        """Types the code; true when the box lets this browser in."""
        status, headers, _ = self.fetch("/claim", "POST", urllib.parse.urlencode({"code": code}))
        if status != 303:
            return False
        self.cookie = headers["Set-Cookie"].split(";")[0]
        status, _, page = self.fetch()
        if status != 200 or b"<script" not in page:
            raise Failed(f"the claim code {code} doesn't open the page: {status} {page[:300]!r}")
        return True

    # --- the WebSocket: RFC 6455 as far as one peer needs it

    def open(self, tags=()):
        """Opens the socket, hears hello, watches these tags."""
        self.close()
        self.readings = {}
        line = socket.create_connection(("127.0.0.1", self.port), ANSWER_S)
        key = base64.b64encode(os.urandom(16)).decode()
        line.sendall((f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nOrigin: {self.origin}\r\nUpgrade: websocket\r\n"
                      f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
                      f"Cookie: {self.cookie}\r\n\r\n").encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = line.recv(1)
            if not byte:
                raise ConnectionError("no WebSocket")
            head += byte
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise ConnectionError(f"no WebSocket: {head[:80]!r}")
        self.line = line
        self.hello = None
        end = time.monotonic() + ANSWER_S
        while self.hello is None:
            if time.monotonic() > end:
                raise ConnectionError("no hello")
            self.hear()
        self.names = [tag["name"] for tag in self.hello["tags"]]
        self.watch(tags)

    def watch(self, tags):
        self.watched = set(tags)
        self.send({"t": "watch", "tags": [self.names.index(tag) for tag in tags]})

    def close(self):
        if self.line:
            self.line.close()
            self.line = None

    def send(self, message, kind=1):
        data = message if isinstance(message, bytes) else json.dumps(message).encode()
        mask = os.urandom(4)
        length = struct.pack("!B", 0x80 | len(data)) if len(data) < 126 else struct.pack("!BH", 0x80 | 126, len(data))
        self.line.sendall(bytes([0x80 | kind]) + length + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(data)))

    def exactly(self, count):
        data = b""
        while len(data) < count:
            piece = self.line.recv(count - len(data))
            if not piece:
                raise ConnectionError("the gateway hung up")
            data += piece
        return data

    def hear(self):
        """Takes one message."""
        first, length = self.exactly(2)
        if length == 126:
            length, = struct.unpack("!H", self.exactly(2))
        elif length == 127:
            length, = struct.unpack("!Q", self.exactly(8))
        data = self.exactly(length)
        kind = first & 15
        if kind == 8:
            raise ConnectionError(f"the gateway closed the socket: {data!r}")
        if kind == 9:
            self.send(data, 10)
        if kind != 1:
            return
        message = json.loads(data)
        if message["t"] == "hello":
            self.hello = message
        elif message["t"] == "tags":
            for number, *reading in message["v"]:
                self.readings[self.names[number]] = reading
        elif message["t"] == "set":
            self.outcomes.append(message)

    def hear_for(self, seconds, enough):
        """Takes what comes until `enough()` or the time is over; is it enough?"""
        end = time.monotonic() + seconds
        while not enough():
            self.line.settimeout(max(0.05, end - time.monotonic()))
            try:
                self.hear()
            except TimeoutError:
                pass
            if time.monotonic() > end:
                break
        self.line.settimeout(ANSWER_S)
        return enough()

    def sees_good(self, *tags, seconds=5):
        """The page shows all of these as good. Opens the socket when it was lost, or was never open."""
        try:
            if self.line is None:
                self.open(tags)
            elif not self.watched >= set(tags):
                self.watch(tags)
            return self.hear_for(seconds, lambda: all(self.readings.get(tag, [0, MISSING])[1] == GOOD for tag in tags))
        except OSError:
            self.close()
            raise

    def set(self, tag, value):
        """Sets a value; the final outcome, as the page shows it."""
        self.ids += 1
        self.outcomes = []
        self.send({"t": "set", "id": self.ids, "tag": self.names.index(tag), "value": value})
        def final():
            return [one for one in self.outcomes if one["id"] == self.ids and one["state"] != "sent"]
        if not self.hear_for(ANSWER_S, final):
            raise Failed(f"no outcome of setting {tag}: {self.outcomes}")
        return final()[0]

    def trend(self, tag, since_ms, until_ms):
        """[(time in ms, value)] of a tag in that span: as many columns as a page can ask for."""
        status, _, data = self.fetch(f"/api/history?tag={tag}&from={since_ms}&to={until_ms}&columns=4096")
        if status != 200:
            raise ConnectionError(f"history: {status} {data[:200]!r}")
        magic, series = struct.unpack_from("<II", data)
        count, form = struct.unpack_from("<II", data, 24)
        if (magic, series) != (0x31484246, 1) or form == 2:
            raise Failed(f"the history doesn't know {tag}: {data[:40]!r}")
        times = struct.unpack_from(f"<{count}d", data, 32)
        # raw: time, value; decimated: time, min, max, last
        values = struct.unpack_from(f"<{count}d", data, 32 + 8 * count * (1 if form == 0 else 3))
        return list(zip(times, values))
