"""No kernel leaves its arrays: mutated networks run between forbidden pages, in a process that would not survive it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .test_fuzz import MANY, OTHER_ARITHMETIC

REPOSITORY = Path(__file__).parent.parent

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="forbids pages by Linux's mprotect"),
]


def guarded(folder: Path, math: str, side: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.guarded", str(folder), math, side, str(MANY)]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=3600)


@pytest.mark.parametrize("side", ["behind", "before"])
def test_the_fence_is_there(tmp_path: Path, side: str) -> None:
    assert guarded(tmp_path, "overrun", side).returncode == -signal.SIGSEGV


@pytest.mark.parametrize("math", ["ieee", *OTHER_ARITHMETIC])
@pytest.mark.parametrize("side", ["behind", "before"])
def test_networks_between_forbidden_pages(tmp_path: Path, math: str, side: str) -> None:
    result = guarded(tmp_path, math, side)
    cfg = tmp_path / "net.cfg"
    assert result.returncode == 0, f"{result.stderr}\n{cfg.read_bytes()!r}"
    assert int(result.stdout) > MANY // 4, "arrays of plans are still reserved by aligned_floats"
