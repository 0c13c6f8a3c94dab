"""tenon bench: every row, its outputs, wrong use, one CPU, and that nothing is left after any end."""

import csv
import fcntl
import io
import json
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
import xml.etree.ElementTree

import support

TINY = ["--time", "200us", "--repetitions", "1"]
CELL = {"row", "scheme", "floor", "workload", "size", "waiting", "absent", "failed", "unit", "figure", "times_floor",
        "repetitions"}
QUANTILES = ["min", "p50", "p90", "p99", "p99.9", "p99.99", "max"]


class BenchTest(support.ToolTest):
    def setUp(self):
        super().setUp()
        self.environment = os.environ | {"TMPDIR": self.folder.name}
        self.before = self.names()

    def tearDown(self):
        left = os.listdir(self.folder.name)
        after = self.names()
        super().tearDown()
        self.assertEqual([name for name in left if name.startswith("tenon-bench")], [], "a folder was left")
        self.assertEqual(after, self.before, "a queue or memory was left")

    @staticmethod
    def names():
        """Objects of this machine that a bench could leave; other programs' are rarely called so."""
        found = []
        for folder in ("/dev/shm", "/dev/mqueue"):
            if os.path.isdir(folder):
                found += [name for name in os.listdir(folder) if "tenon-bench" in name]
        return sorted(found)

    def bench(self, *arguments, **options):
        return self.run_tenon("bench", *arguments, env=self.environment, **options)

    def start_bench(self, *arguments):
        """Starts one, and returns once it has its folder."""
        watch = subprocess.Popen([support.TENON, "bench", *arguments], env=self.environment, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE)
        self.processes.append(watch)
        while not any(name.startswith("tenon-bench") for name in os.listdir(self.folder.name)):
            self.assertIsNone(watch.poll())
            select.select([watch.stdout], [], [], 0.01)
        return watch

    @staticmethod
    def children(pid):
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(child) for child in file.read().split()]


