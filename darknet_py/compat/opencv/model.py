"""``cv2.dnn``'s models: frames in, detections or a class out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ...errors import DarknetError
from .blob import check_frame, make_blob
from .errors import opencv_surface
from .net import Net, to_scalar
from .read import readNet
from .region import nms_boxes

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import Self

    from ...typing import Array, Floats
    from .read import Source

    Found = tuple[NDArray[np.int32], Floats, NDArray[np.int32]]

f32 = np.float32


@opencv_surface
class Model:
    """A network and how frames become its input.

    The input's size is the cfg's until another is set. (OpenCV wants it set.)
    """

    def __init__(self, model: Net | Source, config: Source = "") -> None:
        """Of a `Net`, or of the two files in either order."""
        self._net = model if isinstance(model, Net) else readNet(model, config)
        self._size = self._net.input_size
        self._scale, self._mean = np.ones(4, f32), np.zeros(4, f32)
        self._swap_rb = self._crop = False
        self._output_names = list(self._net.getUnconnectedOutLayersNames())

    def setInputParams(
        self, scale: float = 1.0, size: Sequence[int] = (), mean: float | Sequence[float] = (), swapRB: bool = False,
        crop: bool = False,
    ) -> None:  # fmt: skip
        """All at once; what is not given goes back to the default."""
        self._size = (int(size[0]), int(size[1])) if len(size) else self._net.input_size
        self.setInputScale(scale).setInputMean(mean).setInputSwapRB(swapRB).setInputCrop(crop)

    def setInputSize(self, size: Sequence[int] | int, height: int | None = None) -> Self:
        """``(width, height)``, or width and height."""
        width, height = (size[0], size[1]) if isinstance(size, Sequence) else (size, height)
        if height is None:
            raise DarknetError("setInputSize needs a width and a height")
        self._size = int(width), int(height)
        return self

    def setInputScale(self, scale: float | Sequence[float]) -> Self:
        """What pixels are multiplied by; one number for all channels."""
        values = to_scalar(scale)
        self._scale = values if values[1:].any() else np.full(4, values[0], f32)
        return self

    def setInputMean(self, mean: float | Sequence[float]) -> Self:
        """What is subtracted from pixels before that, by channel of the blob."""
        self._mean = to_scalar(mean)
        return self

    def setInputSwapRB(self, swapRB: bool) -> Self:
        """Whether frames are blue, green, red and the network wants red, green, blue."""
        self._swap_rb = bool(swapRB)
        return self

    def setInputCrop(self, crop: bool) -> Self:
        """Whether to cut the middle out of a frame instead of stretching it."""
        self._crop = bool(crop)
        return self

    def setPreferableBackend(self, backendId: int) -> Self:
        """Accepted and ignored."""
        return self

    def setPreferableTarget(self, targetId: int) -> Self:
        """Accepted and ignored."""
        return self

    def enableWinograd(self, useWinograd: bool) -> Self:
        """Accepted and ignored."""
        return self

    def setOutputNames(self, outNames: Sequence[str]) -> Self:
        """The layers whose outputs `predict` gives and `detect` reads; before, those that no other layer reads."""
        self._output_names = [str(name) for name in outNames]
        return self

    def predict(self, frame: Array) -> tuple[Floats, ...]:
        """The network's outputs for a frame (H x W x channels, uint8)."""
        blob = make_blob(frame, self._size, self._scale, self._mean, self._swap_rb, self._crop)
        self._net.setInput(blob)
        if not self._output_names:
            raise DarknetError("the model has no outputs: setOutputNames was given an empty list")
        outputs: tuple[Floats, ...] = self._net.forward(self._output_names)
        return outputs


