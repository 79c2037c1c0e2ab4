"""The rows of a dialect's tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Value = int | float | str


@dataclass(frozen=True)
class Option:
    """An option that a Darknet reads for what it computes.

    Attributes:
        key: its name.
        neutral: values at which a network is computed as if the option were not there. An option that another Darknet
            does not know is of use to that one only at a neutral value. Their type is how the Darknet reads it.
        same_as: key and default of another option; at that option's value this one is neutral, too.
        unless: key, default and value of another option that, at this value, leaves this one without effect.
        many: the value is a list.
    """

    key: str
    neutral: tuple[Value, ...] = ()
    same_as: tuple[str, Value] | None = None
    unless: tuple[str, Value, Value] | None = None
    many: bool = False


@dataclass(frozen=True)
class SectionOptions:
    """The options that a Darknet reads in one kind of section.

    Attributes:
        result: those that change what a network computes.
        other: those for training, for reports and for the use of a GPU. They may hold anything.
    """

    result: tuple[Option, ...] = ()
    other: frozenset[str] = frozenset()

    def find(self, key: str) -> Option | None:
        """The row of an option that changes the result."""
        return next((option for option in self.result if option.key == key), None)


@dataclass(frozen=True, eq=False)
class Dialect:
    """What one Darknet reads.

    Attributes:
        key: what the user calls it.
        name: whose Darknet it is, as messages say it.
        sections: name of a section -> its canonical name (``string_to_layer_type``).
        activations: names of activations (``get_activation``).
        options: what is read in a section, by its canonical name.
        everywhere: what is read in every layer's section besides.
        only_in: activations that work in these kinds of sections only; elsewhere that Darknet gives zeros.
        stretches: images are stretched to the network's size, unless the cfg has ``letter_box=1``.
        crops: a classifier sees the middle of an image whose shorter side has the network's width; else all of it.
        inner_classes: nodes of a WordTree that are no leaves are classes of a classifier, too.
        strided_1x1: a 1x1 convolution skips pixels as its stride says; else it reads on as its input lies in memory.
        flat_regions: ``[region]`` puts the values of a cell side by side, and all its boxes have objectness 1.
        nms_kinds: non-maximum suppression is of the kind that the last head asks for.
        variance_epsilon: what batch normalisation adds to a variance before it takes the root.
        batchnorm_biases: weights files have biases of ``[batchnorm]``.
    """

    key: str
    name: str
    sections: dict[str, str]
    activations: tuple[str, ...]
    options: dict[str, SectionOptions]
    everywhere: SectionOptions = field(default_factory=SectionOptions)
    only_in: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    stretches: bool = False
    crops: bool = False
    inner_classes: bool = False
    strided_1x1: bool = False
    batchnorm_biases: bool = False
    flat_regions: bool = False
    nms_kinds: bool = False
    variance_epsilon: float = 0.0

    def reads(self, kind: str, key: str) -> bool:
        """Whether it reads an option in sections of a kind, for whatever."""
        return self.find(kind, key) is not None or key in self.without_result(kind)

    def find(self, kind: str, key: str) -> Option | None:
        """The row of an option that changes the result in sections of a kind."""
        found = self.options.get(kind, SectionOptions()).find(key)
        return self.everywhere.find(key) if found is None and kind != "net" else found

    def result(self, kind: str) -> tuple[Option, ...]:
        """The options that change the result in sections of a kind."""
        own = self.options.get(kind, SectionOptions()).result
        return own if kind == "net" else own + self.everywhere.result

    def without_result(self, kind: str) -> frozenset[str]:
        """The options of a kind of section that are read, but change no result."""
        own = self.options.get(kind, SectionOptions()).other
        return own if kind == "net" else own | self.everywhere.other


def options(keys: str) -> tuple[Option, ...]:
    """Rows without neutral values: of options that every Darknet with such a section reads alike."""
    return tuple(Option(key) for key in keys.split())


def keys(*texts: str) -> frozenset[str]:
    """The words of some texts."""
    return frozenset(key for text in texts for key in text.split())
