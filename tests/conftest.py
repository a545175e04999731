"""What all tests share: one quiet Ray session, one cache folder, one thread for torch."""

import gc
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

# Collecting imports some ten thousand modules, and next to nothing of it is garbage: see `pytest_collection`.
gc.disable()

# Some environments forbid it. The processes that these tests start, a few hundred, would compile all of our files each.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Ray and the maths libraries read these on import, so set them before anything else is imported.
os.environ.update({"OMP_NUM_THREADS": "1", "COLUMNS": "160"})
MLFLOW = ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME")
for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "OPENROUTER_API_KEY", "RAY_ADDRESS", *MLFLOW):
    os.environ.pop(name, None)

from search.execution.cluster import prepare_environment  # noqa: E402

prepare_environment(local=True)

import pytest  # noqa: E402
import torch  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402

from tests.cli.launched import QUICK, Launched, launch_once  # noqa: E402
from tests.schedule import in_order  # noqa: E402

TESTS = Path(__file__).resolve().parent

torch.set_num_threads(1)
# A busy machine must not fail a property: examples have no time limit, and slow generation is not an error.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the files, and leave each file's tests as they are."""
    names = {item.path: item.path.relative_to(TESTS).as_posix() for item in items if item.path.is_relative_to(TESTS)}
    slow = {names[item.path] for item in items if item.path in names and item.get_closest_marker("slow")}
    ranks = {name: rank for rank, name in enumerate(in_order(names.values(), slow))}
    items.sort(key=lambda item: ranks[names[item.path]] if item.path in names else len(ranks))


@pytest.hookimpl(hookwrapper=True)
def pytest_collection() -> Iterator[None]:
    """Spare the garbage collector what is imported: it would visit some 700,000 objects over and over."""
    yield
    gc.collect()
    gc.freeze()
    gc.enable()


def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of this test session that all its workers see."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session", autouse=True)
def _private_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Train the base models once for all workers, without reading or writing the user's cache."""
    before = os.environ.get("ESPALIER_CACHE_DIR")
    os.environ["ESPALIER_CACHE_DIR"] = str(shared_folder(tmp_path_factory) / "cache")
    yield
    if before is None:
        del os.environ["ESPALIER_CACHE_DIR"]
    else:
        os.environ["ESPALIER_CACHE_DIR"] = before


@pytest.fixture(scope="session")
def ray_session() -> Iterator[None]:
    """Start a private Ray on two CPUs, shared by all tests that need one."""
    import ray

    from search.execution.cluster import start_ray

    with tempfile.TemporaryDirectory(prefix="esp-") as scratch:
        start_ray(Path(scratch), cpus=2, gpus=0)
        yield
        ray.shutdown()


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Launched:
    """Return an undisturbed run of the real command."""
    done = launch_once(shared_folder(tmp_path_factory), *QUICK)
    assert done.code == 0, done.output
    return done
