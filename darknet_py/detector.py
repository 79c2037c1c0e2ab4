"""Detect many: what a user gives and asks, as calls of `LookingNetwork`. (`darknet_py.loading` makes detectors.)"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from .detect.filters import Filter, make_filter
from .detect.thresholds import check_thresholds
from .detect.tiles import Tiles, make_tiles
from .dialect import PJREDDIE
from .errors import DarknetError
from .image.ahead import Crew
from .image.pixels import as_pixels
from .looking import Looked, LookingNetwork, Named
from .view import View, fit_of

if TYPE_CHECKING:
    from .detect.classify import Classification
    from .detect.detections import Detections
    from .image.pixels import ImageLike
    from .inference import Ready

    Classes = str | int | Sequence[str | int]


def found_in(looked: Looked | DarknetError | MemoryError) -> Detections:
    """The detections; raises what is an error."""
    if isinstance(looked, Looked):
        return looked.found
    raise looked


class Detector(LookingNetwork):
    """A network with its weights, which looks at images. `RunningNetwork` has its other attributes.

    Attributes:
        names: class names, or an empty list.
        view: the fit, thresholds and WordTree's map that calls use by default.
        node_names: with a map, the names of all nodes, for tree paths.
    """

    def __repr__(self) -> str:
        network = self.network
        classes = f"{network.classes} classes" + ("" if self.names else " without names")
        dialect = "" if network.dialect is PJREDDIE else f"{network.dialect.name}, "
        return (
            f"Detector({Path(network.path).name}, {dialect}{network.input}, {classes}, math={self.math}, "
            f"{self.threads} threads)"
        )

    def detect(
        self,
        image: ImageLike,
        *,
        thresh: float = 0.5,
        hier_thresh: float = 0.5,
        nms: float = 0.45,
        bgr: bool = False,
        exif: bool = False,
        tree_path: bool = False,
        stretch: bool | None = None,
        classes: Classes | None = None,
        filter: Filter | None = None,
        tiles: str | tuple[int, int] | Tiles | None = None,
    ) -> Detections:
        """Detect the objects in one image (Darknet's ``detector test``; for YOLOv1, its ``yolo test``).

        Args:
            image: path of a file, a file's bytes, a PIL image (16 bits are cut to 8, alpha is dropped), or an array of
                uint8: H x W x 3 (RGB), H x W x 4 (the last is dropped), H x W (grey).
            thresh: least probability of what is reported.
            hier_thresh: least probability of a WordTree node for going down to its children.
            nms: greatest intersection over union of two boxes of one class; 0 keeps all.
            bgr: the array's channels are blue, green, red (as OpenCV reads images).
            exif: turn the picture as its camera noted; the boxes are then those of the turned picture. Darknet does
                not, and a picture that is to be turned brings an `OrientationWarning`.
            tree_path: with a WordTree, tell how each class was reached (`Detections.tree_paths`).
            stretch: True: scale width and height each for itself to the network's input, as AlexeyAB's Darknet does;
                False: letterbox; by default as given to `load`.
            classes: report these only: ``"person,car"``, or names and numbers. With a WordTree, all below them, too.
            filter: report only what it lets through: sizes, zones (`detect.filters.make_filter`).
            tiles: look at so many overlapping tiles across and down, too, for small objects: ``"2x2"``, `Tiles`.

        Returns:
            The detections in the order in which Darknet prints them; of tiles, those of the whole picture first.

        Raises:
            ImageError: the image cannot be read.
            DarknetError: the network has no head that gives boxes, or there is no such class.
        """
        self.check_detects()
        view = self.view_of(thresh, hier_thresh, nms, stretch, classes, filter, tiles)
        ready = self.make_ready(as_pixels(image, bgr, exif), view, keep=True)
        [looked] = self.look([ready], view, tree_path)
        return found_in(looked).of(image, bgr)

    def view_of(
        self, thresh: float, hier_thresh: float, nms: float, stretch: bool | None = None,
        classes: Classes | None = None, filter: Filter | None = None,
        tiles: str | tuple[int, int] | Tiles | None = None,
    ) -> View:  # fmt: skip
        """The detector's view with what a call says. Raises `DarknetError` for thresholds outside of 0 to 1."""
        check_thresholds(thresh=thresh, hier_thresh=hier_thresh, nms=nms)
        view = replace(self.view, thresh=thresh, hier_thresh=hier_thresh, nms=nms)
        if stretch is not None:
            view = replace(view, fit=fit_of(stretch))
        if classes is not None:
            if filter is not None and filter.classes is not None:
                raise DarknetError("classes are given, and by the filter, too")
            filter = replace(filter or view.filter, classes=make_filter(classes).classes)
        if filter is not None:
            view = replace(view, filter=self.filter_of(filter))
        return view if tiles is None else replace(view, tiles=make_tiles(tiles))

    def filter_of(self, filter: Filter) -> Filter:
        """The filter with the numbers of its classes. Raises `DarknetError` if the network knows none of that name."""
        class_map, heads = self.view.class_map, self.network.heads
        tree = self.trees.get(heads[0].index) if len(heads) == 1 and class_map is None else None
        classes = self.network.classes if class_map is None else len(class_map)
        return filter.for_classes(self.names or (tree.names if tree else ()), classes, tree)

    def detect_batch(
        self,
        images: Iterable[ImageLike],
        *,
        thresh: float = 0.5,
        hier_thresh: float = 0.5,
        nms: float = 0.45,
        bgr: bool = False,
        exif: bool = False,
        tree_path: bool = False,
        stretch: bool | None = None,
        classes: Classes | None = None,
        filter: Filter | None = None,
        tiles: str | tuple[int, int] | Tiles | None = None,
    ) -> list[Detections]:
        """Detect the objects in several images; each gets the same bits as alone. Options as for `detect`.

        Images are decoded by as many threads as the network has, a few ahead of it, and go through it up to four
        at a time. What cannot be read is raised, and ends the batch.
        """
        self.check_detects()
        view = self.view_of(thresh, hier_thresh, nms, stretch, classes, filter, tiles)

        def load(image: ImageLike) -> Ready:
            return self.make_ready(as_pixels(image, bgr, exif), view)

        found: list[Detections] = []
        with Crew(self.threads) as crew:
            for group in crew.read(images, load, keep=view.tiles is not None):
                for loaded in group:
                    loaded.share.warn()
                with self.lock:
                    readies = [
                        loaded.picture if loaded.picture.network is self.network else load(loaded.item)
                        for loaded in group
                    ]
                    looked = self.look(readies, view, tree_path)
                found += [found_in(one).of(loaded.item, bgr) for one, loaded in zip(looked, group, strict=True)]
        return found

    def check_detects(self) -> None:
        """Raise `DarknetError` if `detect` is not for this network."""
        if not self.network.heads:
            raise DarknetError(f"{self.network.path}: the network gives no boxes (for a classifier: classify)")

    def check_classifies(self) -> None:
        """Raise `DarknetError` if `classify` is not for this network."""
        if self.network.heads:
            raise DarknetError(f"{self.network.path}: the network is a detector, not a classifier")
        self.network.check_picture()

    def classify(self, image: ImageLike, top: int = 5, bgr: bool = False, exif: bool = False) -> list[Classification]:
        """The most probable classes of one image (Darknet's ``classifier predict``).

        Args:
            image: as for `detect`.
            top: how many.
            bgr, exif: as for `detect`.

        Raises:
            ImageError: the image cannot be read.
            DarknetError: the network is a detector.
        """
        self.check_classifies()
        [named] = self.name_classes([self.make_ready(as_pixels(image, bgr, exif), self.class_view, keep=True)], top)
        if isinstance(named, Named):
            return named.classes
        raise named