class Rows(BenchTest):
    def test_every_row_in_json_has_every_documented_field(self):
        report = json.loads(self.bench(*TINY, "--sizes", "64", "--json").stdout)
        ours = [cell for cell in report["cells"] if cell["row"] not in report["peers"]]
        self.assertEqual((report["format"], report["format_version"], report["mode"]), ("tenon bench", 1, "custom"))
        for name in ("tenon", "started", "seconds", "interrupted", "machine", "placement", "settings", "noise", "peers", "cells"):
            self.assertIn(name, report)
        self.assertTrue(report["noise"]["flag_ns"])
        for name in ("cpu", "cpus", "kernel", "system", "load_at_start", "folder_type", "limits"):
            self.assertIn(name, report["machine"])
        schemes = {row["scheme"] for row in json.loads(self.run_tenon("schemes", "--json").stdout)}
        self.assertEqual({cell["scheme"] for cell in ours}, schemes)
        for cell in ours:
            self.assertEqual(CELL - set(cell), set())
            self.assertFalse(cell["failed"], cell)
            if cell["absent"] is None:
                self.check_cell(cell)

    def check_cell(self, cell):
        self.assertEqual(len(cell["repetitions"]), 1)
        repetition = cell["repetitions"][0]
        self.assertGreater(repetition["messages"], 0)
        self.assertGreater(repetition["memory_bytes" if cell["workload"] == "memory" else "per_second"], 0)
        self.assertIn("flag_ns", repetition)
        for side in ("sender_per_message", "receiver_per_message"):
            self.assertEqual(set(repetition[side]), {"cpu_ns", "context_switches_voluntary",
                                                     "context_switches_involuntary", "system_calls_moving_data",
                                                     "system_calls_waiting"})
        if cell["workload"] == "round-trip":
            values = [cell["round_trip_ns"][name] for name in QUANTILES]
            self.assertEqual(values, sorted(values))
        if not cell["floor"] and cell["workload"] in ("round-trip", "one-way", "batched", "wake-up"):
            self.assertGreater(cell["times_floor"]["median"], 0)

    def test_large_messages_and_those_that_cannot_be(self):
        text = self.bench(*TINY, "--sizes", "1M", "--workloads", "one-way,batched").stdout.decode()
        self.assertIn("udp: a message may have 63.9 KiB", text)
        self.assertIn("1 MiB", text)

    def test_the_table_marks_the_best(self):
        text = self.bench(*TINY, "--rows", "unix,pipe", "--sizes", "64,1K").stdout.decode()
        for title in ("Round trip, p50", "a send for each message", "send_many"):
            self.assertIn(title, text)
        self.assertEqual(text.count(" * "), 6 + 4)

    def test_what_is_missing_in_a_table_is_explained_below_it(self):
        text = self.bench(*TINY, "--rows", "pipe,file,boost queue", "--sizes", "64", "--workloads",
                          "wake-up,fan-in,connect,memory").stdout.decode()
        for reason in ("pipe: its two ends are inherited (from connect", "file: a listener has one channel at a time (from fan-in",
                       "pipe: a listener has one", "other libraries: fan-in, connect and memory"):
            self.assertIn(reason, text)

    def test_csv_has_a_line_for_each_measurement(self):
        text = self.bench("--time", "200us", "--repetitions", "2", "--rows", "pipe", "--sizes", "64", "--csv").stdout
        lines = list(csv.DictReader(io.StringIO(text.decode())))
        self.assertEqual(len(lines), 2 * (5 + 2 + 1))
        self.assertEqual({line["workload"] for line in lines}, {"round-trip", "one-way", "batched", "wake-up", "memory"})

    def test_a_fixed_rate(self):
        report = json.loads(self.bench(*TINY, "--rows", "unix", "--sizes", "64", "--rate", "20000", "--json").stdout)
        self.assertEqual({cell["workload"] for cell in report["cells"]}, {"paced"})
        self.assertEqual(report["settings"]["rate"], 20000)

    def test_the_page_is_well_formed_and_its_charts_are_drawn(self):
        self.bench(*TINY, "--rows", "unix,shm,pipe", "--sizes", "64,4K", "--html", "report.html")
        page = xml.etree.ElementTree.parse(self.path("report.html"))
        drawing = "{http://www.w3.org/2000/svg}"
        charts = {chart.get("id"): chart for chart in page.iter(drawing + "svg")}
        lines = {name: len([path for path in chart.iter(drawing + "path") if "line" in path.get("class").split()])
                 for name, chart in charts.items()}
        self.assertEqual({name: count for name, count in lines.items() if count},
                         {"size-round-trip-hybrid": 3, "quantiles-round-trip-hybrid": 3, "size-one-way-hybrid": 3,
                          "size-batched-hybrid": 3, "size-in-place-hybrid": 1})
        bars = {name: len(list(chart.iter(drawing + "rect"))) for name, chart in charts.items()}
        self.assertEqual((bars["bars-wake-up-hybrid"], bars["bars-memory-hybrid"]), (3, 3))
        for element in page.iter():
            self.assertFalse({"src", "href"} & set(element.keys()), "something would be fetched")

    def test_a_picture(self):
        self.bench(*TINY, "--rows", "unix,shm", "--sizes", "64", "--workloads", "round-trip", "--svg", "picture.svg")
        picture = xml.etree.ElementTree.parse(self.path("picture.svg"))
        names = [text.text for text in picture.iter("{http://www.w3.org/2000/svg}text") if text.get("class") == "name"]
        self.assertEqual(sorted(names), ["shm", "unix"])
        self.assertIn("round-trip and one-way",
                      self.bench("--workloads", "memory", "--svg", "picture.svg", status=2).stderr.decode())

    def test_a_page_that_cannot_be_written_is_known_before_anything_is_measured(self):
        self.assertIn("not found", self.bench(*TINY, "--html", "none/report.html", status=1).stderr.decode())

    def test_two_reports_are_compared(self):
        first = self.bench(*TINY, "--rows", "unix", "--sizes", "64", "--json").stdout
        with open(self.path("a.json"), "wb") as file:
            file.write(first)
        same = self.bench("compare", "a.json", "a.json").stdout.decode()
        self.assertIn("0 worse, 0 better", same)
        self.assertRegex(same, r"round-trip +\d+\.\d\d times in three figures of a row, \d+\.\d\d times in one alone")
        worse = json.loads(first)
        for cell in worse["cells"]:
            if not cell["floor"] and cell["workload"] == "round-trip":
                cell["repetitions"][0]["round_trip_ns"]["p50"] *= 10
        with open(self.path("b.json"), "w", encoding="ascii") as file:
            json.dump(worse, file)
        self.assertIn("1 worse", self.bench("compare", "a.json", "b.json", status=1).stdout.decode())
        self.assertIn("1 better", self.bench("compare", "b.json", "a.json").stdout.decode())
        self.assertIn("0 worse", self.bench("compare", "a.json", "b.json", "--threshold", "50").stdout.decode())

    def test_other_libraries_are_measured_too(self):
        """All that ./test installs; each in every way of waiting, as tenon."""
        peers = ["boost queue", "iceoryx", "nanomsg ipc", "nng ipc", "zeromq ipc", "zeromq tcp"]
        until = time.monotonic() + support.LIMIT_S
        while True:
            report = json.loads(self.bench(*TINY, "--rows", ",".join(peers), "--sizes", "64,1M", "--wait", "all",
                                           "--json").stdout)
            whole = all(cell["absent"] is None for cell in report["cells"])
            if whole or time.monotonic() > until:  # a machine has one iox-roudi, and another run may have it
                break
        self.assertEqual(sorted(report["peers"]), peers)
        self.assertEqual({cell["row"] for cell in report["cells"] if cell["workload"] == "in-place"}, {"iceoryx"})
        for cell in report["cells"]:
            self.assertFalse(cell["failed"], cell["absent"])
            self.assertFalse(cell["floor"])
        # What another library does not finish on a busy machine is said, and no failure of ours.
        measured = [cell for cell in report["cells"] if cell["absent"] is None]
        held = {cell["row"] for cell in report["cells"] if "another tenon bench uses" in (cell["absent"] or "")}
        self.assertEqual(sorted({cell["row"] for cell in measured} | held), peers)
        for cell in measured:
            self.assertGreater(cell["figure"]["median"], 0)

    def test_without_iceoryx(self):
        self.environment["PATH"] = self.folder.name
        done = self.bench(*TINY, "--workloads", "round-trip", "--sizes", "64", "--no-floors")
        self.assertEqual(done.stderr, b"")
        self.assertIn("not installed, so not measured: iceoryx (iceoryx and libiceoryx-binding-c2)", done.stdout.decode())
        self.assertIn("not installed: iceoryx", self.bench("--rows", "iceoryx", status=2).stderr.decode())

    def test_a_daemon_that_does_not_start(self):
        with open(self.path("iox-roudi"), "w", encoding="ascii") as file:
            file.write("#!/bin/sh\necho Could not acquire the lock\nexit 1\n")
        os.chmod(self.path("iox-roudi"), 0o700)
        self.environment["PATH"] = self.folder.name
        text = self.bench(*TINY, "--rows", "iceoryx", "--workloads", "round-trip", "--sizes", "64").stdout.decode()
        self.assertRegex(text, "iceoryx: .*(Could not acquire the lock|another tenon bench)")

    def test_in_place_is_for_rows_that_lend_memory(self):
        report = json.loads(self.bench(*TINY, "--rows", "unix,shm,mmap", "--workloads", "round-trip,in-place", "--sizes",
                                       "64,65M", "--json").stdout)
        cells = [cell for cell in report["cells"] if cell["workload"] == "in-place"]
        self.assertEqual({cell["row"] for cell in cells}, {"shm", "mmap"})
        for cell in cells:
            self.assertFalse(cell["failed"], cell["absent"])
            if cell["row"] == "mmap" and cell["size"] > 64:
                self.assertIn("the file has eight times as much", cell["absent"])
            else:
                self.assertGreater(cell["figure"]["median"], 0)
        copied = [cell["absent"] for cell in report["cells"] if cell["workload"] == "round-trip" and cell["size"] > 64]
        self.assertEqual(set(copied), {"beyond 64 MiB only in place"})

    def test_without_floors(self):
        report = json.loads(self.bench(*TINY, "--rows", "shm", "--sizes", "64", "--no-floors", "--json").stdout)
        self.assertFalse(any(cell["floor"] for cell in report["cells"]))

    def test_every_way_of_waiting(self):
        report = json.loads(self.bench(*TINY, "--rows", "unix,shm", "--sizes", "64", "--wait", "all", "--json").stdout)
        self.assertEqual({cell["waiting"] for cell in report["cells"]}, {"spin", "hybrid", "block"})
        self.assertFalse(any(cell["failed"] for cell in report["cells"]))

    def test_one_cpu(self):
        for waiting in ("hybrid", "block"):
            done = subprocess.run(["taskset", "-c", str(min(os.sched_getaffinity(0))), support.TENON, "bench", *TINY,
                                   "--sizes", "64", "--wait", waiting, "--json"], env=self.environment,
                                  capture_output=True, timeout=support.LIMIT_S, check=True)
            report = json.loads(done.stdout)
            self.assertEqual(report["placement"]["pin"], "same-core")
            self.assertIn("one CPU", report["placement"]["description"])
            self.assertEqual(report["noise"]["flag_ns"], [])
            self.assertFalse(any(cell["failed"] for cell in report["cells"]))


