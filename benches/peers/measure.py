"""What a request costs in each proxy: interleaved rounds, medians, and the median of the rounds' ratios.

CPU is user and system time of every process of the proxy, from /proc: requests per second say more about the machine's
other guests than about the proxy. `run.sh` starts this in a folder of its own.
"""

import pathlib
import statistics
import sys

from load import AUDITED, DURABLE, FRONTS, REQUESTS, answers, p50_us, saturate
from programs import APPLICATION_PORT, Programs

# Beyond its target a ratio must lie by so much before it counts as missed: rounds differ by as much.
MARGIN = 1.15
HEAD = "| what | Earwitness | nginx | haproxy | Envoy | ratio to nginx | target | verdict |\n|---|---|---|---|---|---|---|---|"


class Table:
    """Rows as they are measured, and whether a target was missed by more than its margin."""

    def __init__(self):
        self.is_missed = False
        print(HEAD, flush=True)

    def row(self, what, cells, ratios, target):
        """Ratios of the rounds against a target that they should not exceed."""
        ratio = statistics.median(ratios)
        verdict = "**no answer**" if not ratio else "met" if ratio <= target else "within the margin" if ratio <= target * MARGIN else "**missed**"
        self._print(what, cells, f"{ratio:.2f} ({min(ratios):.2f} to {max(ratios):.2f})", f"{target}", verdict)

    def memory(self, what, cells, mb, mb_max):
        self._print(what, cells, "", f"under {mb_max} MB", "met" if mb < mb_max else "**missed**")

    def _print(self, what, cells, *rest):
        self.is_missed |= rest[-1].startswith("**")
        cells = [*cells, *["-"] * (4 - len(cells))]
        print("|", " | ".join([what, *cells, *rest]), "|", flush=True)


class Bench:
    def __init__(self, programs, rounds, seconds):
        self.programs, self.rounds, self.seconds = programs, rounds, seconds
        self.rss_mb = {}

    def cpu_us(self, proxy, front, request):
        """One round: CPU for each answered request."""
        remember = lambda: self.rss_mb.update({proxy.name: max(proxy.rss_mb(), self.rss_mb.get(proxy.name, 0))})
        before = proxy.cpu_us()
        count = saturate(proxy.ports, front, request, self.seconds, remember)
        return (proxy.cpu_us() - before) / count

    def interleaved(self, proxies, measure):
        """A list of figures for each proxy, one figure a round."""
        figures = [[measure(proxy) for proxy in proxies] for _ in range(self.rounds)]
        return list(zip(*figures))

    def mute(self):
        """Who would not answer by which front: asked before hours are spent on the others."""
        return [f"{proxy.name}, {name}" for proxy in self.programs.plain for name, front in FRONTS.items() if not answers(proxy.ports, front)]

    def pass_through(self, table, only):
        for front_name, front in FRONTS.items():
            for request_name, request in REQUESTS.items():
                what = f"CPU: {request_name}, {front_name}"
                if only in what:
                    figures = self.interleaved(self.programs.plain, lambda proxy: self.cpu_us(proxy, front, request))
                    table.row(what, *_us(figures), 1.0)
        if self.rss_mb:
            cells = [f"{self.rss_mb[proxy.name]:.0f} MB" for proxy in self.programs.plain]
            table.memory("memory at 64 connections, the most of the above", cells, self.rss_mb["Earwitness"], 40)

    def audited(self, table, only):
        pair = [self.programs.earwitness, self.programs.lua]
        for guarantee, request in ("buffered", AUDITED), ("durable", DURABLE):
            what = f"CPU: POST 600 B, HTTP/1.1, audited with `guarantee: {guarantee}`; nginx with Lua writes both bodies"
            if only in what:
                figures = self.interleaved(pair, lambda proxy: self.cpu_us(proxy, FRONTS["HTTP/1.1"], request))
                table.row(what, *_us(figures), 0.9)

    def latency(self, table, only):
        at = "median latency added at 200 requests a second"
        self._latency(table, only, f"{at}: GET 1 KiB, HTTP/1.1", self.programs.plain, REQUESTS["GET 1 KiB"])
        pair = [self.programs.earwitness, self.programs.lua]
        self._latency(table, only, f"{at}: POST 600 B, audited; nginx with Lua writes both bodies", pair, AUDITED)

    def _latency(self, table, only, what, proxies, request):
        if only in what:
            ports = [APPLICATION_PORT, *(proxy.ports["http"] for proxy in proxies)]
            log = pathlib.Path("latency.log")
            direct, *through = self.interleaved(ports, lambda port: p50_us(port, request, self.seconds * 2, log))
            added = [[us - base for us, base in zip(figures, direct)] for figures in through]
            table.row(what, *_us(added), 1.0)


def _us(figures):
    """Cells with medians, and each round's ratio of the first proxy to the second."""
    cells = [f"{statistics.median(each):.1f} µs" for each in figures]
    return cells, [ours / max(theirs, 1) for ours, theirs in zip(*figures[:2])]


def main():
    rounds, seconds, only = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    programs = Programs(pathlib.Path.cwd())
    try:
        programs.ready()
        bench = Bench(programs, rounds, seconds)
        if mute := bench.mute():
            sys.exit(f"no answer from: {'; '.join(mute)}")
        table = Table()
        for part in bench.pass_through, bench.audited, bench.latency:
            part(table, only)
    finally:
        programs.stop()
    print(f"\n{rounds} rounds of {seconds} s:", "a target was missed" if table.is_missed else "no target was missed")
    return 1 if table.is_missed else 0


if __name__ == "__main__":
    sys.exit(main())
