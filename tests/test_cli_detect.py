"""``darknet-py detect`` as people use it: batches with bad items, interrupts, standard input, names, notes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from darknet_py.cli import COMMANDS
from darknet_py.formats.atomic import signals_held
from darknet_py.image.draw import draw_detections
from darknet_py.image.load import load_image
from darknet_py.loading import load
from darknet_py.output.json import json_file
from darknet_py.synth import write_synth

from .nets import write_cfg
from .program import ask
from .test_cli import NET, OWN, PHOTOS, REPOSITORY


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with a small network, its weights and names, and an image."""
    write_synth(write_cfg(tmp_path, NET), tmp_path / "net.weights")
    (tmp_path / "net.names").write_text("ant\nbee\ncat\n")
    Image.open(PHOTOS / "chelsea.jpg").resize((90, 60)).save(tmp_path / "photo.png")
    return tmp_path


def test_bad_paths_are_named_before_the_first_image_and_end_nothing(files: Path) -> None:
    (files / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n garbage")
    (files / "film.mkv").write_bytes(b"\x1aE\xdf\xa3")
    images = ["broken.png", "nowhere.png", "film.mkv", "https://example.com/a.png", "photo.png"]
    answer = ask("detect", *images, *OWN, "-o", "out", "--json", "found.json", cwd=files)
    assert answer.code == 1
    named = [line for line in answer.err.splitlines() if line.startswith("Error: ")]
    bad = ["nowhere.png: there", "film.mkv: is a video", "https://example.com/a.png: is an address", "broken.png: "]
    assert all(line.startswith(f"Error: {begin}") for line, begin in zip(named, bad, strict=False)), named
    assert named[4] == "Error: 4 of 5 images could not be done (see above)"
    assert answer.out.count("Predicted in") == 1
    assert [entry["filename"] for entry in json.loads((files / "found.json").read_text())] == ["photo.png"]
    assert [path.name for path in (files / "out").iterdir()] == ["photo.png"]


def test_a_picture_that_cannot_be_written_loses_no_detections(files: Path) -> None:
    (files / "other.png").write_bytes((files / "photo.png").read_bytes())
    (files / "out" / "photo.png").mkdir(parents=True)  # a folder stands where the picture should go
    answer = ask("detect", "photo.png", "other.png", *OWN, "-o", "out", "--json", "-", cwd=files)
    assert answer.code == 1 and "out/photo.png: cannot be written" in answer.err
    assert [entry["filename"] for entry in json.loads(answer.out)] == ["photo.png", "other.png"]
    assert (files / "out" / "other.png").is_file()


@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="needs /dev/stdout")
def test_json_to_what_is_no_file(files: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "darknet_py", "detect", "photo.png", "photo.png", *OWN, "-q", "--no-picture",
         "--json", "/dev/stdout"],
        cwd=files, env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert [entry["frame_id"] for entry in json.loads(result.stdout)] == [1, 2], result.stderr
    if Path("/dev/full").exists():
        answer = ask("detect", "photo.png", *OWN, "-q", "--no-picture", "--json", "/dev/full", cwd=files)
        assert answer == (1, "", "Error: /dev/full: cannot be written: No space left on device\n")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize(("number", "target"), [(signal.SIGINT, "found.json"), (signal.SIGTERM, "-")])
def test_json_of_a_run_that_is_stopped_holds_what_was_done(files: Path, number: signal.Signals, target: str) -> None:
    os.mkfifo(files / "endless.png")  # nobody ever writes to it: the run stops there
    (files / "found.json").write_text("old")
    process = subprocess.Popen(
        [sys.executable, "-m", "darknet_py", "detect", "photo.png", "endless.png", *OWN, "--no-picture",
         "--json", target],
        cwd=files, env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    told = process.stderr if target == "-" else process.stdout
    assert told is not None
    while "Predicted" not in (line := told.readline()):
        assert line, "it ended before the first image"
    assert (files / "found.json").read_text() == "old", "not before the end"
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 128 + number
    assert err.splitlines()[-1] == ("Interrupted." if number == signal.SIGINT else "Terminated.")
    (entry,) = json.loads(out if target == "-" else (files / "found.json").read_text())
    assert entry["filename"] == "photo.png" and entry["objects"]
    assert not list(files.glob("*.part"))


def test_a_json_file_is_valid_after_each_entry(tmp_path: Path) -> None:
    entry = {"frame_id": 1, "filename": "a", "objects": []}
    target = tmp_path / "found.json"
    with json_file(target) as add:
        add(entry)
        add({**entry, "frame_id": 2})
        (part,) = tmp_path.glob("*.part")
        assert [each["frame_id"] for each in json.loads(part.read_text())] == [1, 2]
        assert not target.exists()
    assert [each["frame_id"] for each in json.loads(target.read_text())] == [1, 2]
    with pytest.raises(KeyboardInterrupt), json_file(target):
        raise KeyboardInterrupt
    assert len(json.loads(target.read_text())) == 2, "a run without any image leaves the file as it was"
    with json_file(target):
        pass
    assert json.loads(target.read_text()) == []


def test_a_signal_waits_until_an_entry_is_written(tmp_path: Path) -> None:
    entry = {"frame_id": 1, "filename": "a", "objects": []}
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), json_file(tmp_path / "f.json") as add:
        add(entry)
        with signals_held():
            signal.raise_signal(signal.SIGINT)
            add(entry)
        raise AssertionError("it comes when the block is done")
    assert len(json.loads((tmp_path / "f.json").read_text())) == 2
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_a_line_feed_in_a_name_makes_no_lines(files: Path) -> None:
    (files / "a\nb: 99%.png").write_bytes((files / "photo.png").read_bytes())
    result = ask("detect", "a\nb: 99%.png", *OWN, cwd=files)
    assert [line for line in result.out.splitlines() if "99%" in line] == result.out.splitlines()[:1]
    assert result.out.startswith("a\\nb: 99%.png: Predicted in ")


