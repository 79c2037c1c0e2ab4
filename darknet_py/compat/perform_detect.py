"""``performDetect`` of AlexeyAB's older ``darknet.py``: everything about one image in one call."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from ..image.draw import class_colour
from ..image.load import load_image
from .handles import load_meta, read_class_names


def perform_detect(
    module: dict[str, Any], imagePath: str = "data/dog.jpg", thresh: float = 0.25, configPath: str = "./cfg/yolov4.cfg",
    weightPath: str = "yolov4.weights", metaPath: str = "./cfg/coco.data", showImage: bool = True,
    makeImageOnly: bool = False, initOnly: bool = False,
) -> Any:  # fmt: skip
    """Detect the objects in an image file.

    Args:
        module: the module's names, of which it sets ``netMain``, ``metaMain`` and ``altNames`` where they are None, and
            uses ``load_net_custom`` and ``detect``.
        imagePath: the image.
        thresh: least probability, between 0 and 1.
        configPath, weightPath, metaPath: the network; read once and kept, whatever later calls say.
        showImage: print a line for each object, and give a picture with the boxes, too.
        makeImageOnly: without a window. There is none here in any case.
        initOnly: read the network only.

    Returns:
        (name, probability, (centre x, centre y, width, height in pixels)), most probable first; with ``showImage`` a
        dict of these ``detections``, the ``image`` (H x W x 3, uint8) and a ``caption``.

    Raises:
        ValueError: a file is not there.
    """
    assert 0 < thresh < 1, "Threshold should be a float between zero and one (non-inclusive)"
    for what, path in (("config", configPath), ("weight", weightPath), ("data file", metaPath)):
        if not os.path.exists(path):
            raise ValueError(f"Invalid {what} path `{os.path.abspath(path)}`")
    if module["netMain"] is None:
        module["netMain"] = module["load_net_custom"](configPath, weightPath, 0, 1)
    if module["metaMain"] is None:
        module["metaMain"] = load_meta(metaPath)
    if module["altNames"] is None:
        module["altNames"] = read_class_names(metaPath)
    if initOnly:
        print("Initialized detector")
        return None
    if not os.path.exists(imagePath):
        raise ValueError(f"Invalid image path `{os.path.abspath(imagePath)}`")
    found: list[Any] = module["detect"](module["netMain"], module["metaMain"], imagePath, thresh)
    if not showImage:
        return found
    image = np.array(load_image(imagePath))
    names = list(module["altNames"])
    captions = []
    print(f"*** {len(found)} Results, color coded by confidence ***")
    for name, score, box in found:
        captions.append(f"{name}: {np.rint(100 * score)}%")
        print(captions[-1])
        _outline(image, box, class_colour(names.index(name), len(names)))
    return {"detections": found, "image": image, "caption": "\n<br/>".join(captions)}


def _outline(image: np.ndarray, box: tuple[float, float, float, float], colour: tuple[int, int, int]) -> None:
    """Draw a box of two pixels' width into the picture, as far as it lies in it."""
    height, width = image.shape[:2]
    x, y, w, h = box
    left, right = (int(np.clip(round(edge), 0, width - 1)) for edge in (x - w / 2, x + w / 2))
    top, bottom = (int(np.clip(round(edge), 0, height - 1)) for edge in (y - h / 2, y + h / 2))
    for line in (slice(top, top + 2), slice(max(bottom - 1, 0), bottom + 1)):
        image[line, left : right + 1] = colour
    for line in (slice(left, left + 2), slice(max(right - 1, 0), right + 1)):
        image[top : bottom + 1, line] = colour
