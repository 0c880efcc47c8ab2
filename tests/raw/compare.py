"""Runs the tables of raw messages against Earwitness, nginx and HAProxy, each before the same strict application.

    python3 tests/raw/compare.py target/debug/earwitness > docs/strictness.md

needs `nginx` and `haproxy` on the PATH (Debian: apt-get install nginx haproxy) and nothing else but Python. What is
printed is the page docs/strictness.md. The Rust test over the same tables decides whether Earwitness does what they
say; this script only tells how three proxies behave.
"""

import collections
import datetime
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
WAIT_S = 1.0  # for what never comes
NEXT = b"GET /next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
PROBE = b"GET /probe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
Case = collections.namedtuple("Case", "group id about expected data ends")


# --- the tables -------------------------------------------------------------------------------------------

def unescape(text):
    out, rest = b"", text
    while "\\" in rest:
        plain, rest = rest.split("\\", 1)
        out += plain.encode()
        kind, rest = rest[0], rest[1:]
        if kind == "x":
            out, rest = out + bytes([int(rest[:2], 16)]), rest[2:]
        elif kind == "*":
            count, rest = rest.split("(", 1)
            inner, rest = rest.split(")", 1)
            out += unescape(inner) * int(count)
        else:
            out += {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "\\": b"\\"}[kind]
    return out + rest.encode()


def table(name):
    cases, group = [], ""
    for line in (HERE / name).read_text().splitlines():
        if line.startswith("## "):
            group = line[3:]
        elif line.startswith("> "):
            data = line[2:].removesuffix("\\eof")
            case = cases[-1]
            cases[-1] = case._replace(data=case.data + unescape(data), ends=case.ends or data != line[2:])
        elif line and line[0] not in "#-":
            id, *about, expected = line.split(" | ")
            cases.append(Case(group, id, about, expected.split(" "), b"", False))
    return cases


# --- the application --------------------------------------------------------------------------------------

class Lines:
    """A socket, read by lines and lengths."""

    def __init__(self, sock):
        self.sock, self.data = sock, b""

    def until(self, mark):
        while mark not in self.data:
            self.fill()
        taken, self.data = self.data.split(mark, 1)
        return taken

    def exactly(self, count):
        while len(self.data) < count:
            self.fill()
        self.data = self.data[count:]

    def fill(self):
        more = self.sock.recv(65536)
        if not more:
            raise EOFError
        self.data += more


class Application:
    """Reads by the letter of RFC 9112, records what it was asked, and answers /case with the bytes at hand."""

    def __init__(self):
        self.seen, self.answer = [], None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            sock, _ = self.listener.accept()
            sock.settimeout(20)
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        reader, target = Lines(sock), None
        try:
            while True:
                target = None
                head = reader.until(b"\r\n\r\n")
                target = (head.split(b" ") + [b"?"])[1].decode("latin-1")
                framing = self.body(head, reader)
                self.seen.append((target, framing))
                target = None
                data, ends = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nseen", False
                if self.answer and head.split(b" ")[1] == b"/case":
                    data, ends = self.answer
                sock.sendall(data)
                if ends:
                    sock.shutdown(socket.SHUT_WR)
                if framing == "doubt":
                    return  # nobody knows where the next request begins
        except (EOFError, OSError):
            if target:
                self.seen.append((target, "cut"))
        finally:
            sock.close()

    def body(self, head, reader):
        """The framing in the words of the table, or what is doubtful."""
        line, *fields = head.split(b"\r\n")
        doubt = len(line.split(b" ")) != 3 or not re.fullmatch(rb"HTTP/1\.[01]", line.split(b" ")[-1])
        doubt |= bool(re.search(rb"[\r\n\0]", head.replace(b"\r\n", b"")))
        values = collections.defaultdict(list)
        for field in fields:
            name, _, value = field.partition(b":")
            doubt |= not re.fullmatch(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name)
            values[name.lower().replace(b"_", b"-")].append(value.strip(b" \t"))
        length, coding = values[b"content-length"], values[b"transfer-encoding"]
        doubt |= len(values[b"host"]) != 1 and line.endswith(b"1.1")
        doubt |= len(length) + len(coding) > 1 or b"upgrade" in values
        if doubt or (length and not length[0].isdigit()) or (coding and coding[0].lower() != b"chunked"):
            return "doubt"
        if length:
            reader.exactly(int(length[0]))
            return str(int(length[0]))
        return self.chunks(reader) if coding else "-"

    def chunks(self, reader):
        total = 0
        while size := reader.until(b"\r\n"):
            if not re.fullmatch(rb"[0-9A-Fa-f]{1,15}", size):
                return "doubt"
            if int(size, 16) == 0:
                break
            reader.exactly(int(size, 16))
            if reader.until(b"\r\n"):
                return "doubt"
            total += int(size, 16)
        while trailer := reader.until(b"\r\n"):
            if re.match(rb"(?i)(content-|transfer-|host)", trailer):
                return "doubt"
        return f"~{total}"


