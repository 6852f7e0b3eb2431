"""Medians of a results.tsv of mta-peers.sh as JSON lines: each figure of ours beside each peer's.

Usage: mta_figures.py OUR_NAME RESULTS.tsv
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


def medians(rows):
    """(test, bytes, column) -> peer -> median of the runs in which everything was accepted."""
    values = defaultdict(lambda: defaultdict(list))
    for row in rows:
        if row["rc"] != "0" or row["test"] not in FIGURES:
            continue
        for _, column, _ in FIGURES[row["test"]]:
            if row[column] != "-":
                values[row["test"], row["bytes"], column][row["peer"]].append(float(row[column]))
    return {key: {peer: statistics.median(runs) for peer, runs in peers.items()} for key, peers in values.items()}


def main():
    ours_name, path = sys.argv[1:]
    with open(path, newline="") as file:
        found = medians(csv.DictReader(file, delimiter="\t"))
    for (test, size, column), peers in sorted(found.items()):
        name, unit = next((name, unit) for name, other, unit in FIGURES[test] if other == column)
        ours = peers.get(ours_name)
        for peer, theirs in peers.items():
            if peer != ours_name and ours is not None:
                line = {"name": f"{name}, {int(size) // 1024} KB", "peer": peer, "ours": ours, "theirs": theirs}
                print(json.dumps({**line, "ratio": round(ours / theirs, 3) if theirs else None, "unit": unit}))


main()
