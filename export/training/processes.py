"""One process of a run, alone or started by torchrun with others."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import distributed

from tsm_edge.errors import UsageError

__all__ = ["Process", "joined_processes", "summed"]


@dataclass(frozen=True, kw_only=True)
class Process:
    """Which process this is, and where it computes.

    Attributes:
        device: "cpu", or this process's GPU.
        rank: Number among all processes, 0 for the one that writes files and reports.
        world_size: How many there are.
    """

    device: torch.device
    rank: int = 0
    world_size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this one writes files and reports."""
        return self.rank == 0


@contextmanager
def joined_processes(device: str) -> Iterator[Process]:
    """This process, joined with the others where torchrun started several.

    Args:
        device: "auto", "cpu" or "cuda".

    Raises:
        UsageError: No such device here.
    """
    local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    where = _device(device, local_rank)
    world_size = int(os.environ.get("WORLD_SIZE", "1"))
    if world_size == 1:
        yield Process(device=where)
        return
    distributed.init_process_group("nccl" if where.type == "cuda" else "gloo")
    try:
        yield Process(device=where, rank=distributed.get_rank(), world_size=world_size)
    finally:
        distributed.destroy_process_group()


def summed(values: list[float], process: Process) -> list[float]:
    """The sums of `values` over all processes; float64, so that counts stay exact."""
    if process.world_size == 1:
        return values
    tensor = torch.tensor(values, dtype=torch.float64, device=process.device)
    distributed.all_reduce(tensor)
    total: list[float] = tensor.tolist()
    return total


def _device(name: str, local_rank: int) -> torch.device:
    has_gpu = torch.cuda.is_available()
    if name == "cpu" or (name == "auto" and not has_gpu):
        return torch.device("cpu")
    if name not in ("auto", "cuda"):
        raise UsageError(f"device {name!r}: give auto, cpu or cuda")
    if not has_gpu or local_rank >= torch.cuda.device_count():
        raise UsageError(f"PyTorch finds {torch.cuda.device_count()} GPUs here; give --device cpu")
    torch.cuda.set_device(local_rank)
    return torch.device("cuda", local_rank)
