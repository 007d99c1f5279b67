"""Convert a bundle's ONNX file for LiteRT: what the converter loads stays out of the process that measures.

    python litert_convert.py MODEL.onnx MODEL.tflite

The network is rebuilt in PyTorch from the ONNX file's weights; litert-torch turns it into channels-last layers.
"""

import sys
from pathlib import Path

import litert_torch
import torch

from tsm_edge.export.torch_backend import load_streaming_model


def main(model: str, output: str) -> None:
    """Convert."""
    streaming = load_streaming_model(Path(model))
    arguments = (torch.zeros(streaming.spec.input_shape), *streaming.initial_state())
    litert_torch.convert(streaming, arguments).export(output)


if __name__ == "__main__":
    main(*sys.argv[1:])
