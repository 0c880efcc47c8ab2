"""The application and the proxies, each started as it would be run, on a core of its own kind.

The proxies share core 1, one worker each, and work in turns; the application and the load share core 0.
"""

import os
import pathlib
import subprocess

from sidecar import Process, listens

APPLICATION_PORT = 19000
LOAD_CORE, PROXY_CORE = "0", "1"


class Proxy:
    """One proxy: a process, or two where a front in clear and one behind TLS do not fit into one."""

    def __init__(self, name, processes, clear, tls, h2c=None):
        self.name = name
        self.ports = {"http": clear, "https": tls, "h2c": h2c}
        self._processes = processes

    def ready(self):
        for port in filter(None, self.ports.values()):
            self._processes[-1].wait_until(f"port {port} is open", lambda port=port: listens(port))

    def cpu_us(self):
        return sum(process.cpu_us() for process in self._processes)

    def rss_mb(self):
        """Of the process that is at work: a second one that waits is no cost of the first."""
        return max(process.rss_bytes() for process in self._processes) / (1 << 20)


class Programs:
    """All of them, in a folder that holds the files of benches/peers, until `stop`."""

    def __init__(self, folder):
        self._folder, self._all = folder, []
        self.application = self._start("application", LOAD_CORE, "nginx", "-p", folder, "-c", folder / "upstream.conf")
        nginx = self._start("nginx", PROXY_CORE, "nginx", "-p", folder, "-c", folder / "nginx.conf")
        lua = self._start("lua", PROXY_CORE, "nginx", "-p", folder, "-c", folder / "nginx-lua.conf")
        haproxy = self._start("haproxy", PROXY_CORE, "haproxy", "-q", "-db", "-f", "haproxy.cfg")
        envoy = self._start(
            "envoy", PROXY_CORE, os.environ["ENVOY"], "-c", "envoy.yaml", "--concurrency", "1", "--disable-hot-restart",
            "--log-level", "error",
        )
        clear, tls = self._earwitness("earwitness.yaml"), self._earwitness(self._behind_tls())
        self.earwitness = Proxy("Earwitness", [clear, tls], 19010, 19011, 19010)
        self.nginx = Proxy("nginx", [nginx], 19020, 19021, 19022)
        self.lua = Proxy("nginx with Lua", [lua], 19030, None)
        self.haproxy = Proxy("haproxy", [haproxy], 19040, 19041, 19042)
        self.envoy = Proxy("Envoy", [envoy], 19050, 19051, 19050)
        self.plain = [self.earwitness, self.nginx, self.haproxy, self.envoy]

    def ready(self):
        self.application.wait_until("it listens", lambda: listens(APPLICATION_PORT))
        for proxy in [*self.plain, self.lua]:
            proxy.ready()

    def stop(self):
        for process in self._all:
            process.stop()

    def _start(self, name, core, *command):
        process = Process(name, ["taskset", "-c", core, *command], self._folder)
        self._all.append(process)
        return process

    def _earwitness(self, config):
        binary = pathlib.Path(os.environ["BINARY"]).resolve()
        return self._start(config.split(".")[0], PROXY_CORE, binary, "serve", "--config", config)

    def _behind_tls(self):
        text = (self._folder / "earwitness.yaml").read_text()
        for old, new in (":19010", ":19011"), (":19018", ":19019"), ("data_dir: data", "data_dir: data-tls"):
            text = text.replace(old, new)
        name = "earwitness-tls.yaml"
        (self._folder / name).write_text(f"{text}tls: {{ certificate: certificate.pem, key: key.pem }}\n")
        return name
