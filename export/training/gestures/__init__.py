"""The recipe of the default model: made gestures, dense heads, and how it is scored."""

from tsm_edge.export.training.gestures.plan import Plan
from tsm_edge.export.training.gestures.recipe import GestureTraining, Progress
from tsm_edge.export.training.gestures.scores import Scores, score
from tsm_edge.export.training.gestures.streaming import for_streams

__all__ = ["GestureTraining", "Plan", "Progress", "Scores", "for_streams", "score"]
