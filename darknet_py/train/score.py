"""Mean average precision of a network while it learns, with the code of ``darknet-py evaluate``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..detector import Detector
from ..errors import DarknetError
from ..evaluate.average_precision import evaluate
from ..evaluate.found import Found, Setting, find
from ..evaluate.truth import find_labels, read_truths
from ..image.load import load_image
from ..layers import Region
from ..loading import load_trees
from ..parameters import Parameters
from ..plan.runner import in_groups
from .truth import class_map

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..network import Network
    from ..typing import Floats


class Scorer:
    """Measures parameters on the pictures of a validation set, at the size of the cfg.

    Raises:
        DarknetError: the network is no detector, or a label file is wrong; none is there.
    """

    def __init__(self, network: Network, pictures: Sequence[str], threads: int, math: str) -> None:
        """
        Args:
            network: the graph at the size of its cfg.
            pictures: the files, with labels beside them as those of the training set.
            threads: worker threads.
            math: arithmetic profile.
        """
        if not network.heads:
            raise DarknetError(f"{network.path}: has no head that gives boxes: there is no mAP of it")
        self._network, self._pictures, self._threads = network, pictures, threads
        self._math = math
        head = network.heads[-1]
        numbers = class_map(network, head) if isinstance(head, Region) and head.tree else None
        self._map: NDArray[np.int32] | None = None if numbers is None else numbers.astype(np.int32)
        self._classes = network.classes if numbers is None else len(numbers)
        self._truths, _ = read_truths(pictures, self._classes, find_labels)
        self._trees = load_trees(network)

    def score(self, arrays: Sequence[Mapping[str, Floats]]) -> float:
        """The mAP at an overlap of .5, from 0 to 1; NaN where there are no objects.

        Args:
            arrays: parameters of each layer; copied.
        """
        copies = [{name: values.copy() for name, values in own.items()} for own in arrays]
        detector = Detector(
            self._network, Parameters(copies), trees=self._trees, threads=self._threads, math=self._math
        )
        setting = Setting(stretch=self._network.stretches)
        results: list[Found | None] = []
        for group in in_groups(self._pictures):
            pictures = [detector.make_ready(load_image(path), setting.view(self._map)) for path in group]
            results += find(detector, pictures, setting, self._map)
        return evaluate(results, self._truths, self._classes).mean_of_present
