"""Archives of pictures: rows of what was found, in Parquet files, by one process or by many.

Nothing here imports the engine before it is used: what is pickled and sent to other processes is light.
"""

from __future__ import annotations

from .call import DetectBatch

__all__ = ["DetectBatch"]
