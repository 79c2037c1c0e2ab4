"""A network that looks at pictures: made ready for it, run together, told by their boxes or classes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from .detect.classify import Classification, best_classes
from .detect.detections import Detections
from .detect.finite import check_finite
from .detect.tree import TreeStep, tree_steps
from .errors import DarknetError
from .inference import Ready, find_boxes, find_candidates, find_in_regions, network_input, to_detections
from .running import RunningNetwork
from .view import DEFAULT, Fit, View

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .detect.candidates import Candidates
    from .detect.nms import Boxes
    from .formats.tree import Tree
    from .network import Network
    from .numeric.quantization import Quantization
    from .parameters import Parameters
    from .typing import Floats

Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class Looked:
    """What is in one picture.

    Attributes:
        found: the detections.
        seconds: how long the network took (its share, if several ran together).
        outputs: float32 output of each head, flat, if nothing was found and they were asked for; else empty.
    """

    found: Detections
    seconds: float
    outputs: list[Floats]


@dataclass(frozen=True, eq=False)
class Named:
    """The most probable classes of one picture, and how long the network took."""

    classes: list[Classification]
    seconds: float


class LookingNetwork(RunningNetwork):
    """A network with its weights, which looks at pictures made ready for it. `RunningNetwork` has its other attributes.

    Attributes:
        names: class names, or an empty list.
        view: what pictures are made ready for if nothing else is said; and the map that tree paths are told by.
        node_names: with a map, the names of all nodes, for tree paths.
    """

    def __init__(
        self,
        network: Network,
        parameters: Parameters,
        *,
        names: Sequence[str] = (),
        trees: dict[int, Tree] | None = None,
        view: View = DEFAULT,
        node_names: Sequence[str] = (),
        math: str = "ieee",
        threads: int | None = None,
        keep: Iterable[int] = (),
        weights: Path | None = None,
        quantization: Quantization | None = None,
    ) -> None:
        super().__init__(
            network, parameters, trees=trees or {}, math=math, threads=threads, keep=keep, weights=weights,
            quantization=quantization,
        )  # fmt: skip
        self.names = list(names)
        self.view = view
        self.node_names = list(node_names)

    def make_ready(self, pixels: NDArray[np.uint8], view: View, keep: bool = False) -> Ready:
        """H x W x 3 pixels -> what `look` takes; ``keep``: with the pixels. May be called in any thread."""
        size = pixels.shape[1], pixels.shape[0]
        if view.tiles is not None:
            return Ready(size, self.network, np.empty(0, np.float32), pixels)
        return Ready(size, self.network, self.prepare(pixels, view), pixels if keep else None)

    def look(
        self, group: Sequence[Ready], view: View, tree_path: bool = False, missed: bool = False
    ) -> list[Looked | DarknetError | MemoryError]:
        """What is in pictures that run together; each gets the same bits as alone.

        Args:
            group: the pictures, ready for this view.
            view: fit, thresholds, filter and tiles.
            tree_path: as for `detect`.
            missed: have the outputs of pictures in which nothing was found.

        Returns:
            For each picture what is in it, or its error; one that lacks memory does not keep the others from running.

        Raises:
            DarknetError: the network cannot run.
        """

        def read(number: int, outputs: list[Floats]) -> Looked | DarknetError | MemoryError:
            try:
                size = group[number].size
                found = to_detections(self.boxes(outputs, size, view), view, self.names, size)
                if tree_path:
                    found = replace(found, tree_paths=self.tree_paths(found, outputs[0]))
                keep = missed and not len(found)
                return Looked(found, self.seconds, [output.copy() for output in outputs] if keep else [])
            except (DarknetError, MemoryError) as error:
                return error

        try:
            if view.tiles is None:
                return self._run_ready(group, view, read)
            if tree_path:
                raise DarknetError("tree paths are told of the whole picture only: leave out the tiles, or tree_path")
            return [self._look_in_tiles(ready, view) for ready in group]
        except MemoryError as error:
            if len(group) == 1:
                return [error]
            return [self.look([ready], view, tree_path, missed)[0] for ready in group]

    def _look_in_tiles(self, ready: Ready, view: View) -> Looked:
        assert ready.pixels is not None
        boxes = self.boxes_in(ready.pixels, view)
        return Looked(to_detections(boxes, view, self.names, ready.size), self.seconds, [])

    def boxes_in(self, pixels: NDArray[np.uint8], view: View) -> Boxes:
        """The boxes in one picture, after suppression, filtered; looked at in the view's tiles, if it has any.

        Args:
            pixels: H x W x 3, RGB.
            view: fit, thresholds, filter and tiles.
        """
        if view.tiles is None:
            return self._boxes_together([pixels], view)[0]
        self.check_tiles()
        seconds = 0.0

        def find(pictures: Sequence[NDArray[np.uint8]], plain: View) -> list[Boxes]:
            nonlocal seconds
            boxes = self._boxes_together(pictures, plain)
            seconds += self._runner.seconds * len(pictures)
            return boxes

        with self.lock:
            boxes = find_in_regions(find, pixels, view)
            self._runner.seconds = seconds
        return boxes

    def _boxes_together(self, pictures: Sequence[NDArray[np.uint8]], view: View) -> list[Boxes]:
        """The boxes in pictures that run together."""
        group = [self.make_ready(pixels, view, keep=True) for pixels in pictures]
        return self._run_ready(group, view, lambda number, outputs: self.boxes(outputs, group[number].size, view))

    def _run_ready(
        self, group: Sequence[Ready], view: View, read: Callable[[int, list[Floats]], Result]
    ) -> list[Result]:
        """`run_each` of pictures, made ready once more if the network was resized meanwhile."""
        inputs = [ready.input for ready in group]
        with self.lock:
            for number, ready in enumerate(group):
                if ready.network is not self.network:
                    if ready.pixels is None:
                        raise DarknetError("the network was resized while pictures were read for its old size")
                    inputs[number] = self.prepare(ready.pixels, view)
            return self.run_each(inputs, read)

    def check_tiles(self) -> None:
        """Raise `DarknetError` if the network is not for pictures that are looked at in tiles."""
        if not self._runner.states.empty:
            raise DarknetError(f"{self.network.path}: has recurrent layers, for which tiles would be steps of time")

    def name_classes(self, group: Sequence[Ready], top: int = 5) -> list[Named | DarknetError]:
        """The most probable classes of images that run together, ready for `class_view`; or what is wrong with one."""
        if isinstance(top, bool) or not isinstance(top, int) or top < 1:
            raise DarknetError(f"top={top!r} must be a whole number from 1 on")

        def read(number: int, outputs: list[Floats]) -> Named | DarknetError:
            try:
                check_finite(self.network, self.network.output_layer, outputs[0])
            except DarknetError as error:
                return error
            inner = self.network.dialect.inner_classes
            return Named(best_classes(outputs[0].copy(), top, self.names, self.class_tree, inner), self.seconds)

        return self._run_ready(group, self.class_view, read)

    @property
    def class_view(self) -> View:
        """How `classify` fits an image."""
        crops = self.view.fit is None and self.network.dialect.crops
        return replace(self.view, fit=Fit.CROP) if crops else self.view

    @property
    def class_tree(self) -> Tree | None:
        """A classifier's WordTree, if it has one: Darknet knows that of the last softmax."""
        numbers = [layer.index for layer in self.network.layers if layer.classifies]
        return self.trees.get(numbers[-1]) if numbers else None

    def tree_paths(self, found: Detections, output: Floats) -> list[list[TreeStep]]:
        """For each row the nodes from the root of the WordTree to its class.

        Args:
            found: what `detections` gave.
            output: the output of the network's one head that it was given.

        Raises:
            DarknetError: the network has no WordTree, or several heads.
        """
        head = self.network.heads[0]
        tree = self.trees.get(head.index)
        if tree is None or len(self.network.heads) > 1:
            raise DarknetError(f"{self.network.path}: tree paths need one [region] head with a tree")
        class_map = self.view.class_map
        names = self.names if class_map is None and self.names else self.node_names or tree.names
        paths = []
        for box_id, class_id in zip(found.box_id, found.class_id, strict=True):
            node = int(class_id) if class_map is None else class_map[class_id]
            steps = tree_steps(head, output, int(box_id), node, tree)
            paths.append([step._replace(name=names[step.class_id]) for step in steps])
        return paths

    def prepare(self, pixels: NDArray[np.uint8], view: View | None = None) -> Floats:
        """H x W x 3 pixels -> the network's input (`inference.network_input`)."""
        return network_input(self.network, pixels, view or self.view)

    def candidates(self, outputs: Sequence[Floats], image_size: tuple[int, int], view: View) -> Candidates:
        """Boxes before non-maximum suppression.

        Args:
            outputs: what `predict` gave: the output of each head, in order.
            image_size: width and height of the image.
            view: fit, thresholds and map.
        """
        return find_candidates(self.network, self._by_layer(outputs), image_size, view, self.trees, self._profile)

    def boxes(self, outputs: Sequence[Floats], image_size: tuple[int, int], view: View) -> Boxes:
        """Boxes after non-maximum suppression; arguments as for `candidates`."""
        return find_boxes(self.network, self._by_layer(outputs), image_size, view, self.trees, self._profile)

    def detections(self, outputs: Sequence[Floats], image_size: tuple[int, int], view: View) -> Detections:
        """What is found, in Darknet's order; arguments as for `candidates`."""
        return to_detections(self.boxes(outputs, image_size, view), view, self.names, image_size)

    def _by_layer(self, outputs: Sequence[Floats]) -> dict[int, Floats]:
        heads = self.network.heads
        if len(outputs) != len(heads):
            raise DarknetError(f"{len(outputs)} outputs are not those of {len(heads)} heads")
        return {head.index: output for head, output in zip(heads, outputs, strict=True)}
