"""Journals of evaluations: what a run that was stopped had found, checked before it is believed."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest

from darknet_py.evaluate.found import Found
from darknet_py.evaluate.journal import Journal, line_digest, stamp

from .scenes import found_of


def test_a_journal_gives_back_every_bit(tmp_path: Path) -> None:
    image = tmp_path / "a.jpg"
    image.write_bytes(b"x")
    rng = np.random.default_rng(3)
    box = rng.standard_normal((3, 4)).astype(np.float32)
    found = Found((7, 5), box, np.array([0, 2, 2]), np.array([1, 0, 1]), np.array([1e-38, np.nan, 0.1], np.float32))
    with pytest.raises(KeyboardInterrupt), Journal({"a": 1}, tmp_path) as journal:
        journal.add(4, str(image), found)
        raise KeyboardInterrupt
    with journal.path.open("ab") as file:
        file.write(b'{"image": 5, "sta')  # a kill in the middle of a line
    with Journal({"a": 1}, tmp_path) as again:
        back = again.get(4, str(image))
        assert back is not None and again.get(5, str(image)) is None
        for name in ("box", "row", "class_id", "score"):
            assert getattr(back, name).tobytes() == getattr(found, name).astype(getattr(back, name).dtype).tobytes()
        again.add(6, str(image), found)
        os.utime(image, (1, 1))
        assert again.get(4, str(image)) is None  # the picture has changed
    assert not again.path.exists()  # a run that ends leaves none
    with Journal({"a": 2}, tmp_path) as other:
        assert other.done == {} and other.path != journal.path


def test_a_journal_is_checked_and_not_believed(tmp_path: Path) -> None:
    image = tmp_path / "a.jpg"
    image.write_bytes(b"x")
    found = found_of([])
    with pytest.raises(KeyboardInterrupt), Journal({}, tmp_path) as journal:
        for number in range(3):
            journal.add(number, str(image), found)
        raise KeyboardInterrupt
    good = journal.path.read_bytes().split(b"\n")[:3]
    entry = json.loads(good[1].split(b" ", 1)[1])
    wrong = [
        {**entry, "image": 1.5}, {**entry, "image": None}, {**entry, "stamp": 5}, {**entry, "size": [1e400, 1]},
        {**entry, "size": "ab"}, {**entry, "box": {"a": 1}}, {**entry, "row": [0]}, {**entry, "class": [2**70]},
        {**entry, "box": [[1, 2, 3, 4]], "row": [0], "class": [-1], "score": [1]}, [entry], 5, None,
    ]  # fmt: skip
    sealed = [line_digest(text) + b" " + text for text in (json.dumps(one).encode() for one in wrong)]
    sealed += [
        line_digest(text) + b" " + text for text in (b"[" * 100_000, b'{"image": ' + b"9" * 5000 + b"}", b"\xff", b"")
    ]
    torn = [good[0].replace(b'"image": 0', b'"image": 1'), good[1][:-5], b"{}", b"\0" * 99, good[1].split(b" ", 1)[1]]
    journal.path.write_bytes(b"\n".join([good[0], *sealed, *torn, good[2], good[0][:30]]))
    with Journal({}, tmp_path) as again:
        assert sorted(again.done) == [0, 2]
        assert again.get(0, str(image)) is not None and again.get(1, str(image)) is None


def test_journals_that_nobody_continued_are_removed(tmp_path: Path) -> None:
    old = tmp_path / "old.jsonl"
    old.write_text("")
    os.utime(old, (time.time() - 40 * 86400,) * 2)
    with Journal({}, tmp_path):
        assert not old.exists()


def test_a_run_goes_without_a_journal_where_none_can_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with Journal({}, tmp_path / "file" / "folder") as journal:
        journal.add(0, "a.jpg", found_of([]))
        assert journal.get(0, "a.jpg") is None
    assert stamp("no such file") == []