def test_an_image_on_standard_input(files: Path) -> None:
    named = ask("detect", "photo.png", *OWN, "--json", "-", "-o", "a.png", cwd=files)
    piped = ask("detect", "-", *OWN, "--json", "-", "-o", "b.png", cwd=files, stdin=(files / "photo.png").read_bytes())
    (one,), (two,) = json.loads(named.out), json.loads(piped.out)
    assert two["filename"] == "-" and two["objects"] == one["objects"]
    assert (files / "a.png").read_bytes() == (files / "b.png").read_bytes()
    assert "-: this file is empty" in ask("detect", "-", *OWN, cwd=files).err
    (files / "-").write_bytes((files / "photo.png").read_bytes())
    assert ask("detect", "./-", *OWN, "-o", "c.png", cwd=files, stdin=b"no image").code == 0


def test_what_goes_to_which_stream(files: Path) -> None:
    answer = ask("detect", "photo.png", *OWN, cwd=files)
    assert answer.err == "Picture: predictions.jpg\n"
    several = ask("detect", "photo.png", "photo.png", *OWN, cwd=files)
    assert several.err == "Pictures: 2 in predictions\n"
    quiet = ask("detect", "photo.png", *OWN[:4], "--quiet", "--no-picture", cwd=files)
    assert quiet == (0, "", "")
    none = ask("detect", "photo.png", *OWN, "--no-picture", cwd=files)
    assert none.err == "" and none.out.count("\n") == answer.out.count("\n")


def test_no_picture_takes_the_place_of_an_image(files: Path) -> None:
    image = (files / "photo.png").read_bytes()
    (files / "predictions.jpg").write_bytes(image)
    answer = ask("detect", "predictions.jpg", *OWN, cwd=files)
    assert answer.code == 1 and "this file is read from" in answer.err
    (files / "out").mkdir()
    (files / "out" / "photo.png").write_bytes(image)
    assert ask("detect", "photo.png", "out/photo.png", *OWN, "-o", "out", cwd=files).code == 0
    assert (files / "out" / "photo.png").read_bytes() == (files / "predictions.jpg").read_bytes() == image
    assert sorted(path.name for path in (files / "out").iterdir()) == ["photo.png", "photo_2.png", "photo_3.png"]


def test_one_image_of_a_directory_goes_to_one_file(files: Path) -> None:
    (files / "in").mkdir()
    (files / "photo.png").rename(files / "in" / "photo.png")
    assert ask("detect", "in", *OWN, "-o", "p.png", cwd=files).code == 0
    assert (files / "p.png").is_file()


def test_a_link_of_a_directory_that_leads_nowhere_is_named(files: Path) -> None:
    (files / "in").mkdir()
    (files / "photo.png").rename(files / "in" / "photo.png")
    (files / "in" / "gone.png").symlink_to("nowhere")
    answer = ask("detect", "in", *OWN, "--no-picture", cwd=files)
    assert answer.code == 1 and answer.out.count("Predicted in") == 1
    assert "Error: in/gone.png: cannot read this file: No such file or directory\n" in answer.err


