"""A video -> a line of JSON for each frame: ``python video_to_json_lines.py in.mp4 > found.jsonl``.

Reads frames with OpenCV. ``darknet-py demo`` does the same with averaging over frames, drawing and streaming.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

import cv2

import darknet_py


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video")
    parser.add_argument("--model", default="yolov3-tiny", help="a released model, or a .cfg file")
    parser.add_argument("--weights", help="the weights that belong to the .cfg file")
    parser.add_argument("--names", help="a file with a class name on each line")
    parser.add_argument("--thresh", type=float, default=0.5)
    options = parser.parse_args(arguments)

    net = darknet_py.load(options.model, options.weights, names=options.names)
    video: Any = cv2.VideoCapture(options.video)
    if not video.isOpened():
        sys.exit(f"{options.video}: OpenCV cannot read this video")
    fps = video.get(cv2.CAP_PROP_FPS)
    number = 0
    while True:
        there, frame = video.read()
        if not there:
            break
        found = net.detect(frame, bgr=True, thresh=options.thresh)  # OpenCV's channels are blue, green, red
        print(json.dumps({"frame": number, "seconds": round(number / fps, 3), "objects": found.to_json()}))
        number += 1
    video.release()


if __name__ == "__main__":
    main()
