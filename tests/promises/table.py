"""The conformance suite's result as tables: ways to meet × promises, and how often each was killed.

    table.py REPORTS      the folder that a test run has filled (build/release/reports)

A cell is the number of tests that showed the promise. A letter says that a part of the promise is not made there, and
below the table why: the suite recorded a trait that is missing, and nothing else can make a test pass without showing
anything. Fails when a cell has neither a test nor a reason, or when a test failed.
"""
import pathlib
import re
import sys
import xml.etree.ElementTree as xml

TITLES = {
    1: "whole messages", 2: "in order, once", 3: "back-pressure", 4: "orderly close", 5: "death told", 6: "nothing left",
    7: "names not stolen", 8: "owner-only", 9: "hostile peers", 10: "threads", 11: "deadlines", 12: "errors", 13: "fork, exec",
}


class Cell:
    def __init__(self):
        self.shown = 0
        self.reasons = set()
        self.failed = False


def read(folder):
    """{(promise, row): Cell} and the rows in the order of their first test's line in the reports."""
    cells = {}
    for path in sorted(folder.rglob("*.xml")):
        for case in xml.parse(path).getroot().iter("testcase"):
            promise = re.match(r"P(\d\d)_", case.get("classname").split("/")[-1])
            if not promise or "/" not in case.get("name"):
                continue
            cell = cells.setdefault((int(promise[1]), case.get("name").split("/")[1]), Cell())
            reasons = [p.get("value") for p in case.iter("property") if p.get("name") == "not_promised"]
            cell.failed |= case.find("failure") is not None
            cell.reasons.update(reasons)
            cell.shown += not reasons
    return cells


def promises(cells):
    """The lines of the table, and what is wrong with it."""
    rows = sorted({row for _, row in cells})
    letters = {reason: chr(ord("a") + i) for i, reason in enumerate(sorted(set().union(*(c.reasons for c in cells.values()))))}
    width = max(map(len, rows))
    lines = [" " * width + "".join(f"{promise:>6}" for promise in TITLES)]
    problems = []
    for row in rows:
        line = f"{row:<{width}}"
        for promise, title in TITLES.items():
            cell = cells.get((promise, row), Cell())
            text = (str(cell.shown) if cell.shown else "-") + "".join(sorted(letters[r] for r in cell.reasons))
            if cell.failed or not (cell.shown or cell.reasons):
                text = "FAIL" if cell.failed else "NONE"
                problems.append(f"{title}, {row}: {'a test failed' if cell.failed else 'neither a test nor a reason'}")
            line += f"{text:>6}"
        lines.append(line)
    named = [f"{promise} {title}" for promise, title in TITLES.items()]
    lines += [""] + ["   ".join(named[i:i + 5]) for i in range(0, len(named), 5)]
    lines += [""] + [f"{letter}  {reason}" for reason, letter in letters.items()]
    return lines, problems


def counts(folder, head):
    """The lines that the tests of one kind left, below their heading."""
    lines = [path.read_text() for path in sorted(folder.glob("*"))]
    return head + "\n" + "".join(lines) if lines else ""


def main():
    reports = pathlib.Path(sys.argv[1])
    cells = read(reports / "channel")
    if not cells:
        sys.exit(f"table.py: no reports of the conformance suite in {reports}/channel: run ctest first")
    lines, problems = promises(cells)
    print("Tests that show each promise, over each way to meet:\n")
    print("\n".join(lines))
    print("\nKilled with SIGKILL at random moments; no message torn, no wait left hanging, nothing left behind:\n")
    print(counts(reports / "kill",
                 f"{'':16} {'killed':9} {'times':>6} {'before they met':>16} {'while talking':>14} {'messages':>12}"))
    print("Killed after any instruction of a call:\n")
    print(counts(reports / "step", f"{'':10} {'call':22} {'instructions':>12} {'times':>8}"))
    for problem in problems:
        print(f"table.py: {problem}", file=sys.stderr)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
