"""Archives made by clusters on this machine: a run that is interrupted, goes on, and loses a worker in the middle."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from darknet_py.batch import DetectBatch
from darknet_py.errors import DarknetError

pytest.importorskip("pyarrow", reason="archives need pyarrow")

from darknet_py.batch.archive import Archive, read_archive
from darknet_py.batch.on_dask import detect_on_dask, in_chunks
from darknet_py.batch.on_ray import Call, check_cluster, detect_on_ray

PICTURES = 120


@pytest.fixture(scope="module")
def photos(net: Path) -> list[str]:
    """Pictures, one of which cannot be read; and none is in the folder of the test run."""
    paths = [net / f"{number:03d}.png" for number in range(PICTURES)]
    for path in paths:
        shutil.copy(net / "photo.png", path)
    paths[50].write_bytes(b"no picture")
    return [str(path) for path in paths]


@pytest.fixture(scope="module")
def detect(net: Path) -> DetectBatch:
    return DetectBatch(
        str(net / "net.cfg"), str(net / "net.weights"), names=("ant", "bee", "cat"), thresh=0.3, threads=1,
        size=(320, 320),
    )  # fmt: skip


@pytest.fixture(scope="module")
def expected(detect: DetectBatch, photos: list[str]) -> list[dict[str, Any]]:
    """What one process finds."""
    return detect.rows(photos)


def interrupt_at(count: int, archive: Archive) -> None:
    if archive.added == count:
        raise KeyboardInterrupt


def watch(patch: pytest.MonkeyPatch, look: Callable[[Archive], None]) -> None:
    """Call ``look`` after each row that is added."""
    add = Archive.add

    def added(archive: Archive, row: dict[str, Any]) -> None:
        add(archive, row)
        look(archive)

    patch.setattr(Archive, "add", added)


def interrupted_resumed_and_robbed(
    run: Callable[[bool], Archive], folder: Path, expected: list[dict[str, Any]], processes: Callable[[], list[int]]
) -> None:
    """Interrupt a run at its 20th row; go on, and kill a worker at the 10th: every path once, and the same bits."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        watch(patch, lambda archive: interrupt_at(20, archive))
        run(False)
    assert len(read_archive(folder)) == 20
    killed: list[int] = []

    def kill(archive: Archive) -> None:
        if archive.added == 10:
            killed.append(processes()[0])
            os.kill(killed[0], signal.SIGKILL)

    with pytest.MonkeyPatch.context() as patch:
        watch(patch, kill)
        archive = run(True)
    assert killed and killed[0] not in processes(), "the worker is gone, and another one is in its place"
    assert (archive.added, len(archive.done)) == (PICTURES - 20, PICTURES)
    assert sorted(read_archive(folder).to_pylist(), key=lambda row: str(row["path"])) == expected
    assert sum(not row["ok"] for row in expected) == 1


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    distributed = pytest.importorskip("distributed", reason="the extra [dask] is not installed")
    with (
        distributed.LocalCluster(2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.mark.slow
@pytest.mark.alone
def test_dask(client: Any, photos: list[str], detect: DetectBatch, expected: list[Any], tmp_path: Path) -> None:
    def run(resume: bool) -> Archive:
        return detect_on_dask(client, photos, detect, tmp_path / "out", batch_size=3, resume=resume)

    interrupted_resumed_and_robbed(run, tmp_path / "out", expected, lambda: [*client.run(os.getpid).values()])


@pytest.mark.slow
@pytest.mark.alone
def test_dask_without_the_network_or_workers(client: Any, photos: list[str], tmp_path: Path) -> None:
    with pytest.raises(DarknetError, match="cannot read"):
        detect_on_dask(client, photos, DetectBatch("yolov3-tiny", "nowhere.weights"), tmp_path / "out")
    with pytest.raises(DarknetError, match="batch_size=0"):
        detect_on_dask(client, photos, DetectBatch("a"), tmp_path / "out", batch_size=0)


def without_files(patch: pytest.MonkeyPatch, detect: DetectBatch) -> DetectBatch:
    """A network that this process knows, and no worker finds."""
    facts = detect.facts()
    patch.setattr(DetectBatch, "facts", lambda self: facts)
    return replace(detect, weights="nowhere.weights")


@pytest.mark.slow
@pytest.mark.alone
def test_dask_workers_without_the_files(
    client: Any, photos: list[str], detect: DetectBatch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DarknetError, match=r"nowhere.weights: cannot read"):
        detect_on_dask(client, photos, without_files(monkeypatch, detect), tmp_path / "out")


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    ray = pytest.importorskip("ray", reason="the extra [ray] is not installed")
    ray.init(num_cpus=2, include_dashboard=False, logging_level="error", object_store_memory=200_000_000)
    ray.data.DataContext.get_current().enable_progress_bars = False
    yield ray
    ray.shutdown()


def actors() -> list[int]:
    """Processes of Ray's actors that detect, below this one."""
    import psutil

    found = []
    for each in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # it has just ended, or nobody has asked yet how it did
            if any("MapWorker" in word for word in each.cmdline()):
                found.append(each.pid)
    return found


@pytest.mark.slow
@pytest.mark.alone
def test_ray(ray: Any, photos: list[str], detect: DetectBatch, expected: list[Any], tmp_path: Path) -> None:
    def run(resume: bool) -> Archive:
        return detect_on_ray(photos, detect, tmp_path / "out", workers=2, batch_size=3, resume=resume)

    interrupted_resumed_and_robbed(run, tmp_path / "out", expected, actors)


@pytest.mark.slow
@pytest.mark.alone
def test_ray_workers_without_the_files(
    ray: Any, photos: list[str], detect: DetectBatch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DarknetError, match=r"nowhere.weights: cannot read"):
        detect_on_ray(photos, without_files(monkeypatch, detect), tmp_path / "out", workers=1)


@pytest.mark.slow
@pytest.mark.alone
def test_ray_that_reads_the_files(ray: Any, photos: list[str], detect: DetectBatch, expected: list[Any]) -> None:
    check_cluster(1, reading=True)
    files = ray.data.read_binary_files(photos[:50:5], include_paths=True)
    rows = files.map_batches(
        Call, fn_constructor_args=(detect,), batch_size=4, batch_format="pyarrow", concurrency=1, num_cpus=1
    ).take_all()
    found = {row["path"]: row for row in rows}
    assert sorted(found) == photos[:50:5]
    for row in expected[:50:5]:
        assert list(found[row["path"]]["confidence"]) == row["confidence"]


@pytest.mark.slow
@pytest.mark.alone
def test_more_actors_than_ray_has_cpus_are_refused(ray: Any, photos: list[str], tmp_path: Path) -> None:
    for workers, threads, message in (
        (3, 1, r"3 actors of 1 CPUs each: this Ray cluster has 2 CPUs, and Ray would wait for ever; take 2 actors"),
        (1, 3, r"threads=3: no machine of this Ray cluster has more than 2 CPUs"),
        (0, 1, r"workers=0 must be"), (1, 0, r"threads=0 must be"),
    ):  # fmt: skip
        with pytest.raises(DarknetError, match=message):
            detect_on_ray(photos, DetectBatch("a"), tmp_path / "out", workers=workers, threads=threads)
    check_cluster(2)
    with pytest.raises(DarknetError, match=r"and reading needs one more.*take 1 actors"):
        check_cluster(2, reading=True)


def test_chunks() -> None:
    assert list(in_chunks(["a", "b", "c"], 2)) == [["a", "b"], ["c"]] and not list(in_chunks([], 2))
