"""What commands do with many images: one after the other at the prompt, several at a time where all are known."""

from __future__ import annotations

import os
import select
import stat
import sys
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

from ..errors import DarknetError, ImageError
from ..formats.text import as_found
from ..image.ahead import Crew, Share
from ..plan.runner import in_groups
from .prompt import PROMPT, Lines, print_stderr

if TYPE_CHECKING:
    from concurrent.futures import Future

LONGEST = 500
"""So much of a path is shown in a message."""

Picture = TypeVar("Picture")
Found = TypeVar("Found")

FAILURES = (DarknetError, MemoryError)
Failure = DarknetError | MemoryError
"""What is wrong with an image; the others are worked on."""


@dataclass(frozen=True)
class Work(Generic[Picture, Found]):
    """What a command does with an image, in steps.

    Attributes:
        threads: how many may load and draw images.
        load: a path -> the image as the network takes it; called in any thread.
        look: images that run together -> what is found in each, or why nothing is.
        show: a path, what was found, and what gives or raises the result of ``draw``: writes lines and files.
        draw: an image and what was found -> the content of a picture; called in any thread. None: there are none.
    """

    threads: int
    load: Callable[[str], Picture]
    look: Callable[[Sequence[Picture]], Sequence[Found | Failure]]
    show: Callable[[str, Found, Callable[[], bytes]], None]
    draw: Callable[[Picture, Found], bytes] | None = None


def for_each_image(files: Sequence[str], work: Work[Picture, Found]) -> int:
    """Do the work with the images of the command line, or with each path that standard input gives, a line each.

    At a prompt each line is answered before the next one is read, as Darknet does. Where nothing can be waited for,
    because all paths have been sent (`has_ended`), or stand on the command line, images are worked on several at a
    time; lines and files are the same, in the same order.

    What is wrong with an image (it cannot be read, its picture cannot be written) is a line on standard error, and the
    others are still worked on. (pjreddie's Darknet ends at the first such image, AlexeyAB's takes a grey picture for
    it; both end with exit code 0.)

    Returns:
        The exit code: 1 if something was wrong.
    """
    if files:
        return _Many(work).run(files)
    code = 0
    lines = Lines(sys.stdin.buffer) if sys.stdin is not None else iter(())
    while not has_ended():
        # Flushed before each line that is read: a parent process may wait for the prompt, because everything about the
        # image before has then been written.
        print(PROMPT, end="", flush=True)
        line = next(lines, None)
        if line is None:
            return code
        code |= _Many(work).run([line])
    code |= _Many(work, PROMPT).run(lines)
    print(PROMPT, end="", flush=True)
    return code


def has_ended() -> bool:
    """Whether all that standard input will ever have has been sent: it is a file, or a pipe that its writers closed."""
    try:
        number = sys.stdin.fileno()
        mode = os.fstat(number).st_mode
    except (AttributeError, OSError, ValueError):  # there is none, or it is no file of the system
        return False
    if stat.S_ISREG(mode):
        return True
    if not stat.S_ISFIFO(mode) or not hasattr(select, "poll"):
        return False
    poll = select.poll()
    poll.register(number, select.POLLIN)
    return any(events & select.POLLHUP for _, events in poll.poll(0))


@dataclass(frozen=True, eq=False)
class _Whole(Generic[Picture]):
    """An image that could be loaded."""

    value: Picture


@dataclass(eq=False)
class _Entry(Generic[Found]):
    """An image on its way to being shown.

    Attributes:
        written, path: its path as it was written, and as it was found; "" for a line without one.
        share: of the memory.
        found: what was found, or what is wrong.
        drawn: its picture, if there is to be one.
    """

    written: str
    path: str
    share: Share
    found: Found | Failure | None
    drawn: Future[bytes] | None


class _Many(Generic[Picture, Found]):
    """Images that are loaded ahead, run together, and shown in their order."""

    def __init__(self, work: Work[Picture, Found], prompt: str = "") -> None:
        """``prompt`` is printed before what there is about each line."""
        self._work, self._prompt = work, prompt
        self._entries: deque[_Entry[Found]] = deque()
        self._code = 0

    def run(self, lines: Iterable[str]) -> int:
        """Work on the images; gives the exit code."""
        with Crew(self._work.threads) as crew:
            for group in crew.read(lines, self._load, keep=self._work.draw is not None):
                loaded = [(each.item, *each.picture, each.share) for each in group]
                whole = [picture.value for _, _, picture, _ in loaded if isinstance(picture, _Whole)]
                results = iter([found for part in in_groups(whole) for found in self._look(part)])
                for written, path, picture, share in loaded:
                    drawn = None
                    found: Found | Failure | None
                    if isinstance(picture, _Whole):
                        found = next(results)
                        if self._work.draw is not None and not isinstance(found, FAILURES):
                            drawn = crew.write(partial(self._work.draw, picture.value, found), share)
                    else:
                        found = picture
                    self._entries.append(_Entry(written, path, share, found, drawn))
                del loaded, whole
                self._show()
            crew.wait()
            self._show()
        return self._code

    def _load(self, written: str) -> tuple[str, _Whole[Picture] | Failure | None]:
        """The path, and the image, or what is wrong with it; neither of an empty line."""
        if not written.strip():
            return "", None
        path = as_found(written)
        try:
            return path, _Whole(self._work.load(path))
        except FAILURES as error:
            return path, error

    def _look(self, pictures: Sequence[Picture]) -> Sequence[Found | Failure]:
        try:
            return self._work.look(pictures)
        except FAILURES as error:
            return [error] * len(pictures)

    def _show(self) -> None:
        """Show images up to one whose picture is not drawn yet."""
        while self._entries and (self._entries[0].drawn is None or self._entries[0].drawn.done()):
            entry = self._entries.popleft()
            print(self._prompt, end="", flush=True)
            try:
                self._show_one(entry)
            except DarknetError as error:
                self._code = 1
                print_stderr(_error_line(entry.written, entry.path, error))
            except MemoryError:
                self._code = 1
                print_stderr(f'Cannot load image "{entry.written}": there is not enough memory for it')

    def _show_one(self, entry: _Entry[Found]) -> None:
        if isinstance(entry.found, FAILURES):
            raise entry.found
        if entry.found is not None:
            entry.share.warn()
            self._work.show(entry.path, entry.found, bytes if entry.drawn is None else entry.drawn.result)


def _error_line(written: str, path: str, error: DarknetError) -> str:
    """Darknet's words for an image that cannot be read, and the reason."""
    if isinstance(error, ImageError) and error.path == path:
        shown = written if len(written) <= LONGEST else f"{written[:LONGEST]}..."
        return f'Cannot load image "{shown}": {error.message}'
    return f"Error: {error}"
