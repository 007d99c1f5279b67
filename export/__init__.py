"""The host half: from a checkpoint to a bundle. torch, onnx and TVM live here.

Public names load their module on first use, so that reading a checkpoint does not wait for TVM.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tsm_edge.errors import MissingDependencyError

if TYPE_CHECKING:
    from tsm_edge.export.build import STAGES, CompileReport, compile_bundle, default_output
    from tsm_edge.export.checkpoint import load_checkpoint, save_checkpoint
    from tsm_edge.export.model_choice import default_model, open_model
    from tsm_edge.export.models import (
        MODELS,
        ClipModel,
        StreamingModel,
        build_model,
        shift_offline,
        shift_online,
        shift_streaming,
    )
    from tsm_edge.export.onnx_export import OnnxExport, export_checked_onnx, export_onnx
    from tsm_edge.export.training import Listener, TrainingOptions, TrainingReport, train
    from tsm_edge.export.tuning.tune import DEFAULT_TRIALS, TuningReport, tune_network

__all__ = [
    "DEFAULT_TRIALS",
    "MODELS",
    "STAGES",
    "ClipModel",
    "CompileReport",
    "Listener",
    "OnnxExport",
    "StreamingModel",
    "TrainingOptions",
    "TrainingReport",
    "TuningReport",
    "build_model",
    "compile_bundle",
    "default_model",
    "default_output",
    "export_checked_onnx",
    "export_onnx",
    "load_checkpoint",
    "open_model",
    "save_checkpoint",
    "shift_offline",
    "shift_online",
    "shift_streaming",
    "train",
    "tune_network",
]

_MODULES = {
    "tsm_edge.export.build": ("STAGES", "CompileReport", "compile_bundle", "default_output"),
    "tsm_edge.export.checkpoint": ("load_checkpoint", "save_checkpoint"),
    "tsm_edge.export.model_choice": ("default_model", "open_model"),
    "tsm_edge.export.models": (
        "MODELS",
        "ClipModel",
        "StreamingModel",
        "build_model",
        "shift_offline",
        "shift_online",
        "shift_streaming",
    ),
    "tsm_edge.export.onnx_export": ("OnnxExport", "export_checked_onnx", "export_onnx"),
    "tsm_edge.export.training": ("Listener", "TrainingOptions", "TrainingReport", "train"),
    "tsm_edge.export.tuning.tune": ("DEFAULT_TRIALS", "TuningReport", "tune_network"),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(_HOMES[name]), name)
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"the export half needs {error.name}, which is missing; run `pip install 'tsm-edge[export]'`"
        ) from error