# --- the client -------------------------------------------------------------------------------------------

def talk(port, data, ends):
    received = b""
    with socket.create_connection(("127.0.0.1", port)) as sock:
        def send():
            try:
                sock.sendall(data)
                if ends:
                    sock.shutdown(socket.SHUT_WR)
            except OSError:
                pass
        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        sock.settimeout(WAIT_S)
        try:
            while more := sock.recv(65536):
                received += more
        except OSError:
            pass
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        sender.join()
    return received


def answers(data, head_only=False):
    """(status, body or None) of each final answer."""
    found = []
    while b"\r\n\r\n" in data:
        head, data = data.split(b"\r\n\r\n", 1)
        status = (head.split(b" ") + [b"?"])[1][:3].decode("latin-1")
        if status.startswith("1"):
            continue
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        if head_only or status in ("204", "304"):
            body = b""
        elif re.search(rb"(?i)\r\ntransfer-encoding: *chunked", head):
            body, rest = b"", data
            while match := re.match(rb"([0-9a-fA-F]+)[^\r\n]*\r\n", rest):
                size, rest = int(match[1], 16), rest[match.end():]
                if size == 0:
                    break
                body, rest = body + rest[:size], rest[size + 2:]
            else:
                body = None
            data = rest.split(b"\r\n\r\n", 1)[-1] if not rest.startswith(b"\r\n") else rest[2:]
        elif length:
            body, data = data[:int(length[1])], data[int(length[1]):]
            body = body if len(body) == int(length[1]) else None
        else:
            body, data = data, b""
        found.append((status, body))
    return found


# --- what became of a case --------------------------------------------------------------------------------

def of_request(case, port, application):
    application.seen.clear()
    bad = case.expected[-1] in ("400", "431")
    data = case.data if case.ends else case.data + NEXT
    received = talk(port, data, case.ends)
    # (An answer of HTTP/0.9 has no head.)
    answered = max(len(answers(received)), received.count(b"seen"))
    talk(port, PROBE, False)
    time.sleep(0.02)
    seen = [(target, framing) for target, framing in application.seen if target != "/probe"]
    wanted = [content(word) for word in case.expected if word not in ("400", "431", "close", "cut")]
    whole = [content(framing) for _, framing in seen if framing != "cut"]
    if "doubt" in whole:
        return "doubt"
    if len(whole) > answered:
        return "split"
    if bad:
        return "refused" if whole == wanted else "passed"
    ends = case.expected[-1] == "close"
    if whole in (wanted, wanted + ["0"]) or (ends and whole[: len(wanted)] == wanted):
        return "as asked"
    return "refused" if len(whole) < len(wanted) else "passed"


def content(framing):
    """How much content, whichever way it is framed: that is each proxy's own affair."""
    return "0" if framing == "-" else framing.removeprefix("~")


