"""The page's files: what they weigh, what they say, and that they load nothing from elsewhere."""

import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from portraitist.testing import fake_backend

from .conftest import serving

STATIC = Path(__file__).parents[2] / "sdk" / "portraitist" / "http" / "static"
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


def test_every_text_is_there_in_every_language():
    source = (STATIC / "texts.js").read_text()
    tables = [set(re.findall(r'(?<=[{,\s])(\w+): "', part)) for part in re.split(r"\n  \w\w: \{", source)[1:]]
    assert len(tables) == 2 and tables[0] == tables[1] and len(tables[0]) > 90
    used = {key for path in OURS if path.name != "texts.js" for key in re.findall(r'\bt\("(\w+)"', path.read_text())}
    assert used <= tables[0], used - tables[0]


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
