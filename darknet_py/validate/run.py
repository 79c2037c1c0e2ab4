"""References and images -> verdicts: who is compared with what, with which thresholds."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..dialect import ALEXEYAB
from ..errors import DarknetError, DataError
from ..image.load import load_image
from ..numeric.arithmetic import ARITHMETICS
from ..trace import TracedBox, trace
from .compare import (
    ImageResult,
    Tolerance,
    compare_boxes,
    compare_text,
    compare_trace,
    expected_boxes,
    recorded,
    recorded_arrays,
)  # fmt: skip
from .live import DECODED, INPUT, compare_with_library, first_difference, run_library
from .references import Reference
from .whose import advice

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..detect.thresholds import Limits
    from ..detector import Detector
    from ..typing import Array

_SUFFIXES = ("", ".jpg", ".jpeg", ".png", ".JPG", ".JPEG", ".PNG", ".bmp")


@dataclass(frozen=True)
class Thresholds:
    """Thresholds that the user asked for; None: what the reference says, else Darknet's default."""

    thresh: float | None = None
    hier_thresh: float | None = None
    nms: float | None = None

    def against(self, reference: Reference | None = None) -> Limits:
        """All three."""
        known = reference.trace if reference is not None else {}
        fixed = reference.thresh if reference is not None else None
        default = 0.5 if fixed is None else fixed
        return {
            "thresh": float(known.get("thresh", default) if self.thresh is None else self.thresh),
            "hier_thresh": float(known.get("hier_thresh", 0.5) if self.hier_thresh is None else self.hier_thresh),
            "nms": float(known.get("nms", 0.45) if self.nms is None else self.nms),
        }


def match_images(
    references: Sequence[Reference], images: Sequence[Path], report: Callable[[DataError], None] | None = None
) -> list[tuple[Reference, Path]]:
    """Each reference with its image file.

    With ``images``, only references that name one of them are compared (by name, by name without suffix, or by COCO's
    number at the name's end); without, the names in the references are looked for in the working directory and beside
    the reference. ``report`` gets the message about an image that is nowhere, and the others are matched.

    Raises:
        DataError: an image is nowhere and there is no ``report``, or none of the images occurs in the references.
    """
    pairs = []
    for reference in references:
        found = _among(reference.image, images) if images else _on_disk(reference)
        if found is not None:
            pairs.append((reference, found))
        elif not images:
            missing = DataError(
                f"the image {reference.image[:200]} is neither here nor beside the reference", reference.source
            )
            if report is None or len(references) == 1:
                raise missing
            report(missing)
    if not pairs:
        raise DataError("names none of the images", references[0].source if references else None)
    return pairs


def _among(name: str, images: Iterable[Path]) -> Path | None:
    wanted = Path(name)
    for image in images:
        if image.name == wanted.name or image.stem == name or str(image) == name:
            return image
        tail = image.stem.rpartition("_")[2]
        if _is_number(tail) and _is_number(name) and tail.lstrip("0") == name.lstrip("0"):
            return image
    return None


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdecimal()


def _on_disk(reference: Reference) -> Path | None:
    beside = Path(reference.source).parent
    for folder in (Path(), beside):
        for suffix in _SUFFIXES:
            path = folder / (reference.image + suffix)
            with contextlib.suppress(OSError):  # no name of a file: too long
                if path.is_file():
                    return path
    return None


def compare_reference(
    detector: Detector, reference: Reference, image: Path, thresholds: Thresholds, tolerance: Tolerance
) -> ImageResult:
    """The verdict on one image. Raises `ImageError` if it cannot be read."""
    options = thresholds.against(reference)
    pixels = load_image(image)
    if reference.kind == "trace":
        ours = trace(detector, pixels, **options)
        result = compare_trace(ours, reference.trace, detector.math, tolerance)
        if detector.network.heads:
            result.found = detector.detect(pixels, **options)
            boxes = recorded(reference.trace, "detections", detector.math)
            if boxes is not None:
                _check_classes(boxes, detector, reference)
                _expect(result, detector, *recorded_arrays(boxes, detector.network.classes), options["thresh"])
    else:
        found = detector.detect(pixels, **options)
        text = reference.kind == "text"
        result = compare_text(found, reference) if text else compare_boxes(found, reference, tolerance)
    result.image = str(image)
    return result


def _check_classes(boxes: Sequence[TracedBox], detector: Detector, reference: Reference) -> None:
    classes = detector.network.classes
    largest = max((int(k) for box in boxes for k in box["probs"]), default=0)
    if largest >= classes:
        raise DataError(f"has a box of class {largest}, but the network has {classes} classes", reference.source)


def _expect(result: ImageResult, detector: Detector, box: Array, prob: Array, thresh: float) -> None:
    """Note the reference's boxes, to be drawn. (Those of YOLOv1's head are pixels, others fractions of the image.)"""
    assert result.found is not None
    relative = all(head.kind != "detection" for head in detector.network.heads)
    result.expected = expected_boxes(box, prob, result.found, thresh, relative)
    result.boxes_known = True


def compare_library(
    library: Path, make_detector: Callable[[str], Detector], images: Sequence[Path],
    thresholds: Thresholds, tolerance: Tolerance,
) -> dict[str, list[ImageResult]]:  # fmt: skip
    """The verdicts of every exact arithmetic profile on what a libdarknet.so computes, by the profile's name."""
    verdicts: dict[str, list[ImageResult]] = {}
    options = thresholds.against()
    first = make_detector("ieee")
    computed = list(run_library(library, first, images, options))
    profiles = ARITHMETICS[first.network.dialect.key]
    for name in (name for name, profile in profiles.items() if profile.exact):
        try:
            detector = first if name == "ieee" else make_detector(name)
        except DarknetError:  # the profile does not cover this network
            continue
        results = []
        for image, theirs in zip(images, computed, strict=True):
            result = compare_with_library(detector, image, theirs, options, tolerance)
            if detector.network.heads:
                result.found = detector.detect(image, **options)
                _expect(result, detector, theirs["after_box"], theirs["after_prob"], options["thresh"])
            result.reference = f"library, math={name}"
            results.append(result)
        verdicts[name] = results
    _explain(library, first, images, options, computed, verdicts, tolerance)
    return verdicts


def _explain(
    library: Path, detector: Detector, images: Sequence[Path], options: Limits,
    computed: Sequence[dict[str, Array]], verdicts: dict[str, list[ImageResult]], tolerance: Tolerance,
) -> None:  # fmt: skip
    """Of AlexeyAB's library, which shows heads only: say where the first difference is, and why it may be."""
    if detector.network.dialect is not ALEXEYAB:
        return
    for image, theirs, result in zip(images, computed, verdicts["ieee"], strict=True):
        if all(problem.startswith((DECODED, INPUT)) for problem in result.problems):
            continue
        layer = next((layer for layer in result.layers if not layer.equal), None)
        if layer is not None:
            first = first_difference(library, detector, image, options, layer.index, tolerance)
            kind = detector.network.layers[first].kind
            result.problems.insert(0, f"layer {first} ({kind}) is the first that differs")
        reason = advice(detector.network, bool(theirs["avx"]))
        if reason is not None:
            result.problems.append(reason)
        return  # the other images differ for the same reason


def best_profile(verdicts: dict[str, list[ImageResult]]) -> str:
    """The profile that agrees with the library best: on most images, with fewest differences."""
    return min(verdicts, key=lambda name: (sum(len(result.problems) for result in verdicts[name]), name != "ieee"))
