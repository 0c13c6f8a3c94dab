#!/usr/bin/env python3
"""Writes docs/results.md from one run of tenon bench, which draws the picture in it.

    tenon bench --full --json --svg docs/images/bench.svg > results.json
    scripts/results.py results.json "tenon bench --full"
"""

import json
import os
import sys

DOCS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "docs")
UNITS = ((1, "B"), (1 << 10, "KiB"), (1 << 20, "MiB"), (1 << 30, "GiB"))
TITLES = {"round-trip": "Round trip, median (less is better)", "one-way": "One way, a send for each message (more is better)",
          "batched": "One way, send_many (more is better)",
          "in-place": "One way in place, only the ends touched (more is better)"}
OLD = (("shared memory", 1_659_291, "shm"), ("mapped file", 1_701_759, "mmap"), ("FIFO", 254_880, "fifo"),
       ("message queue", 213_796, "sysv-mq"), ("domain socket", 127_582, "unix"))


def scaled(value, units):
    for limit, name in units:
        if value < limit * 999.5:
            break
    shown = value / limit
    return f"{shown:.{2 if shown < 9.995 else 1 if shown < 99.95 else 0}f} {name}" if limit != units[0][0] or shown < 1 \
        else f"{shown:.0f} {name}"


def figure(cell, value):
    if cell["unit"] == "ns":
        return scaled(value, ((1, "ns"), (1e3, "µs"), (1e6, "ms"), (1e9, "s")))
    if cell["unit"] == "bytes":
        return f"{value / 1024:.0f} KiB"
    return scaled(value, ((1, "/s"), (1e3, "k/s"), (1e6, "M/s")))


def size_text(size):
    limit, name = max(unit for unit in UNITS if size >= unit[0])
    return f"{size / limit:g} {name}"


class Report:
    def __init__(self, json_report):
        self.json = json_report
        self.cells = {(c["row"], c["floor"], c["workload"], c["size"], c["waiting"]): c for c in json_report["cells"]}

    def each(self, field, **where):
        return list(dict.fromkeys(c[field] for c in self.json["cells"] if all(c[k] == v for k, v in where.items())))

    def find(self, row, workload, size, waiting, floor=False):
        cell = self.cells.get((row, floor, workload, size, waiting))
        return cell if cell and cell["figure"] else None


def table(report, workload, waiting):
    where = {"workload": workload, "waiting": waiting, "floor": False}
    sizes = report.each("size", **where)
    lines = ["| | " + " | ".join(f"{size_text(size)} | × floor" for size in sizes) + " |", "|---" + "|--:|--:" * len(sizes) + "|"]
    best = {}
    for size in sizes:
        cells = [c for row in report.each("row", **where) if (c := report.find(row, workload, size, waiting))]
        if cells:
            choose = min if cells[0]["unit"] in ("ns", "bytes") else max
            best[size] = choose(cells, key=lambda cell: cell["figure"]["median"])["row"]
    for row in report.each("row", **where):
        entries = []
        for size in sizes:
            cell = report.find(row, workload, size, waiting)
            text = figure(cell, cell["figure"]["median"]) if cell else "–"
            ratio = cell["times_floor"] if cell else None
            entries.append(f"**{text}**" if best.get(size) == row else text)
            entries.append("" if not ratio else f"{ratio['median']:.2f}" if ratio["median"] >= 0.095 else f"{ratio['median']:.1g}")
        lines.append(f"| {'*' + row + '*' if row in report.json['peers'] else '`' + row + '`'} | " + " | ".join(entries) + " |")
    return "\n".join(lines)


def tails(report, waiting, size):
    names = ("p50", "p90", "p99", "p99.9", "p99.99", "max")
    lines = ["| | " + " | ".join(names) + " |", "|---" + "|--:" * len(names) + "|"]
    for row in report.each("row", workload="round-trip", waiting=waiting, floor=False):
        cell = report.find(row, "round-trip", size, waiting)
        if cell:
            lines.append(f"| `{row}` | " + " | ".join(figure(cell, cell["round_trip_ns"][name]) for name in names) + " |")
    return "\n".join(lines)


def round_trips(report, row, waiting):
    cell = report.find(row, "round-trip", 1024, waiting)
    if not cell:
        return "–"
    rates = sorted(repetition["per_second"] for repetition in cell["repetitions"])
    return f"{rates[len(rates) // 2]:,.0f}"


def old_table(report):
    waitings = [waiting for waiting in ("spin", "hybrid", "block") if waiting in report.each("waiting")]
    lines = ["| | ipc-bench, 2013 desktop | row | " + " | ".join(f"here, {waiting}" for waiting in waitings) + " |",
             "|---|--:|---" + "|--:" * len(waitings) + "|"]
    for name, rate, row in OLD:
        lines.append(f"| {name} | {rate:,} | `{row}` | " + " | ".join(round_trips(report, row, w) for w in waitings) + " |")
    return "\n".join(lines)


def markdown(report, command):
    run = report.json
    machine = run["machine"]
    flag = sorted(run["noise"]["flag_ns"])
    few = len(flag) // 20
    parts = [f"""# Results

What `{command}` printed on one machine, {run['started'][:10]}; how it is measured, and what it does not say, is in
[Measuring](benchmarking.md). Made from the run's JSON by `scripts/results.py`; measure yours.

- **Machine:** {machine['cpu']}, {machine['cpus']} CPUs, {machine['kernel']}, {machine['system']}; files on {machine['folder_type']}
- **Processes:** two, on {run['placement']['description']}
- **Measured:** {run['settings']['repetitions']} repetitions in turn of {run['settings']['measured_ns'] / 1e6:g} ms each, the median is shown; every byte written and checked
- **A flag in shared memory**, there and back, before each measurement: {flag[len(flag) // 2]:.0f} ns (nine in ten {flag[few]:.0f} to {flag[-1 - few]:.0f})""",
             "\n".join(f"- **Noisy:** {warning}" for warning in run["noise"]["warnings"]),
             "`× floor` is the figure divided by that of the bare mechanism, measured in turn with it. Rows in *italics* are other\n"
             "libraries: " + "; ".join(f"{row}: {version}" for row, version in run["peers"].items()) + ".",
             "![Round trips and messages a second of every transport](images/bench.svg)",
             f"""## The old table, at the same 1 KiB ping-pong

The figures that are quoted most are ipc-bench's, of a desktop of 2013: round trips of 1 KB, a second. Beside them the same
here, by each way of waiting:

{old_table(report)}

The old rows cannot be compared with one another: its shared memory and mapped file **spin** on a flag, while
others of its programs wait for signals or **sleep** in the kernel. So the table shows what waiting costs, and
calls it the mechanism. Its processes are bound to no CPU, nobody looks at the bytes, and a mean
is all that is told. Compare within a column here, not with 2013: that is another machine."""]
    for waiting in report.each("waiting"):
        parts.append(f"## Waiting: {waiting}")
        for workload, title in TITLES.items():
            if workload in report.each("workload", waiting=waiting):
                parts.append(f"### {title}\n\n{table(report, workload, waiting)}")
                if workload == "round-trip":
                    size = report.each("size", workload=workload)[0]
                    parts.append(f"Its quantiles at {size_text(size)}, over all repetitions:\n\n{tails(report, waiting, size)}")
    return "\n\n".join(part for part in parts if part) + "\n"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as file:
        report = Report(json.load(file))
    with open(os.path.join(DOCS, "results.md"), "w", encoding="utf-8") as file:
        file.write(markdown(report, sys.argv[2]))


if __name__ == "__main__":
    main()
