"""What the page costs: the first page's kB and seconds to interactive, and from a slider to its frame. Writes docs/benchmarks/page.md.

Chromium without a window opens the page from `portraitist studio` on loopback, with a real worker. A moved slider is an `input` event of
the page. Its frame is there when the browser has decoded it.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from ..browser.served import Served, plant
from ..serving import people
from .report import ROOT, table, write

WANTED = {"kb": 300, "interactive": 1.0, "frame": 100.0}
LOADS, MOVES = 9, 20
NEW = ROOT / "examples" / "new.jpg"

# Interactive: a person's card stands in the page, with its handlers; one script draws both.
SIGN_IN = 3.1  # seconds between two visits: a server takes twenty tokens a minute

WATCH = """new MutationObserver(() => { if (!window.ready && document.querySelector('.card button')) window.ready = performance.now() })
  .observe(document, { childList: true, subtree: true })"""

# Moves one slider and waits for the next frame: milliseconds.
MOVE = """async ([image, slider, value]) => {
  const shown = () => document.querySelector(image), before = shown().src, input = document.getElementById(slider);
  const began = performance.now();
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(input, value);
  input.dispatchEvent(new Event('input', { bubbles: true }));
  await new Promise((resolve) => { const look = () => (shown() && shown().src !== before ? resolve() : setTimeout(look, 1)); look() });
  await shown().decode().catch(() => {});
  return performance.now() - began;
}"""


def load(browser: Browser, server: Served) -> dict[str, float]:
    """One first visit, with nothing in the browser's cache."""
    context = browser.new_context()
    context.add_init_script(WATCH)
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    sizes: list[float] = []
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.goto(server.address())
    page.locator(".card button").first.wait_for()
    found: dict[str, float] = page.evaluate(
        """() => ({ ready: window.ready / 1000, painted: performance.getEntriesByName('first-contentful-paint')[0].startTime / 1000,
                    files: performance.getEntriesByType('resource').filter((one) => one.name.includes('/static/')).length + 1 })"""
    )
    page.wait_for_load_state("networkidle")
    context.close()
    time.sleep(SIGN_IN)
    return {**found, "kb": sum(sizes) / 1000}


class Frames:
    """Frames that rest, as the page's sockets receive them."""

    def __init__(self, page: Page) -> None:
        self._page, self.rested = page, 0
        page.on("websocket", lambda socket: socket.on("framereceived", self._hear))

    def _hear(self, payload: Any) -> None:
        head = payload[4:400] if isinstance(payload, bytes) else b""
        self.rested += b'"kind": "rest"' in head or b'"kind":"rest"' in head

    def wait(self, count: int) -> None:
        while self.rested < count:
            self._page.wait_for_timeout(5)


def moves(page: Page, frames: Frames, image: str, slider: str) -> list[tuple[float, float]]:
    """Of MOVES moves of the smile's slider, each from a picture that rests: milliseconds to the next frame, and to the one that rests."""
    found = []
    for number in range(MOVES + 1):
        rested, began = frames.rested, time.perf_counter()
        value = 0.1 + 0.8 * ((7 * number) % MOVES) / MOVES
        frame = page.evaluate(MOVE, [image, slider, str(value)])
        frames.wait(rested + 1)
        found.append((frame, 1000 * (time.perf_counter() - began)))
    return found[1:]  # the first one may open the session


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def both(values: list[float], unit: str, digits: int = 0) -> str:
    return f"{quantile(values, 0.5):.{digits}f} {unit}, {quantile(values, 0.95):.{digits}f} {unit}"


def sliders(browser: Browser, server: Served) -> dict[str, list[tuple[float, float]]]:
    context = browser.new_context()
    context.set_default_timeout(300_000)
    page = context.new_page()
    frames = Frames(page)
    page.goto(server.address())
    page.get_by_role("navigation").get_by_role("button", name="Photo", exact=True).click()
    page.locator(".drop:visible input[type=file]").set_input_files(NEW)
    page.locator(".stage:visible[aria-busy=false] .compare").wait_for()
    found = {"a photo": moves(page, frames, ".compare img[alt=after]", "photo-smile")}
    page.get_by_role("navigation").get_by_role("button", name="Portrait", exact=True).click()
    page.locator(".stage:visible[aria-busy=false] img").first.wait_for()
    found["a portrait"] = moves(page, frames, "img.following, img.face:not([hidden])", "portrait-smile")
    context.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.parse_args()
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        sys.exit("there is no Chromium; install it (Debian: apt-get install chromium)")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        plant(Path(folder) / "home", "ana", people)
        server = Served(Path(folder) / "home")
        browser = playwright.chromium.launch(executable_path=program)
        try:
            load(browser, server)  # everything is read from the disk once
            loads = [load(browser, server) for _ in range(LOADS)]
            moved = sliders(browser, server)
            version = browser.version
        finally:
            browser.close()
            server.end(worker=True)
    one = {name: [run[name] for run in loads] for name in loads[0]}
    first = table(
        ("first page", "median, 95th percentile", "wanted"),
        [
            ("files", f"{quantile(one['files'], 0.5):.0f}", ""),
            ("bytes over the network, answers of the API included", both(one["kb"], "kB"), f"{WANTED['kb']} kB"),
            ("until something is painted", both(one["painted"], "s", 2), ""),
            ("until a person's card answers", both(one["ready"], "s", 2), f"{WANTED['interactive']:g} s"),
        ],
    )
    rows = []
    for name, times in moved.items():
        frames, rests = [frame for frame, _ in times], [rest for _, rest in times]
        rows.append((name, len(times), both(frames, "ms"), f"{WANTED['frame']:g} ms", both(rests, "ms")))
    second = table(
        ("slider of", "moves", "to its frame: median, 95th percentile", "wanted (median)", "to the picture at rest"),
        rows,
    )
    write(
        "page",
        "The page in a browser",
        [
            f"{' '.join(__doc__.split(chr(10) * 2)[1].split())}\n\nChromium {version}, {LOADS} first visits with an empty cache.",
            first,
            "A slider is moved when the picture rests. Server, worker and browser share the machine.",
            second,
        ],
    )


if __name__ == "__main__":
    main()
