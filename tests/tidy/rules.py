"""The rules of STYLE.md that a program can check. Each is a function from a Tree to (path, line, what is wrong);
tidy_test.py shows for each that it can fail. Exceptions stand here, each with its reason."""

import re

from functions import functions

RULES = []


def rule(check):
    RULES.append(check)
    return check


# ---- who may know whom ----

OS_HEADERS = re.compile(
    r"(sys|linux|asm|netinet|arpa|net|bits)/.*|csignal|"
    r"(unistd|fcntl|poll|sched|mqueue|signal|pthread|semaphore|spawn|pwd|grp|dirent|dlfcn|netdb|ifaddrs|termios|aio|syslog|ucontext)\.h")
OS_PLACES = r"src/os/.*|tool/os/.*|examples/.*|tests/.*|bench/(os|floors)/.*|.*_(test|fuzz)\.cpp"
OS_EXCEPTIONS = {
    ("src/channel/spawn.cpp", "csignal"): "the name SIGKILL, for os::Process::kill",
    ("tool/spawn.cpp", "csignal"): "the names of the signals that it hands on",
}


@rule
def os_headers_only_in_os(tree):
    for path in tree.cpp():
        if re.fullmatch(OS_PLACES, path):
            continue
        for line, _, name in tree.includes(path):
            if OS_HEADERS.fullmatch(name) and (path, name) not in OS_EXCEPTIONS:
                yield path, line, f"<{name}> belongs in src/os: wrap there what is needed here"


MAY_INCLUDE = {  # a layer, and all that it may know
    "base": {"base"},
    "os": {"base", "os"},
    "wire": {"base", "wire"},
    "shm": {"base", "shm"},
    "channel": {"base", "os", "wire", "shm", "channel"},
    "event": {"base", "os", "channel", "event"},
    "pattern": {"base", "channel", "event", "pattern"},
}
PUBLIC_LAYERS = {
    "base": {"bytes", "deadline", "error", "export", "units"},
    "channel": {"address", "channel", "message", "process", "traits"},
    "event": {"event"},
    "pattern": {"request_reply", "pub_sub", "work_queue", "blackboard", "durable_log"},
}


def layer_of(path):
    """The layer of a library file; "" for what stands above the library."""
    parts = path.split("/")
    if parts[0] == "src":
        return parts[1]
    if parts[0] != "include":
        return ""
    if len(parts) > 3:
        return parts[2]
    stem = parts[-1].removesuffix(".hpp")
    return next((layer for layer, names in PUBLIC_LAYERS.items() if stem in names), f"public {stem}")


@rule
def layers_know_only_those_below(tree):
    for path in tree.cpp():
        layer = layer_of(path)
        if not layer:
            continue
        if layer not in MAY_INCLUDE:
            yield path, 1, f"'{layer}' is no layer that tests/tidy/rules.py knows"
            continue
        for line, quote, name in tree.includes(path):
            target = tree.resolve(path, quote, name)
            if target is None or (target.startswith("tests/") and re.search(r"_(test|fuzz)\.[ch]pp$", path)):
                continue
            other = layer_of(target)
            if other == "os" and layer == "shm" and path.endswith("_test.cpp"):
                continue  # the layer has no memory of its own: its tests get it there
            if other not in MAY_INCLUDE[layer]:
                yield path, line, f"{layer} must not know {other or target.split('/')[0]}: {name}"


@rule
def public_headers_include_only_public_ones(tree):
    for path in tree.matching(r"include/.*\.hpp"):
        for line, quote, name in tree.includes(path):
            if quote == '"':
                yield path, line, f'"{name}": a header that users include names only <tenon/…> and the standard library'


@rule
def examples_use_only_the_public_interface(tree):
    for path in tree.matching(r"examples/.*\.[ch]pp"):
        for line, quote, name in tree.includes(path):
            if quote == '"' and (tree.resolve(path, quote, name) or "").startswith(("src/", "tests/")):
                yield path, line, f'"{name}" is internal: nobody could copy this example'


@rule
def transports_are_known_only_to_the_table(tree):
    for path in tree.matching(r"(src|tool)/.*\.[ch]pp"):
        own = re.match(r"src/channel/[^/]+/", path)
        for line, quote, name in tree.includes(path):
            target = re.match(r"src/channel/[^/]+/", tree.resolve(path, quote, name) or "")
            if target and path != "src/channel/table.cpp" and not (own and own[0] == target[0]):
                yield path, line, f"{target[0]} is a transport: only table.cpp knows those"


# ---- sizes ----

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 70
NOTED_FUNCTION_LINES = 35
LONG_FILES = {}  # path: why it is one thing
LONG_FUNCTIONS = {}  # (path, name): why it is one thing


