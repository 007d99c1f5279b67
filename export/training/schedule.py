"""The learning rate over a run.

    factor(s) = (s + 1) / W                              s < W, the steps of warmup
    factor(s) = (1 + cos(pi (s - W) / (S - W))) / 2      else, S being all steps

Source: Loshchilov and Hutter, SGDR, arXiv:1608.03983, without restarts.
"""

import math

__all__ = ["cosine_factor"]


def cosine_factor(step: int, num_steps: int, warmup_steps: int) -> float:
    """What the largest learning rate is multiplied with in step `step`, 0 to 1; `warmup_steps` < `num_steps`."""
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    progress = (step - warmup_steps) / max(1, num_steps - warmup_steps)
    return (1 + math.cos(math.pi * min(1.0, progress))) / 2
