"""Arrays without reference counts.

Numba counts references to an array whenever a kernel passes it to another one, with atomic instructions, and removes
only the counting that it can prove to be superfluous. In a loop over single pixels or bits that dominates everything.
"""

from __future__ import annotations

from typing import Any

from .later import cgutils, intrinsic


@intrinsic
def borrow(typingctx: Any, array: Any) -> Any:
    """The same array, not counted. For a kernel's own arguments: its caller keeps them alive until it returns."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        view = context.make_array(signature.return_type)(context, builder, args[0])
        view.meminfo = cgutils.get_null_value(view.meminfo.type)
        view.parent = cgutils.get_null_value(view.parent.type)
        return view._getvalue()

    return array(array), codegen