@rule
def files_are_short(tree):
    for path in tree.matching(r".*\.([ch]pp|py|cmake|sh)"):
        length = len(tree.lines(path)) - 1
        if length > MAX_FILE_LINES and path not in LONG_FILES:
            yield path, length, f"{length} lines; at most {MAX_FILE_LINES}: a seam is missing"


@rule
def functions_are_short(tree):
    for path in tree.cpp():
        for line, name, length in functions(tree.text(path)):
            if length > MAX_FUNCTION_LINES and (path, name) not in LONG_FUNCTIONS:
                yield path, line, f"{name}: {length} lines; at most {MAX_FUNCTION_LINES}"


# ---- what a file says ----


@rule
def files_open_with_a_paragraph(tree):
    for path in tree.cpp():
        stem = path.split("/")[-1].removesuffix(".cpp")
        told_by_header = any(name.endswith(f"/{stem}.hpp") for _, _, name in tree.includes(path))
        if not told_by_header and not path.endswith("_test.cpp"):
            if not re.match(r"// .{17}", tree.lines(path)[0]):
                yield path, 1, "begin with a comment: what this file is, and what it does not own"
        if path.endswith(".hpp") and "#pragma once" not in tree.lines(path):
            yield path, 1, "#pragma once is missing"
    for path in tree.matching(r".*\.py"):
        first = next((line for line in tree.lines(path) if line and not line.startswith("#!")), "")
        if not first.startswith(('"""', "#")):
            yield path, 1, "begin with a docstring or a comment: what this file is"


@rule
def nothing_is_left_to_do(tree):
    words = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
    for path in tree.paths:
        for number, line in enumerate(tree.lines(path), 1):
            if found := words.search(line):
                yield path, number, f"{found[1]}: do it, or write an issue"


@rule
def nothing_names_the_machine_it_was_made_on(tree):
    places = re.compile(r"(?<![\w.])/(work|root|home/(?!you\b|user\b|alice\b))[/\w]|\.\./shared\b|\.internal\b")
    for path in tree.paths:
        for number, line in enumerate(tree.lines(path), 1):
            if path != "tests/tidy/rules.py" and (found := places.search(line)):
                yield path, number, f"'{found[0]}' exists only where this was written"


@rule
def both_ends_of_an_ordering_pair_are_labelled(tree):
    ends = {}
    for path in tree.matching(r"(include|src|tool|bench|examples)/.*"):
        for number, line in enumerate(tree.lines(path), 1):
            if found := re.search(r"// SYNC: *(.+?)\s*$", line):
                ends.setdefault(found[1], []).append((path, number))
    for label, places in ends.items():
        if len(places) < 2:
            yield *places[0], f"SYNC: '{label}' has no other end"


# ---- tests, documents ----


@rule
def tests_do_not_sleep(tree):
    sleep = re.compile(r"\b(sleep_for|sleep_until|u?sleep|nanosleep|time\.sleep)\s*\(")
    for path in tree.matching(r"(.*_(test|fuzz)\.[ch]pp|tests/.*\.([ch]pp|py|sh))"):
        for number, line in enumerate(tree.lines(path), 1):
            if sleep.search(line):
                yield path, number, "wait for the event instead of sleeping"


@rule
def every_transport_has_its_page(tree):
    for line, _, name in tree.includes("src/channel/table.cpp") if tree.has("src/channel/table.cpp") else ():
        if found := re.fullmatch(r"channel/(\w+)/\w+\.hpp", name):
            page = f"docs/transports/{found[1].replace('_', '-')}.md"
            if not tree.has(page):
                yield "src/channel/table.cpp", line, f"{page} is missing"


@rule
def every_example_has_its_page(tree):
    pages = "\n".join(tree.text(path) for path in tree.matching(r"docs/mechanisms/.*\.md"))
    for path in tree.matching(r"examples/mechanisms/\w+\.cpp"):
        name = path.split("/")[-1].removesuffix(".cpp")
        if not re.search(rf"\bexamples/(mechanisms/)?{name}\b", pages):
            yield path, 1, f"no page in docs/mechanisms tells how to run examples/{name}"


@rule
def the_readme_shows_the_example_that_is_tested(tree):
    source = "examples/first_message.cpp"
    if not tree.has(source):
        return
    lines = tree.lines(source)
    begin = next((number for number, line in enumerate(lines) if line.startswith("#include")), 0)
    block = "```cpp\n" + "\n".join(lines[begin:]).strip() + "\n```"
    for page in ("README.md", "README.zh-CN.md"):
        if tree.has(page) and block not in tree.text(page):
            yield page, 1, f"must contain {source}, from its first #include on, between ```cpp and ```"
