"""The recipe of the default model: made gestures, dense heads, and how it is scored."""

from tsm_edge.export.training.gestures.recipe import GestureTraining, Plan, Progress
from tsm_edge.export.training.gestures.scores import Scores, score

__all__ = ["GestureTraining", "Plan", "Progress", "Scores", "score"]
