"""The HTTP API is part of the SDK: it brings no torch, no Celery and none of the workers' code."""

import subprocess
import sys


def test_nothing_heavy_is_imported():
    code = (
        "import sys, portraitist.http.server\n"
        "from portraitist.testing import fake_backend\n"
        "from portraitist.http.app import create_app\n"
        "create_app(fake_backend()).openapi()\n"
        "print([name for name in ('torch', 'celery', 'portraitist_workers', 'numpy') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
