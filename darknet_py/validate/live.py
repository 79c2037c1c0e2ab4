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
from typing import TYPE_CHECKING

import numpy as np

from ..dialect import ALEXEYAB
from ..errors import DarknetError
from ..image.letterbox import letterbox, resize, to_planar
from ..image.load import load_image
from ..layers import NmsOptions
from ..layers.head import NMS_KINDS
from ..trace import trace_view
from ..view import Fit
from .compare import ImageResult, LayerResult, Tolerance, ulps

if TYPE_CHECKING:
    from ..detect.thresholds import Limits
    from ..detector import Detector
    from ..network import Network
    from ..typing import Array, JsonObject

TIMEOUT = 3600
"""Seconds that the library may take for all images."""

DECODED, INPUT = "the decoded image", "the network's input"
"""What is compared before the network: a difference there says nothing of how it was built."""


def run_library(
    library: Path, detector: Detector, images: Sequence[Path], thresholds: Limits
) -> Iterator[dict[str, Array]]:
    """Run images through a libdarknet.so; yields what it computed for each (see `live_child`).

    Raises:
        DarknetError: it cannot be loaded, or crashed, in one line.
    """
    if detector.network.dialect is ALEXEYAB:
        heads = {head.index for head in detector.network.heads}
        cuts = sorted(heads | {detector.network.output_layer.index})
        yield from _run_alexeyabs(library, detector, images, thresholds, cuts)
        return
    with tempfile.TemporaryDirectory(prefix="darknet-py-") as folder:
        last = detector.network.output_layer
        request = {
            "cfg": str(Path(detector.network.path).absolute()),
            "layers": len(detector.network.layers), "output": [last.index, last.out.size],
            "classes": detector.network.classes, **thresholds,
        }  # fmt: skip
        yield from _run_child("live_child", library, detector, images, request, folder)


def _run_alexeyabs(
    library: Path, detector: Detector, images: Sequence[Path], thresholds: Limits, cuts: Sequence[int]
) -> Iterator[dict[str, Array]]:
    """`run_library` for AlexeyAB's: of the layers ``cuts`` alone, and boxes if the last head is among them."""
    network = detector.network
    view = trace_view(detector, **thresholds).of(network)
    whole = cuts[-1] == network.output_layer.index
    wanted = network.heads[-1].nms if network.heads else NmsOptions()
    with tempfile.TemporaryDirectory(prefix="darknet-py-") as folder:
        cfgs = [[number, str(_cut(network, number, Path(folder)))] for number in cuts]
        request = {
            "cfgs": cfgs, "sizes": [network.layers[number].out.size for number in cuts],
            "letterbox": view.fit is Fit.LETTERBOX, "boxes": whole and bool(network.heads),
            "nms_kind": NMS_KINDS.index(wanted.kind), "beta": wanted.beta, "classes": network.classes, **thresholds,
        }  # fmt: skip
        yield from _run_child("live_child_alexeyab", library, detector, images, request, folder)


def _cut(network: Network, number: int, folder: Path) -> Path:
    """A cfg that ends with layer ``number``; the network's own where that is its output."""
    if number == network.output_layer.index:
        return Path(network.path).absolute()
    end = network.sections[number + 1].line - 1
    path = folder / f"{number}.cfg"
    path.write_bytes(b"\n".join([*Path(network.path).read_bytes().split(b"\n")[:end], b""]))
    return path


def first_difference(
    library: Path, detector: Detector, image: Path, thresholds: Limits, differing: int, tolerance: Tolerance
) -> int:
    """The first layer whose output differs from that of AlexeyAB's library, by halving.

    Args:
        library, detector, image, thresholds, tolerance: as for `compare_with_library`.
        differing: a layer that does.
    """
    same = -1
    while differing - same > 1:
        middle = (same + differing) // 2
        [theirs] = _run_alexeyabs(library, detector, [image], thresholds, [middle])
        result = compare_with_library(detector, image, theirs, thresholds, tolerance)
        if any(layer.index == middle and (layer.ulp or 0) > tolerance.ulp for layer in result.layers):
            differing = middle
        else:
            same = middle
    return differing


def _run_child(
    module: str, library: Path, detector: Detector, images: Sequence[Path], request: JsonObject, folder: str
) -> Iterator[dict[str, Array]]:
    """Run a module in a process of its own; yields what it wrote for each image."""
    request = {
        **request, "library": str(library.absolute()), "weights": str(Path(detector.weights or "").absolute()),
        "images": [str(image.absolute()) for image in images], "folder": folder,
    }  # fmt: skip
    (Path(folder) / "request.json").write_text(json.dumps(request))
    command = [sys.executable, "-m", f"darknet_py.validate.{module}", f"{folder}/request.json"]
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
    detector: Detector, image: Path, theirs: dict[str, Array], thresholds: Limits, tolerance: Tolerance
) -> ImageResult:
    """One image: the picture, the input, every layer and every box, bit for bit (or within ``tolerance.ulp``).

    The network runs on the library's own input, so that a difference in an image does not hide one in a layer.
    """
    result = ImageResult(str(image), "library", how=tolerance.exactly)
    width, height = (int(extent) for extent in theirs["size"])
    shape = detector.network.input
    pixels = load_image(image)
    planar = to_planar(pixels)
    _check(result, DECODED, planar, theirs["decoded"], tolerance)
    view = trace_view(detector, **thresholds)
    fit = letterbox if view.fit is Fit.LETTERBOX else resize
    _check(result, INPUT, fit(planar, shape.w, shape.h), theirs["input"], tolerance)
    x = theirs["input"].reshape(3, shape.h, shape.w)[: shape.c]
    detector.keep_outputs(range(len(detector.network.layers)))
    outputs = detector.predict(np.ascontiguousarray(x))
    for layer in detector.network.layers:
        wanted = theirs.get(f"layer{layer.index}", np.zeros(0, np.float32))
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
    if "after_box" in theirs:
        boxes = detector.boxes(outputs, (width, height), view)
        ours_after = {"box": boxes.box, "objectness": boxes.objectness, "prob": boxes.prob}
        _check_boxes(result, "boxes", ours_after, theirs, "after", thresholds["thresh"], tolerance)
    return result


def _check(result: ImageResult, what: str, ours: Array, wanted: Array, tolerance: Tolerance) -> None:
    ours = np.asarray(ours).reshape(-1)
    if ours.size != wanted.size:
        result.problems.append(f"{what} has {ours.size} values here, {wanted.size} there")
    elif (apart := int(ulps(ours, wanted).max())) > tolerance.ulp:
        result.problems.append(f"{what} is up to {apart} ulp off")


def _check_boxes(
    result: ImageResult, what: str, ours: dict[str, Array], theirs: dict[str, Array], when: str, thresh: float,
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