class Advise(BenchTest):
    def setUp(self):
        super().setUp()
        report = self.bench(*TINY, "--sizes", "64,1K", "--json", "--workloads", "round-trip,one-way,batched").stdout
        with open(self.path("results.json"), "wb") as file:
            file.write(report)

    def advise(self, *arguments, **options):
        return self.run_tenon("advise", *arguments, env=self.environment, **options)

    def test_from_a_file(self):
        text = self.advise("--from", "results.json", "--size", "1K", "--need", "descriptors").stdout.decode()
        self.assertRegex(text, "^Take unix")
        self.assertIn("carries_descriptors", text)
        self.assertIn("messages of 1 KiB", text)
        text = self.advise("--from", "results.json", "--hosts", "two").stdout.decode()
        self.assertRegex(text, "^Take tcp")
        self.assertIn("  not lossless: udp\n", text)

    def test_a_size_between_those_measured(self):
        text = self.advise("--from", "results.json", "--size", "200", "--rate", "0.001k").stdout.decode()
        self.assertIn("For 200 B, between the measured 64 B and 1 KiB", text)

    def test_what_nothing_does(self):
        text = self.advise("--from", "results.json", "--rate", "1000000000", status=1).stdout.decode()
        self.assertIn("Nothing that was measured", text)
        self.assertIn("carries less than the 1000 M/s wanted: pipe (", text)
        self.assertIn("without the rate of 1000 M/s: pipe, ", text)

    def test_measured_now(self):
        self.assertRegex(self.advise("--size", "100").stdout.decode(), "^Take ")

    def test_wrong_use(self):
        self.assertIn("there are message_boundaries", self.advise("--need", "speed", status=2).stderr.decode())
        self.assertIn("not found", self.advise("--from", "none", status=1).stderr.decode())
        self.assertIn("no round trips with waiting spin",
                      self.advise("--from", "results.json", "--wait", "spin", status=2).stderr.decode())


