"""Fine-tune the released yolov3-tiny to a class that it does not know: a saucer.

    python benchmarks/fine_tune.py [--updates 200] [--seed 1] [--picture FILE]

The saucer of a photograph of this repository is cut out and put, larger and smaller, onto others: 160 pictures to train
with (the astronaut, the table), 40 to validate with, on a photograph that is in none of the others (the cat). The first
15 layers start from the released weights, as docs/training.md tells. Prints the average loss, the mAP on the 40
pictures, and what is then found in the three photographs as they are; draws that of the cup.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from darknet_py import load  # noqa: E402
from darknet_py.evaluate.run import read_list  # noqa: E402
from darknet_py.image.draw import draw_detections, save_image  # noqa: E402
from darknet_py.image.load import load_image  # noqa: E402
from darknet_py.network import read_network  # noqa: E402
from darknet_py.train import open_training  # noqa: E402
from darknet_py.train.score import Scorer  # noqa: E402
from darknet_py.weights import extract  # noqa: E402
from darknet_py.zoo import get_model, locate  # noqa: E402

PHOTOS = ROOT / "tests" / "data" / "photos"
SAUCER = (78, 62, 480, 388)
"""Left, top, right, bottom in coffee.jpg."""

CUP = (172, 18, 412, 210)
SIZE = 224


def cut_out() -> tuple[Image.Image, Image.Image]:
    """The saucer with its cup, and what of that rectangle belongs to them."""
    photo = Image.open(PHOTOS / "coffee.jpg").convert("RGB")
    mask = Image.new("L", photo.size)
    draw = ImageDraw.Draw(mask)
    draw.ellipse(SAUCER, fill=255)
    draw.ellipse(CUP, fill=255)
    part = (SAUCER[0], CUP[1], SAUCER[2], SAUCER[3])
    return photo.crop(part), mask.crop(part)


def background(name: str, random: np.random.RandomState) -> Image.Image:
    """A part of a photograph, 320 x 320, turned or mirrored; of the table only where there is nothing else."""
    photo = Image.open(PHOTOS / f"{name}.jpg").convert("RGB")
    if name == "coffee":
        photo = photo.crop((490, 0, 600, 400))
    side = int(random.uniform(0.6, 1) * min(photo.size))
    left, top = random.randint(photo.width - side + 1), random.randint(photo.height - side + 1)
    found = photo.crop((left, top, left + side, top + side)).resize((320, 320))
    return found.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if random.rand() < 0.5 else found


def write_pictures(folder: Path) -> None:
    """Pictures, labels, lists and the data file."""
    random = np.random.RandomState(5)
    saucer, mask = cut_out()
    for name in ("images", "labels"):
        (folder / name).mkdir()
    for part, count, photos in (("train", 160, ("astronaut", "coffee")), ("valid", 40, ("chelsea",))):
        paths = []
        for number in range(count):
            picture = background(photos[number % len(photos)], random)
            text = ""
            if number % 5:  # every fifth has none
                width = int(random.uniform(60, 260))
                height = round(width * saucer.height / saucer.width)
                left, top = random.randint(320 - width + 1), random.randint(320 - height + 1)
                picture.paste(saucer.resize((width, height)), (left, top), mask.resize((width, height)))
                above = height * (SAUCER[1] - CUP[1]) / saucer.height
                numbers = (left + width / 2, top + (height + above) / 2, width, height - above)
                text = "0 " + " ".join(f"{value / 320:.6f}" for value in numbers) + "\n"
            paths.append(folder / "images" / f"{part}_{number:03d}.png")
            picture.save(paths[-1])
            (folder / "labels" / f"{part}_{number:03d}.txt").write_text(text)
        (folder / f"{part}.txt").write_text("".join(f"{path}\n" for path in paths))
    (folder / "my.names").write_text("saucer\n")
    (folder / "my.data").write_text(
        f"classes=1\ntrain={folder}/train.txt\nvalid={folder}/valid.txt\nnames={folder}/my.names\nbackup={folder}/backup\n"
    )


def write_cfg(path: Path, updates: int) -> None:
    """yolov3-tiny for one class, with a schedule for so many updates."""
    text = (ROOT / "cfg" / "yolov3-tiny.cfg").read_text()
    for old, new in (
        ("batch=1\n", "batch=8\n"), ("subdivisions=1\n", "subdivisions=2\n"), ("width=416", f"width={SIZE}"),
        ("height=416", f"height={SIZE}"), ("burn_in=1000", "burn_in=20"),
        ("max_batches=500200", f"max_batches={updates}"),
        ("steps=400000,450000", f"steps={updates * 3 // 4},{updates * 9 // 10}"), ("classes=80", "classes=1"),
        ("filters=255", "filters=18"), ("random=1", "random=0"),
    ):  # fmt: skip
        assert old in text, old
        text = text.replace(old, new)
    path.write_text(text)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--updates", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--picture", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_pictures(folder)
        write_cfg(folder / "my.cfg", asked.updates)
        released = locate(get_model("yolov3-tiny"), fetch_missing=True)
        start = folder / "yolov3-tiny.conv.15"
        extract(ROOT / "cfg" / "yolov3-tiny.cfg", released.weights, start, 15)
        begin = time.process_time()
        with open_training(
            folder / "my.data", folder / "my.cfg", start, seed=asked.seed, report=lambda text: None
        ) as training:
            for done in training.run():
                if done.number in (1, 20, 50, 100) or done.number == asked.updates:
                    print(f"update {done.number}: average loss {float(done.average):.3g}", flush=True)
            arrays = training.session.trainer.arrays
        print(f"{(time.process_time() - begin) / asked.updates:.2f} CPU seconds an update")
        scorer = Scorer(read_network(folder / "my.cfg"), read_list(folder / "valid.txt"), 2, "ieee")
        print(f"mAP@.5 on the 40 pictures: {scorer.score(arrays):.1%}")
        network = load(folder / "my.cfg", folder / "backup" / "my_final.weights", names=["saucer"])
        for name in ("coffee", "astronaut", "chelsea"):
            found = network.detect(PHOTOS / f"{name}.jpg", thresh=0.3)
            print(f"{name}.jpg:", ", ".join(f"{each.name} {each.confidence:.0%}" for each in found) or "nothing")
            if name == "coffee" and asked.picture is not None:
                pixels = load_image(PHOTOS / "coffee.jpg")
                save_image(asked.picture, draw_detections(pixels, found))


if __name__ == "__main__":
    main()
