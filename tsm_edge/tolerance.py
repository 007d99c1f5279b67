"""How closely an engine's logits must follow ONNX Runtime's, as a share of the largest logit."""

__all__ = ["TOLERANCE", "tolerance_on"]

# The same float32 arithmetic in another order of summation: errors follow the largest logit.
TOLERANCE = 1e-5
# A GPU's compiler also contracts and reorders, each driver's in its own way.
GPU_TOLERANCE = 1e-4
# Half floats have 11 bits, and every layer rounds to them.
GPU_HALF_TOLERANCE = 2e-2


def tolerance_on(device: str, precision: str) -> float:
    """What is accepted.

    Args:
        device: "cpu", or "gpu" and a name.
        precision: The bundle's, which is that of its GPU half: processors compute in float32.
    """
    if not device.startswith("gpu"):
        return TOLERANCE
    return GPU_HALF_TOLERANCE if precision == "fp16" else GPU_TOLERANCE
