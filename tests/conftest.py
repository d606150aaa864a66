"""Fixtures for all tests, and settings of every test run.

Skipped tests are listed at the end of a run, and in CI they make it fail.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import tempfile
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from aiohttp import web_app
from hypothesis import HealthCheck, settings
from pytest_aiohttp.plugin import AiohttpClient
from pytest_asyncio import is_async_test

from signaling_sidecar.server.sockets.reader import Reader
from tests.kit.clustered import Databases, serve_clusters
from tests.kit.redis_server import running_redis
from tests.kit.serving import Served, serve

MEASURED = "measured"
SHARES_BROWSERS = ("tests/e2e", "tests/frameworks")
# With several workers of pytest, the tests here start first and in this order, so that none of them still runs when all
# others have ended. Each of the files takes a minute or longer.
LONGEST = (
    "tests/frameworks/test_hosts.py",
    "tests/e2e/test_in_jupyterlab.py",
    "tests/frameworks/test_recipes.py",
    "tests/e2e/test_why_in_browsers.py",
    "tests/e2e/test_make_dev.py",
    *SHARES_BROWSERS,
    "tests/lan",
    "tests/soak",
    "tests/reload",
    "tests/trial",
    "tests/test_notebooks.py",
    "tests/test_deployment.py",
    "tests/server",
)

# The number of examples that tests with arbitrary input try. Each run tries the same examples, so that it does not fail
# because of an old bug. `make fuzz` tries others. There is no deadline for an example, because the browsers of other
# tests may keep the machine busy.
settings.register_profile(
    "quick", max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("fuzz", settings.get_profile("quick"), max_examples=100, derandomize=False, database=None)
settings.load_profile("quick")
FUZZ_S = float(os.environ.get("FUZZ_S", "0"))
FUZZ_TEST_S = pytest.StashKey[float]()

# On a busy machine, asyncio reports slow callbacks. These messages are dropped, so that tests do not find them in the
# output.
logging.getLogger("asyncio").addFilter(lambda record: not str(record.msg).startswith("Executing "))


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """A list to which a test adds sentences that are printed at the end of the run."""
    lines: list[str] = []
    yield lines
    request.node.user_properties += [(MEASURED, line) for line in lines]


@pytest.fixture(scope="session", autouse=True)
def _programs_end_with_ctrl_c() -> None:
    """Handle SIGINT again if it is ignored, as in a shell's background job.

    Otherwise, the programs that tests start would ignore it too.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _own_state_home() -> Iterator[None]:
    """Use a temporary folder for all state folders, so that tests do not read or change that of a real sidecar."""
    with tempfile.TemporaryDirectory(prefix="state-home-") as home, pytest.MonkeyPatch.context() as patch:
        # Some containers set this variable. Without it, Python holds back what a process prints into a pipe.
        patch.delenv("PYTHONUNBUFFERED", raising=False)
        # Since Python 3.14, argparse prints colours where FORCE_COLOR is set.
        patch.setenv("PYTHON_COLORS", "0")
        patch.setenv("XDG_STATE_HOME", home)
        for name in [name for name in os.environ if name.startswith("SIDECAR_")]:
            patch.delenv(name)
        yield


@pytest.fixture(scope="session", autouse=True)
def _own_folder_for_each_pytest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Give another temporary root folder to each pytest that a test starts.

    When a pytest ends, it deletes the temporary folders of earlier runs in its root folder. In the root folder of this
    run, deleting would take a minute.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTEST_DEBUG_TEMPROOT", str(tmp_path_factory.mktemp("of-inner-runs")))
        yield


@pytest.fixture(scope="session")
def _databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases | None]:
    """If the environment variable INSTANCES is 2, for example, each sidecar of a test is a cluster of two sidecars."""
    count = int(os.environ.get("INSTANCES", "0"))
    if not count:
        yield None
        return
    with running_redis(tmp_path_factory.mktemp("redis"), "--appendonly", "no") as server:
        databases = Databases(server)
        serve_clusters(count, databases)
        yield databases


