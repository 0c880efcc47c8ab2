"""CalDAV servers that people run, each started for one test with storage of its own, and what differs between them."""

import pathlib
import sys

# `expect` and `sidecar` are one folder up, for all tests.
sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))

from sidecar import ROOT, Process, free_port, listens  # noqa: E402

import caldav  # noqa: E402

USER, PASSWORD, ADDRESS = "anna", "anna-knows", "mailto:anna@example.org"
PACK = ROOT / "rules" / "caldav"


class Radicale:
    """Checks passwords. Has no outbox for free-busy requests (RFC 6638), knows no COPY, keeps any property as it comes."""

    name = "radicale"
    home = f"/{USER}/"
    checks_passwords = True
    has_outbox = False
    copies_with = 405
    guards_properties = False
    no_text = None

    def __init__(self, folder):
        self.port = free_port()
        folder.mkdir(exist_ok=True)
        (folder / "users").write_text(f"{USER}:{PASSWORD}\n")
        (folder / "radicale.conf").write_text(
            f"[server]\nhosts = 127.0.0.1:{self.port}\n"
            f"[auth]\ntype = htpasswd\nhtpasswd_filename = {folder / 'users'}\nhtpasswd_encryption = plain\ndelay = 0\n"
            f"[storage]\nfilesystem_folder = {folder / 'collections'}\n"
            "[logging]\nlevel = info\n"
        )
        self.process = start(self, folder, "--config", folder / "radicale.conf")


class Xandikos:
    """Answers free-busy requests. Checks no passwords without TLS of its own: it believes whoever is in front."""

    name = "xandikos"
    home = f"/{USER}/calendars/"
    checks_passwords = False
    has_outbox = True
    copies_with = 201
    guards_properties = True
    no_text = ""

    def __init__(self, folder):
        self.port = free_port()
        folder.mkdir(exist_ok=True)
        self.process = start(
            self, folder, "serve", "--directory", folder / "collections", "--state-dir", folder / "state",
            "--current-user-principal", f"/{USER}/", "--defaults", "--no-detect-systemd",
            "--listen-address", "127.0.0.1", "--port", str(self.port),
        )


def start(server, folder, *arguments):
    # By its program, not by `-m radicale`, which could mean the file of that name beside this one.
    process = Process(server.name, [program(server.name), *arguments], folder)
    process.wait_until("it listens", lambda: listens(server.port))
    return process


def program(name):
    """A program of the Python environment that runs this."""
    return pathlib.Path(sys.executable).with_name(name)


def client(port, password=PASSWORD, path="/"):
    """The `caldav` library as a program has it. It sends its name at once, also to who does not ask for it."""
    url = f"http://127.0.0.1:{port}{path}"
    return caldav.DAVClient(url=url, username=USER, password=password, auth_type="basic")
