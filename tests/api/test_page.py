"""The page's files: what they weigh, what they say, and that they load nothing from elsewhere."""

import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from portraitist.errors import PortraitistError, _classes
from portraitist.testing import fake_backend
from portraitist_workers.faces.verdicts import _REASONS

from .conftest import serving

ROOT = Path(__file__).parents[2]
HTTP = ROOT / "sdk" / "portraitist" / "http"
STATIC = HTTP / "static"
OURS = [p for p in STATIC.rglob("*.js") if "vendor" not in p.parts]
PAGE_KB = 300


def linked(served):
    """Every file that opening the page loads: what the index names, and what the modules import."""
    found, todo = {}, ["/"]
    while todo:
        path = todo.pop()
        if path in found:
            continue
        answer = httpx.get(served.url + path)
        assert answer.status_code == 200, path
        found[path] = answer
        text = answer.text
        if path == "/":
            todo += re.findall(r'(?:src|href)="(/static/[^"]+)"', text)
        elif path.endswith(".js"):
            for name in re.findall(r'(?:from|import)\s*"(\.[^"]+)"', text):
                todo.append("/" + str(Path(path).parent / name).lstrip("/") if ".." not in name else _up(path, name))
    return found


def _up(path, name):
    parts = Path(path).parent.parts
    while name.startswith("../"):
        parts, name = parts[:-1], name[3:]
    return "/".join(["", *parts[1:], name])


def test_the_first_page_is_small_and_whole():
    with serving(fake_backend()) as served:
        found = linked(served)
        assert {"/static/app.js", "/static/client.js", "/static/vendor/preact.js", "/static/areas/people.js"} <= set(
            found
        )
        assert sum(len(answer.content) for answer in found.values()) < PAGE_KB * 1000
        tag = found["/static/app.js"].headers["ETag"]
        assert httpx.get(served.url + "/static/app.js", headers={"If-None-Match": tag}).status_code == 304


def test_nothing_comes_from_elsewhere():
    for path in [*OURS, STATIC / "index.html", STATIC / "style.css"]:
        addresses = re.findall(r"https?://[^\s\"'`)]+", path.read_text())
        assert not [a for a in addresses if not a.startswith(("http://127.0.0.1", "http://www.w3.org"))], path
        assert not re.search(
            r"\beval\(|new Function|innerHTML|dangerouslySetInnerHTML|document\.write|\bon\w+=\"", path.read_text()
        ), path


def texts():
    """Each language's table."""
    source = (STATIC / "texts.js").read_text()
    return [dict(re.findall(r'(?<=[{,\s])(\w+): "([^"]*)"', part)) for part in re.split(r"\n  \w\w: \{", source)[1:]]


def of_the_server(key):
    """A text for what the server says in English."""
    return key.startswith(("error_", "verdict_"))


def test_every_text_is_there_in_every_language():
    english, chinese = (set(table) for table in texts())
    assert english == {key for key in chinese if not of_the_server(key)} and len(english) > 90
    used = {key for path in OURS if path.name != "texts.js" for key in re.findall(r'\bt\("(\w+)"', path.read_text())}
    assert used <= english, used - english


def codes():
    """Of every problem that the API can answer with: of the tree of errors, of HTTP, and of an answer that is none."""
    tree = {kind("").code for kind in _classes(PortraitistError)}
    sources = [path.read_text() for path in HTTP.rglob("*.py")]
    refusals = {code for source in sources for code in re.findall(r'Refusal\(\s*\d+,\s*"(\w+)"', source)}
    others = {code for source in sources for code in re.findall(r'problem\(\s*\d+,\s*"(\w+)"', source)}
    by_status = set(re.findall(r'\d+: "(\w+)"', (HTTP / "problems.py").read_text())) | {"refused"}
    of_the_client = set(re.findall(r'code: "(\w+)"', (STATIC / "client.js").read_text()))
    return tree | refusals | others | by_status | of_the_client


def test_every_problem_has_a_chinese_text():
    chinese = texts()[1]
    found = codes()
    assert {"conflict", "rate_limited", "internal", "method_not_allowed", "unreadable"} <= found and len(found) >= 45
    assert {f"error_{code}" for code in found} == {key for key in chinese if key.startswith("error_")}
    known = {"param", "count", "limit"}
    for key, text in chinese.items():
        if of_the_server(key):
            assert re.search(r"[\u4e00-\u9fff]", text) and set(re.findall(r"\{(\w+)\}", text)) <= known, key


def test_every_verdict_has_a_chinese_text():
    """Those that docs/photos.md lists, and those that have a sentence."""
    table = re.search(r"## What is refused\n(.*?)\n## ", (ROOT / "docs" / "photos.md").read_text(), re.S).group(1)
    listed = set(re.findall(r"^\| `(\w+)` \|", table, re.M))
    told = {key.removeprefix("verdict_") for key in texts()[1] if key.startswith("verdict_")}
    assert len(listed) == 6 and listed == told and set(_REASONS) < listed


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node")
def test_the_client_in_javascript(tmp_path):
    """All of its methods, from Node, against a real server."""
    program = tmp_path / "use.mjs"
    program.write_text(USE)
    with serving(fake_backend()) as served:
        command = ["node", str(program), str(STATIC / "client.js"), served.url, served.token]
        run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == [
        "default",
        "succeeded",
        "queued,started,progress,succeeded",
        "12",
        "PNG",
        "conflict",
        "422",
        "per_",
        "ok",
    ]


USE = """
import { pathToFileURL } from "node:url";
const [path, address, token] = process.argv.slice(2);
const { Portraitist, PortraitistError } = await import(pathToFileURL(path));
const studio = new Portraitist(address, "");
await studio.begin(token);
console.log((await studio.about()).tenant);
const photos = ["a", "b", "c"].map((name) => new File([name], `${name}.jpg`, { type: "image/jpeg" }));
const job = await studio.create({ name: "ana" }, photos);
const kinds = [];
for await (const event of studio.follow(job.id)) kinds.push(event.kind);
console.log((await studio.finished(job)).status);
console.log([...new Set(kinds)].join(","));
const made = await studio.run("ana", "synthesize", { values: { yaw: 12 } }, {}, { key: "once" });
console.log(made.result.pictures[0].report.attributes.yaw.achieved);
const png = Buffer.from(await (await studio.picture(made.result.pictures[0].blob)).arrayBuffer());
console.log(png.subarray(1, 4).toString());
const edited = await studio.run("ana", "edit", { values: { yaw: 1 } }, { photo: [new Blob(["x"])] });
if (edited.status !== "succeeded" || (await studio.job(edited.id)).id !== edited.id) throw new Error("edit");
try { await studio.submit("ana", "synthesize", { seed: 2 }, undefined, { key: "once" }); } catch (error) { console.log(error.code); }
try { await studio.submit("ana", "synthesize", { values: { yaw: 500 } }); } catch (error) { console.log(error.status); }
if (!((await studio.jobs({ limit: 1 })).items.length === 1 && (await studio.priors()).items.length === 3)) throw new Error("lists");
await studio.cancel(made.id);
const person = (await studio.people()).items[0];
if ((await studio.person("ana")).persona_id !== person.persona_id) throw new Error("person");
console.log((await studio.erase("ana")).persona_id.slice(0, 4));
try { await studio.person("ana"); } catch (error) { console.log(error instanceof PortraitistError && error.status === 410 ? "ok" : error); }
"""
