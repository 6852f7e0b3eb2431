#!/usr/bin/env python3
"""One content, 200,000 recipients, rendered at delivery to 10 KB each: rate beside our own raw relay, with and without
DKIM, and what the spool takes for each recipient.

Usage: merged.py PROGRAM [RECIPIENTS] [RUNS]
"""

import json
import subprocess
import sys
import tempfile
import time

from engine_bed import DOMAIN, SINKS, Sinks, Suite, figure, inject_smtp, median, note, relay

SENTENCE = "Dear {{ first_name }}, the {{ product }} you looked at on {{ day }} is back in stock in {{ city }} for {{ price }} euros. "
# Six variables in a text of about 10 KB, most of it the same for everyone, as in a real newsletter.
HTML = (
    "<!doctype html><html lang=en><head><title>Stock</title></head><body>"
    + f"<p>{SENTENCE}</p>"
    + "".join(f"<p class=c{n % 7}>Line {n}: what is written here is the same for every reader of this mail.</p>\n" for n in range(88))
    + "<p>{{ closing }}</p></body></html>"
)
CONTENT = {
    "from": {"name": "Bench", "address": "bench@sender.test"},
    "sender": "bench@sender.test",
    "subject": "For {{ first_name }}",
    "html": HTML,
    "text": SENTENCE,
    "stream": "bulk",
}


def lines(count):
    """The NDJSON of one content and its recipients, in pieces."""
    yield json.dumps(CONTENT).encode() + b"\n"
    piece = []
    for n in range(count):
        domain = f"d{SINKS[n % len(SINKS)]}.{DOMAIN}"
        fields = {"first_name": f"Name{n}", "product": f"chair {n % 50}", "day": "Monday", "city": f"City{n % 900}", "price": str(n % 300), "closing": "Bye"}
        piece.append(json.dumps({"address": f"u{n}@{domain}", "variables": fields}))
        if len(piece) == 2_000:
            yield ("\n".join(piece) + "\n").encode()
            piece = []
    if piece:
        yield ("\n".join(piece) + "\n").encode()


def merged(suite, sinks, count):
    """Messages per second from the first byte of the injection to the last mail at a sink; CPU per 1,000; seconds until
    all was on disk."""
    body = b"".join(lines(count))
    before, cpu, start = sinks.total(), suite.cpu_s(), time.monotonic()
    handed = hand_over(suite, body)
    end = sinks.wait_for(before + count)
    time.sleep(0.5)
    return count / (end - start), (suite.cpu_s() - cpu) * 1000 / count, handed


def hand_over(suite, body):
    """Seconds until the whole campaign was on disk."""
    start = time.monotonic()
    answer = suite.post("/api/v1/messages/stream", body, "application/x-ndjson")
    handed = time.monotonic() - start
    note(f"handed over in {handed:.1f} s: {json.dumps(answer)[:200]}")
    return handed


def spooled(program, work, count):
    """Bytes of the spool for each recipient, and recipients per second; nothing is delivered meanwhile, no sink runs."""
    with Suite(program, work, name="spooled") as suite:
        handed = hand_over(suite, b"".join(lines(count)))
        return suite.spool_bytes() / count, count / handed


def dkim(work):
    """The configuration of two keys, RSA-2048 and Ed25519."""
    text = ""
    for selector, algorithm in (("rsa", ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"]), ("ed", ["ED25519"])):
        file = f"{work}/{selector}.pem"
        subprocess.run(["openssl", "genpkey", "-algorithm", *algorithm, "-out", file], check=True, stderr=subprocess.DEVNULL)
        text += f'[[dkim]]\ndomain = "sender.test"\nselector = "{selector}"\nkey_file = "{file}"\n'
    return text


def measured(program, work, count, runs):
    """The rows of our raw relay, of the campaign unsigned and of the campaign signed twice."""
    with Sinks(work) as sinks:
        with Suite(program, work, name="plain") as suite:
            relay(suite, sinks, 4_000)
            raw = [relay(suite, sinks, 40_000) for _ in range(runs)]
            rows = [merged(suite, sinks, count) for _ in range(runs)]
        with Suite(program, work, dkim(work), name="signed") as suite:
            inject_smtp(suite.smtp, 800)
            signed = [merged(suite, sinks, count) for _ in range(runs)]
    return raw, rows, signed


def main():
    program, count, runs = sys.argv[1], int(sys.argv[2]) if sys.argv[2:] else 200_000, int(sys.argv[3]) if sys.argv[3:] else 3
    with tempfile.TemporaryDirectory(prefix="ies-merged.") as work:
        spool, handed = spooled(program, work, count)
        raw, rows, signed = measured(program, work, count, runs)
    column = lambda table, nth: median([row[nth] for row in table])
    rate = column(raw, 0)
    figure("merged campaign, 10 KB, unsigned", "own raw relay", column(rows, 0), round(rate), "msg/s")
    figure("merged campaign CPU, unsigned", "own raw relay", column(rows, 1), round(column(raw, 1), 3), "s/1000")
    figure("merged campaign, 10 KB, Ed25519 + RSA-2048", "own raw relay", column(signed, 0), round(rate), "msg/s")
    figure("merged campaign CPU, Ed25519 + RSA-2048", "own raw relay", column(signed, 1), round(column(raw, 1), 3), "s/1000")
    figure("merged campaign, spool for each recipient", "target", spool, 300, "bytes")
    figure("merged campaign, hand-over to the spool", "none", handed, None, "recipients/s")


main()
