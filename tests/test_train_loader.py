"""Batches: the same whatever makes them, one ahead, with Darknet's order of random numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from darknet_py.errors import ImageError
from darknet_py.image.load import load_image
from darknet_py.train.augment import Boxes, Crops
from darknet_py.train.labels import NOTHING, Labels
from darknet_py.train.loader import Loader
from darknet_py.train.random import Drawn, GlibcRandom
from darknet_py.train.samples import Classified, Labelled, Pictures


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.RandomState(1)
    for number, name in enumerate(("a-cat", "b-dog", "c-cat")):
        shape = (20 + 7 * number, 31 - 5 * number, 3)
        Image.fromarray(rng.randint(0, 256, shape).astype(np.uint8)).save(folder / f"{name}.png")
    return sorted(map(str, folder.iterdir()))


@pytest.fixture
def boxed(paths: list[str]) -> Labelled:
    box = np.array([[0.5, 0.5, 0.4, 0.4], [0.3, 0.4, 0.2, 0.3]], np.float32)
    labels = [NOTHING, Labels(np.array([3]), box[:1]), Labels(np.array([1, 2]), box)]
    return Labelled(paths, labels, Boxes(24, 16, 5))


def batches(
    samples: Labelled | Classified, workers: int, ahead: bool = True
) -> list[tuple[bytes, bytes, tuple[int, ...]]]:
    found = []
    with Loader(samples, 4, GlibcRandom(7), workers) as loader:
        loader.start()
        for _ in range(3):
            batch = loader.take()
            if ahead:
                loader.start()
            found.append((batch.x.tobytes(), batch.y.tobytes(), batch.chosen))
            if not ahead:
                loader.start()
    return found


def test_the_same_for_any_number_of_threads_and_ahead_or_not(boxed: Labelled) -> None:
    first = batches(boxed, 1)
    assert batches(boxed, 5) == first
    assert batches(boxed, 2, ahead=False) == first
    assert len(set(first)) == 3


def test_the_order_of_random_numbers_is_darknets(boxed: Labelled) -> None:
    with Loader(boxed, 4, GlibcRandom(7)) as loader:
        loader.start()
        batch = loader.take()
        after = loader.random.rand()
    random = GlibcRandom(7)
    chosen = [random.rand() % 3 for _ in range(4)]
    assert list(batch.chosen) == chosen
    for place, index in enumerate(chosen):
        out, truth = np.empty((3, 16, 24), np.float32), np.empty(25, np.float32)
        pixels = load_image(boxed.paths[index])
        # The very stream: it must be left where the next picture begins.
        boxed.how.make(out, truth, pixels, boxed.labels[index], random)
        assert np.array_equal(out, batch.x[place]) and np.array_equal(truth, batch.y[place])
    assert random.rand() == after


def test_a_batch_is_drawn_again_from_where_its_stream_was(boxed: Labelled) -> None:
    with Loader(boxed, 4, GlibcRandom(7)) as loader:
        for _ in range(2):
            loader.start()
            batch = loader.take()
        x = batch.x.copy()
        loader.random.restore(batch.before)
        loader.start()
        assert np.array_equal(loader.take().x, x)


def test_another_size_from_the_next_batch_on(boxed: Labelled, paths: list[str]) -> None:
    with Loader(boxed, 2, GlibcRandom(1)) as loader:
        loader.start()
        loader.resize(32, 48)
        assert loader.take().size == (24, 16)
        loader.start()
        assert loader.take().size == (32, 48)
    crops = Classified(paths, ["cat", "dog"], Crops(8, 8, 12), 1.0, 1.5, 2).resized(12, 12)
    assert (crops.how.size, crops.how.low, crops.how.high) == (12, 12, 18)


def test_classes_are_in_the_paths(paths: list[str]) -> None:
    samples = Classified(paths, ["cat", "dog"], Crops(8, 8, 12), 1.0, 1.5, 2)
    with Loader(samples, 6, GlibcRandom(2)) as loader:
        loader.start()
        batch = loader.take()
    for index, truth in zip(batch.chosen, batch.y, strict=True):
        assert truth.tolist() == ([0, 1] if "dog" in paths[index] else [1, 0])
    tagged = Classified(
        paths, [], Crops(8, 8, 12), 1.0, 1.5, 2, tags=[np.array([0, 1]), np.array([], int), np.array([1])]
    )
    truth = np.full(2, 9, np.float32)
    for index, expected in enumerate(([1, 1], [0, 0], [0, 1])):
        tagged.make(index, np.empty((3, 8, 8), np.float32), truth, Drawn(GlibcRandom(1).draw(12)))
        assert truth.tolist() == expected


def test_a_picture_that_cannot_be_read_is_named(boxed: Labelled, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    bad = Labelled([str(tmp_path / "bad.png")], [NOTHING], boxed.how)
    with Loader(bad, 3, GlibcRandom(1)) as loader:
        loader.start()
        with pytest.raises(ImageError, match=r"bad\.png"):
            loader.take()


def test_pictures_are_kept_as_far_as_there_is_room(paths: list[str]) -> None:
    sizes = [load_image(path).nbytes for path in paths]
    pictures = Pictures(paths, sizes[0] + sizes[1])
    first = [pictures[index] for index in range(3)]
    assert [pictures[index] is first[index] for index in range(3)] == [True, True, False]
    assert np.array_equal(pictures[2], first[2])