@pytest.fixture(autouse=True)
def _empty_databases(_databases: Databases | None) -> None:
    if _databases is not None:
        _databases.empty()


@pytest.fixture
async def served(aiohttp_client: AiohttpClient, tmp_path: Path) -> Served:
    """A sidecar with the default settings, which runs in this process."""
    return await serve(aiohttp_client, tmp_path)


@pytest.fixture(params=["at once", "queued"])
def way_of_reading(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the test twice: once as usual, so that most frames are handled when they are parsed, and once with a queue.

    Outside of tests, frames are queued while an earlier frame waits for something, such as a hook, and whenever
    aiohttp's parser does not offer them to the sidecar's queue.
    """
    if request.param == "queued":
        monkeypatch.setattr(Reader, "_take", lambda reader, message: False)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run tests that share browsers in one event loop, and put the longest tests first."""
    folders = [config.rootpath / folder for folder in SHARES_BROWSERS]
    for item in items:
        if is_async_test(item) and _is_in(folders, item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
    if os.environ.get("INSTANCES"):
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("one_sidecar")])
        items[:] = [item for item in items if item.get_closest_marker("one_sidecar") is None]
    if hasattr(config, "workerinput"):
        starts = {config.rootpath / path: start for start, path in enumerate(LONGEST)}
        items.sort(key=lambda item: min(starts.get(path, len(starts)) for path in (item.path, *item.path.parents)))

    if FUZZ_S:
        count = sum(item.get_closest_marker("fuzz") is not None for item in items)
        workers = getattr(config, "workerinput", {"workercount": 1})["workercount"]
        config.stash[FUZZ_TEST_S] = FUZZ_S * workers / max(1, count)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Exclude the objects of all tests and modules from the garbage collections during tests, which are faster then."""
    gc.collect()
    gc.freeze()


def pytest_runtest_logfinish(nodeid: str) -> None:
    """Empty aiohttp's caches, which refer to the handlers of this test's sidecar.

    Otherwise half a million objects of ended sidecars would stay in memory, and slow down each garbage collection.
    """
    for value in vars(web_app).values():
        if hasattr(value, "cache_clear"):
            value.cache_clear()


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """If FUZZ_S is set, repeat the tests with the mark `fuzz`, so that all of them together take that many seconds."""
    end_s = time.monotonic() + pyfuncitem.config.stash.get(FUZZ_TEST_S, 0)
    result = yield
    if pyfuncitem.get_closest_marker("fuzz") is not None:
        arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
        while time.monotonic() < end_s:
            pyfuncitem.obj(**arguments)
    return result


def _is_in(folders: list[Path], item: pytest.Item) -> bool:
    return any(item.path.is_relative_to(folder) for folder in folders)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return the number of workers that `-n auto` starts.

    There are more workers than cores, because many tests wait for other programs: one worker uses only 0.6 of a core.
    """
    return (os.cpu_count() or 1) + 3


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--record-logs",
        type=Path,
        metavar="DIR",
        help="write the logs that notebooks and tests read, as the browsers made them, into this folder",
    )
    parser.addoption(
        "--record-pictures",
        type=Path,
        metavar="DIR",
        help="write the pictures on the front page, as the browsers showed them, into this folder",
    )


def _skipped(config: pytest.Config) -> int:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return len(reporter.stats.get("skipped", ())) if reporter is not None else 0


def _counts_as_failure(config: pytest.Config) -> bool:
    return os.environ.get("CI") == "true" and _skipped(config) > 0


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    lines = [line for report in reports for name, line in getattr(report, "user_properties", ()) if name == MEASURED]
    if lines:
        terminalreporter.section("measured")
        for line in lines:
            terminalreporter.line(line)
    if _counts_as_failure(config):
        terminalreporter.line(
            f"CI is set, and {_skipped(config)} tests could not run here: that is a failure", red=True
        )


def pytest_sessionfinish(session: pytest.Session) -> None:
    if session.exitstatus == pytest.ExitCode.OK and _counts_as_failure(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
