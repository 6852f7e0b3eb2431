"""What the measurements of the engine share: the suite as shipped, sinks that take mail, sources that give it.

Everything is on loopback and is stopped at the end, whatever happens. A `Suite` is one `ies serve` on an empty data
directory; `Sinks` are eight smtp-sink(1) on 127.0.0.2 to 127.0.0.9 that count what they took; `inject_smtp` is
smtp-source(1) with 40 sessions. Postfix's own test programs measure all mail servers here, so that ratios mean something.
"""

import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.request

SINK_PORT = 2525
SINKS = range(2, 10)
SESSIONS = 40
DOMAIN = "bench.test"
# The longest one measurement waits for the last message, in seconds.
PATIENCE_S = 600

LIFTED = """
[http]
listen = "127.0.0.1:0"
[[intake.listeners]]
listen = "127.0.0.1:0"
[dns]
zone_file = "{zone}"
dnssec = "off"
[delivery]
port = {port}
mta_sts = "off"
allow_private_routes = true
[log]
filter = "warn"
[[queue.overrides]]
connections = 20
provider_connections = 1000
rate = "1000000/s"
provider_rate = "1000000/s"
connection_rate = "100000/s"
messages_per_connection = 100000
"""


def figure(name, peer, ours, theirs, unit):
    """Prints one line of a run: our value beside the peer's (or the target's)."""
    ratio = round(ours / theirs, 3) if theirs else None
    print(json.dumps({"name": name, "peer": peer, "ours": round(ours, 3), "theirs": theirs, "ratio": ratio, "unit": unit}))
    sys.stdout.flush()


def note(text):
    print(text, file=sys.stderr, flush=True)


def until(condition, limit_s, what):
    """Waits for a true value and gives it; a measurement that does not get there ends."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.05)
    raise TimeoutError(f"{what}: not within {limit_s} s")


def is_open(host, port):
    with contextlib.closing(socket.socket()) as probe:
        return probe.connect_ex((host, port)) == 0


def stop(process):
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Sinks:
    """Eight hosts that take everything and count it."""

    def __init__(self, work):
        self.work = pathlib.Path(work)
        self.processes = []

    def __enter__(self):
        for k in SINKS:
            out = open(self.work / f"sink.{k}", "wb")
            command = ["smtp-sink", "-u", "nobody", "-c", f"127.0.0.{k}:{SINK_PORT}", "1024"]
            self.processes.append(subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL))
            out.close()
        for k in SINKS:
            until(lambda k=k: is_open(f"127.0.0.{k}", SINK_PORT), 10, f"sink {k}")
        return self

    def __exit__(self, *_):
        for process in self.processes:
            stop(process)

    def counts(self):
        """Messages taken, by sink."""
        return {k: self._last(self.work / f"sink.{k}") for k in SINKS}

    def total(self):
        return sum(self.counts().values())

    @staticmethod
    def _last(path):
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - 96))
            found = re.findall(rb"mesg=(\d+)", file.read())
        return int(found[-1]) if found else 0

    def wait_for(self, total, limit_s=PATIENCE_S):
        """Waits until so many were taken; the moment at which that was seen (monotonic seconds)."""
        until(lambda: self.total() >= total, limit_s, f"{total} messages at the sinks, {self.total()} are there")
        return time.monotonic()


class Suite:
    """One `ies serve`, with the limits towards the sinks lifted."""

    def __init__(self, program, work, extra="", zone="", name="suite"):
        self.program, self.dir = program, pathlib.Path(work) / name
        self.dir.mkdir(parents=True)
        zone_file = self.dir / "bench.zone"
        zone_file.write_text(sink_zone() + zone)
        self.config = self.dir / "ies.toml"
        self.config.write_text(f'data_dir = "{self.dir}/data"\n' + LIFTED.format(zone=zone_file, port=SINK_PORT) + extra)
        self.process = None

    def __enter__(self):
        log = open(self.dir / "log", "ab")
        self.process = subprocess.Popen([self.program, "serve", "--config", self.config], stdout=log, stderr=log)
        log.close()
        door = self.dir / "data" / "local.json"
        until(lambda: self._alive() and door.exists() and json.loads(door.read_text() or "{}").get("pid") == self.process.pid, 60, "start of the suite")
        self.door = json.loads(door.read_text())
        host, port = self.door["smtp"].rsplit(":", 1)
        self.smtp = (host, int(port))
        until(lambda: is_open(*self.smtp), 30, "SMTP listener")
        return self

    def __exit__(self, *_):
        stop(self.process)

    def _alive(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"the suite ended: {(self.dir / 'log').read_text()[-2000:]}")
        return True

    def post(self, path, body, content_type="application/json", headers=()):
        """The answer to a request; `body` is bytes or an iterable of bytes."""
        request = urllib.request.Request(self.door["url"] + path, data=body, method="POST", headers=dict(headers))
        request.add_header("Authorization", f"Bearer {self.door['key']}")
        request.add_header("Content-Type", content_type)
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return json.load(answer)

    def cpu_s(self):
        """User and system seconds so far."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mb(self, kind="Pss"):
        rollup = pathlib.Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        return int(re.search(rf"^{kind}:\s+(\d+)", rollup, re.M).group(1)) / 1024

    def spool_bytes(self):
        """Bytes written to the spool. Its segments are allocated ahead, filled with zeros: those do not count."""
        files = (self.dir / "data" / "spool").rglob("*.seg")
        return sum(written(file) for file in files)


def written(file):
    """Length of a file without the zeros at its end."""
    with open(file, "rb") as opened:
        end = opened.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - (1 << 20))
            opened.seek(start)
            if found := opened.read(end - start).rstrip(b"\0"):
                return start + len(found)
            end = start
    return 0


def sink_zone():
    hosts = "".join(f"d{k} 3600 IN MX 10 mx{k}\nmx{k} 3600 IN A 127.0.0.{k}\n" for k in SINKS)
    return f"$ORIGIN {DOMAIN}.\n{hosts}"


def inject_smtp(address, count, size=10240, domains=None, body=None, sessions=SESSIONS):
    """Hands `count` messages over by SMTP, spread over the domains; when the last was accepted, all are on disk."""
    domains = domains or [f"d{k}.{DOMAIN}" for k in SINKS]
    per, each = count // len(domains), max(1, sessions // len(domains))
    payload = ["-F", body] if body else ["-l", str(size)]
    command = ["smtp-source", "-d", "-s", str(each), "-m", str(per), *payload, "-f", "bench@sender.test"]
    target = f"{address[0]}:{address[1]}"
    running = [subprocess.Popen([*command, "-t", f"u@{domain}", target]) for domain in domains]
    failed = [process.wait(PATIENCE_S) for process in running]
    if any(failed):
        raise RuntimeError(f"smtp-source failed: {failed}")
    return per * len(domains)


def relay(suite, sinks, count, **how):
    """One run of relaying: messages per second from the first injection to the last at a sink, CPU per 1,000."""
    before, cpu, start = sinks.total(), suite.cpu_s(), time.monotonic()
    sent = inject_smtp(suite.smtp, count, **how)
    end = sinks.wait_for(before + sent)
    time.sleep(0.5)
    return sent / (end - start), (suite.cpu_s() - cpu) * 1000 / sent


def median(values):
    return statistics.median(values)
