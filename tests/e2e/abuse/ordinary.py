"""Somebody who works through the proxy, whatever others do to it meanwhile."""

import http.client
import itertools
import json
import threading
import time

ANSWER_S_MAX = 10
# So many requests on one connection, then a new one: who comes new must be let in too.
REQUESTS_PER_CONNECTION = 10


class Ordinary:
    """Books and looks, one request after the other; a context in which this happens beside."""

    def __init__(self, port, name="ordinary", tls=None):
        self.titles = []
        # What each request took, a new connection included.
        self.seconds = []
        self._port, self._name, self._tls = port, name, tls
        self._names = itertools.count()
        self._connection = None

    def __enter__(self):
        self._is_over, self._error = threading.Event(), None
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind, *_):
        self._is_over.set()
        self._thread.join()
        if kind is None and self._error:
            raise AssertionError("an ordinary request failed meanwhile") from self._error

    def requests(self, count):
        """A few of them, each answered as it should be."""
        for _ in range(count):
            self._one()

    def _work(self):
        try:
            self._one()
            while not self._is_over.wait(0.01):
                self._one()
        except Exception as error:  # told when the context ends
            self._error = error

    def _one(self):
        number = next(self._names)
        if number % REQUESTS_PER_CONNECTION == 0 and self._connection:
            self._connection.close()
        if number % REQUESTS_PER_CONNECTION == 0:
            self._connection = self._connect()
        began = time.monotonic()
        if number % 2:
            self._ask("GET", "/page", None, 200)
        else:
            title = f"{self._name} {number}"
            self._ask("POST", "/bookings", json.dumps({"title": title}), 201)
            self.titles.append(title)
        self.seconds.append(time.monotonic() - began)

    def _connect(self):
        if self._tls:
            return http.client.HTTPSConnection("127.0.0.1", self._port, timeout=ANSWER_S_MAX, context=self._tls)
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=ANSWER_S_MAX)

    def _ask(self, method, path, body, wanted):
        self._connection.request(method, path, body, {"content-type": "application/json"} if body else {})
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status != wanted:
            raise AssertionError(f"{method} {path}: {wanted} wanted, {answer.status} {content[:200]!r} found")