def test_nothing_found_says_what_came_closest(files: Path) -> None:
    found = load(files / "net.cfg", files / "net.weights").detect(files / "photo.png", thresh=0, nms=0)
    best = float(found.confidence.max())
    high = ask("detect", "photo.png", *OWN[:6], "--thresh", "1", "--no-picture", cwd=files)
    assert high.out.count("\n") == 1, "standard output stays Darknet's"
    name = ["ant", "bee", "cat"][int(found.class_id[found.confidence.argmax()])]
    begin = f"photo.png: nothing above 100%; closest is {name} with {100 * best:.3g}%; --thresh "
    assert high.err.startswith(begin)
    lower = high.err.removeprefix(begin).split()[0]
    assert best - 0.0101 <= float(lower) < best
    low = ask("detect", "photo.png", *OWN[:6], "--thresh", lower, "--no-picture", cwd=files)
    assert low.err == "" and name in low.out


def test_percentages_beside_the_names(files: Path) -> None:
    ask("detect", "photo.png", *OWN, "--percentages", "-o", "a.png", cwd=files)
    found = load(files / "net.cfg", files / "net.weights", names=["ant", "bee", "cat"]).detect(
        files / "photo.png", thresh=0.3
    )
    pixels = load_image(files / "photo.png")
    assert (np.asarray(Image.open(files / "a.png")) == draw_detections(pixels, found, percentages=True)).all()
    assert (draw_detections(pixels, found) != draw_detections(pixels, found, percentages=True)).any()


def test_without_names_it_says_how_to_give_them(files: Path) -> None:
    assert "--names FILE" in ask("detect", "photo.png", *OWN[:4], "--no-picture", cwd=files).err


@pytest.mark.parametrize("words", ["", "weights", "weights info", "weights extract", "weights convert", *COMMANDS])
def test_every_help_has_examples(tmp_path: Path, words: str) -> None:
    answer = ask(*words.split(), "--help", cwd=tmp_path)
    assert answer.code == 0
    examples = answer.out.partition("\nExamples:\n")[2].splitlines()
    assert examples, answer.out
    assert any(line.strip().startswith(f"darknet-py {words}".strip()) for line in examples), examples


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("detct photo.png", "Did you mean detect"),
        ("predict photo.png", "Did you mean darknet-py classify?"),
        ("finetune net.cfg", "Did you mean darknet-py train?"),
        ("photo.png", "darknet-py detect photo.png"),
        ("weights inf net.weights", "Did you mean info?"),
        ("detect photo.png -thresh .3", "Did you mean --thresh?"),
        ("detect photo.png -hier .3", "Did you mean --hier-thresh?"),
        ("detect photo.png -dont_show", "no window is opened"),
        ("detect photo.png --tresh .3", "--thresh"),
        ("bench net.cfg -threads 2", "Did you mean --threads?"),
        ("demo photo.png -mjpeg_port 80", "Did you mean --mjpeg-port?"),
    ],
)
def test_words_that_are_almost_ours(files: Path, words: str, message: str) -> None:
    answer = ask(*words.split(), cwd=files)
    assert answer.code == 2
    assert message in answer.err.splitlines()[-1].replace("python -m pytest.", "")


def test_short_options_still_take_their_value(files: Path) -> None:
    assert ask("detect", "photo.png", *OWN, "-op.png", "-q", cwd=files) == (0, "", "")
    assert (files / "p.png").is_file()


def test_many_images_are_told_of_in_order_with_what_one_alone_has(files: Path) -> None:
    rng = np.random.default_rng(3)
    names = [f"{number:02}.png" for number in range(13)]
    for name in names:
        noise = rng.integers(0, 256, (*rng.integers(20, 200, 2), 3), np.uint8)
        Image.fromarray(noise).save(files / name)
    (files / names[5]).write_bytes(b"\x89PNG\r\n\x1a\n garbage")
    (files / "many" / names[2]).mkdir(parents=True)  # a folder stands where its picture should go
    options = [*OWN, "--thresh", "0.3"]
    answer = ask("detect", *names, *options, "-o", "many/", "--json", "-", cwd=files)
    told = [line for line in answer.err.splitlines() if line.startswith("Error: ") or "Predicted" in line]
    place = [next((name for name in names if name in line), "") for line in told]
    assert place == [*names[:3], *names[2:], ""], told
    assert answer.code == 1 and told[3].startswith("Error: many/02.png: cannot be written")
    assert told[6].startswith("Error: 05.png: ") and told[-1].endswith("2 of 13 images could not be done (see above)")
    entries = json.loads(answer.out)
    assert [entry["filename"] for entry in entries] == names[:5] + names[6:]
    for entry in entries[::4]:
        alone = ask("detect", entry["filename"], *options, "-o", "alone.png", "--json", "-", cwd=files)
        (other,) = json.loads(alone.out)
        assert other["objects"] == entry["objects"] and len(other["objects"])
        assert (files / "alone.png").read_bytes() == (files / "many" / entry["filename"]).read_bytes()
