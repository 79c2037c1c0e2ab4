"""Cut each object out of an image and save it: ``python crop_objects.py photo.jpg crops/``."""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image

import darknet_py


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("image", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="yolov3-tiny", help="a released model, or a .cfg file")
    parser.add_argument("--weights", help="the weights that belong to the .cfg file")
    parser.add_argument("--names", help="a file with a class name on each line")
    parser.add_argument("--thresh", type=float, default=0.5)
    options = parser.parse_args(arguments)

    net = darknet_py.load(options.model, options.weights, names=options.names)
    options.folder.mkdir(parents=True, exist_ok=True)
    with Image.open(options.image) as opened:
        image = opened.convert("RGB")
    found = net.detect(image, thresh=options.thresh).clip()  # boxes may reach beyond the image
    for number, thing in enumerate(found):
        left, top, right, bottom = (round(value) for value in thing.xyxy)
        if right > left and bottom > top:
            path = options.folder / f"{options.image.stem}-{number}-{thing.name.replace('/', '_')}.png"
            image.crop((left, top, right, bottom)).save(path)
            print(path)


if __name__ == "__main__":
    main()
