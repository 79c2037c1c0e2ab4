"""A folder as Darknet's, and its program in it, as its users call it: for tests of Darknet's own command line."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from darknet_py.synth import write_synth

from .nets import net, write_cfg
from .program import answer
from .systems import need_posix

PHOTOS = Path(__file__).parent / "data" / "photos"


REPOSITORY = Path(__file__).parent.parent


YOLO = net(
    3, 64, 64, "conv filters=8 size=3 stride=4 pad=1 activation=leaky", "conv filters=24 size=1 activation=linear",
    "yolo classes=3 num=3 anchors=9,9,20,30,50,50",
)  # fmt: skip


CLASSIFIER = net(
    3, 32, 32, "conv filters=8 size=3 stride=2 pad=1 activation=leaky", "conv filters=12 size=1 activation=linear",
    "avgpool", "softmax",
)  # fmt: skip


YOLO_V1 = net(
    3, 64, 64, "conv filters=8 size=3 stride=4 pad=1 activation=leaky", "connected output=1470 activation=linear",
    "detection classes=20 coords=4 side=7 num=2 softmax=0 sqrt=1",
)  # fmt: skip


def make_folder(folder: Path) -> Path:
    """Fill it as Darknet's: networks with weights, data files, names, pictures, and the program. Skips on Windows."""
    need_posix()
    for name, text in (("yolo", YOLO), ("classifier", CLASSIFIER), ("v1", YOLO_V1)):
        write_synth(write_cfg(folder, text, f"{name}.cfg"), folder / f"{name}.weights", 7)
    (folder / "yolo.names").write_text("ant\nbee\ncat\nnot one of the classes\n")
    (folder / "yolo.data").write_text("classes = 3\nnames = yolo.names\n")
    (folder / "classifier.names").write_text("\n".join("abcdefghijkl") + "\nmore\n")
    (folder / "classifier.data").write_text("names = classifier.names\ntop = 3\n")
    for photo in PHOTOS.glob("*.jpg"):
        (folder / photo.name).symlink_to(photo)
    write_program(folder)
    return folder


def write_program(folder: Path) -> None:
    """Put the program there as ``darknet``."""
    program = folder / "darknet"
    program.write_text(f"#!{sys.executable}\nfrom darknet_py.__main__ import main\nmain()\n")
    program.chmod(0o755)


def darknet(
    *words: object, cwd: Path, stdin: str | None = None, code: int = 0, program: str = "./darknet", **more: str
) -> subprocess.CompletedProcess[str]:
    """Run ``./darknet WORDS``; a traceback is never an answer."""
    result = subprocess.run(
        [program, *map(str, words)], cwd=cwd, input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **more}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert result.returncode == code, f"exit code {result.returncode}\n{result.stdout}\n{result.stderr}"
    assert "Traceback" not in result.stderr
    return result


def called(*words: object, cwd: Path, stdin: str = "", code: int = 0) -> subprocess.CompletedProcess[str]:
    """The same within this process."""
    done = answer(*words, cwd=cwd, program="./darknet", stdin=stdin.encode())
    out, err = done.out.decode(), done.err.decode()
    assert (done.code or 0) == code, f"exit code {done.code}\n{out}\n{err}"
    return subprocess.CompletedProcess(["darknet", *map(str, words)], code, out, err)


def without_times(text: str) -> str:
    return re.sub(r"Predicted in [0-9.]+", "Predicted in T", text)
