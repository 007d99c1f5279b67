"""Evaluation: clips under the published protocols, and streams as networks are used."""

from tsm_edge.export.evaluation.clip_evaluation import evaluate_clips
from tsm_edge.export.evaluation.clip_results import ClassResult, ClipEvaluation, GroupResult, MemberResult
from tsm_edge.export.evaluation.confusion_plot import write_confusion_plot
from tsm_edge.export.evaluation.protocols import PROTOCOLS, ClipProtocol, clip_protocol
from tsm_edge.export.evaluation.scorers import ModelScorer, Scorer, StreamScorer
from tsm_edge.export.evaluation.stream_evaluation import StreamCondition, StreamEvaluation, evaluate_streams

__all__ = [
    "PROTOCOLS",
    "ClassResult",
    "ClipEvaluation",
    "ClipProtocol",
    "GroupResult",
    "MemberResult",
    "ModelScorer",
    "Scorer",
    "StreamCondition",
    "StreamEvaluation",
    "StreamScorer",
    "clip_protocol",
    "evaluate_clips",
    "evaluate_streams",
    "write_confusion_plot",
]
