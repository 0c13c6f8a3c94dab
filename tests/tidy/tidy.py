"""What a program can check of STYLE.md.

    tidy.py ROOT             every rule; prints path:line: what is wrong, and exits 1 if anything is
    tidy.py ROOT --report    functions that are longer than they should be, longest first
    tidy.py ROOT --format    clang-format's opinion of every C++ file
"""

import os
import subprocess
import sys

import rules
from functions import functions
from tree import Tree


def check(tree):
    wrong = [(path, line, text, rule.__name__) for rule in rules.RULES for path, line, text in rule(tree)]
    for path, line, text, name in sorted(wrong):
        print(f"{path}:{line}: {text} [{name}]")
    print(f"{len(tree.paths)} files, {len(rules.RULES)} rules, {len(wrong)} violations")
    return 1 if wrong else 0


def report(tree):
    found = [(length, path, line, name) for path in tree.cpp() for line, name, length in functions(tree.text(path))]
    noted = sorted((entry for entry in found if entry[0] > rules.NOTED_FUNCTION_LINES), reverse=True)
    for length, path, line, name in noted:
        print(f"{length:4} lines  {path}:{line}: {name}")
    print(f"{len(noted)} of {len(found)} functions have more than {rules.NOTED_FUNCTION_LINES} lines")
    return 0


def check_format(tree):
    command = ["clang-format-19", "--dry-run", "-Werror", *tree.cpp()]
    return subprocess.run(command, cwd=tree.root, check=False).returncode


def main():
    tree = Tree(sys.argv[1])
    modes = {"": check, "--report": report, "--format": check_format}
    return modes[sys.argv[2] if len(sys.argv) > 2 else ""](tree)


if __name__ == "__main__":
    os.environ["LC_ALL"] = "C.UTF-8"
    sys.exit(main())