@opencv_surface
class DetectionModel(Model):
    """Boxes, classes and confidences of a frame. As in OpenCV, the network's own suppression is switched off."""

    def __init__(self, model: Net | Source, config: Source = "") -> None:
        super().__init__(model, config)
        self._across = False
        self._net.region_options = {
            index: replace(options, nms=0.0) for index, options in self._net.region_options.items()
        }

    def setNmsAcrossClasses(self, value: bool) -> DetectionModel:
        """Whether a box also drops overlapping boxes of other classes."""
        self._across = bool(value)
        return self

    def getNmsAcrossClasses(self) -> bool:
        """See `setNmsAcrossClasses`."""
        return self._across

    def detect(
        self, frame: Array, confThreshold: float = 0.5, nmsThreshold: float = 0.0
    ) -> Found | tuple[tuple[()], tuple[()], tuple[()]]:
        """The objects in a frame.

        Args:
            frame: H x W x channels, uint8.
            confThreshold: least probability of a box's best class.
            nmsThreshold: greatest intersection over union of two boxes; 0: no suppression.

        Returns:
            Class numbers (int32, n), probabilities (float32, n), boxes (int32, n x 4: left, top, width, height, in
            pixels, inside the frame). Class after class, best first. Three empty tuples if nothing was found.
        """
        height, width = check_frame(frame).shape[:2]
        if min(confThreshold, nmsThreshold) < 0:
            raise DarknetError(f"detect: thresholds {confThreshold} and {nmsThreshold} must not be negative")
        if not self._net.region_options:
            raise DarknetError("DetectionModel: the network is no detector (for a classifier: ClassificationModel)")
        rows = self._rows(frame)
        class_id = rows[:, 5:].argmax(axis=1).astype(np.int32)
        confidence = rows[:, 5:].max(axis=1)
        above = confidence >= f32(confThreshold)
        rows, class_id, confidence = rows[above], class_id[above], confidence[above]
        boxes = _to_pixels(rows[:, :4], width, height)
        kept = self._kept(class_id, confidence, boxes, confThreshold, nmsThreshold)
        if not len(kept):
            return (), (), ()
        return class_id[kept], confidence[kept], boxes[kept]

    def _rows(self, frame: Array) -> Floats:
        """The rows of all heads that are asked for."""
        outputs = self.predict(frame)
        for name, values in zip(self._output_names, outputs, strict=True):
            if not self._net.is_head(name):
                shape = " x ".join(map(str, values.shape))
                raise DarknetError(f"DetectionModel: layer '{name}' gives no boxes, but {shape} values")
        return np.concatenate(outputs)

    def _kept(
        self, class_id: NDArray[np.int32], confidence: Floats, boxes: NDArray[np.int32], thresh: float, nms: float
    ) -> NDArray[np.int64]:
        """The rows that stay, in their final order."""
        everything = np.arange(len(class_id))
        if not nms or not len(class_id):
            return everything
        groups = [everything] if self._across else [np.flatnonzero(class_id == k) for k in np.unique(class_id)]
        corners = boxes.astype(np.float64)
        return np.concatenate([rows[nms_boxes(corners[rows], confidence[rows], thresh, nms)] for rows in groups])


def _to_pixels(box: Floats, width: int, height: int) -> NDArray[np.int32]:
    """Centres and sizes as fractions -> left, top, width, height, cut to whole pixels at each step."""
    frame = np.array([width, height])
    with np.errstate(invalid="ignore"):
        pixels = np.nan_to_num(box * np.array([width, height] * 2, f32), nan=0, posinf=2**30, neginf=-(2**30))
    whole = pixels.clip(-(2**30), 2**30).astype(np.int64)
    centre, size = whole[:, :2], whole[:, 2:]
    corner = (centre - size // 2).clip(0, frame - 1)
    size = np.maximum(1, np.minimum(size, frame - corner))
    return np.concatenate([corner, size], axis=1).astype(np.int32)


@opencv_surface
class ClassificationModel(Model):
    """The best class of a frame."""

    def __init__(self, model: Net | Source, config: Source = "") -> None:
        super().__init__(model, config)
        self._softmax = False

    def setEnableSoftmaxPostProcessing(self, enable: bool) -> ClassificationModel:
        """Whether to take a softmax of the network's output."""
        self._softmax = bool(enable)
        return self

    def getEnableSoftmaxPostProcessing(self) -> bool:
        """See `setEnableSoftmaxPostProcessing`."""
        return self._softmax

    def classify(self, frame: Array) -> tuple[int, float]:
        """The number of the most probable class, and its probability.

        Raises:
            DarknetError: the network has several outputs.
        """
        outputs = self.predict(frame)
        if len(outputs) != 1:
            raise DarknetError(f"ClassificationModel: the network has {len(outputs)} outputs, not one")
        values = outputs[0].reshape(-1)
        if self._softmax:
            values = np.exp(values - values.max())
            values = values / values.sum()
        best = int(values.argmax())
        return best, float(values[best])
