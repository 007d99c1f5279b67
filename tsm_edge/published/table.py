"""The published TSM checkpoints that can be read here: one entry each; those on flow are for `eval` and `train`."""

from dataclasses import dataclass

from tsm_edge.errors import UnknownModelError
from tsm_edge.labels import Dataset

__all__ = ["MIRRORS", "PUBLISHED", "PublishedCheckpoint", "get_published"]

# Folders that the published repository (mit-han-lab/temporal-shift-module) and code that cites it have named for these
# files, newest first. None was ever reached from where this was written.
MIRRORS = (
    "https://hanlab18.mit.edu/projects/tsm/models/",
    "https://hanlab.mit.edu/projects/tsm/models/",
    "https://file.lzhu.me/projects/tsm/models/",
)


@dataclass(frozen=True, kw_only=True)
class PublishedCheckpoint:
    """One file that somebody else trained and published.

    Attributes:
        name: What `tsm-edge fetch` calls it.
        file_name: What its publishers call it.
        network: Architecture, frames a clip and shift.
        dataset: What it was trained on, and so what its classes are called.
        reported: Its publishers' own figure; nobody measured it here.
        git_blob: Git's id of the content, if it is known: SHA-1 over a header with the length, and the file.
        sha256: SHA-256 of the content, if it is known.
        mirrors: Folders to ask for it, in this order.
    """

    name: str
    file_name: str
    network: str
    dataset: Dataset
    reported: str
    git_blob: str = ""
    sha256: str = ""
    mirrors: tuple[str, ...] = MIRRORS

    @property
    def urls(self) -> tuple[str, ...]:
        """Where to ask for it, in this order."""
        return tuple(mirror + self.file_name for mirror in self.mirrors)

    @property
    def is_known(self) -> bool:
        """Whether a copy can be told from something else."""
        return bool(self.git_blob or self.sha256)


def _offline(name: str, file_name: str, network: str, dataset: Dataset, reported: str) -> PublishedCheckpoint:
    """A bi-directional TSM, whose content has no known hash."""
    return PublishedCheckpoint(
        name=name, file_name=f"TSM_{file_name}.pth", network=network, dataset=dataset, reported=reported
    )


# Top-1 figures are those of the published repository's README.
_DENSE = "(10 clips, full resolution)"
_TABLE = (
    PublishedCheckpoint(
        name="jester-mobilenetv2-online",
        file_name="mobilenetv2_jester_online.pth.tar",
        network="MobileNetV2, online",
        dataset="jester",
        reported="",
        git_blob="564d915d8207b4edcc079b9711ce33c9c9a040d1",
    ),
    _offline(
        "kinetics-mobilenetv2-8f-dense",
        "kinetics_RGB_mobilenetv2_shift8_blockres_avg_segment8_e100_dense",
        "MobileNetV2, 8 frames",
        "kinetics-400",
        f"69.5 % {_DENSE}",
    ),
    _offline(
        "kinetics-resnet50-8f-dense",
        "kinetics_RGB_resnet50_shift8_blockres_avg_segment8_e100_dense",
        "ResNet-50, 8 frames",
        "kinetics-400",
        f"74.1 % {_DENSE}",
    ),
    _offline(
        "kinetics-resnet50-8f",
        "kinetics_RGB_resnet50_shift8_blockres_avg_segment8_e50",
        "ResNet-50, 8 frames",
        "kinetics-400",
        "71.2 % (1 clip)",
    ),
    _offline(
        "kinetics-resnet50-16f",
        "kinetics_RGB_resnet50_shift8_blockres_avg_segment16_e50",
        "ResNet-50, 16 frames",
        "kinetics-400",
        "72.6 % (1 clip)",
    ),
    # Meant to be trained on from, its publishers say.
    _offline(
        "kinetics-flow-resnet50-8f",
        "kinetics_Flow_resnet50_shift8_blockres_avg_segment8_e50",
        "ResNet-50 on TV-L1 flow, 8 frames",
        "kinetics-400",
        "55.7 % (1 clip)",
    ),
    _offline(
        "something-v1-resnet50-8f",
        "something_RGB_resnet50_shift8_blockres_avg_segment8_e45",
        "ResNet-50, 8 frames",
        "something-something-v1",
        "45.6 % (1 clip)",
    ),
    _offline(
        "something-v1-resnet50-16f",
        "something_RGB_resnet50_shift8_blockres_avg_segment16_e45",
        "ResNet-50, 16 frames",
        "something-something-v1",
        "47.2 % (1 clip)",
    ),
    _offline(
        "something-v1-resnet101-8f",
        "something_RGB_resnet101_shift8_blockres_avg_segment8_e45",
        "ResNet-101, 8 frames",
        "something-something-v1",
        "46.9 % (1 clip)",
    ),
    _offline(
        "something-v2-resnet50-8f",
        "somethingv2_RGB_resnet50_shift8_blockres_avg_segment8_e45",
        "ResNet-50, 8 frames",
        "something-something-v2",
        "61.2 % (2 clips, full resolution)",
    ),
    _offline(
        "something-v2-resnet50-16f",
        "somethingv2_RGB_resnet50_shift8_blockres_avg_segment16_e45",
        "ResNet-50, 16 frames",
        "something-something-v2",
        "63.1 % (2 clips, full resolution)",
    ),
    _offline(
        "something-v2-resnet101-8f",
        "somethingv2_RGB_resnet101_shift8_blockres_avg_segment8_e45",
        "ResNet-101, 8 frames",
        "something-something-v2",
        "63.3 % (2 clips, full resolution)",
    ),
)

PUBLISHED: dict[str, PublishedCheckpoint] = {entry.name: entry for entry in _TABLE}


def get_published(name: str) -> PublishedCheckpoint:
    """The entry of that name.

    Raises:
        UnknownModelError: There is none; the message lists them.
    """
    if name not in PUBLISHED:
        raise UnknownModelError(f"no published checkpoint {name!r}; choose one of {', '.join(PUBLISHED)}")
    return PUBLISHED[name]
