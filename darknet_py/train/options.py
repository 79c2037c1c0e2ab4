"""Options of a cfg that count for training only: of ``[net]`` (``parse_net_options``) and of every layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import CfgError
from .rate import RatePolicy

if TYPE_CHECKING:
    from ..formats.cfg import Section
    from ..network import Network


@dataclass(frozen=True)
class Adam:
    """``adam=1``: the constants of Adam (Kingma and Ba 2014), float32."""

    b1: float
    b2: float
    eps: float


@dataclass(frozen=True)
class NetOptions:
    """What ``[net]`` says about training.

    Attributes:
        batch: images of one call (``batch / subdivisions`` of the cfg).
        subdivisions: calls for each update.
        momentum, decay: of SGD.
        max_batches: updates of a whole training.
        rate: the learning rate's policy.
        adam: its constants, if Adam is to be used in place of SGD.
    """

    batch: int
    subdivisions: int
    momentum: float
    decay: float
    max_batches: int
    rate: RatePolicy
    adam: Adam | None

    @classmethod
    def read(cls, section: Section) -> NetOptions:
        """Read ``[net]``. Raises `CfgError` for what cannot be trained."""
        batch, subdivisions = section.find_int("batch", 1), section.find_int("subdivisions", 1)
        if subdivisions < 1:
            raise section.error(f"subdivisions={subdivisions} must be at least 1", "subdivisions")
        if batch < subdivisions:
            raise section.error(f"batch={batch} is less than subdivisions={subdivisions}: no image is left for a call",
                                "batch")  # fmt: skip
        if batch % subdivisions:
            section.warn(f"batch={batch} is no multiple of subdivisions={subdivisions}: a call takes "
                         f"{batch // subdivisions} images, as in Darknet", "batch")  # fmt: skip
        if section.find_int("time_steps", 1) != 1:
            raise section.error("time_steps: recurrent layers cannot be trained", "time_steps")
        if section.find_int("notruth", 0):
            raise section.error("notruth=1: there is nothing to train for", "notruth")
        adam = None
        if section.find_int("adam", 0):
            adam = Adam(section.find_float("B1", 0.9), section.find_float("B2", 0.999), section.find_float("eps", 1e-7))
        if section.find_float("clip", 0):
            section.warn("clip has no effect: Darknet's CPU code does not use it", "clip")
        return cls(
            batch // subdivisions, subdivisions, section.find_float("momentum", 0.9),
            section.find_float("decay", 0.0001), section.find_int("max_batches", 0), RatePolicy.read(section), adam,
        )  # fmt: skip

    @property
    def images(self) -> int:
        """Images of an update, as Darknet counts them: ``batch * subdivisions`` of its own ``batch``."""
        return self.batch * self.subdivisions


@dataclass(frozen=True)
class LayerOptions:
    """What any layer says about training.

    Attributes:
        learning_rate: a factor of the rate.
        stopbackward: neither this layer nor any below gets gradients; they still decay.
    """

    learning_rate: float
    stopbackward: bool

    @classmethod
    def read(cls, section: Section) -> LayerOptions:
        """Read a layer's section. Raises `CfgError` for options that only Darknet's other programs use."""
        for key in ("truth", "onlyforward"):
            if section.find_int(key, 0):
                raise section.error(f"{key}=1 cannot be trained", key)
        if section.find_float("smooth", 0):
            section.warn("smooth has no effect: Darknet's CPU code does not use it", "smooth")
        return cls(section.find_float("learning_rate", 1.0), bool(section.find_int("stopbackward", 0)))


def warn_without_effect(section: Section, keys: tuple[str, ...]) -> None:
    """Warn of options that only Darknet's GPU code uses."""
    for key in keys:
        if section.has(key):
            section.warn(f"{key} has no effect: only Darknet's GPU code uses it", key)


def section_of(network: Network, index: int) -> Section:
    """The section that a layer was made from."""
    if index >= len(network.sections):
        raise CfgError(f"layer {index} was made from no section of a cfg", network.path)
    return network.sections[index]
