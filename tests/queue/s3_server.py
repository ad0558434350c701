"""A real S3 server of the tests' own (moto's, over HTTP, in a process of its own); what it holds is gone when it ends."""

import secrets
import subprocess
import sys
import time
import urllib.request

import fsspec
import pytest
from ports import free_port


class S3Server:
    def __init__(self, folder):
        for package in ("moto", "s3fs"):
            pytest.importorskip(package, reason=f"{package} is not installed; `make install` does it")
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.environment = {
            "AWS_ENDPOINT_URL": self.address,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        with open(folder / "s3.log", "wb") as log:
            command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + 120
        while True:
            try:
                with urllib.request.urlopen(self.address, timeout=5):
                    return
            except OSError:
                assert time.monotonic() < deadline and self.process.poll() is None, "the S3 server did not start"
                time.sleep(0.1)

    def files(self):
        """Its objects, through fsspec and past our own code."""
        return fsspec.filesystem("s3", endpoint_url=self.address, key="test", secret="test", use_listings_cache=False)

    def bucket(self):
        """The URL of a new bucket."""
        name = f"bucket-{secrets.token_hex(4)}"
        self.files().mkdir(name)
        return f"s3://{name}"

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=120)
