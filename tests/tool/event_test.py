"""tenon notify and tenon wait: signals to a pid, and eventfds that a parent gave."""

import json
import signal
import subprocess

import support


class Signals(support.ToolTest):
    def start_waiting(self, *arguments, address="signal:"):
        """A `tenon wait` that can be notified from now on."""
        process = self.start("wait", address, *arguments)
        self.wait_for_line(process, b"notifies this process")
        return process, f"signal:{process.pid}"

    def test_a_notification_with_a_value(self):
        waiting, place = self.start_waiting("--for", "60s")
        self.run_tenon("notify", place, "--value", "-7")
        out, _ = self.end(waiting)
        self.assertRegex(out, rb"^1 notification, value -7, from process \d+\n$")

    def test_how_to_notify_it_is_said(self):
        process = self.start("wait", "signal:", "--signal", "USR1")
        line = self.wait_for_line(process, b"notifies this process").decode()
        command = line.split("tenon notify ")[1].split("'")[1]
        self.assertEqual(command, f"signal:{process.pid}?number=USR1")
        self.run_tenon("notify", command)
        self.end(process)

    def test_json_and_merging(self):
        waiting, place = self.start_waiting("--count", "3", "--json")
        self.run_tenon("notify", place, "--count", "3", "--value", "5")
        lines = [json.loads(line) for line in self.end(waiting)[0].splitlines()]
        self.assertEqual(sum(line["count"] for line in lines), 3)
        self.assertEqual({line["value"] for line in lines}, {5})

    def test_one_at_a_time_as_a_semaphore(self):
        waiting, place = self.start_waiting("--count", "3", "--json", address="signal:?mode=semaphore")
        for value in ("1", "2", "3"):
            self.run_tenon("notify", place, "--value", value)
        lines = [json.loads(line) for line in self.end(waiting)[0].splitlines()]
        self.assertEqual([(line["count"], line["value"]) for line in lines], [(1, 1), (1, 2), (1, 3)])

    def test_nobody_notifies(self):
        self.assertIn(b"timed out", self.run_tenon("wait", "signal:", "--for", "10ms", status=3).stderr)

    def test_a_program_that_handles_the_signal(self):
        program = subprocess.Popen(["sh", "-c", "trap 'echo told; exit 0' USR1; echo ready; while :; do read x; done"],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.processes.append(program)
        program.stdout.readline()
        self.run_tenon("notify", f"signal:{program.pid}", "--signal", "USR1")
        self.assertEqual(program.communicate()[0], b"told\n")

    def test_a_process_that_does_not_wait_is_left_alone(self):
        program = subprocess.Popen(["sleep", "1000"])
        self.processes.append(program)
        done = self.run_tenon("notify", f"signal:{program.pid}", status=4)
        self.assertIn(b"would end it", done.stderr)
        self.assertIsNone(program.poll())

    def test_no_such_process(self):
        program = subprocess.Popen(["true"])
        program.wait()
        self.assertIn(b"no process", self.run_tenon("notify", f"signal:{program.pid}", status=4).stderr)
        self.run_tenon("notify", f"signal:{program.pid}", "--wait", "30ms", status=4)

    def test_wait_until_it_waits(self):
        waiting = self.start("wait", "signal:", "--for", "60s")
        self.run_tenon("notify", f"signal:{waiting.pid}", "--wait", "60s")
        self.end(waiting)

    def test_ctrl_c_ends_the_wait(self):
        waiting, _ = self.start_waiting()
        waiting.send_signal(signal.SIGINT)
        self.end(waiting, 130)

    def test_what_makes_no_sense(self):
        self.assertIn(b"write signal:", self.run_tenon("wait", "signal:1", status=2).stderr)
        self.assertIn(b"give the pid", self.run_tenon("notify", "signal:", status=1).stderr)
        self.assertIn(b"RTMIN+3", self.run_tenon("wait", "signal:", "--signal", "FOO", status=2).stderr)
        self.assertIn(b"eventfd:N", self.run_tenon("wait", "unix:/tmp/x", status=2).stderr)


class Inherited(support.ToolTest):
    def test_processes_of_one_spawn_share_an_event(self):
        script = f"{support.TENON} wait inherited:go --count 3 & {support.TENON} notify inherited:go --count 3; wait"
        out = self.run_tenon("spawn", "--event", "go", "--event", "other", "--", "sh", "-c", script).stdout
        self.assertEqual(out, b"3 notifications\n")

    def test_a_value_has_no_place_in_an_eventfd(self):
        done = self.run_tenon("spawn", "--event", "go", "--", support.TENON, "notify", "inherited:go", "--value", "7",
                              status=1)
        self.assertIn(b"a count and no value", done.stderr)

    def test_without_one(self):
        self.assertIn(b"tenon spawn --event", self.run_tenon("wait", "inherited:go", status=1).stderr)
        self.assertIn(b"not open", self.run_tenon("wait", "eventfd:9", status=2).stderr)
        self.assertIn(b"no '='", self.run_tenon("spawn", "--event", "a=b", "--", "true", status=2).stderr)


if __name__ == "__main__":
    support.main()
