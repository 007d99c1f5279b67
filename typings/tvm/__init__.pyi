"""TVM has few annotations; what pyright infers in their place is often wrong, so its names count as Any."""

from typing import Any

def __getattr__(name: str) -> Any: ...
