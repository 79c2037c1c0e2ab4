"""What was found in one image: parallel arrays, in the order in which Darknet prints them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from ..errors import DarknetError
from . import picture, tables
from .filters import clipped, make_filter
from .merging import merge_detections
from .thresholds import check_threshold

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.Image import Image

    from ..image.pixels import ImageLike
    from ..typing import Array
    from .filters import Filter
    from .nms import Boxes
    from .tables import Columns, JsonDetection, Record
    from .tree import TreeStep

    Rows = slice | Sequence[int] | Sequence[bool] | NDArray[np.integer[Any]] | NDArray[np.bool_]
    """What chooses rows."""


class DetectedObject(NamedTuple):
    """One class of one box: what `Detections` gives when indexed by a number or iterated over."""

    name: str
    confidence: float
    class_id: int
    xyxy: tuple[float, float, float, float]
    """Left, top, right, bottom, in pixels."""
    box: tuple[float, float, float, float]
    """Centre x, y, width, height, as fractions of the image."""
    box_id: int


@dataclass(frozen=True, eq=False, repr=False)
class Detections:
    """The objects in one image; a row for each class of each box that is above the threshold.

    Attributes:
        box: float32, N x 4: centre x, y, width, height, as fractions of the image. Not clipped to it.
        confidence: float32, N: probability, 0 to 1.
        class_id: int64, N.
        box_id: int64, N: number of the box among the heads' boxes; rows of one box stand side by side and share it.
        image_size: width and height of the image, in pixels.
        classes: number of classes that the network knows.
        class_names: their names, or nothing.
        tree_paths: for each row the way through the WordTree to its class, or nothing where it was not asked for.
        track_ids: for each row the number of the object over the frames of a video, or nothing.
        source: the image they were found in, if it is remembered; see `plot`.

    Two are equal if all of these but ``source`` are.

    Raises:
        DarknetError: the arrays do not fit together.
    """

    box: NDArray[np.float32]
    confidence: NDArray[np.float32]
    class_id: NDArray[np.int64]
    box_id: NDArray[np.int64]
    image_size: tuple[int, int]
    classes: int
    class_names: Sequence[str] = ()
    tree_paths: Sequence[Sequence[TreeStep]] = ()
    track_ids: Sequence[int] = ()
    source: picture.Remembered | None = None

    def __post_init__(self) -> None:
        rows = np.asarray(self.confidence).size
        shapes: dict[str, tuple[type, tuple[int, ...]]] = {
            "box": (np.float32, (rows, 4)),
            "confidence": (np.float32, (rows,)),
            "class_id": (np.int64, (rows,)),
            "box_id": (np.int64, (rows,)),
        }
        for field, (dtype, shape) in shapes.items():
            array: Array = np.asarray(getattr(self, field), dtype)
            if array.shape != shape:
                raise DarknetError(f"Detections: {field} has shape {array.shape} instead of {shape}")
            object.__setattr__(self, field, array)
        if min(self.image_size) < 1:
            raise DarknetError(f"Detections: an image has no size {self.image_size[0]} x {self.image_size[1]}")
        if rows and not 0 <= self.class_id.min() <= self.class_id.max() < self.classes:
            raise DarknetError(f"Detections: class_id must be from 0 to {self.classes - 1}")
        if len(self.class_names) not in (0, self.classes):
            raise DarknetError(f"Detections: {len(self.class_names)} names for {self.classes} classes")
        if len(self.tree_paths) not in (0, rows):
            raise DarknetError(f"Detections: {len(self.tree_paths)} tree paths for {rows} rows")
        if len(self.track_ids) not in (0, rows):
            raise DarknetError(f"Detections: {len(self.track_ids)} track numbers for {rows} rows")

    @classmethod
    def from_boxes(
        cls, boxes: Boxes, thresh: float, class_names: Sequence[str] = (), image_size: tuple[int, int] = (1, 1)
    ) -> Detections:
        """The rows that Darknet prints for these boxes (``draw_detections``): every class above ``thresh``.

        Args:
            boxes: relative to the image, in final order.
            thresh: least probability.
            class_names: the names of all classes, or nothing.
            image_size: width and height of the image.
        """
        row, class_id = np.divmod(np.flatnonzero(boxes.prob > np.float32(thresh)), boxes.prob.shape[1])
        return cls(
            boxes.box[row], boxes.prob[row, class_id], class_id, boxes.index[row], image_size,
            boxes.prob.shape[1], tuple(class_names),
        )  # fmt: skip

    @classmethod
    def empty(
        cls, image_size: tuple[int, int] = (1, 1), class_names: Sequence[str] = (), classes: int | None = None
    ) -> Detections:
        """No detections in an image of that size."""
        none, numbers = np.zeros(0, np.float32), np.zeros(0, np.int64)
        count = len(class_names) if classes is None else classes
        return cls(np.zeros((0, 4), np.float32), none, numbers, numbers, image_size, count, tuple(class_names))

    @classmethod
    def merge(cls, parts: Iterable[Detections]) -> Detections:
        """The rows of all parts, part after part: detections in one image, with one set of classes.

        ``box_id`` counts on from part to part, so that boxes of different parts stay different boxes.

        Raises:
            DarknetError: there is no part, or they are of different images or classes.
        """
        return merge_detections(cls, list(parts))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Detections):
            return NotImplemented
        same = all(
            np.array_equal(getattr(self, field), getattr(other, field), equal_nan=field in ("box", "confidence"))
            for field in ("box", "confidence", "class_id", "box_id")
        )
        return same and self.facts() == other.facts()

    __hash__ = None  # type: ignore[assignment]

    def facts(self) -> tuple[object, ...]:
        """What is not in arrays: image size, classes, their names, tree paths, track numbers."""
        paths = tuple(tuple(path) for path in self.tree_paths)
        return tuple(self.image_size), self.classes, tuple(self.class_names), paths, tuple(self.track_ids)

    @cached_property
    @np.errstate(all="ignore")
    def xyxy(self) -> NDArray[np.float32]:
        """float32, N x 4: left, top, right, bottom, in pixels (with fractions; not clipped to the image)."""
        centre, half = self.box[:, :2].astype(np.float64), self.box[:, 2:] / 2.0
        corners = np.concatenate([centre - half, centre + half], axis=1)
        xyxy: NDArray[np.float32] = (corners * np.array(self.image_size * 2)).astype(np.float32)
        return xyxy

    @property
    @np.errstate(all="ignore")
    def area(self) -> NDArray[np.float32]:
        """float32, N: area of each box in square pixels; what reaches beyond the image counts, see `clip`."""
        sides = self.box[:, 2:].astype(np.float64) * np.array(self.image_size)
        area: NDArray[np.float32] = (sides[:, 0] * sides[:, 1]).astype(np.float32)
        return area

    @property
    def names(self) -> list[str]:
        """The class name of each row; its number, where there are no names."""
        return [self.class_name(class_id) for class_id in self.class_id]

    def class_name(self, class_id: int) -> str:
        """The name of a class; its number, where there are no names."""
        return self.class_names[class_id] if self.class_names else str(class_id)

    def __len__(self) -> int:
        return len(self.confidence)

    def __iter__(self) -> Iterator[DetectedObject]:
        return (self[i] for i in range(len(self)))

    @overload
    def __getitem__(self, index: int | np.integer[Any]) -> DetectedObject: ...

    @overload
    def __getitem__(self, index: Rows) -> Detections: ...

    def __getitem__(self, index: Any) -> DetectedObject | Detections:
        """A row by number; rows by slice, by list of numbers or by boolean mask (``found[found.confidence > .9]``)."""
        if isinstance(index, (int, np.integer)) and not isinstance(index, (bool, np.bool_)):
            return DetectedObject(
                self.class_name(self.class_id[index]), float(self.confidence[index]), int(self.class_id[index]),
                tuple(self.xyxy[index].tolist()), tuple(self.box[index].tolist()), int(self.box_id[index]),
            )  # fmt: skip
        if not isinstance(index, slice):
            index = np.asarray(index)
            if index.size == 0 and index.dtype != np.bool_:
                index = index.astype(np.int64)
            if index.ndim != 1 or index.dtype.kind not in "iub":
                raise TypeError("Detections are indexed by a number, a slice, a list of numbers or a boolean mask")
        rows = np.arange(len(self))[index]
        return Detections(
            self.box[rows], self.confidence[rows], self.class_id[rows], self.box_id[rows], self.image_size,
            self.classes, self.class_names, [self.tree_paths[row] for row in rows] if self.tree_paths else (),
            [self.track_ids[row] for row in rows] if self.track_ids else (), self.source,
        )  # fmt: skip

    def of(self, image: ImageLike, bgr: bool = False) -> Detections:
        """The same rows, which remember the image that they were found in (`plot`) without keeping it alive."""
        return replace(self, source=picture.Remembered(image, bgr))

    def with_nms(self, threshold: float = 0.45) -> Detections:
        """The rows that Darknet's suppression leaves, in the same order: of two of one class that overlap, the better.

        Args:
            threshold: greatest intersection over union; 0 keeps all, as in Darknet.
        """
        from .candidates import Candidates
        from .nms import nms_sort

        if not check_threshold("threshold", threshold) or not len(self):
            return self
        column = np.unique(self.class_id, return_inverse=True)[1].reshape(-1)
        rows = np.arange(len(self))
        prob = np.zeros((len(self), int(column.max(initial=-1)) + 1), np.float32)
        prob[rows, column] = self.confidence
        left = nms_sort(Candidates(self.box, np.ones(len(self), np.float32), rows, prob), threshold)
        return self[np.sort(left.index[left.prob.any(axis=1)])]

    def clip(self) -> Detections:
        """The same rows with boxes that end at the image's borders; one that lies outside has no area then."""
        return replace(self, box=clipped(self.box))

    def filter(self, filter: Filter | None = None, **words: Any) -> Detections:
        """The rows that a filter lets through, in the same order.

        Args:
            filter: a `detect.filters.Filter`.
            words: instead of it, what `detect.filters.make_filter` takes: ``classes``, ``min_size``, ``max_size``,
                ``zones``, ``zone_by``, ``clip``. A class stands for itself here, also where there is a WordTree.

        Raises:
            DarknetError: there is no such class, or no such size or zone.
        """
        return (filter or make_filter(**words)).for_classes(self.class_names, self.classes).select(self)

    def plot(
        self, image: ImageLike | None = None, *, bgr: bool = False, labels: bool = True, percentages: bool = False
    ) -> Image:
        """The picture with boxes and labels, as Darknet draws them: a PIL image, which notebooks show.

        Args:
            image: as for `Detector.detect`. By default the one that was given there, as long as it is there: a path is
                read again, an array or a PIL image is used as it is now, if it still exists.
            bgr: the array's channels are blue, green, red.
            labels: whether to write the class names.
            percentages: write each class's probability behind its name.

        Raises:
            ImageError: the image cannot be read.
            DarknetError: it is not at hand, or not of the size of the one that these were found in.
        """
        return picture.draw(self, image, bgr, labels, percentages)

    def save(self, path: str | Path, image: ImageLike | None = None, **options: bool) -> None:
        """Write `plot` to a file, at once and whole, in the format that its suffix names; options as for `plot`."""
        from ..image.draw import save_image

        save_image(path, np.asarray(self.plot(image, **options)))

    def _repr_png_(self) -> bytes | None:
        """What a notebook shows: the picture, or the text where the image is not at hand."""
        return picture.png(self)

    def __repr__(self) -> str:
        shown = ", ".join(f"{found.name} {found.confidence:.2f}" for found in self[:5])
        return f"Detections({len(self)}: {shown}{', ...' if len(self) > 5 else ''})"

    def to_json(self) -> list[JsonDetection]:
        """A list of objects as Darknet pipelines read them.

        Each is ``{"class_id", "name", "relative_coordinates": {"center_x", "center_y", "width", "height"},
        "confidence"}``, and where there are tree paths a ``"tree_path"``: a list of ``{"class_id", "name",
        "probability"}`` from the root on, with the probability of each node given its parent. Objects that are
        followed over frames have a ``"track_id"``. Numbers are the shortest decimals that give the same float32 again;
        null if not finite.
        """
        return tables.json_objects(self)

    def to_records(self) -> list[Record]:
        """The rows as flat dicts, for ``pandas.DataFrame(found.to_records())``: name, class_id, confidence, left, top,
        right, bottom (pixels), center_x, center_y, width, height (fractions of the image), box_id."""
        return tables.records(self)

    def to_dict(self) -> Columns:
        """The columns of `to_records`, each a list: a table also where it has no row."""
        return tables.columns(self)

    def to_supervision(self) -> Any:
        """The same rows as ``supervision.Detections``, with the names in ``data["class_name"]``.

        Raises:
            DarknetError: the package ``supervision`` is not installed.
        """
        return tables.supervision_detections(self)
