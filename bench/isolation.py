#!/usr/bin/env python3
"""What trouble at some destinations costs the others: the rate of good traffic alone, and beside one slow MX of two and a
dead provider with 10,000 domains; and the rate towards the site with the slow MX itself.

Usage: isolation.py PROGRAM [RUNS]

Runs alternate, each with a suite of its own. `slow.test` has two MX hosts: the better one lets connections hang (its
backlog is full), the other is a sink. `dead.test` stands for 10,000 domains of one provider whose only host refuses.
"""

import contextlib
import json
import socket
import sys
import tempfile
import time

from engine_bed import DOMAIN, PATIENCE_S, SINK_PORT, SINKS, Sinks, Suite, figure, inject_smtp, median, note, until

DOMAINS = 10_000
GOOD = 35_000
SLOW = 4_000
HOLE, DEAD = "127.0.0.21", "127.0.0.22"
# The sink behind slow.test takes no part in the good traffic.
OF_SLOW, GOOD_SINKS = SINKS[0], SINKS[1:]


def zone(best_of_slow):
    slow = "slow.test. 3600 IN MX 10 mx1.slow.test.\nslow.test. 3600 IN MX 20 mx2.slow.test.\n"
    hosts = f"mx1.slow.test. 3600 IN A {best_of_slow}\nmx2.slow.test. 3600 IN A 127.0.0.{OF_SLOW}\nmx.dead.test. 3600 IN A {DEAD}\n"
    return slow + hosts + "".join(f"x{n}.dead.test. 3600 IN MX 10 mx.dead.test.\n" for n in range(DOMAINS))


@contextlib.contextmanager
def black_hole():
    """A port whose backlog is full: further connections hang until they time out."""
    with contextlib.ExitStack() as stack:
        hole = stack.enter_context(socket.socket())
        hole.bind((HOLE, SINK_PORT))
        hole.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex((HOLE, SINK_PORT))
        yield


def send_to_the_dead(suite):
    """One mail to each of the dead domains; on disk and in the queue when it returns."""
    content = {"from": "bench@sender.test", "sender": "bench@sender.test", "subject": "dead", "text": "dead", "stream": "bulk"}
    rows = "\n".join(json.dumps({"address": f"u@x{n}.dead.test"}) for n in range(DOMAINS))
    suite.post("/api/v1/messages/stream", f"{json.dumps(content)}\n{rows}\n".encode(), "application/x-ndjson")


def rate(suite, sinks, domains, count, of):
    """Messages per second towards these domains, counted at these sinks."""
    taken = lambda: sum(sinks.counts()[k] for k in of)
    before, start = taken(), time.monotonic()
    sent = inject_smtp(suite.smtp, count, domains=domains)
    until(lambda: taken() >= before + sent, PATIENCE_S, f"{sent} messages at their sinks")
    return sent / (time.monotonic() - start)


def good_rate(suite, sinks):
    return rate(suite, sinks, [f"d{k}.{DOMAIN}" for k in GOOD_SINKS], GOOD, GOOD_SINKS)


def slow_rate(suite, sinks):
    return rate(suite, sinks, ["slow.test"], SLOW, [OF_SLOW])


def main():
    program, runs = sys.argv[1], int(sys.argv[2]) if sys.argv[2:] else 5
    alone, beside, both_up, one_slow = [], [], [], []
    with tempfile.TemporaryDirectory(prefix="ies-isolation.") as work, Sinks(work) as sinks, black_hole():
        for run in range(runs):
            with Suite(program, work, zone=zone(f"127.0.0.{OF_SLOW}"), name=f"alone{run}") as suite:
                good_rate(suite, sinks)
                alone.append(good_rate(suite, sinks))
                both_up.append(slow_rate(suite, sinks))
            with Suite(program, work, zone=zone(HOLE), name=f"beside{run}") as suite:
                good_rate(suite, sinks)
                send_to_the_dead(suite)
                # What waits for the hole is in the queue while the good traffic is measured.
                inject_smtp(suite.smtp, SLOW, domains=["slow.test"], sessions=8)
                beside.append(good_rate(suite, sinks))
                one_slow.append(slow_rate(suite, sinks))
            note(f"run {run}: good {alone[-1]:.0f}/s alone, {beside[-1]:.0f}/s beside; slow.test {both_up[-1]:.0f}/s, {one_slow[-1]:.0f}/s")
    figure("good traffic beside a slow MX and a dead provider of 10,000 domains", "alone", median(beside), round(median(alone)), "msg/s")
    figure("one site, its better MX hangs", "both hosts up", median(one_slow), round(median(both_up)), "msg/s")


main()
