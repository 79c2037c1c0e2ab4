"""Lists that end with a comma, too many anchors or too few, comments after values, numbers that are far too large."""

from __future__ import annotations

import time
import warnings
from pathlib import Path

import pytest

from darknet_py.errors import CfgError, DarknetWarning
from darknet_py.network import Network, read_network
from darknet_py.plan.memory import lay_out

from .nets import net, write_cfg
from .program import failure


def head(folder: Path, kind: str, *lines: str) -> Network:
    """A network with that head of two anchors, and further lines in its section, from line 11 on."""
    text = f"[net]\nwidth=4\nheight=4\nchannels=3\n[conv]\nfilters=16\n[{kind}]\nclasses=3\nnum=2\n"
    return read_network(write_cfg(folder, text + "\n".join(lines) + "\n"))


def biases(network: Network) -> list[float]:
    return list(network.heads[0].biases)  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["yolo", "region"])
@pytest.mark.parametrize(
    "anchors", ["1,2,3,4", "1,2, 3,4,", "1,2,3,4,,\t,", "1,2,3,4 # small, large", "1,2,3,4, ; small, large"]
)
def test_anchors_as_people_write_them(tmp_path: Path, kind: str, anchors: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert biases(head(tmp_path, kind, f"anchors = {anchors}")) == [1, 2, 3, 4]


@pytest.mark.parametrize("kind", ["yolo", "region"])
@pytest.mark.parametrize(
    ("anchors", "values", "says"),
    [
        ("1,2,3,4,5,6", [1, 2, 3, 4], "anchors has 6 values, but num=2 needs 4: the first 4 count"),
        ("1,2,3,4,5", [1, 2, 3, 4], "anchors has 5 values, but num=2 needs 4: the first 4 count"),
        ("1,2", [1, 2, 0.5, 0.5], "anchors has 2 values, but num=2 needs 4: the others are .5, as in Darknet"),
        ("1,2,", [1, 2, 0, 0.5], "anchors has 3 values"),  # what stands behind the comma is 0 for C's atof
    ],
)
def test_too_many_anchors_or_too_few_are_a_warning(
    tmp_path: Path, kind: str, anchors: str, values: list[float], says: str
) -> None:
    with pytest.warns(DarknetWarning) as caught:
        network = head(tmp_path, kind, "", f"anchors = {anchors}")
    assert biases(network) == values
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        network.resized(8, 8)
    assert str(caught[0].message).startswith(f"{tmp_path / 'net.cfg'}:11: {says}")


def test_a_command_shows_a_warning_as_one_line(tmp_path: Path) -> None:
    head(tmp_path, "yolo", "anchors=1,2,3,4,5,6")
    with warnings.catch_warnings():
        warnings.simplefilter("default", DarknetWarning)
        said = failure("summary", "net.cfg", cwd=tmp_path, code=0)
    assert said == "Warning: net.cfg:10: anchors has 6 values, but num=2 needs 4: the first 4 count\n"


@pytest.mark.parametrize(
    ("section", "line", "says"),
    [
        ("yolo classes=3 num=2 mask=0,", 9, "'' is not a number"),
        ("route layers=0,", 7, "'' is not a number"),
        ("yolo num=2000000000 classes=3", 7, "num=2000000000: more than 65536 anchors are not possible"),
        ("yolo classes=3 mask=0 num=2000000000", 9, "more than 65536 anchors are not possible"),
        ("region num=300000000 classes=1", 7, "more than 65536 anchors are not possible"),
        ("maxpool stride=1 size=2000000000", 8, "size=2000000000 is far more than an input of this size needs"),
        ("maxpool stride=1999999999 size=2000000000 padding=2147483647", 8, "far more than an input of this size"),
        ("conv size=3 stride=2147483647 pad=1", 8, "stride=2147483647 is far more than an input of this size needs"),
        ("conv size=3 stride=1000000000 padding=1000000000", 9, "padding=1000000000 is far more"),
        ("conv size=2000000001 pad=1", 6, "weights, more than Darknet can count"),
        ("deconv size=2000000001 pad=1", 6, "weights, more than Darknet can count"),
        ("connected output=2000000000", 6, "weights, more than Darknet can count"),
        ("rnn output=1000000", 6, "weights, more than Darknet can count"),
    ],
)
def test_numbers_that_would_take_memory_or_time_are_refused_at_once(
    tmp_path: Path, section: str, line: int, says: str
) -> None:
    start = time.process_time()
    with pytest.raises(CfgError, match=rf"net.cfg:{line}: .*{says}"):
        read_network(write_cfg(tmp_path, net(3, 8, 8, section)))
    assert time.process_time() - start < 1


def test_windows_may_reach_beyond_their_input(tmp_path: Path) -> None:
    """As in networks that run at a small size: pooling over all of a map, strides longer than a map."""
    text = net(3, 4, 4, "conv size=3 stride=32 pad=1", "maxpool size=13 stride=1", "conv size=5 stride=9 pad=1")
    assert read_network(write_cfg(tmp_path, text)).output_layer.out.size == 1


@pytest.mark.parametrize("kind", ["dropout", "route"])
def test_long_chains_take_time_in_proportion(tmp_path: Path, kind: str) -> None:
    sections = ["conv", *(["dropout"] if kind == "dropout" else ["route layers=-1"]) * 5000]
    network = read_network(write_cfg(tmp_path, net(1, 2, 2, *sections)))
    start = time.process_time()
    layout = lay_out(network, {5000})
    assert time.process_time() - start < 2
    assert layout.buffers[5000] == layout.buffers[0]


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (("filter=4",), "7: filter is no option of [conv] (did you mean filters?) and does not count"),
        (("Size=3",), "7: Size is no option of [conv] (did you mean size?) and does not count"),
        (("filters 4",), "7: 'filters 4' is no option (key=value) and does not count"),
        (("size=3", "stride ="), "8: 'stride =' is no option (key=value) and does not count"),
        (
            ("batch_normalise=1", "strde=2", "stride_=2"),
            "7: batch_normalise is no option of [conv] (did you mean batch_normalize?) and does not count "
            "(nor do 2 other lines, up to line 9)",
        ),
    ],
)
@pytest.mark.parametrize("dialect", ["darknet", "alexeyab"])
def test_what_is_mistyped_is_named(tmp_path: Path, lines: tuple[str, ...], says: str, dialect: str) -> None:
    """Darknet goes on with the default."""
    cfg = write_cfg(tmp_path, "\n".join([net(3, 8, 8, "conv").strip(), *lines]) + "\n")
    with pytest.warns(DarknetWarning) as caught:
        read_network(cfg, dialect=dialect)
    assert [str(warning.message) for warning in caught] == [f"{cfg}:{says}"]


@pytest.mark.parametrize("option", ["filters=4 filter=3", "burn_in=1", "learning_rate=1", "nonsense=1", "random=1"])
def test_what_is_only_unknown_is_not(tmp_path: Path, option: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_network(write_cfg(tmp_path, net(3, 8, 8, f"conv {option}")))


def test_a_word_alone_hides_an_option(tmp_path: Path) -> None:
    """Darknet keeps it as the first of two equal keys, without a value: its default counts, and not the later line."""
    text = net(3, 8, 8, "conv").strip() + "\nfilters\nsize=3\n"
    with pytest.raises(CfgError, match=r"net.cfg:9: filters stands in line 7 without a value: .*it takes the default"):
        read_network(write_cfg(tmp_path, text + "filters=4\n"))
    with pytest.warns(DarknetWarning, match="'filters' is no option"):
        network = read_network(write_cfg(tmp_path, text + "[conv]\nfilters=4\n"))
    assert [layer.out.c for layer in network.layers] == [1, 4]
