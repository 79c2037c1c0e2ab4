"""The cfg parser: Darknet's reading of a line, C's reading of a number, and one line for every mistake."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from darknet_py.errors import CfgError
from darknet_py.formats.cfg import KINDS, Section, parse_cfg, read_cfg, to_float32


def net(*lines: str) -> Section:
    """The ``[net]`` section with these options, which start at line 2."""
    return parse_cfg("\n".join(["[net]", *lines]), "small.cfg").net


def test_sections_stand_in_order_with_their_lines() -> None:
    cfg = parse_cfg("# a comment\n[network]\nwidth=8\n\n[conv]\nfilters=2\n[max]\n[convolutional]\n")
    assert (cfg.net.kind, cfg.net.name, cfg.net.line) == ("net", "network", 2)
    assert [(layer.kind, layer.name, layer.line) for layer in cfg.layers] == [
        ("convolutional", "conv", 5), ("maxpool", "max", 7), ("convolutional", "convolutional", 8),
    ]  # fmt: skip
    assert [(option.key, option.value, option.line) for option in cfg.layers[0].options] == [("filters", "2", 6)]


@pytest.mark.parametrize(
    ("alias", "kind"),
    [
        ("network", "net"), ("conv", "convolutional"), ("deconv", "deconvolutional"), ("conn", "connected"),
        ("max", "maxpool"), ("avg", "avgpool"), ("lrn", "normalization"), ("soft", "softmax"),
    ],
)  # fmt: skip
def test_aliases(alias: str, kind: str) -> None:
    assert KINDS[alias] == KINDS[kind] == kind


def test_every_section_of_upstreams_files_is_known(oracle: Path) -> None:
    files = sorted((oracle / "reference" / "cfg").glob("*.cfg")) + sorted((oracle / "cfg").glob("*.cfg"))
    assert len(files) > 30
    for path in files:
        assert read_cfg(path).layers, path


def test_blanks_are_removed_everywhere() -> None:
    section = parse_cfg(" [ n e t ] \n  an \t chors = 1, 2 ,\t3  \r\n").net
    assert section.find_ints("anchors") == [1, 2, 3]


def test_comments_may_be_indented_and_follow_a_value() -> None:
    section = net("  # batch=1", "\t;batch=2", "batch=3 # a comment", "policy = steps;as ever", "a=1,2 # 3, 4")
    assert (section.find_str("batch", ""), section.find_str("policy", "")) == ("3", "steps")
    assert section.find_ints("a") == [1, 2]
    assert [layer.kind for layer in parse_cfg("[net] # the input\n[yolo]; 3 anchors\n[max]#\n").layers] == [
        "yolo", "maxpool",
    ]  # fmt: skip


def test_a_comment_after_a_file_name_needs_a_blank() -> None:
    def tree(line: str) -> str:
        return parse_cfg(f"[net]\n[softmax]\n{line}\n").layers[0].find_str("tree", "")

    assert [tree(line) for line in ("tree=a#1.tree", "tree = a;b.tree # why", "tree = #1.tree", "tree=a.tree\t;")] == [
        "a#1.tree", "a;b.tree", "#1.tree", "a.tree",
    ]  # fmt: skip


def test_a_value_that_is_a_comment_is_no_number() -> None:
    with pytest.raises(CfgError, match=r"small.cfg:2: stride=: '' is not a number"):
        net("stride = # 2").find_int("stride", 1)


@pytest.mark.parametrize("read", ["find_ints", "find_floats"])
def test_a_list_does_not_end_at_a_semicolon_between_numbers(read: str) -> None:
    with pytest.raises(CfgError, match=r"small.cfg:2: a=1,2;3,4: numbers are parted by commas"):
        getattr(net("a = 1,2; 3,4"), read)("a")
    assert getattr(net("a = 1,2; 3 of them"), read)("a") == [1, 2], "as Darknet reads it"


def test_each_comma_at_the_end_of_floats_is_a_zero_for_atof() -> None:
    assert net("anchors=1,2,").find_floats("anchors") == [1, 2, 0]
    assert net("anchors=1,2,,\t,").find_floats("anchors") == [1, 2, 0, 0, 0]


def test_windows_line_ends_and_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "windows.cfg"
    path.write_bytes(b"\xef\xbb\xbf[net]\r\nwidth=416\r\n\r\n[softmax]\r\ntree=9k.tree\r\n")
    cfg = read_cfg(path)
    assert cfg.net.find_int("width", 0) == 416
    assert cfg.layers[0].find_str("tree", "") == "9k.tree"


def test_the_first_of_two_equal_keys_wins() -> None:
    section = net("batch=1", "batch=8")
    assert section.find_int("batch", 0) == 1
    assert [option.line for option in section.unused()] == [3]


def test_options_that_nobody_read_are_known() -> None:
    section = net("width=8", "height=8", "learning_rate=.1")
    assert section.has("width"), "asking is not reading"
    section.find_int("height", 0)
    assert [option.key for option in section.unused()] == ["width", "learning_rate"]


def test_lines_that_darknet_reports_and_ignores_become_notes() -> None:
    cfg = parse_cfg("[net]\nwidth=\nheight\nwidth=5\n")
    assert cfg.net.find_int("width", 0) == 5
    assert cfg.notes == [
        "Config file error line 2, could parse: width=", "Config file error line 3, could parse: height",
    ]  # fmt: skip


def test_only_the_first_equals_sign_parts_key_and_value() -> None:
    assert net("names=a=b").find_str("names", "") == "a=b"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7), ("+7", 7), ("-7", -7), ("3abc", 3), ("1e3", 1), ("2.9", 2), (".5", 0), ("0x10", 0), ("5,6", 5),
        ("000000000000000000000000012", 12), ("2147483647", 2**31 - 1), ("-2147483648", -(2**31)),
    ],
)  # fmt: skip
def test_ints_are_read_as_atoi_reads_them(text: str, value: int) -> None:
    assert net(f"a={text}").find_int("a", 99) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1.0), (".5", 0.5), ("5.", 5.0), ("-1.5e2x", -150.0), ("1e3", 1000.0), ("1e", 1.0), ("1.2.3", 1.2),
        ("0x1.8p1", 3.0), ("inf", math.inf), ("-Infinity", -math.inf), ("1e-400", 0.0),
        (".1", 0.100000001490116119384765625),
    ],
)  # fmt: skip
def test_floats_are_read_as_atof_reads_them_and_rounded(text: str, value: float) -> None:
    assert net(f"a={text}").find_float("a", 99.0) == to_float32(value)


def test_defaults_are_floats_as_well() -> None:
    assert net().find_float("thresh", 0.1) == 0.100000001490116119384765625
    assert (net().find_int("a", 3), net().find_str("a", "x")) == (3, "x")
    assert net().find_ints("a") is None and net().find_floats("a") is None


def test_lists() -> None:
    section = net("layers = -1, 8", "anchors = 0.5,1.25,  3")
    assert section.find_ints("layers") == [-1, 8]
    assert section.find_floats("anchors") == [0.5, 1.25, 3.0]


@pytest.mark.parametrize(
    ("read", "value", "says"),
    [
        ("find_int", "wide", "'wide' is not a number"),
        ("find_int", "-", "'-' is not a number"),
        ("find_int", "2147483648", "2147483648 does not fit an int"),
        ("find_int", "-99999999999999999999999999999", "does not fit an int"),
        ("find_float", "wide", "'wide' is not a number"),
        ("find_float", "1e39", "1e39 does not fit a float"),
        ("find_float", "-1e400", "-1e400 does not fit a float"),
        ("find_ints", "1,,3", "'' is not a number"),
        ("find_ints", "1,2,", "'' is not a number"),
        ("find_floats", ",", "'' is not a number"),
        ("find_floats", "1,,2", "'' is not a number"),
        ("find_floats", "1,two", "'two' is not a number"),
    ],
)
def test_a_value_that_is_no_number_is_an_error_at_its_line(read: str, value: str, says: str) -> None:
    section = net("# comment", f"option={value}")
    arguments = ("option",) if read.endswith("s") else ("option", 0)
    with pytest.raises(CfgError) as caught:
        getattr(section, read)(*arguments)
    assert str(caught.value).startswith(f"small.cfg:3: option={value}: ")
    assert str(caught.value).endswith(says)


def test_errors_of_a_layer_stand_at_the_option_or_the_section() -> None:
    section = parse_cfg("[net]\n[route]\n\nlayers=9\n", "a.cfg").layers[0]
    assert str(section.error("no such layer", "layers")) == "a.cfg:4: no such layer"
    assert str(section.error("no layers", "absent")) == "a.cfg:2: no layers"
    assert str(section.error("no layers")) == "a.cfg:2: no layers"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "x.cfg: has no sections"),
        ("# only\n\n; comments\n", "x.cfg: has no sections"),
        ("[convolutional]\nfilters=1\n", "x.cfg:1: the first section must be [net] or [network], not [convolutional]"),
        ("[net]\n[convolution]\n", "x.cfg:2: unknown section [convolution]"),
        ("[net]\n[CONVOLUTIONAL]\n", "x.cfg:2: unknown section [CONVOLUTIONAL]"),
        ("[net]\n[conv\n", "x.cfg:2: unknown section [conv"),
        ("[net]\n[konv] # one\n", "x.cfg:2: unknown section [konv]"),
        ("[net]\n[]\n", "x.cfg:2: unknown section []"),
        ("\nwidth = 4\n[net]\n", "x.cfg:2: 'width=4' stands before the first section"),
    ],
)
def test_what_is_no_cfg(text: str, says: str) -> None:
    with pytest.raises(CfgError) as caught:
        parse_cfg(text, "x.cfg")
    assert str(caught.value).startswith(says)
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    weights = tmp_path / "mixed-up.cfg"
    weights.write_bytes(b"\0\0\0\0\2\0\0\0")
    for path, says in ((tmp_path / "no.cfg", "No such file"), (tmp_path, "Is a directory"), (weights, "binary data")):
        with pytest.raises(CfgError, match=says) as caught:
            read_cfg(path)
        assert str(caught.value).startswith(f"{path}: ")


def test_bytes_that_are_not_utf8_survive(tmp_path: Path) -> None:
    path = tmp_path / "latin.cfg"
    path.write_bytes(b"# gr\xfc\xdfe\n[net]\ntree=gr\xfc\xdfe.tree\n")
    name = read_cfg(path).net.find_str("tree", "")
    assert name.encode("utf-8", "surrogateescape") == b"gr\xfc\xdfe.tree", "a file of this name can still be opened"
