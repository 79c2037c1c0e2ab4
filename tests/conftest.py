"""Fixtures that several test files share."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from darknet_py.plan.cores import usable_cores

if TYPE_CHECKING:
    from .serving import Running

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A test run in the background of a shell is deaf to Ctrl-C, and so would be the programs that the tests interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)

if os.environ.pop("PYTHONDONTWRITEBYTECODE", "") and "PYTHONPYCACHEPREFIX" not in os.environ:
    # The hundreds of programs that tests start need not compile this package each time; the files go at the end.
    BYTECODE = tempfile.TemporaryDirectory(prefix="darknet-py-tests-", ignore_cleanup_errors=True)
    os.environ["PYTHONPYCACHEPREFIX"] = BYTECODE.name

REPOSITORY = Path(__file__).resolve().parent.parent

QUICK = (
    "test_architecture", "test_cfg_files", "test_decode", "test_detections", "test_format_*", "test_goldens",
    "test_image_letterbox", "test_network", "test_nms", "test_quirks", "test_weights*",
)  # fmt: skip
"""Test files of the quick inner loop (``pytest -m quick``, under a minute with warm kernels)."""


LONGEST = ("test_all_kernels", "test_a_warm_up_compiles_every_kernel_for_everything")
"""Slow tests that take minutes: the first ones, or a worker would still have one when the others are done."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of the quick inner loop, and put the longest first."""
    items.sort(key=lambda item: getattr(item, "originalname", "") not in LONGEST)
    for item in items:
        quick = any(fnmatch(item.path.stem, pattern) for pattern in QUICK)
        if quick and not item.get_closest_marker("slow") and not item.get_closest_marker("network"):
            item.add_marker(pytest.mark.quick)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: who waits for a kernel that another worker compiles leaves a core idle."""
    return usable_cores() + 1


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout's root."""
    return REPOSITORY


@pytest.fixture(scope="session")
def oracle() -> Path:
    """Folder of goldens that the real Darknet made; tests that need it are skipped where it is absent."""
    path = Path(os.environ.get("DARKNET_PY_ORACLE", REPOSITORY.parent / "shared" / "oracle"))
    if not path.is_dir():
        pytest.skip("Darknet's goldens are not on this machine (set DARKNET_PY_ORACLE to their folder)")
    return path


@pytest.fixture(scope="session")
def released() -> Path:
    """The released weights of yolov3-tiny: for tests marked ``network``."""
    from darknet_py.zoo import get_model, locate

    return locate(get_model("yolov3-tiny"), fetch_missing=True).weights


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small network (`test_cli.NET`), stand-in weights, names and a photograph, ``photo.png``."""
    from PIL import Image

    from darknet_py.synth import write_synth

    from .nets import write_cfg
    from .test_cli import NET, PHOTOS

    folder = tmp_path_factory.mktemp("net")
    write_synth(write_cfg(folder, NET), folder / "net.weights")
    (folder / "net.names").write_text("ant\nbee\ncat\n")
    Image.open(PHOTOS / "chelsea.jpg").resize((90, 60)).save(folder / "photo.png")
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server with the two networks of `serving.make_models`."""
    from .serving import make_models, running

    with running(make_models(tmp_path_factory.mktemp("serve"))) as started:
        yield started


@pytest.fixture
def weights(cfg: Path) -> Path:
    """Stand-in weights beside the file that a test file's own fixture ``cfg`` gives."""
    from darknet_py.synth import write_synth

    path = cfg.with_name("net.weights")
    write_synth(cfg, path)
    return path
