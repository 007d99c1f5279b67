"""Clips for training and evaluation: layouts on disk, sampling of frames, augmentation, batches."""

from tsm_edge.export.data.clips import Clip, read_frames
from tsm_edge.export.data.dataset import ClipData, open_data, split_clips
from tsm_edge.export.data.inspection import Problem

__all__ = ["Clip", "ClipData", "Problem", "open_data", "read_frames", "split_clips"]
