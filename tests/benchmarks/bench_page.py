"""The page in Chromium: what it weighs, how soon a person can act, and how soon the face follows a slider. Writes docs/benchmarks/page.md.

`portraitist studio` and its worker run as for a user, with a person at 128 px whom nobody had to learn. A frame is counted when the browser
has put it on the page.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

from ..browser.served import Served, plant
from ..serving import people
from .report import ROOT, table, write

STATIC = ROOT / "sdk" / "portraitist" / "http" / "static"
NEW = ROOT / "examples" / "new.jpg"
WANTED = {"page": 300.0, "interactive": 1000.0, "frame": 100.0, "sharp": 1000.0}
# Moves a slider `count` times, each when the frame before has come; ms from the event to the <img> with the next frame.
FOLLOW = """async ([slider, shown, low, high, count]) => {
  const input = document.querySelector(slider), seen = () => document.querySelector(shown)?.src, times = [];
  for (let n = 0; n < count; n++) {
    const before = seen(), began = performance.now();
    input.value = low + (high - low) * ((n % 20) / 20);
    input.dispatchEvent(new Event('input', { bubbles: true }));
    while (seen() === before && performance.now() - began < 10000) await new Promise((resolve) => setTimeout(resolve, 1));
    times.push(performance.now() - began);
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
  return times;
}"""
# Lets go of the slider; ms until the picture at rest is there.
REST = """async (slider) => {
  const began = performance.now();
  document.querySelector(slider).dispatchEvent(new Event('change', { bubbles: true }));
  while (document.querySelector('.stage[aria-busy=true]:not([hidden] *)')) await new Promise((resolve) => setTimeout(resolve, 2));
  return performance.now() - began;
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    from playwright.sync_api import sync_playwright

    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    if browser_path is None:
        sys.exit("there is no Chromium on the PATH")
    os.environ["PORTRAITIST_CONSENT"] = "optional"
    moves, opens = (20, 3) if args.quick else (100, 10)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        home = Path(folder) / "home"
        plant(home, "ana", people)
        served, chromium = Served(home), playwright.chromium.launch(executable_path=browser_path)
        try:
            found = measured(chromium, served, moves, opens)
        finally:
            chromium.close()
            served.end(worker=True)
    weight = sum(p.stat().st_size for p in STATIC.rglob("*") if p.suffix in (".js", ".css", ".html", ".svg")) / 1000
    rows = [
        ("first page, all files, not compressed", f"{weight:.0f} kB", f"{WANTED['page']:g} kB"),
        ("opened until people are there: median", f"{quantile(found['open'], 0.5):.0f} ms", f"{WANTED['interactive']:g} ms"),
        ("portrait: slider to frame: median, p95", both(found["portrait"]), f"{WANTED['frame']:g} ms"),
        ("portrait: let go until it is sharp: median", f"{quantile(found['sharp'], 0.5):.0f} ms", f"{WANTED['sharp']:g} ms"),
        ("photo: slider to frame (800 px): median, p95", both(found["photo"]), ""),
        ("photo: let go until it is as it is saved: median", f"{quantile(found['rest'], 0.5):.0f} ms", f"{WANTED['sharp']:g} ms"),
    ]  # fmt: skip
    write("page", "The page", [(__doc__ or "").partition("\n\n")[2].strip(), table(("", "seen", "wanted"), rows)])


def measured(chromium, served, moves: int, opens: int) -> dict[str, list[float]]:
    page = chromium.new_page()
    page.set_default_timeout(120_000)
    page.goto(served.address())
    page.locator(".card").first.wait_for()
    found: dict[str, list[float]] = {"open": [], "sharp": [], "rest": []}
    for _ in range(opens):
        page.goto("about:blank")
        page.goto(served.url)
        page.locator(".card").first.wait_for()
        found["open"].append(page.evaluate("performance.now()"))
    area(page, "Portrait")
    still(page)
    slider, frame = "#portrait-yaw", ".stage img.following"
    while not page.locator(frame).count():  # the first move opens the session
        page.evaluate(FOLLOW, [slider, frame, -10, 10, 1])
        page.wait_for_timeout(200)
    found["portrait"] = page.evaluate(FOLLOW, [slider, frame, -15, 15, moves])
    for _ in range(opens):
        page.evaluate(FOLLOW, [slider, frame, -15, 15, 3])
        found["sharp"].append(page.evaluate(REST, slider))
    area(page, "Photo")
    page.locator(".drop:visible input[type=file]").set_input_files(NEW)
    still(page)
    slider, frame = "#photo-yaw", ".compare .sheet img[alt=after]"
    found["photo"] = page.evaluate(FOLLOW, [slider, frame, -10, 10, moves])
    for _ in range(opens):
        page.evaluate(FOLLOW, [slider, frame, -10, 10, 3])
        found["rest"].append(page.evaluate(REST, slider))
    return found


def area(page, name: str) -> None:
    page.get_by_role("navigation").get_by_role("button", name=name, exact=True).click()


def still(page) -> None:
    page.locator(".stage[aria-busy=false]:visible").wait_for()


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def both(times: list[float]) -> str:
    return f"{quantile(times, 0.5):.0f} ms, {quantile(times, 0.95):.0f} ms"


if __name__ == "__main__":
    main()
