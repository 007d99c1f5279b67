"""An edge inference SDK for online video understanding.

`tsm_edge` itself holds what both halves share: specs, targets, the bundle's manifest, errors, the command
line. The host half is `tsm_edge.export`, the device half `tsm_edge.runtime`; neither is imported here.
"""

from tsm_edge._version import __version__

__all__ = ["__version__"]
