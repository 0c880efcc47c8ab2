"""CPU per request of a proxy against its peer: interleaved rounds, the median of paired ratios.

CPU is user and system time of every thread of the process and its children, from /proc: requests per second
say more about the machine's other guests than about the proxy.
"""

import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

TICK_US = 1_000_000 / os.sysconf("SC_CLK_TCK")


def family(pid):
    children = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
    return [pid, *map(int, children.stdout.split())]


def cpu_us(pid):
    fields = (Path(f"/proc/{each}/stat").read_text().rsplit(")", 1)[1].split() for each in family(pid))
    return sum(int(each[11]) + int(each[12]) for each in fields) * TICK_US


def rss_mb(pid):
    texts = (Path(f"/proc/{each}/status").read_text() for each in family(pid))
    return sum(int(re.search(r"VmRSS:\s+(\d+)", text)[1]) for text in texts) / 1024


def load(port, target, script, seconds, cpu):
    command = ["taskset", "-c", cpu, "wrk", "-t1", "-c64", f"-d{seconds}s"]
    command += ["-s", script] if script else []
    output = subprocess.run(
        [*command, f"http://127.0.0.1:{port}{target}"], capture_output=True, text=True, check=True
    ).stdout
    if "Non-2xx" in output or "Socket errors" in output:
        sys.exit(f"not every request was answered:\n{output}")
    return int(re.search(r"(\d+) requests in", output)[1])


def measure(pid, *how):
    before = cpu_us(pid)
    count = load(*how)
    return (cpu_us(pid) - before) / count, count


def main():
    name, ours, our_port, peer, peer_port, target, script, rounds, seconds, cpu = sys.argv[1:]
    ratios = []
    for number in range(int(rounds)):
        us, count = measure(int(ours), our_port, target, script, seconds, cpu)
        theirs, their_count = measure(int(peer), peer_port, target, script, seconds, cpu)
        ratios.append(us / theirs)
        print(
            f"{name} {number + 1}: earwitness {us:5.1f} us ({count}), peer {theirs:5.1f} us ({their_count}), "
            f"ratio {ratios[-1]:.2f}, RSS {rss_mb(int(ours)):.0f} MB"
        )
    print(f"{name}: median ratio {statistics.median(ratios):.2f} over {rounds} rounds")


main()
