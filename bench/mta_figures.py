"""Medians of a results.tsv of mta-peers.sh as JSON lines: each figure of ours beside each peer's.

Usage: mta_figures.py OUR_NAME RESULTS.tsv [--signed UNSIGNED.tsv SECONDS]

With --signed the rows are of mail that each server signed with DKIM RSA-2048; our CPU for each message is also compared
with our own without signing plus 1.1 times SECONDS, what one signature takes by `openssl speed`.
"""
import csv
import json
import statistics
import sys
from collections import defaultdict

FIGURES = {
    "recv": [("reception", "acc_per_s", "msg/s"), ("reception CPU", "mta_cpu_s_per_1000", "s/1000")],
    "relay": [("relay", "relay_per_s", "msg/s"), ("relay CPU", "mta_cpu_s_per_1000", "s/1000"), ("relay memory", "peak_pss_mb", "MB PSS")],
}


def medians(path):
    """(test, bytes, column) -> peer -> median of the runs in which everything was accepted."""
    values = defaultdict(lambda: defaultdict(list))
    with open(path, newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            if row["rc"] != "0" or row["test"] not in FIGURES:
                continue
            for _, column, _ in FIGURES[row["test"]]:
                if row[column] != "-":
                    values[row["test"], row["bytes"], column][row["peer"]].append(float(row[column]))
    return {key: {peer: statistics.median(runs) for peer, runs in peers.items()} for key, peers in values.items()}


def line(name, peer, ours, theirs, unit):
    ratio = round(ours / theirs, 3) if theirs else None
    print(json.dumps({"name": name, "peer": peer, "ours": round(ours, 3), "theirs": round(theirs, 3), "ratio": ratio, "unit": unit}))


def main():
    ours_name, path, *signed = sys.argv[1:]
    found = medians(path)
    how = " with DKIM RSA-2048" if signed else ""
    for (test, size, column), peers in sorted(found.items()):
        name, unit = next((name, unit) for name, other, unit in FIGURES[test] if other == column)
        for peer, theirs in peers.items():
            if peer != ours_name and ours_name in peers:
                line(f"{name}{how}, {int(size) // 1024} KB", peer, peers[ours_name], theirs, unit)
    if signed:
        unsigned, seconds = medians(signed[1]), float(signed[2])
        for key, peers in sorted(found.items()):
            if key[2] == "mta_cpu_s_per_1000" and key in unsigned:
                target = unsigned[key][ours_name] + 1.1 * seconds * 1000
                line(f"relay CPU{how}, {int(key[1]) // 1024} KB", "own unsigned + 1.1 signatures", peers[ours_name], target, "s/1000")


main()
