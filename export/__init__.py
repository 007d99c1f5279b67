"""The host half: from a checkpoint to a bundle. torch, onnx and TVM live here."""
