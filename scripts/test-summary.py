#!/usr/bin/env python3
"""Adds up the JUnit reports of one `make test` and prints one closing line; a report that is missing is named.

Usage: scripts/test-summary.py NAME=REPORT.xml ...
"""
import sys
import xml.etree.ElementTree as xml

total = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
for argument in sys.argv[1:]:
    name, path = argument.split("=", 1)
    try:
        suites = list(xml.parse(path).getroot().iter("testsuite"))
    except (OSError, xml.ParseError) as error:
        print(f"test: no report of {name} ({error})")
        continue
    counts = {key: sum(int(suite.get(key, suite.get("disabled", 0) if key == "skipped" else 0)) for suite in suites) for key in total}
    print(f"test: {name}: {counts['tests']} tests")
    for key, count in counts.items():
        total[key] += count
failed = total["failures"] + total["errors"]
print(f"{total['tests'] - failed - total['skipped']} passed, {failed} failed, {total['skipped']} skipped")
