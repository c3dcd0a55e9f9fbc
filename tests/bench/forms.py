#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""That the bench's table, JSON and plot tell of the same figures."""
import json
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET

ROWS = ["load-context", "load-jobs", "layers"]


def main(bench):
    with tempfile.TemporaryDirectory() as out:
        as_json, as_svg = os.path.join(out, "bench.json"), os.path.join(out, "bench.svg")
        ran = subprocess.run([bench, "--short", "--markdown", "--json", as_json, "--svg", as_svg] + ROWS,
                             capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        with open(as_json, encoding="utf-8") as file:
            rows = json.load(file)["rows"]
        plot = ET.parse(as_svg)

    assert sorted(row["row"] for row in rows) == sorted(ROWS), rows
    figures = [figure for row in rows for figure in row["figures"]]
    table = [line for line in ran.stdout.splitlines() if line.startswith("| ")][2:]
    assert [line.split(" | ")[0][2:] for line in table] == [f["name"] for f in figures], ran.stdout
    for figure in figures:
        assert figure["low"] <= figure["ratio"] <= figure["high"], figure
    points = plot.findall(".//{http://www.w3.org/2000/svg}circle")
    assert len(points) == sum("load" in figure for figure in figures) > 0, len(points)


if __name__ == "__main__":
    main(sys.argv[1])
