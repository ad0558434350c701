"""What holds for all tests: one thread each, the reference vectors' files, and --no-skips.

With --no-skips, as continuous integration runs the tests, a skip that is not on the list fails the run.
"""

import os

import pytest

# How the skip's reason begins, and why it is no gap.
ALLOWED = {
    "not allowed to mount a small disk": "a container without the right to mount",
    "there is no node": "the page's own tests use the JavaScript client in a browser",
    "memory limits need Linux": "elsewhere there is nothing to limit it with, as docs/security.md says",
}

SETTINGS = pytest.StashKey[dict[str, str]]()


def pytest_addoption(parser):
    parser.addoption(
        "--no-skips", action="store_true", help="a test skipped for a reason not on the list here fails the run"
    )


def pytest_configure(config):
    # Before torch is imported, and for every process that a test starts. Sums depend on the number of threads, so one number
    # makes results repeatable; and tests that run side by side do not fight for the cores.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("COLUMNS", "200")  # tables of the command line are made for this width from the first one on
    config.stash[SETTINGS] = settings()
    if config.getoption("--no-skips") and not hasattr(
        config, "workerinput"
    ):  # reports reach the process that was started
        config.pluginmanager.register(NoSkips(), "no-skips")


def settings():
    """Our variables in the environment."""
    return {name: value for name, value in os.environ.items() if name.startswith("PORTRAITIST_")}


def pytest_collection_finish(session):
    """A test file that sets one when it is imported sets it for every other test."""
    if changed := settings().items() ^ session.config.stash[SETTINGS].items():
        raise pytest.UsageError(f"a test file changed {dict(changed)} when it was imported; set it in a fixture")


def pytest_collection_modifyitems(items):
    """Files with slow tests first: of two processes, neither is left alone with a long one at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def vectors(tmp_path_factory):
    """A folder with the networks of the reference vectors: nvidia_ada_64.pkl, rosinality_64.pt."""
    import reference_vectors  # not at the top: it imports torch, which most tests of the SDK do without

    folder = tmp_path_factory.mktemp("vectors")
    reference_vectors.write(folder)
    return folder


class NoSkips:
    def __init__(self):
        self.allowed, self.others = {}, {}  # reason -> tests

    def pytest_runtest_logreport(self, report):
        if report.skipped and not hasattr(report, "wasxfail"):
            self._keep(report)

    def pytest_collectreport(self, report):  # whole modules
        if report.skipped:
            self._keep(report)

    def _keep(self, report):
        reason = (
            report.longrepr[2].removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else str(report.longrepr)
        )
        kept = self.allowed if reason.startswith(tuple(ALLOWED)) else self.others
        kept.setdefault(reason, []).append(report.nodeid)

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self, session):
        if self.others and session.exitstatus in (0, 5):  # 5: nothing was collected
            session.exitstatus = 1
        return (yield)

    def pytest_terminal_summary(self, terminalreporter):
        for reason, tests in self.allowed.items():
            why = next(why for start, why in ALLOWED.items() if reason.startswith(start))
            terminalreporter.write_line(f"{len(tests)} skipped, as may be: {reason} ({why})")
        for reason, tests in self.others.items():
            terminalreporter.write_line(f"FAILED because skipped: {reason}: {', '.join(tests)}", red=True)
