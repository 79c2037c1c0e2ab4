"""Detect many: wires image, plan, decoding and NMS together. (`darknet_py.loading` makes detectors from files.)"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from .detect.classify import Classification, best_classes
from .detect.decode import Candidates, decode
from .detect.detections import Detections
from .detect.nms import nms_sort
from .detect.tree import TreeStep, tree_steps
from .errors import DarknetError, ImageError
from .image.letterbox import letterbox_pixels, resize_pixels
from .image.load import load_image
from .layers import Region
from .plan.build import Plan
from .plan.pool import usable_cores
from .plan.profile import get_profile

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from .formats.tree import Tree
    from .layers import Layer
    from .network import Network
    from .parameters import Parameters

    Floats = NDArray[np.float32]
    ImageLike = str | Path | bytes | NDArray[np.uint8] | Image


class Detector:
    """A network with its weights, ready to run.

    Safe to use from several Python threads: calls take turns (each uses all of the detector's worker threads, and the
    GIL is free while it computes). Detectors of different networks may be used side by side.

    Attributes:
        network: the layer graph.
        names: class names, or an empty list.
        trees: WordTrees, by number of the layer that has one.
        map: with a WordTree, the nodes that count as classes 0, 1, ... (None: every node is a class).
        node_names: with a map, the names of all nodes, for tree paths.
        math: name of the arithmetic profile.
        threads: worker threads.
        seconds: how long the network took for the last image.
        weights: the file that the weights came from, if any.
    """

    def __init__(
        self,
        network: Network,
        parameters: Parameters,
        *,
        names: Sequence[str] = (),
        trees: dict[int, Tree] | None = None,
        map: NDArray[np.int32] | None = None,
        node_names: Sequence[str] = (),
        math: str = "ieee",
        threads: int | None = None,
        keep: Iterable[int] = (),
        weights: Path | None = None,
    ) -> None:
        if threads is not None and threads < 1:
            raise DarknetError(f"threads={threads} must be at least 1")
        self.network = network
        self.names = list(names)
        self.trees = trees or {}
        self.map = map
        self.node_names = list(node_names)
        self.math = math
        self.threads = threads or usable_cores()
        self._parameters = parameters
        self._profile = get_profile(math)
        self._lock = threading.RLock()
        self._has_run = False
        self.seconds = 0.0
        self.weights = weights
        self._plan = self._make_plan(keep)

    def _make_plan(self, keep: Iterable[int]) -> Plan:
        return Plan(self.network, self._parameters, self._profile, self.threads, self.trees, frozenset(keep))

    def detect(
        self,
        image: ImageLike,
        *,
        thresh: float = 0.5,
        hier_thresh: float = 0.5,
        nms: float = 0.45,
        bgr: bool = False,
        tree_path: bool = False,
    ) -> Detections:
        """Detect the objects in one image (Darknet's ``detector test``; for YOLOv1, its ``yolo test``).

        Args:
            image: path of a file, a file's bytes, a PIL image, or an H x W x 3 array of uint8 (RGB).
            thresh: least probability of what is reported.
            hier_thresh: least probability of a WordTree node for going down to its children.
            nms: greatest intersection over union of two boxes of one class; 0 keeps all.
            bgr: the array's channels are blue, green, red (as OpenCV reads images).
            tree_path: with a WordTree, tell how each class was reached (`Detections.tree_paths`).

        Returns:
            The detections in the order in which Darknet prints them.

        Raises:
            ImageError: the image cannot be read.
            DarknetError: the network has no head that gives boxes.
        """
        if not self.network.heads:
            raise DarknetError(f"{self.network.path}: the network gives no boxes (for a classifier: classify)")
        pixels = as_pixels(image, bgr)
        height, width = pixels.shape[:2]
        with self._lock:
            self._run(self.prepare(pixels))
            stretched = self._stretches
            scale = (1, 1) if stretched else (width, height)
            candidates = self.candidates(scale, thresh=thresh, hier_thresh=hier_thresh)
            output = self._plan.output(self.network.heads[0].index).copy() if tree_path else None
        boxes = nms_sort(candidates, nms)
        if self.map is not None:
            boxes = replace(boxes, prob=boxes.prob[:, : len(self.map)])
        found = Detections.from_boxes(boxes, thresh, self.names, (width, height))
        return found if output is None else replace(found, tree_paths=self._tree_paths(found, output))

    def _tree_paths(self, found: Detections, output: Floats) -> list[list[TreeStep]]:
        """For each row the nodes from the root of the WordTree to its class."""
        head = self.network.heads[0]
        tree = self.trees.get(head.index)
        if not isinstance(head, Region) or tree is None or len(self.network.heads) > 1:
            raise DarknetError(f"{self.network.path}: tree paths need one [region] head with a tree")
        names = self.names if self.map is None and self.names else self.node_names or tree.names
        paths = []
        for box_id, class_id in zip(found.box_id, found.class_id, strict=True):
            node = int(class_id) if self.map is None else int(self.map[class_id])
            steps = tree_steps(head, output, int(box_id), node, tree)
            paths.append([step._replace(name=names[step.class_id]) for step in steps])
        return paths

    def detect_batch(self, images: Iterable[ImageLike], **options: Any) -> list[Detections]:
        """Detect the objects in several images; each gets the same bits as alone. Options as for `detect`."""
        return [self.detect(image, **options) for image in images]

    def classify(self, image: ImageLike, top: int = 5, bgr: bool = False) -> list[Classification]:
        """The most probable classes of one image (Darknet's ``classifier predict``).

        Args:
            image: as for `detect`.
            top: how many.
            bgr: as for `detect`.

        Raises:
            ImageError: the image cannot be read.
            DarknetError: the network is a detector.
        """
        if self.network.heads:
            raise DarknetError(f"{self.network.path}: the network is a detector, not a classifier")
        layer = self.network.output_layer
        with self._lock:
            self._run(self.prepare(as_pixels(image, bgr)))
            output = self._plan.output(layer.index).copy()
        trees = [self.trees[number] for number in sorted(self.trees)]
        return best_classes(output, top, self.names, trees[-1] if trees else None)

    def predict(self, x: Floats) -> list[Floats]:
        """Run the network on its raw input.

        Args:
            x: float32, channels x height x width or n x channels x height x width, RGB from 0 to 1, of exactly the
                network's size.

        Returns:
            The raw output of each head (of a network without heads: of its last layer), channels x height x width each;
            with a leading n where ``x`` has one. Each image gets the same bits as alone.
        """
        shape = self.network.input
        wanted = (shape.c, shape.h, shape.w)
        x = np.asarray(x)
        if x.dtype != np.float32 or x.shape[-3:] != wanted or x.ndim not in (3, 4):
            raise DarknetError(
                f"predict needs float32 of shape {wanted} or (n, {', '.join(map(str, wanted))}), "
                f"not {x.dtype} of shape {x.shape}"
            )
        if x.ndim == 3:
            return self._predict_one(x)
        each = [self._predict_one(image) for image in x]
        heads = self.network.heads or [self.network.output_layer]
        return [
            np.stack([outputs[i] for outputs in each]) if each else np.zeros((0, *_shape(head)), np.float32)
            for i, head in enumerate(heads)
        ]

    def _predict_one(self, x: Floats) -> list[Floats]:
        with self._lock:
            self._run(x)
            heads = self.network.heads or [self.network.output_layer]
            return [self._plan.output(head.index).reshape(_shape(head)).copy() for head in heads]

    def layer_output(self, number: int) -> Floats:
        """Output of layer ``number`` (negative: counted from the end) for the last image, as a copy.

        Channels x height x width, or flat where the layer gives no image. Asking for a layer the first time runs the
        network once more, because buffers are reused otherwise.
        """
        layers = self.network.layers
        if not -len(layers) <= number < len(layers):
            raise DarknetError(f"layer {number}: the network has layers 0 to {len(layers) - 1}")
        layer = layers[number]
        with self._lock:
            if not self._has_run:
                raise DarknetError("layer_output: run detect or predict first")
            self.keep_outputs({layer.index})
            return self._plan.output(layer.index).reshape(_shape(layer)).copy()

    def keep_outputs(self, numbers: Iterable[int]) -> None:
        """Keep the outputs of these layers from now on, too; the last image is run again if some are new."""
        with self._lock:
            wanted = self._plan.kept | set(numbers)
            if wanted == self._plan.kept:
                return
            x = self._plan.input.copy()
            self._plan = self._make_plan(wanted)
            if self._has_run:
                self._run(x)

    def resize(self, size: tuple[int, int]) -> None:
        """Take images at another input size from now on (Darknet's ``resize_network``; multi-scale, paper's section 2).

        Only shapes, buffers and the packing of the weights are made anew, no file is read. If that fails, everything
        stays as it was. Layers whose outputs were kept still are; there is no last image until one is run.

        Args:
            size: width and height, for most networks multiples of 32.

        Raises:
            CfgError: the network is not fully convolutional, or its layers do not fit together at that size.
        """
        w, h = size
        with self._lock:
            before = self.network
            self.network = before.resized(w, h)
            try:
                self._plan = self._make_plan(self._plan.kept)
            except BaseException:
                self.network = before
                raise
            self._has_run = False

    def candidates(self, image_size: tuple[int, int], *, thresh: float, hier_thresh: float) -> Candidates:
        """Boxes of the last image before NMS, for an image of (width, height) (Darknet's ``get_network_boxes``)."""
        with self._lock:
            outputs = {head.index: self._plan.output(head.index) for head in self.network.heads}
            profile = "make" if self._profile.make else "ieee"
            return decode(
                self.network, outputs, *image_size, thresh, hier_thresh, trees=self.trees, map=self.map,
                profile=profile, cpu=self._profile.cpu,
            )  # fmt: skip

    def prepare(self, pixels: NDArray[np.uint8]) -> Floats:
        """H x W x 3 pixels -> the network's input: letterboxed, for YOLOv1 stretched (as Darknet does)."""
        shape = self.network.input
        if not shape.image or shape.c > 3:
            raise DarknetError(f"{self.network.path}: the network's input ({shape}) is not a picture")
        fit = resize_pixels if self._stretches else letterbox_pixels
        # Darknet decodes three channels whatever the network has; the network reads the first ones.
        return fit(pixels, shape.w, shape.h)[: shape.c]

    @property
    def _stretches(self) -> bool:
        return any(head.kind == "detection" for head in self.network.heads)

    def _run(self, x: Floats) -> None:
        if x.size != self._plan.input.size:
            raise DarknetError("the network was resized while it was given an input of its old size")
        self._plan.input[:] = x.reshape(-1)
        start = perf_counter()
        self._plan.run()
        self.seconds = perf_counter() - start
        self._has_run = True


def _shape(layer: Layer) -> tuple[int, ...]:
    return (layer.out.c, layer.out.h, layer.out.w) if layer.out.image else (layer.out.size,)


def as_pixels(image: ImageLike, bgr: bool = False) -> NDArray[np.uint8]:
    """Any image that `Detector.detect` takes -> H x W x 3 uint8, RGB. Raises `ImageError`."""
    if isinstance(image, (str, os.PathLike, bytes)):
        return load_image(image)
    if not isinstance(image, np.ndarray):
        if not hasattr(image, "convert"):
            raise ImageError(f"an image is a path, bytes, a PIL image or an array, not {type(image).__name__}")
        image = np.asarray(image.convert("RGB"))
    if image.dtype != np.uint8:
        raise ImageError(f"an image array must be uint8 (values 0 to 255), not {image.dtype}")
    if image.ndim == 2:
        image = np.repeat(image[:, :, None], 3, axis=2)
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ImageError(f"an image array must have shape H x W x 3, not {' x '.join(map(str, image.shape))}")
    return np.ascontiguousarray(image[:, :, ::-1] if bgr else image)
