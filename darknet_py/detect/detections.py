"""What was found in one image: parallel arrays, in the order in which Darknet prints them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import DarknetError

if TYPE_CHECKING:
    from .nms import Boxes
    from .tree import TreeStep


COORDINATES = ("center_x", "center_y", "width", "height")


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

    def __post_init__(self) -> None:
        rows = np.asarray(self.confidence).size
        shapes: dict[str, tuple[type, tuple[int, ...]]] = {
            "box": (np.float32, (rows, 4)),
            "confidence": (np.float32, (rows,)),
            "class_id": (np.int64, (rows,)),
            "box_id": (np.int64, (rows,)),
        }
        for field, (dtype, shape) in shapes.items():
            array: NDArray[Any] = np.asarray(getattr(self, field), dtype)
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

    @cached_property
    @np.errstate(all="ignore")
    def xyxy(self) -> NDArray[np.float32]:
        """float32, N x 4: left, top, right, bottom, in pixels (with fractions; not clipped to the image)."""
        centre, half = self.box[:, :2].astype(np.float64), self.box[:, 2:] / 2.0
        corners = np.concatenate([centre - half, centre + half], axis=1)
        return (corners * np.array(self.image_size * 2)).astype(np.float32)

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
    def __getitem__(self, index: int) -> DetectedObject: ...

    @overload
    def __getitem__(self, index: slice | ArrayLike) -> Detections: ...

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
        )  # fmt: skip

    def __repr__(self) -> str:
        shown = ", ".join(f"{found.name} {found.confidence:.2f}" for found in self[:5])
        return f"Detections({len(self)}: {shown}{', ...' if len(self) > 5 else ''})"

    def to_json(self) -> list[dict[str, Any]]:
        """A list of objects as Darknet pipelines read them.

        Each is ``{"class_id", "name", "relative_coordinates": {"center_x", "center_y", "width", "height"},
        "confidence"}``, and where there are tree paths a ``"tree_path"``: a list of ``{"class_id", "name",
        "probability"}`` from the root on, with the probability of each node given its parent. Numbers are the shortest
        decimals that give the same float32 again; null if not finite.
        """
        objects: list[dict[str, Any]] = [
            {
                "class_id": int(class_id),
                "name": self.class_name(class_id),
                "relative_coordinates": dict(zip(COORDINATES, map(_number, box), strict=True)),
                "confidence": _number(confidence),
            }
            for box, confidence, class_id in zip(self.box, self.confidence, self.class_id, strict=True)
        ]
        for found, path in zip(objects, self.tree_paths, strict=False):
            found["tree_path"] = [
                {"class_id": step.class_id, "name": step.name, "probability": _number(np.float32(step.conditional))}
                for step in path
            ]
        return objects

    def to_supervision(self) -> Any:
        """The same rows as ``supervision.Detections``, with the names in ``data["class_name"]``.

        Raises:
            DarknetError: the package ``supervision`` is not installed.
        """
        try:
            import supervision
        except ImportError as error:
            raise DarknetError("to_supervision() needs the package supervision: pip install supervision") from error
        return supervision.Detections(
            xyxy=self.xyxy.copy(),
            confidence=self.confidence.copy(),
            class_id=self.class_id.copy(),
            data={"class_name": np.array(self.names, dtype=str)},
        )


def _number(value: np.float32) -> float | None:
    """The decimal number that stands for a float32."""
    return float(str(value)) if np.isfinite(value) else None
