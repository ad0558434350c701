"""Continuous integration passes only what it has run."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ALLOWED = 'import pytest\n@pytest.mark.skipif(True, reason="memory limits need Linux, not x")\ndef test_one(): pass\n'
MODULE = 'import pytest\npytest.importorskip("no_such_package", reason="no such package")\ndef test_one(): pass\n'
INSIDE = 'import pytest\ndef test_one(): pytest.skip("there is no server")\n'
EXPECTED = "import pytest\n@pytest.mark.xfail\ndef test_one(): assert False\n"


@pytest.mark.parametrize(
    "code, options, ended, told",
    [
        (ALLOWED, ["--no-skips"], 0, "as may be: memory limits need Linux, not x"),
        (EXPECTED, ["--no-skips"], 0, ""),
        (MODULE, ["--no-skips"], 1, "FAILED because skipped: no such package"),
        (INSIDE, ["--no-skips"], 1, "FAILED because skipped: there is no server: test_it.py::test_one"),
        (INSIDE, [], 0, "1 skipped"),
        (ALLOWED, ["--no-skips", "-n1"], 0, "as may be: memory limits need Linux, not x"),
        (MODULE, ["--no-skips", "-n1"], 1, "FAILED because skipped: no such package"),
        (INSIDE, ["--no-skips", "-n1"], 1, "FAILED because skipped: there is no server: test_it.py::test_one"),
    ],
)
def test_a_skip_that_is_not_on_the_list_fails_the_run(tmp_path, code, options, ended, told):
    shutil.copy(Path(__file__).parents[1] / "conftest.py", tmp_path)
    (tmp_path / "test_it.py").write_text("def test_another(): pass\n" + code)
    run = subprocess.run([sys.executable, "-m", "pytest", *options], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == ended and told in run.stdout, run.stdout
