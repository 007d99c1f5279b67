"""How a model of made gestures is read on streams: which frames reach it, and what its logits must say for an event.

`benchmarks/gesture_events.py` ranks settings on made streams of the world `train`, which is not the one that figures
come from: the most right events among those that announce within 0.3 s after the stroke and are calm where nobody
gestures. These are its first for the shipped weights, on 28 streams and 14 of other things (`--seed 2101 --streams 28
--quiet 14`), read by one memory: 91 % of the announcements were right, 94 % of the gestures announced, 0.16 s after the
stroke, and 0.75 were false a minute of other things. Two memories find more with the same rules, see
docs/decisions/0012-memories-take-turns.md.
"""

from dataclasses import replace

from tsm_edge.labels import smoothing_for
from tsm_edge.specs import ModelSpec, SmoothingSpec

__all__ = ["INTERLEAVE", "MAX_FPS", "SMOOTHING", "for_streams"]

# Most clips that it learns from have some three frames a second, the others 4 to 10. Of 24 a second it reads every
# fourth one, of 12 every second one. A first model was right on 0.52 of the frames that end a stroke at 6 frames a
# second, on 0.37 at 12 and on 0.23 at 24; the first good one on 0.74 at 6, 0.69 at 8 and 0.63 at 12.
MAX_FPS = 5.0

# Two memories at that rate read every frame of a camera that takes twelve a second, and every second one of 24.
INTERLEAVE = 2

# The mean of the logits, not of the probabilities: it finds more at the same number of false events.
SMOOTHING = SmoothingSpec(
    window=64, window_s=1.25, hysteresis=1, hysteresis_s=0.15, threshold=0.95, pause_s=0.6
)


def for_streams(spec: ModelSpec) -> ModelSpec:
    """`spec` with these settings."""
    smoothing = replace(SMOOTHING, background=smoothing_for(spec.labels).background)
    return replace(spec, max_fps=MAX_FPS, interleave=INTERLEAVE, smoothing=smoothing)
