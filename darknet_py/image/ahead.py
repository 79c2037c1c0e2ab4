"""Pictures read while those before them are being worked on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Picture = TypeVar("Picture")


def read_ahead(
    groups: Iterable[list[Item]], load: Callable[[Item], Picture]
) -> Iterator[tuple[list[Item], list[Picture]]]:
    """Each group with what ``load`` gives for its items; the next group is loaded meanwhile, in a thread of its own."""

    def load_group(group: list[Item]) -> list[Picture]:
        return [load(item) for item in group]

    reader = ThreadPoolExecutor(1, "read-ahead")
    try:
        waiting: tuple[list[Item], Future[list[Picture]]] | None = None
        for group in groups:
            before, waiting = waiting, (group, reader.submit(load_group, group))
            if before is not None:
                yield before[0], before[1].result()
        if waiting is not None:
            yield waiting[0], waiting[1].result()
    finally:  # an interrupt does not wait for a file that hangs
        reader.shutdown(wait=False, cancel_futures=True)
