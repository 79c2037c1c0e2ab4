"""Top-1 and top-k accuracy of a classifier (Darknet's ``validate_classifier_single``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..detect.classify import best_classes
from ..errors import DarknetError, ImageError
from ..image.ahead import Crew
from ..image.letterbox import crop_pixels, resize_pixels
from ..image.load import load_image
from ..output.text import c_float
from ..output.writers import writers_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..detector import Detector
    from ..formats.tree import Tree

f32 = np.float32


def accuracy_lines(
    detector: Detector, images: Sequence[str], labels: Sequence[str], classes: int, top: int,
    wrong: Callable[[ImageError], None],
) -> Iterator[str]:  # fmt: skip
    """Lines for each image, about it (in pjreddie's dialect) and about all up to it.

    An image's class is the first label that is part of its path (ImageNet's ``n02110185``). It is cropped to its middle
    square and stretched to the input's size; in AlexeyAB's dialect scaled and then cropped (`view.Fit.CROP`).

    Args:
        detector: a classifier.
        images: the files.
        labels: by class, what a path has in it.
        classes: how many of the outputs take part.
        top: among how many of the most probable ones the class may be.
        wrong: called with the error of an image that cannot be read; it does not count.

    Raises:
        DarknetError: the network is a detector, or numbers do not fit together.
    """
    network = detector.network
    if network.heads:
        raise DarknetError(f"{network.path}: the network is a detector: detector valid")
    network.check_picture()
    size = network.output_layer.out.size
    if not 0 < classes <= min(len(labels), size):
        raise DarknetError(f"{classes} classes, but {len(labels)} labels and {size} outputs of {network.path}")
    if not 0 < top <= classes:
        raise DarknetError(f"top = {top} of {classes} classes")
    tree, writers = detector.class_tree, writers_of(network.dialect)
    yield from writers.before_accuracy
    first, among = f32(0), f32(0)
    number = -1
    for image, probability in _probabilities(detector, images, tree):
        class_id = next((i for i in range(classes) if labels[i] in image), -1)
        if isinstance(probability, ImageError):
            wrong(probability)
            continue
        number += 1
        best = [found.class_id for found in best_classes(probability[:classes], top)]
        first += f32(best[0] == class_id)
        among += f32(class_id in best)
        count = f32(number + 1)
        if writers.tells_guesses:
            second = c_float(float(probability[1:2].sum()))
            yield f"{image}, {class_id}, {c_float(float(probability[0]))}, {second}, "
        yield f"{number}: top 1: {float(first / count):f}, top {top}: {float(among / count):f}"


def _probabilities(
    detector: Detector, images: Sequence[str], tree: Tree | None
) -> Iterator[tuple[str, NDArray[np.float32] | ImageError]]:
    """All probabilities of each image; with a WordTree, of its leaves alone."""
    shape = detector.network.input

    def load(image: str) -> NDArray[np.float32] | ImageError:
        try:
            pixels = load_image(image)
        except ImageError as error:
            return error
        if detector.network.dialect.crops:
            x = crop_pixels(pixels, shape.w, shape.h)
        else:
            x = resize_pixels(center_crop(pixels), shape.w, shape.h)
        return x[: shape.c]

    with Crew(detector.threads) as crew:
        for group in crew.read(images, load):
            inputs = [each.picture for each in group if not isinstance(each.picture, ImageError)]
            outputs = iter(detector.predict(np.stack(inputs))[0] if inputs else ())
            for each in group:
                each.share.warn()
                failed = isinstance(each.picture, ImageError)
                yield each.item, each.picture if failed else _of_leaves(next(outputs).reshape(-1), tree)


def _of_leaves(probability: NDArray[np.float32], tree: Tree | None) -> NDArray[np.float32]:
    if tree is None:
        return probability
    every = best_classes(probability, len(probability), (), tree)
    probability = np.zeros_like(probability)
    for found in every:
        probability[found.class_id] = found.probability
    return probability


def center_crop(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The middle square of an image (``center_crop_image``, before its resizing)."""
    height, width = pixels.shape[:2]
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return np.ascontiguousarray(pixels[top : top + side, left : left + side])
