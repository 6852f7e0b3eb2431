#!/usr/bin/env python3
"""Memory of 100,000 raw messages of 10 KB in the queue, their destination dead: above idle, and the spool's size.

Usage: memory.py PROGRAM [MESSAGES]

The bodies are random (base64), so that nothing gains by compressing. The sinks do not run: every connection is refused.
"""

import base64
import os
import sys
import tempfile
import time

from engine_bed import Suite, figure, inject_smtp, note

SIZE = 10_240
SETTLE_S = 15


def main():
    program, count = sys.argv[1], int(sys.argv[2]) if sys.argv[2:] else 100_000
    with tempfile.TemporaryDirectory(prefix="ies-memory.") as work:
        body = f"{work}/body"
        with open(body, "wb") as file:
            file.write(b"From: <bench@sender.test>\nTo: <u@bench.test>\nSubject: bench\nMIME-Version: 1.0\nContent-Transfer-Encoding: base64\n\n")
            file.write(base64.encodebytes(os.urandom(SIZE * 3 // 4)))
        with Suite(program, work) as suite:
            time.sleep(SETTLE_S)
            idle = suite.memory_mb()
            sent = inject_smtp(suite.smtp, count, body=body)
            time.sleep(SETTLE_S)
            queued, rss = suite.memory_mb(), suite.memory_mb("Rss")
            note(f"idle {idle:.0f} MB, with {sent} queued {queued:.0f} MB PSS, {rss:.0f} MB RSS")
            figure(f"memory above idle, {sent} raw messages queued, destination dead", "target", queued - idle, 60, "MB PSS")
            figure(f"spool, {sent} raw messages of 10 KB", "none", suite.spool_bytes() / (1 << 20), None, "MB")


main()
