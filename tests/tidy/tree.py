"""The files that are checked, and what the rules ask about them. Owns no rule."""

import os
import re
import subprocess

SKIPPED = {".git", "build", "__pycache__", ".cache"}


class Tree:
    """The files of a repository: those that git knows or would add; in a folder without git, all of them."""

    def __init__(self, root):
        self.root = os.path.abspath(root)
        self.paths = sorted(self._git_paths() or self._all_paths())
        self._lines = {}

    def _git_paths(self):
        if not os.path.exists(os.path.join(self.root, ".git")):
            return []
        command = ["git", "-c", "safe.directory=*", "-C", self.root, "ls-files", "-z", "--cached", "--others",
                   "--exclude-standard"]
        listed = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.decode().split("\0")
        return [path for path in set(listed) if path and os.path.isfile(os.path.join(self.root, path))]

    def _all_paths(self):
        for folder, subfolders, names in os.walk(self.root):
            subfolders[:] = [name for name in subfolders if name not in SKIPPED]
            for name in names:
                yield os.path.relpath(os.path.join(folder, name), self.root)

    def matching(self, pattern):
        """Paths that the regular expression matches whole."""
        return [path for path in self.paths if re.fullmatch(pattern, path)]

    def has(self, path):
        return path in self.paths

    def text(self, path):
        return "\n".join(self.lines(path))

    def lines(self, path):
        """Without line ends; none for a file that is not text."""
        if path not in self._lines:
            with open(os.path.join(self.root, path), "rb") as file:
                content = file.read()
            try:
                self._lines[path] = [] if b"\0" in content else content.decode().split("\n")
            except UnicodeDecodeError:
                self._lines[path] = []
        return self._lines[path]

    def cpp(self):
        return self.matching(r".*\.[ch]pp")

    def includes(self, path):
        """(line number, '<' or '"', what is included) for each #include."""
        for number, line in enumerate(self.lines(path), 1):
            if found := re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line):
                yield number, found[1], found[2]

    def resolve(self, path, quote, name):
        """The repository's file that an #include means, or None for somebody else's."""
        roots = ["include"] if quote == "<" else [path.split("/")[0], "src", "tests", os.path.dirname(path)]
        for root in roots:
            if self.has(f"{root}/{name}"):
                return f"{root}/{name}"
        return "include/tenon/export.hpp" if name == "tenon/export.hpp" else None