class Ends(BenchTest):
    def test_an_interrupted_run_prints_what_is_finished(self):
        bench = self.start_bench("--json")
        bench.send_signal(signal.SIGINT)
        out, _ = self.end(bench, 130)
        self.assertTrue(json.loads(out)["interrupted"])

    def test_a_run_killed_at_any_moment_leaves_nothing(self):
        for moment in (1, 2, 3, 4, 9, 20):
            bench = self.start_bench("--wait", "spin")
            seen = set()
            while len(seen) < moment:
                seen |= set(self.children(bench.pid))
            watch = os.pidfd_open(min(seen))  # the helper, begun first: it tidies up
            bench.kill()
            bench.wait(support.LIMIT_S)
            poll = select.poll()
            poll.register(watch, select.POLLIN)
            self.assertTrue(poll.poll(support.LIMIT_S * 1000), "the helper did not end")
            os.close(watch)
            self.assertEqual([name for name in os.listdir(self.folder.name) if name.startswith("tenon-bench")], [])

    def test_output_that_nobody_reads(self):
        read, write = os.pipe()
        os.close(read)
        done = subprocess.run([support.TENON, "bench", *TINY, "--rows", "pipe", "--sizes", "64"], stdout=write,
                              env=self.environment, stderr=subprocess.PIPE, timeout=support.LIMIT_S, check=False)
        os.close(write)
        self.assertEqual((done.returncode, done.stderr), (0, b""))


