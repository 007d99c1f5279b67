"""Training: from labelled clips to a checkpoint that `tsm-edge compile` reads."""

from tsm_edge.export.training.options import TrainingOptions
from tsm_edge.export.training.report import EpochRecord, Listener, TrainingReport
from tsm_edge.export.training.trained_model import train

__all__ = ["EpochRecord", "Listener", "TrainingOptions", "TrainingReport", "train"]