def of_answer(case, port, application):
    application.answer = (case.data, case.ends)
    ask = lambda target, method: talk(
        port, f"{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode(), False)
    got = answers(ask("/case", case.about[1]), case.about[1] == "HEAD")
    following = answers(ask("/next", "GET"))
    application.answer = None
    if [body for _, body in following] != [b"seen"]:
        return "reached the next client"
    if len(got) > 1:
        return "split"
    if not got or got[0][0] in ("502", "500") and case.expected[0] != "500:5":
        return "refused"
    if got[0][1] is None:
        return "cut"
    if case.expected[0] == f"{got[0][0]}:{len(got[0][1])}":
        return "as asked"
    return "passed"


# --- the proxies ------------------------------------------------------------------------------------------

NGINX = """daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.err; worker_processes 1;
events {{}}
http {{ access_log off; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  upstream application {{ server 127.0.0.1:{upstream}; keepalive 8; }}
  server {{ listen 127.0.0.1:{port}; server_name app.test; location / {{ proxy_pass http://application; proxy_http_version 1.1;
    proxy_set_header Connection ""; proxy_set_header Host $host; }} }} }}
"""
HAPROXY = """defaults
  mode http
  timeout connect 5s
  timeout client 20s
  timeout server 20s
frontend f
  bind 127.0.0.1:{port}
  default_backend b
backend b
  server s 127.0.0.1:{upstream}
"""
EARWITNESS = """listen: 127.0.0.1:{port}
upstream: http://127.0.0.1:{upstream}
admin: {{ listen: "127.0.0.1:{admin}" }}
data_dir: {folder}/data
rules: {folder}/rules.yaml
workers: 1
"""
RULES = "version: 1\nrules:\n  - { id: none, match: POST /never, action: NONE, message: Never }\n"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(name, binary, folder, upstream):
    port = free_port()
    values = {"folder": folder, "port": port, "upstream": upstream, "admin": free_port()}
    config = folder / f"{name}.conf"
    config.write_text({"nginx": NGINX, "haproxy": HAPROXY, "earwitness": EARWITNESS}[name].format(**values))
    (folder / "rules.yaml").write_text(RULES)
    command = {
        "nginx": [binary, "-p", folder, "-c", config],
        "haproxy": [binary, "-db", "-f", config],
        "earwitness": [binary, "serve", "--config", config],
    }[name]
    child = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL,
                             stderr=open(folder / f"{name}.log", "wb"))
    deadline = time.monotonic() + 20
    while not answers(talk_or_nothing(port)):
        if child.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"{name} did not start:\n" + (folder / f"{name}.log").read_text())
        time.sleep(0.05)
    return child, port


def talk_or_nothing(port):
    try:
        return talk(port, PROBE, False)
    except OSError:
        return b""


def version(name, binary):
    flag = "--version" if name == "earwitness" else "-v"
    done = subprocess.run([binary, flag], capture_output=True, text=True)
    text = done.stdout + done.stderr
    return re.search(r"\d+\.\d+\.\d+\S*", text)[0]


# --- the page ---------------------------------------------------------------------------------------------

def main():
    binaries = {"earwitness": str(pathlib.Path(sys.argv[1]).resolve()), "nginx": shutil.which("nginx", path="/usr/sbin:/usr/bin"),
                "haproxy": shutil.which("haproxy", path="/usr/sbin:/usr/bin")}
    requests, responses = table("requests.txt"), table("responses.txt")
    became = {}
    for name, binary in binaries.items():
        with tempfile.TemporaryDirectory() as folder:
            application = Application()
            child, port = start(name, binary, pathlib.Path(folder), application.port)
            try:
                for case in requests:
                    became[name, "requests", case.id] = of_request(case, port, application)
                for case in responses:
                    became[name, "responses", case.id] = of_answer(case, port, application)
            finally:
                child.terminate()
                child.wait()
        print(f"{name} is done", file=sys.stderr)
    page(binaries, {"requests": requests, "responses": responses}, became)


