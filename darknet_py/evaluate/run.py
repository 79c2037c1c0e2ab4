"""All images of a list through a network: read ahead, run together, noted in a journal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DataError, ImageError
from ..formats.text import as_found, read_paths
from ..image.ahead import Crew
from ..image.load import load_image
from ..image.reading import unusual
from ..plan.runner import in_groups
from .found import Found, Setting, find
from .journal import Journal, stamp

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..detector import Detector
    from ..inference import Ready

    Step = Callable[[], None]


def read_list(path: str | Path) -> list[str]:
    """The images that a list names, a line each (``get_paths``); empty lines do not count.

    A path that is not there as it is written is taken without blanks at its ends, quotes, backslashes.

    Raises:
        DataError: the list cannot be read or names nothing.
    """
    images = [as_found(line) for line in read_paths(path)]
    if not images:
        raise DataError("this list of images is empty", path)
    return images


Results = list["Found | None"]
"""What was found in each image of a list; None for an image that cannot be read."""


@dataclass(frozen=True)
class Task:
    """A network, the images that it is to see, and how.

    Attributes:
        detector: the network.
        images: the files.
        listed: the list that names them, for messages.
        setting: size, fit and thresholds.
        class_map: with a WordTree, the nodes that count as classes.
    """

    detector: Detector
    images: Sequence[str]
    listed: str | Path
    setting: Setting
    class_map: NDArray[np.int32] | None = None

    def run(self, step: Step = lambda: None, report: Callable[[str], None] = lambda text: None) -> Results:
        """What is found in each image, in the order of the list.

        Args:
            step: is called for each image that is done.
            report: called with a line if a stopped run is continued, and for each image that cannot be read.

        Raises:
            ImageError: none of the images can be read.
            DarknetError: the network gives no boxes.
        """
        with Journal(self._made_of()) as journal:
            if journal.done:
                report(
                    f"going on with a run that was stopped: {len(journal.done)} of {len(self.images)} images are done"
                )
            return self._run(journal, step, report)

    def _run(self, journal: Journal, step: Step, report: Callable[[str], None]) -> Results:
        results: dict[int, Found] = {}
        missing = []
        for number, image in enumerate(self.images):
            known = journal.get(number, image)
            if known is None:
                missing.append(number)
            else:
                results[number] = known
                step()
        error: ImageError | None = None
        with Crew(self.detector.threads) as crew:
            for group in crew.read(missing, self._read, keep=self.setting.tiles is not None):
                whole = []
                for loaded in group:
                    loaded.share.warn()
                    if isinstance(loaded.picture, ImageError):
                        error = loaded.picture
                        report(f"Error: {error}")
                        step()
                    else:
                        whole.append((loaded.item, loaded.picture))
                for number, found in self._find(whole):
                    journal.add(number, self.images[number], found)
                    results[number] = found
                    step()
        if error is not None and not results:
            raise ImageError(f"none of its {len(self.images)} images can be read; the last: {error}", self.listed)
        return [results.get(number) for number in range(len(self.images))]

    def _read(self, number: int) -> Ready | ImageError:
        """An image as the network takes it, or its error."""
        try:
            pixels = load_image(self.images[number])
            return self.detector.make_ready(pixels, self.setting.view(self.class_map))
        except ImageError as error:
            return ImageError(f"image {number + 1} of the list: {error}", self.listed)

    def _find(self, whole: Sequence[tuple[int, Ready]]) -> Iterator[tuple[int, Found]]:
        for group in in_groups(whole):
            found = find(self.detector, [ready for _, ready in group], self.setting, self.class_map)
            yield from zip([number for number, _ in group], found, strict=True)

    def _made_of(self) -> dict[str, object]:
        """What the results depend on: a run goes on only if all of it is the same."""
        detector = self.detector
        return {
            "cfg": Path(detector.network.path).read_bytes().decode("latin-1"),
            "input": str(detector.network.input),
            "weights": [str(Path(detector.weights or "").absolute()), stamp(detector.weights or "")],
            "math": detector.math,
            **({"calibration": detector.calibration} if detector.calibration else {}),
            "setting": {**asdict(self.setting), "asked": self.setting.asked and self.setting.asked.value},
            "images": [str(Path.cwd()), *self.images],
            "map": None if self.class_map is None else self.class_map.tolist(),
            **unusual(),
        }
