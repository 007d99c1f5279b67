"""The gestures, spelled as 20BN-Jester spells them."""

__all__ = ["CORE_LABELS", "DIRECTED_PAIRS", "GESTURE_LABELS"]

# The first eleven must be learned; the last five join a model only when they reach the same bar.
GESTURE_LABELS = (
    "No gesture",
    "Doing other things",
    "Swiping Left",
    "Swiping Right",
    "Swiping Up",
    "Swiping Down",
    "Zooming In With Full Hand",
    "Zooming Out With Full Hand",
    "Stop Sign",
    "Thumb Up",
    "Shaking Hand",
    "Turning Hand Clockwise",
    "Turning Hand Counterclockwise",
    "Pushing Hand Away",
    "Pulling Hand In",
    "Thumb Down",
)
CORE_LABELS = GESTURE_LABELS[:11]

# Pairs that the order of their frames tells apart, and little else.
DIRECTED_PAIRS = (
    ("Swiping Left", "Swiping Right"),
    ("Swiping Up", "Swiping Down"),
    ("Zooming In With Full Hand", "Zooming Out With Full Hand"),
)
