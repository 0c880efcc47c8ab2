"""Requests by h2load, on the application's core; what is not answered ends the benchmark, because it would be cheap."""

import re
import statistics
import subprocess
import sys
import time

from programs import LOAD_CORE

BOOKING = ["-d", "post.json", "-H", "content-type: application/json"]
REQUESTS = {"GET 1 KiB": ("/1k", []), "POST 600 B": ("/other", BOOKING), "GET 64 KiB": ("/64k", [])}
AUDITED = ("/api/bookings", BOOKING)
DURABLE = ("/api/durable-bookings", BOOKING)
# 64 requests at a time each: on a connection each, or on eight connections with eight streams.
FRONTS = {
    "HTTP/1.1": ("http", ["--h1", "-c64"]),
    "HTTP/1.1, TLS": ("https", ["--h1", "-c64"]),
    "HTTP/2, clear": ("h2c", ["--no-tls-proto=h2c", "-c8", "-m8"]),
    "HTTP/2, TLS": ("https", ["--npn-list=h2", "-c8", "-m8"]),
}


def saturate(ports, front, request, seconds, when_busy=lambda: None):
    """As many requests as can be, for so long; `when_busy` is called while they run. The answer is their number."""
    path, body = request
    command = _h2load(*front[1], *body, "-D", str(seconds), _url(ports, front, path))
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as load:
        time.sleep(seconds * 0.7)
        when_busy()
        return _answered(load.communicate()[0])


def answers(ports, front):
    """Whether one request by that front is answered."""
    done = subprocess.run(_h2load(front[1][0], "-n1", _url(ports, front, "/1k")), capture_output=True, text=True)
    return "1 succeeded" in done.stdout


def p50_us(port, request, seconds, log):
    """The median time of an answer at 200 requests a second on four connections."""
    log.unlink(missing_ok=True)
    path, body = request
    command = _h2load("--h1", "-c4", "--rps", "50", *body, "-D", str(seconds), "--log-file", log, f"http://127.0.0.1:{port}{path}")
    _answered(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return statistics.median(int(line.split("\t")[2]) for line in log.read_text().splitlines())


def _url(ports, front, path):
    name = front[0]
    return f"{'https' if name == 'https' else 'http'}://127.0.0.1:{ports[name]}{path}"


def _h2load(*options):
    return ["taskset", "-c", LOAD_CORE, "h2load", *map(str, options)]


def _answered(output):
    counts = re.search(r"(\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", output)
    statuses = re.search(r"status codes: (\d+) 2xx, 0 3xx, 0 4xx, 0 5xx", output)
    if not counts or not statuses or int(counts[1]) == 0 or any(int(count) for count in counts.groups()[2:]):
        sys.exit(f"not every request was answered:\n{output}")
    return int(counts[1])
