"""An installed tenon as somebody else's program sees it.

    consumer_test.py BUILD_FOLDER CASE

Installs the build into a folder of its own and looks at nothing but what is there. CASE is a function below.
"""

import glob
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

PROJECT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "project")
VERSION = "0.1"
SAYS = "over a socket\nfrom a child\n"
STRICT = ["-std=c++23", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Wold-style-cast", "-Werror"]


def run(*command, **options):
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **options)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\nexited {done.returncode}:\n{done.stdout}")
    return done.stdout


def library_folder(prefix):
    return os.path.dirname(glob.glob(f"{prefix}/lib/**/libtenon.so", recursive=True)[0])


def expect_messages(program, folder, **options):
    output = run(program, folder, **options)
    assert output == SAYS, output


def find_package(prefix, folder, library):
    run("cmake", "-G", "Ninja", "-S", PROJECT, "-B", folder, f"-DCMAKE_PREFIX_PATH={prefix}", f"-DTENON_LIBRARY={library}")
    run("cmake", "--build", folder)
    expect_messages(f"{folder}/consumer", folder)


def cmake_shared(prefix, folder):
    find_package(prefix, folder, "tenon")


def cmake_static(prefix, folder):
    find_package(prefix, folder, "tenon_static")
    assert "libtenon" not in run("ldd", f"{folder}/consumer")


def pkg_config(prefix, folder):
    libraries = library_folder(prefix)
    environment = {**os.environ, "PKG_CONFIG_PATH": f"{libraries}/pkgconfig"}
    flags = run("pkg-config", "--cflags", "--libs", "tenon", env=environment).split()
    run("g++", *STRICT, f"{PROJECT}/consumer.cpp", "-o", f"{folder}/consumer", *flags)
    expect_messages(f"{folder}/consumer", folder, env={**os.environ, "LD_LIBRARY_PATH": libraries})
    assert run("pkg-config", "--modversion", "tenon", env=environment).startswith(VERSION)


def exported_names(prefix, _folder):
    """Nothing is exported but tenon's own, and weak copies of the standard library's templates."""
    library = f"{library_folder(prefix)}/libtenon.so"
    foreign = []
    for line in run("nm", "-DC", "--defined-only", library).splitlines():
        _, kind, name = line.split(" ", 2)
        is_ours = re.search(r"\btenon::", name)
        is_weak_standard = kind in "VWu" and re.search(r"\b(std|__gnu_cxx)::", name)
        if not is_ours and not is_weak_standard:
            foreign.append(line)
    assert not foreign, "\n".join(foreign)
    dynamic = run("objdump", "-p", library)
    assert re.search(rf"SONAME +libtenon\.so\.{re.escape(VERSION)}$", dynamic, re.M), dynamic
    assert not re.search("RPATH|RUNPATH", dynamic), dynamic


def headers(prefix, folder):
    """Each public header compiles alone, without a warning, in a program that has strict flags of its own."""

    def compile_alone(header):
        name = os.path.relpath(header, f"{prefix}/include")
        source = f"{folder}/{name.replace('/', '_')}.cpp"
        with open(source, "w", encoding="utf-8") as file:
            file.write(f"#include <{name}>\n#include <{name}>\nint main() {{}}\n")
        # Not with -isystem, which would hide the warnings.
        run("g++", *STRICT, "-fsyntax-only", f"-I{prefix}/include", source)

    found = glob.glob(f"{prefix}/include/tenon/**/*.hpp", recursive=True)
    assert found
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(compile_alone, found))
    for header in found:
        with open(header, encoding="utf-8") as file:
            for line in file:
                assert not re.match(r'#include "', line), f"{header}: {line}"


def main():
    build, case = os.path.abspath(sys.argv[1]), sys.argv[2]
    with tempfile.TemporaryDirectory(prefix="tenon-consumer-") as folder:
        prefix, work = f"{folder}/installed", f"{folder}/work"
        os.mkdir(work)
        run("cmake", "--install", build, "--prefix", prefix)
        globals()[case](prefix, work)


if __name__ == "__main__":
    main()
