#!/usr/bin/env python3
"""Writes docs/results.md and docs/images/bench.svg from one run of tenon bench.

    tenon bench --full --json > results.json
    scripts/results.py results.json "tenon bench --full"
"""

import html
import json
import math
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


class Panel:
    """Dots on a logarithmic axis, a row each; a bar where the bare mechanism is."""

    def __init__(self, report, workload, size, waiting, left, right):
        self.report, self.workload, self.size, self.waiting, self.left, self.right = report, workload, size, waiting, left, right
        values = [c["figure"]["median"] for c in report.json["cells"] if c["figure"] and
                  (c["workload"], c["size"], c["waiting"]) == (workload, size, waiting)]
        self.low, self.high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
        self.unit = next(c for c in report.json["cells"] if c["workload"] == workload)

    def x(self, value):
        return self.left + (math.log10(value) - self.low) / (self.high - self.low) * (self.right - self.left)

    def svg(self, title, rows, top, step):
        bottom = top + step * len(rows)
        lines = [f'<text class="head" x="{self.left}" y="{top - 26}">{html.escape(title)}</text>']
        for power in range(self.low, self.high + 1):
            x = self.x(10 ** power)
            lines.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{top - 4}" y2="{bottom}"/>'
                         f'<text class="tick" x="{x:.1f}" y="{top - 9}">{figure(self.unit, 10 ** power).replace(".00", "").replace(".0", "")}</text>')
        for index, row in enumerate(rows):
            y = top + step * (index + 0.5)
            cell = self.report.find(row, self.workload, self.size, self.waiting)
            bare = self.report.find(row, self.workload, self.size, self.waiting, floor=True)
            if bare:
                x = self.x(bare["figure"]["median"])
                lines.append(f'<line class="bare" x1="{x:.1f}" x2="{x:.1f}" y1="{y - 6:.1f}" y2="{y + 6:.1f}"/>')
            if cell:
                x = self.x(cell["figure"]["median"])
                both = [x, self.x(bare["figure"]["median"])] if bare else [x]
                kind = "other" if row in self.report.json["peers"] else "ours"
                end = max(both) > self.right - 60
                at = min(both) - 10 if end else max(both) + 10
                lines.append(f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="4.5"/>'
                             f'<text class="value" x="{at:.1f}" y="{y + 4:.1f}" '
                             f'text-anchor="{"end" if end else "start"}">{figure(cell, cell["figure"]["median"])}</text>')
        return "\n".join(lines)


STYLE = """
.paper{fill:#fff;stroke:#d0d7de}text{fill:#1f2328;font:12px system-ui,-apple-system,"Segoe UI",sans-serif}.head{font-weight:600;font-size:13px}
.tick{fill:#59636e;text-anchor:middle;font-size:11px}.grid{stroke:#d0d7de}.ours{fill:#1f5fbf}.other{fill:none;stroke:#59636e;stroke-width:1.5}
.bare{stroke:#b3450a;stroke-width:2.5}.name{text-anchor:end}.soft{fill:#59636e}.value{font-size:11px}
@media(prefers-color-scheme:dark){.paper{fill:#0d1117;stroke:#3d444d}text{fill:#f0f6fc}.tick,.soft{fill:#9198a1}.grid{stroke:#3d444d}
.ours{fill:#7ab0ff}.other{stroke:#9198a1}.bare{stroke:#ff9d5c}}
"""


def chart(report, waiting):
    trips = report.each("size", workload="round-trip")[0]
    size = 1024 if 1024 in report.each("size", workload="one-way") else trips
    rows = [row for row in report.each("row", floor=False) if report.find(row, "round-trip", trips, waiting)]
    rows.sort(key=lambda row: report.find(row, "round-trip", trips, waiting)["figure"]["median"])
    top, step, wide = 62, 20, 860
    tall = top + step * len(rows) + 34
    names = "\n".join(f'<text class="name{" soft" if row in report.json["peers"] else ""}" x="112" '
                      f'y="{top + step * (index + 0.5) + 4:.1f}">{html.escape(row)}</text>' for index, row in enumerate(rows))
    machine = report.json["machine"]
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {tall}" role="img" aria-label="Round trips and messages a second of every transport of tenon, its bare mechanism and other libraries">
<style>{STYLE}</style>
<rect class="paper" x=".5" y=".5" width="{wide - 1}" height="{tall - 1}" rx="6"/>
{names}
{Panel(report, "round-trip", trips, waiting, 130, 455).svg(f"Round trip of {size_text(trips)}, median; left is better", rows, top, step)}
{Panel(report, "one-way", size, waiting, 520, 830).svg(f"Messages of {size_text(size)} a second; right is better", rows, top, step)}
<circle class="ours" cx="136" cy="{tall - 15}" r="4.5"/><text class="value" x="146" y="{tall - 11}">tenon</text>
<line class="bare" x1="206" x2="206" y1="{tall - 21}" y2="{tall - 9}"/><text class="value" x="214" y="{tall - 11}">the bare mechanism</text>
<circle class="other" cx="352" cy="{tall - 15}" r="4.5"/><text class="value" x="362" y="{tall - 11}">another library</text>
<text class="value soft" x="845" y="{tall - 11}" text-anchor="end">{html.escape(machine['cpu'])}, {machine['cpus']} CPUs, {report.json['started'][:10]}; waiting: {waiting}; logarithmic</text>
</svg>
"""


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as file:
        report = Report(json.load(file))
    os.makedirs(os.path.join(DOCS, "images"), exist_ok=True)
    with open(os.path.join(DOCS, "results.md"), "w", encoding="utf-8") as file:
        file.write(markdown(report, sys.argv[2]))
    with open(os.path.join(DOCS, "images", "bench.svg"), "w", encoding="utf-8") as file:
        file.write(chart(report, report.each("waiting")[0]))


if __name__ == "__main__":
    main()