class OnATerminal(BenchTest):
    """The progress line, on a terminal of some width that nobody has to look at."""

    def on_terminal(self, columns, *arguments, interrupt=False):
        ours, its = pty.openpty()
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        bench = subprocess.Popen([support.TENON, "bench", *arguments], env=self.environment, stdout=subprocess.PIPE,
                                 stderr=its, stdin=its, start_new_session=True,
                                 preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        self.processes.append(bench)
        os.close(its)
        seen = b""
        while True:
            try:
                some = os.read(ours, 4096)
            except OSError:  # EIO: nobody has the terminal any more
                break
            seen += some
            if interrupt and seen.count(b"measured") > 1:
                os.write(ours, b"\x03")  # as the key does: the terminal makes the signal
                interrupt = False
        os.close(ours)
        out, _ = bench.communicate(timeout=support.LIMIT_S)
        return bench.returncode, out, seen.replace(b"^C", b"").decode()

    def test_the_line_is_never_wider_than_the_terminal_and_is_gone_in_the_end(self):
        for columns in (80, 40, 12):
            code, _, seen = self.on_terminal(columns, "--time", "30ms", "--rows", "unix,pipe", "--sizes", "64")
            self.assertEqual(code, 0)
            lines = seen.split("\r\x1b[K")
            self.assertGreater(len(lines), 2)
            self.assertEqual((lines[0], lines[-1]), ("", ""))
            self.assertLess(max(len(line) for line in lines), columns)
            self.assertTrue(lines[1].startswith("measured 1 of "[:columns - 1]), lines[1])
            self.assertNotIn("\n", seen)

    def test_ctrl_c_keeps_what_is_finished(self):
        code, out, seen = self.on_terminal(80, "--rows", "unix", "--html", self.path("r.html"), "--json", interrupt=True)
        report = json.loads(out)
        self.assertEqual((code, report["interrupted"]), (130, True))
        self.assertTrue(any(cell["figure"] for cell in report["cells"]))
        self.assertTrue(seen.endswith("\r\x1b[K"))
        with open(self.path("r.html"), encoding="utf-8") as file:
            self.assertIn("Interrupted: this is what was finished.", file.read())


class WrongUse(BenchTest):
    def test_wrong_options_say_what_there_is(self):
        for arguments, says in ((["--rows", "shmm"], "did you mean shm?"),
                                (["--sizes", "7"], "8 B to 1 GiB"),
                                (["--sizes", "64,many"], "many"),
                                (["--workloads", "there"], "round-trip, one-way, batched, in-place, wake-up, fan-in, connect, memory"),
                                (["--wait", "long"], "spin, hybrid, block, all"),
                                (["--pin", "0,4711"], "this process may use CPU"),
                                (["--repetitions", "0"], "at least 1"),
                                (["--quick", "--full"], "--quick"),
                                (["--json", "--csv"], "--json"),
                                (["--rate", "10x"], "100/s"),
                                (["compare", "a.json"], "compare A.json B.json")):
            self.assertIn(says, self.bench(*arguments, status=2).stderr.decode())

    def test_a_file_that_is_no_report(self):
        for content, says in ((b"", "no whole JSON: it breaks at byte"), (b'{"format": "tenon bench",', "line 1"),
                              (b"[1, 2]", "no report of tenon bench"),
                              (b'{"format": "tenon bench", "format_version": 2}', "format_version 2"),
                              (b'{"format": "tenon bench", "format_version": 1}', "missing")):
            with open(self.path("broken.json"), "wb") as file:
                file.write(content)
            said = self.bench("compare", "broken.json", "broken.json", status=2).stderr.decode()
            self.assertIn(says, said)
            self.assertIn("broken.json", said)
        self.assertIn("not found", self.bench("compare", "none", "none", status=1).stderr.decode())

    def test_a_folder_that_cannot_be_made(self):
        self.environment["TMPDIR"] = "/proc"
        self.assertIn("make a folder", self.bench(*TINY, status=1).stderr.decode())


if __name__ == "__main__":
    support.main()
