"""How long the functions of a C++ file are, found by its braces: good enough for code that is formatted by a program."""

import re

TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<mark>[^(\s]*)\(.*?\)(?P=mark)"|"(?:\\.|[^"\\\n])*"|(?<![0-9A-Fa-f])\'(?:\\.|[^\'\\\n])*\'',
    re.S)


def without_comments_and_literals(text):
    """The same lines, with every comment, string and preprocessor line made blank."""

    def blank(match):
        return re.sub(r"[^\n]", " ", match[0])

    text = TOKEN.sub(blank, text)
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", blank, text, flags=re.M)


def is_function(header):
    """Whether the text before an opening brace at namespace or class level begins a function."""
    if "(" not in header:
        return False
    bare = re.sub(r"^\s*template\s*<.*?>\s*(?=[\w:])", "", header, flags=re.S)
    while (flat := re.sub(r"\([^()]*\)", "", bare)) != bare:
        bare = flat
    if "operator" in bare:
        return True
    return "=" not in bare and not re.match(r"\s*(namespace|class|struct|union|enum|extern)\b", bare)


def name_of(header):
    if test := re.match(r"\s*(TEST\w*)\(\s*(\w+)\s*,\s*(\w+)", header):
        return f"{test[2]}.{test[3]}"
    found = re.search(r"([\w:~]+|operator\s*\S+?)\s*\(", header)
    return found[1] if found else header.split("(")[0].strip()


def is_inside_header(header):
    """Whether the brace is one of `Foo() : a_(1), b_{2}` or `f(T t = {})`, and the function's own is yet to come."""
    is_member_initializer = re.search(r"\)\s*(noexcept\s*)?:(?!:)", header) and re.search(r"[\w>]\s*$", header)
    return is_member_initializer or header.count("(") > header.count(")")


def functions(text):
    """(first line, name, lines from the first to the closing brace) of every function, lambdas inside included."""
    code = without_comments_and_literals(text)
    start = depth = 0  # where the current header begins; braces open inside the current function or initializer
    current = None
    skipping = False
    for at, character in enumerate(code):
        if character == "{":
            if depth:
                depth += 1
                continue
            header = code[start:at]
            skipping = is_inside_header(header)
            if skipping:
                depth = 1
            elif is_function(header):
                first = start + len(header) - len(header.lstrip())
                current = (code.count("\n", 0, first) + 1, name_of(header))
                depth = 1
            elif "=" in header:
                depth = 1
            else:
                start = at + 1  # a namespace or a class: look inside
        elif character == "}":
            if not depth:
                start = at + 1
                continue
            depth -= 1
            if depth or skipping:
                continue
            if current:
                yield (*current, code.count("\n", 0, at) + 2 - current[0])
                current = None
            start = at + 1
        elif not depth:
            if character == ";":
                start = at + 1
            elif character == ":" and re.search(r"\b(public|private|protected)\s*$", code[start:at]):
                start = at + 1
