"""Arrays of libdarknet's ``detection`` structs: made of candidates, read and suppressed in place."""

from __future__ import annotations

import ctypes as ct
from typing import TYPE_CHECKING, Any

import numpy as np

from ..detect.candidates import Candidates
from ..detect.nms import nms_obj, nms_sort
from ..errors import DarknetError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..typing import Floats
    from .structs import Pointer


_LEAST = float(np.finfo(np.float32).smallest_subnormal)


def _record(struct: type[ct.Structure]) -> np.dtype[np.void]:
    """The fields that matter here, wherever the struct has them."""
    formats = {"bbox": ("<f4", (4,)), "classes": "<i4", "prob": np.uintp, "objectness": "<f4", "sort_class": "<i4"}
    return np.dtype(
        {
            "names": list(formats),
            "formats": list(formats.values()),
            "offsets": [getattr(struct, name).offset for name in formats],
            "itemsize": ct.sizeof(struct),
        }
    )


def to_detections(found: Candidates, struct: type[ct.Structure]) -> Pointer:
    """A pointer to an array of ``struct``, one for each candidate; it owns the probabilities.

    Args:
        found: the candidates.
        struct: with the fields bbox, classes, prob, objectness and sort_class.
    """
    count, classes = len(found), found.prob.shape[1]
    array: Pointer = (struct * max(count, 1))()
    block = np.zeros((count, classes), np.float32)
    block[found.kept] = found.prob
    if count:
        records = np.frombuffer(array, _record(struct))
        records["bbox"], records["objectness"], records["classes"] = found.box, found.objectness, classes
        records["prob"] = block.ctypes.data + 4 * classes * np.arange(count, dtype=np.uintp)
    array.probabilities = block
    return ct.cast(array, ct.POINTER(struct))


def empty_detections(count: int, classes: int, struct: type[ct.Structure]) -> Pointer:
    """A pointer to an array of ``count`` detections whose boxes and probabilities are 0."""
    zeros = np.zeros(count, np.float32)
    none = Candidates(
        np.zeros((count, 4), np.float32), zeros, np.empty(0, np.int64), np.empty((0, classes), np.float32)
    )
    return to_detections(none, struct)


def read_detections(dets: Pointer, total: int, classes: int) -> tuple[Floats, Floats, Floats]:
    """Boxes (n x 4), objectness (n) and probabilities (n x classes) of the first ``total`` detections, as copies."""
    records = _records(dets, total)
    probabilities = [row[:classes] for row in _probabilities(records, classes)]
    return (
        records["bbox"].copy(),
        records["objectness"].copy(),
        np.array(probabilities, np.float32).reshape(total, classes),
    )


def suppress(dets: Pointer, total: int, classes: int, thresh: float, by_class: bool) -> None:
    """Non-maximum suppression in place: ``do_nms_sort`` (by class) or ``do_nms_obj``.

    A ``thresh`` of 0 lets no two boxes overlap at all, as in Darknet's library; only its callers take it for none.
    """
    if total < 1:
        return
    limit = thresh or _LEAST
    box, objectness, prob = read_detections(dets, total, classes)
    kept = np.flatnonzero(objectness)
    candidates = Candidates(box, objectness, kept, prob[kept])
    boxes = nms_sort(candidates, limit) if by_class else nms_obj(candidates, limit)
    order = np.concatenate([boxes.index, np.flatnonzero(objectness == 0)])
    records = _records(dets, total)
    raw = records.view(np.uint8).reshape(total, records.itemsize)
    raw[:] = raw[order]
    records["sort_class"][: len(boxes)] = classes - 1 if by_class else -1  # as Darknet leaves it
    if not by_class:
        records["objectness"][: len(boxes)] = boxes.objectness
    for row, values in zip(_probabilities(records, classes), boxes.prob, strict=False):
        row[:classes] = values


def _records(dets: Pointer, total: int) -> NDArray[np.void]:
    if not isinstance(dets, (ct._Pointer, ct.Array)):
        raise DarknetError(f"detections are what get_network_boxes gives, not {type(dets).__name__}")
    struct: type[ct.Structure] = dets._type_
    if total < 1:
        return np.empty(0, _record(struct))
    array: Pointer = (struct * total).from_address(ct.addressof(dets[0]))
    return np.frombuffer(array, _record(struct))


def _probabilities(records: NDArray[np.void], classes: int) -> list[Floats]:
    """Each detection's probabilities where they lie in memory."""
    if records.size and classes > records["classes"].min():
        raise DarknetError(f"the network knows {records['classes'].min()} classes, not {classes}")
    kind: Any = ct.c_float * classes
    return [np.frombuffer(kind.from_address(int(address)), np.float32) for address in records["prob"]]