HEAD = """# How strict it is

Two proxies that read one message differently are how requests are smuggled past a log. So Earwitness refuses every message
about whose end, target or host there is a doubt, in both directions, and frames anew what it forwards. The whole list stands in
two tables, with the section of RFC 9110 or 9112 for each case and the reason wherever the RFC leaves a choice:
[tests/raw/requests.txt](../tests/raw/requests.txt) ({requests} cases) and [tests/raw/responses.txt](../tests/raw/responses.txt)
({responses}). A test sends all of them through Earwitness, before an application that reads by the letter and would notice a request
that was split, joined or changed; another cuts them into reads at any place and finds the same verdicts.

This page is what [tests/raw/compare.py](../tests/raw/compare.py) printed on {date}, with {versions},
the latter two from Debian's packages, as proxies with kept connections and no other settings. They answer another question than
Earwitness: a general proxy must serve old clients, and mends what it can read in one way; what it passes on in one reading is mostly
harmless behind it. An audit log cannot take that liberty, because the reading that it records must be the application's. The tables are
ours, so our own columns are full by construction, and the numbers are no list of defects in nginx and HAProxy.

*Refused* means that the message did not arrive: an error, a closed connection, or a body that visibly breaks off. *In one reading*: the
application got a clean message, the proxy having decided what was meant. *With the doubt in it*: the application got
a message that it, too, could read in two ways.
"""
TITLES = {"earwitness": "Earwitness", "nginx": "nginx", "haproxy": "HAProxy"}


def page(binaries, tables, became):
    versions = ", ".join(f"{TITLES[name]} {version(name, binary)}" for name, binary in binaries.items())
    print(HEAD.format(
        versions=versions, date=datetime.date.today().isoformat(),
        requests=len(tables["requests"]), responses=len(tables["responses"])), end="")
    for kind, cases in tables.items():
        is_bad = (lambda case: case.expected[-1] in ("400", "431")) if kind == "requests" else (
            lambda case: case.expected[0] == "502" or case.expected[0].endswith(":cut"))
        print(f"\n## {kind.capitalize()}\n| group | to be refused | " + " | ".join(
            f"{TITLES[name]} refuses" for name in binaries) + " | to pass | " + " | ".join(
            f"{TITLES[name]} passes" for name in binaries) + " |")
        print("|---|" + "---|" * (2 + 2 * len(binaries)))
        for group in [*dict.fromkeys(case.group for case in cases), "all"]:
            chosen = [case for case in cases if group in ("all", case.group)]
            bad, good = [c for c in chosen if is_bad(c)], [c for c in chosen if not is_bad(c)]
            count = lambda name, among, words: sum(became[name, kind, case.id] in words for case in among)
            cells = [len(bad), *(count(name, bad, ("refused", "cut")) for name in binaries),
                     len(good), *(count(name, good, ("as asked",)) for name in binaries)]
            print(f"| {group} | " + " | ".join(str(cell) for cell in cells) + " |")
        print(f"\n### What became of the other {kind}")
        for name in binaries:
            told = collections.defaultdict(list)
            for case in cases:
                word = became[name, kind, case.id]
                if word not in (("refused", "cut") if is_bad(case) else ("as asked",)):
                    told[word, is_bad(case)].append(case.id)
            print(f"\n**{TITLES[name]}**" + ("" if told else ": none."))
            for (word, bad), ids in sorted(told.items()):
                print(f"- {WORDS[word, bad]} ({len(ids)}): " + ", ".join(f"`{id}`" for id in ids))


WORDS = {
    ("passed", True): "should be refused, was passed on in one reading",
    ("doubt", True): "should be refused, was passed on with the doubt in it",
    ("split", True): "should be refused; the application saw more requests than the proxy answered",
    ("reached the next client", True): "should be refused, and its rest reached the next client",
    ("as asked", True): "should be refused, was passed on as sent",
    ("refused", False): "could pass, was refused",
    ("cut", False): "could pass, was cut",
    ("doubt", False): "passed on in a form that a strict application doubts",
    ("passed", False): "could pass, and something else arrived",
    ("split", False): "the application saw more requests than the proxy answered",
    ("reached the next client", False): "its rest reached the next client",
}

if __name__ == "__main__":
    main()
