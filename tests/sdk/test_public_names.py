"""The public names, the error tree, and what importing costs."""

import importlib
import inspect
import json
import re
import subprocess
import sys

import pytest

import portraitist
import portraitist.errors as errors


def test_all_is_what_there_is():
    public = {name for names in portraitist._HOME.values() for name in names} | {"__version__"}
    assert sorted(portraitist.__all__) == sorted(public) and len(set(portraitist.__all__)) == len(portraitist.__all__)
    assert set(dir(portraitist)) == public
    for name in portraitist.__all__:
        assert getattr(portraitist, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = portraitist.nonsense


def test_each_name_comes_from_where_it_is_said_to():
    for module, names in portraitist._HOME.items():
        for name in names:
            assert getattr(importlib.import_module(f"portraitist.{module}"), name) is getattr(portraitist, name)


def test_every_error_is_public():
    assert {cls.__name__ for cls in errors._classes(errors.PortraitistError)} <= set(portraitist.__all__)


def test_the_error_tree_is_as_drawn():
    drawn, parents = {}, []
    for line in errors.__doc__.splitlines():
        if match := re.match(r"^((?:│   |    )*)(?:[├└]── )?([A-Z]\w+)(?:\s|$)", line):
            depth = len(match[1]) // 4 + ("── " in line)
            if depth == 0 and match[2] != "PortraitistError":
                continue
            parents[depth:] = [match[2]]
            drawn[match[2]] = parents[depth - 1] if depth else "Exception"
    real = {c.__name__: c.__bases__[0].__name__ for c in errors._classes(errors.PortraitistError)}
    assert drawn == real


def test_errors_survive_the_wire():
    for cls in errors._classes(errors.PortraitistError):
        original = cls("what, where, remedy", param="a.jpg", stage="intake", job_id="job_1")
        copy = errors.from_dict(json.loads(json.dumps(original.to_dict())))
        assert type(copy) is cls and copy.to_dict() == original.to_dict() and str(copy) == str(original)
        assert re.fullmatch(r"[a-z_]+", copy.code)
    unknown = errors.from_dict({"code": "from_the_future", "message": "m"})
    assert type(unknown) is errors.JobFailed and str(unknown) == "m"
    assert issubclass(errors.WaitTimeout, TimeoutError)


def test_everything_public_is_documented():
    for name in portraitist.__all__:
        value = getattr(portraitist, name)
        if inspect.isclass(value) and name not in ("Cancelled", "Failed", "Queued", "Running", "Status", "Succeeded"):
            assert value.__doc__ and not value.__doc__.startswith(f"{name}("), name


HEAVY = ("torch", "torchvision", "celery", "kombu", "numpy", "PIL", "typer", "rich", "portraitist_workers")


def _loaded_by(code):
    script = f"import sys, time; t = time.process_time()\n{code}\nprint(time.process_time() - t, *sys.modules)"
    seconds, *modules = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()
    return float(seconds), {name for name in HEAVY if name in modules}


def test_import_is_light():
    times = []
    for _ in range(3):
        seconds, heavy = _loaded_by("import portraitist")
        assert heavy == set()
        times.append(seconds)
    assert min(times) < 0.3


def test_connect_and_the_verbs_are_light(tmp_path):
    _, heavy = _loaded_by(
        f"import portraitist; portraitist.connect(home={str(tmp_path)!r}).personas.list(); portraitist.Persona"
    )
    assert heavy == set()
