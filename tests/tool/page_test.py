"""The page of tenon bench in a browser: headless Chromium draws its charts, in light, in dark and for paper, and has
nothing to complain about. Over chromedriver, W3C WebDriver, https://www.w3.org/TR/webdriver2/."""

import base64
import json
import os
import pathlib
import signal
import subprocess
import urllib.request

import support

BROWSER_LIMIT_S = 120
SHAPES = """
const shown = element => { const box = element.getBoundingClientRect(); return box.width > 0 && box.height > 0; };
return [...document.querySelectorAll('svg.chart')].map(chart => ({
  id: chart.id,
  shown: shown(chart),
  lines: [...chart.querySelectorAll('path.line')].filter(shown).length,
  bars: [...chart.querySelectorAll('rect.bar')].filter(shown).length,
  names: [...chart.querySelectorAll('text.name')].filter(shown).map(name => name.textContent),
  inside: [...chart.querySelectorAll('text')].every(text => {
    const box = text.getBoundingClientRect(), all = chart.getBoundingClientRect();
    return box.left >= all.left - 1 && box.right <= all.right + 1 && box.top >= all.top - 1 && box.bottom <= all.bottom + 1;
  }),
  colours: new Set([...chart.querySelectorAll('path.line')].map(line => {
    const style = getComputedStyle(line); return style.stroke + style.strokeDasharray; })).size,
}));
"""
COLOURS = """const style = getComputedStyle(document.body); return [style.color, style.backgroundColor];"""


class Browser:
    """A chromedriver with one Chromium, in a process group of their own and with a profile in `folder`."""

    def __init__(self, folder):
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                       cwd=folder, env=os.environ | {"TMPDIR": folder, "HOME": folder},
                                       start_new_session=True)
        self.url = ""
        for line in self.driver.stdout:
            words = line.decode().split()
            if "port" in words and words[-1].rstrip(".").isdigit() and "successfully" in words:
                self.url = f"http://127.0.0.1:{words[-1].rstrip('.')}"
                break
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1100,900",
                   f"--user-data-dir={folder}/profile"]
        made = self.ask("/session", {"capabilities": {"alwaysMatch": {"goog:chromeOptions": {"args": options},
                                                                      "goog:loggingPrefs": {"browser": "ALL"}}}})
        self.url += "/session/" + made["sessionId"]

    def ask(self, path, body=None, method="POST"):
        request = urllib.request.Request(self.url + path, None if body is None else json.dumps(body).encode(),
                                         {"Content-Type": "application/json"}, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=BROWSER_LIMIT_S) as answer:
            return json.load(answer)["value"]

    def run(self, script):
        return self.ask("/execute/sync", {"script": script, "args": []})

    def prefer(self, scheme, media=""):
        self.ask("/goog/cdp/execute", {"cmd": "Emulation.setEmulatedMedia", "params": {
            "media": media, "features": [{"name": "prefers-color-scheme", "value": scheme}]}})

    def end(self):
        try:
            if self.url.count("/") > 3:
                self.ask("", method="DELETE")
        finally:
            os.killpg(self.driver.pid, signal.SIGKILL)
            self.driver.wait()
            self.driver.stdout.close()


class Page(support.ToolTest):
    def setUp(self):
        super().setUp()
        self.run_tenon("bench", "--time", "200us", "--repetitions", "1", "--rows", "unix,shm,pipe", "--sizes", "64,4K",
                       "--html", "report.html", env=os.environ | {"TMPDIR": self.folder.name})
        self.browser = Browser(self.folder.name)
        self.addCleanup(self.browser.end)
        self.browser.ask("/url", {"url": pathlib.Path(self.path("report.html")).as_uri()})

    def tearDown(self):
        self.doCleanups()
        super().tearDown()

    def check_charts(self):
        charts = {chart["id"]: chart for chart in self.browser.run(SHAPES)}
        self.assertEqual({name: chart["lines"] for name, chart in charts.items() if chart["lines"]},
                         {"size-round-trip-hybrid": 3, "quantiles-round-trip-hybrid": 3, "size-one-way-hybrid": 3,
                          "size-batched-hybrid": 3, "size-in-place-hybrid": 1})
        self.assertEqual((charts["bars-wake-up-hybrid"]["bars"], charts["bars-memory-hybrid"]["bars"]), (3, 3))
        for name, chart in charts.items():
            self.assertTrue(chart["shown"] and chart["inside"], name)
            self.assertEqual(len(chart["names"]), chart["lines"], name)
            self.assertEqual(chart["colours"], chart["lines"], f"{name}: two lines look alike")

    def test_charts_are_drawn_in_light_in_dark_and_on_paper(self):
        seen = []
        for scheme, media in (("light", ""), ("dark", ""), ("dark", "print")):
            self.browser.prefer(scheme, media)
            self.check_charts()
            seen.append(tuple(self.browser.run(COLOURS)))
        self.assertGreater(self.browser.run("return document.querySelector('details table').getBoundingClientRect().height"), 50,
                           "paper cannot be clicked: its figures are shown")
        self.assertTrue(self.browser.run("return [...document.querySelectorAll('table')].every("
                                         "table => table.getBoundingClientRect().width <= 680)"), "a table is wider than paper")
        self.assertEqual(seen[0], ("rgb(28, 28, 28)", "rgb(255, 255, 255)"))
        self.assertEqual(seen[1], ("rgb(236, 236, 236)", "rgb(22, 24, 27)"))
        self.assertEqual(seen[2], seen[0], "paper is white")
        self.assertEqual(self.browser.ask("/se/log", {"type": "browser"}), [])
        self.assertGreater(len(base64.b64decode(self.browser.ask("/print", {}))), 10_000)


if __name__ == "__main__":
    support.main()
