"""The learning rate's policies (``get_current_rate``): double arithmetic where C has it, the result float32."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..kernels.train.rate import exponential, power_of

if TYPE_CHECKING:
    from ..formats.cfg import Section
    from .random import GlibcRandom

f32 = np.float32

POLICIES = ("constant", "step", "steps", "exp", "poly", "sigmoid", "random")
"""Names in a cfg; Darknet takes any other for ``constant``."""


@dataclass(frozen=True)
class RatePolicy:
    """How the learning rate goes with the number of updates.

    Attributes:
        policy: one of `POLICIES`.
        rate: ``learning_rate``.
        burn_in: so many updates at the beginning have ``rate * (n / burn_in) ** power``.
        power: exponent there, and of ``poly`` and ``random``.
        step, scale, gamma: of ``step``, ``sigmoid`` and ``exp``.
        steps, scales: of ``steps``: from which batches on the rate is multiplied, and by what.
        max_batches: of ``poly``.
    """

    policy: str = "constant"
    rate: float = 0.001
    burn_in: int = 0
    power: float = 4.0
    step: int = 1
    scale: float = 1.0
    gamma: float = 1.0
    steps: tuple[int, ...] = ()
    scales: tuple[float, ...] = ()
    max_batches: int = 0

    @classmethod
    def read(cls, section: Section) -> RatePolicy:
        """Read ``[net]``. Raises `CfgError` where the policy's own options are missing or cannot be."""
        policy = section.find_str("policy", "constant")
        if policy not in POLICIES:
            section.warn(f"policy={policy}: there is {', '.join(POLICIES)}; taken for constant, as in Darknet",
                         "policy")  # fmt: skip
            policy = "constant"
        steps: tuple[int, ...] = ()
        scales: tuple[float, ...] = ()
        if policy == "steps":
            steps, scales = _read_steps(section)
        step = section.find_int("step", 1) if policy in ("step", "sigmoid") else 1
        if policy == "step" and step < 1:
            raise section.error(f"step={step} must be at least 1", "step")
        return cls(
            policy, section.find_float("learning_rate", 0.001), section.find_int("burn_in", 0),
            section.find_float("power", 4.0), step, section.find_float("scale", 1.0) if policy == "step" else 1.0,
            section.find_float("gamma", 1.0) if policy in ("exp", "sigmoid") else 1.0, steps, scales,
            section.find_int("max_batches", 0),
        )  # fmt: skip

    def at(self, batch: int, random: GlibcRandom | None = None) -> np.float32:
        """The rate at a batch number: how many updates there have been, the next one included.

        Args:
            batch: the number, from 0.
            random: the stream that ``policy=random`` draws from.
        """
        if batch < self._burn_in:
            return self._times(power_of(float(f32(batch) / f32(self.burn_in)), self.power))
        result: np.float32 = getattr(self, f"_{self.policy}")(batch, random)
        return result

    @property
    def _burn_in(self) -> int:
        return self.burn_in % 2**64  # C compares it with an unsigned number: -1 is for ever

    def _times(self, factor: float) -> np.float32:
        return _rounded(self.rate * factor)

    def _constant(self, batch: int, random: GlibcRandom | None) -> np.float32:
        return _rounded(self.rate)

    def _step(self, batch: int, random: GlibcRandom | None) -> np.float32:
        return self._times(power_of(self.scale, float(batch // self.step)))

    def _steps(self, batch: int, random: GlibcRandom | None) -> np.float32:
        rate = _rounded(self.rate)
        for step, scale in zip(self.steps, self.scales, strict=True):
            if step % 2**64 > batch:
                break
            rate = _rounded(float(rate) * float(f32(scale)))
        return rate

    def _exp(self, batch: int, random: GlibcRandom | None) -> np.float32:
        return self._times(power_of(self.gamma, float(batch)))

    def _poly(self, batch: int, random: GlibcRandom | None) -> np.float32:
        with np.errstate(divide="ignore", invalid="ignore"):
            left = f32(1) - f32(batch) / f32(self.max_batches)
        return self._times(power_of(float(left), self.power))

    def _random(self, batch: int, random: GlibcRandom | None) -> np.float32:
        if random is None:
            return _rounded(math.nan)
        return self._times(power_of(float(random.uniform(0, 1)), self.power))

    def _sigmoid(self, batch: int, random: GlibcRandom | None) -> np.float32:
        distance = f32((batch - self.step) % 2**64)
        with np.errstate(over="ignore"):
            exponent = float(f32(self.gamma) * distance)
        return self._times(1.0 / (1.0 + exponential(exponent)))


def _rounded(value: float) -> np.float32:
    result: np.float32 = f32(value)
    return result


def _read_steps(section: Section) -> tuple[tuple[int, ...], tuple[float, ...]]:
    steps, scales = section.find_ints("steps"), section.find_floats("scales")
    if steps is None or scales is None:
        raise section.error("policy=steps needs steps and scales", "policy")
    if len(scales) < len(steps):
        raise section.error(f"{len(steps)} steps need as many scales, not {len(scales)}", "scales")
    if len(scales) > len(steps):
        section.warn(f"{len(steps)} steps and {len(scales)} scales: the first {len(steps)} count", "scales")
    if list(steps) != sorted(steps) or steps[0] < 0:
        section.warn("steps: the rate stays as it is from the first entry on that is larger than the batch number, or "
                     "negative (Darknet takes it for a huge number)", "steps")  # fmt: skip
    return tuple(steps), tuple(scales[: len(steps)])
