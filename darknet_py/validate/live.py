"""The user's own Darknet build, called live: which profile fits it, and where the first difference is."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DarknetError
from ..image.letterbox import letterbox, to_planar
from ..image.load import load_image
from ..view import Asked, View
from .compare import ImageResult, LayerResult, Tolerance, ulps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..detector import Detector

TIMEOUT = 3600
"""Seconds that the library may take for all images."""


def run_library(
    library: Path, detector: Detector, images: Sequence[Path], thresholds: dict[str, Any]
) -> Iterator[dict[str, NDArray[Any]]]:
    """Run images through a libdarknet.so; yields what it computed for each (see `live_child`).

    Raises:
        DarknetError: it cannot be loaded, or crashed, in one line.
    """
    with tempfile.TemporaryDirectory(prefix="darknet-py-") as folder:
        last = detector.network.output_layer
        request = {
            "library": str(library.absolute()), "cfg": str(Path(detector.network.path).absolute()),
            "weights": str(Path(detector.weights or "").absolute()),
            "images": [str(image.absolute()) for image in images],
            "layers": len(detector.network.layers), "output": [last.index, last.out.size],
            "classes": detector.network.classes, "folder": folder, **thresholds,
        }  # fmt: skip
        (Path(folder) / "request.json").write_text(json.dumps(request))
        command = [sys.executable, "-m", "darknet_py.validate.live_child", f"{folder}/request.json"]
        try:
            result = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=TIMEOUT
            )
        except subprocess.TimeoutExpired:
            raise DarknetError(f"{library}: did not end within {TIMEOUT} seconds") from None
        for number in range(len(images)):
            file = Path(folder) / f"{number}.npz"
            try:
                with np.load(file) as arrays:
                    computed = dict(arrays)
            except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error):  # it ended before, or while writing
                raise DarknetError(f"{library}: {_what_happened(result)} (image {images[number]})") from None
            yield computed


def _what_happened(result: subprocess.CompletedProcess[str]) -> str:
    """Why a run gave no result, in one line."""
    lines = [line for line in result.stderr.splitlines() if line.strip()] or ["it ended without a message"]
    if result.returncode < 0:
        return f"crashed ({signal.Signals(-result.returncode).name})"
    return f"failed: {lines[-1].strip()}"


def compare_with_library(
    detector: Detector, image: Path, theirs: dict[str, NDArray[Any]], thresholds: dict[str, Any], tolerance: Tolerance
) -> ImageResult:
    """One image: the picture, the input, every layer and every box, bit for bit (or within ``tolerance.ulp``).

    The network runs on the library's own input, so that a difference in an image does not hide one in a layer.
    """
    result = ImageResult(str(image), "library", how=tolerance.exactly)
    width, height = (int(extent) for extent in theirs["size"])
    shape = detector.network.input
    pixels = load_image(image)
    planar = to_planar(pixels)
    _check(result, "the decoded image", planar, theirs["decoded"], tolerance)
    _check(result, "the network's input", letterbox(planar, shape.w, shape.h), theirs["input"], tolerance)
    x = theirs["input"].reshape(3, shape.h, shape.w)[: shape.c]
    detector.keep_outputs(range(len(detector.network.layers)))
    outputs = detector.predict(np.ascontiguousarray(x))
    for layer in detector.network.layers:
        wanted = theirs[f"layer{layer.index}"]
        ours = detector.layer_output(layer.index).reshape(-1)
        if wanted.size == 0:  # the layer gives no image, and the library does not show it
            continue
        apart = float(ulps(ours, wanted).max()) if ours.size == wanted.size else float("inf")
        result.layers.append(LayerResult(layer.index, layer.kind, apart == 0, apart))
        if ours.size != wanted.size:
            sizes = f"has {ours.size} values here, {wanted.size} there"
            result.problems.append(f"layer {layer.index} ({layer.kind}) {sizes}")
        elif apart > tolerance.ulp:
            result.problems.append(f"layer {layer.index} ({layer.kind}) is up to {apart:.0f} ulp off")
    if detector.network.heads:
        limits = {key: thresholds[key] for key in ("thresh", "hier_thresh", "nms")}
        boxes = detector.boxes(outputs, (width, height), View(asked=Asked.IMAGE, **limits))
        ours_after = {"box": boxes.box, "objectness": boxes.objectness, "prob": boxes.prob}
        _check_boxes(result, "boxes", ours_after, theirs, "after", thresholds["thresh"], tolerance)
    return result


def _check(result: ImageResult, what: str, ours: Any, wanted: NDArray[Any], tolerance: Tolerance) -> None:
    ours = np.asarray(ours).reshape(-1)
    if ours.size != wanted.size:
        result.problems.append(f"{what} has {ours.size} values here, {wanted.size} there")
    elif (apart := int(ulps(ours, wanted).max())) > tolerance.ulp:
        result.problems.append(f"{what} is up to {apart} ulp off")


def _check_boxes(
    result: ImageResult, what: str, ours: dict[str, Any], theirs: dict[str, NDArray[Any]], when: str, thresh: float,
    tolerance: Tolerance,
) -> None:  # fmt: skip
    """Boxes with a class above the threshold, in order."""
    rows = []
    for arrays in (ours, {key: theirs[f"{when}_{key}"] for key in ours}):
        shown = (arrays["prob"] > np.float32(thresh)).any(axis=1)
        rows.append(np.concatenate([arrays["box"], arrays["objectness"][:, None], arrays["prob"]], axis=1)[shown])
    if len(rows[0]) != len(rows[1]):
        result.problems.append(f"{len(rows[0])} {what} here, {len(rows[1])} there")
        return
    apart = ulps(*rows).max(axis=1) if len(rows[0]) else np.zeros(0)
    for number in np.flatnonzero(apart > tolerance.ulp)[:1]:
        result.problems.append(f"{what}: number {number} is {int(apart[number])} ulp off")
