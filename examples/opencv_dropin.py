"""A ``cv2.dnn`` program with OpenCV 5, which does not read Darknet's files: ``opencv_dropin.py A.cfg A.weights IMAGE``.

All but two lines is as such programs are written. With ``darknet-py run-script --as opencv`` they need no change at all
(docs/compat.md).
"""

from __future__ import annotations

import sys
from typing import Any

import cv2
import numpy as np

from darknet_py.compat import opencv

opencv.install()  # from here on cv2.dnn reads Darknet's files


def main(arguments: list[str] | None = None) -> None:
    if arguments is None:
        arguments = sys.argv[1:]
    if len(arguments) not in (3, 4):
        sys.exit("usage: opencv_dropin.py CFG WEIGHTS IMAGE [THRESH]")
    cfg, weights, path = arguments[:3]
    thresh = float(arguments[3]) if len(arguments) == 4 else 0.5

    image: Any = cv2.imread(path)
    dnn: Any = cv2.dnn  # (type checkers know OpenCV 5's only)
    net = dnn.readNetFromDarknet(cfg, weights)
    net.setInput(dnn.blobFromImage(image, 1 / 255, (416, 416), swapRB=True, crop=False))
    outputs = net.forward(net.getUnconnectedOutLayersNames())

    height, width = image.shape[:2]
    boxes, confidences, classes = [], [], []
    for row in np.concatenate(outputs):
        scores = row[5:]
        best = int(scores.argmax())
        if scores[best] > thresh:
            x, y, w, h = row[:4] * np.array([width, height, width, height])
            boxes.append([int(x - w / 2), int(y - h / 2), int(w), int(h)])
            confidences.append(float(scores[best]))
            classes.append(best)
    for i in np.array(dnn.NMSBoxes(boxes, confidences, thresh, 0.4)).reshape(-1):
        print(f"class {classes[i]} {confidences[i]:.0%} {boxes[i]}")


if __name__ == "__main__":
    main()
