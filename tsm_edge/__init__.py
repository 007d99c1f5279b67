"""An edge inference SDK for online video understanding.

`tsm_edge` itself holds what both halves share: specs, targets, the bundle's manifest, errors, the command
line. The host half is `tsm_edge.export`, the device half `tsm_edge.runtime`; neither is imported here.
"""

import os

from tsm_edge._version import __version__

__all__ = ["__version__"]

# ONNX Runtime reports its use to its makers from version 1.32 on, unless this is set before it is imported.
# Whoever wants that sets it to 0.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
