"""Which layout a data set has, and what it lists.

| layout | known by |
|---|---|
| folder per class | DATA/wave/*.mp4 or DATA/wave/clip1/*.jpg; with DATA/train and DATA/validation if it is parted |
| Jester, Something-Something V1 | *labels.csv with one label a line, *train.csv and *validation.csv with `id;label` |
| Something-Something V2 | *labels.json, *train.json and *validation.json |
| list files | lines `path num_frames label`, as train_videofolder.txt; category.txt names the classes |
| Assembly101 | lines `path start num_frames label`, parts of longer recordings; category.txt names the classes |

Lists may lie in DATA or in a folder below; the clips in DATA, beside the lists or one folder below.
"""

from pathlib import Path

from tsm_edge.errors import DataError
from tsm_edge.export.data.clips import is_clip
from tsm_edge.export.data.list_files import read_csv_layout, read_json_layout, read_list_layout
from tsm_edge.export.data.listing import Entry, Listing, Part

__all__ = ["list_clips"]

ACCEPTED = (
    "expected a folder per class with clips or folders of frames, Jester's csv lists, Something-Something's json, "
    "or lists of `path num_frames label`"
)

_PARTS: dict[str, Part] = {"train": "train", "training": "train", "val": "validation", "valid": "validation"}
_PARTS |= {"validation": "validation", "test": "validation"}


def list_clips(data: Path) -> Listing:
    """Find out the layout of `data`, a folder or one list file, and list its clips.

    Raises:
        DataError: Nothing there, or in no layout that is known.
    """
    if data.is_file():
        return _list_of_file(data)
    if not data.is_dir():
        raise DataError(f"no data at {data}; {ACCEPTED}")
    for read in (read_json_layout, read_csv_layout, read_list_layout):
        listing = read(data)
        if listing is not None:
            return listing
    return _folder_per_class(data)


def _list_of_file(path: Path) -> Listing:
    readers = {".txt": read_list_layout, ".csv": read_csv_layout, ".json": read_json_layout}
    reader = readers.get(path.suffix.lower())
    listing = reader(path.parent, only=path) if reader else None
    if listing is None:
        raise DataError(f"{path} is no list of clips; {ACCEPTED}")
    return listing


def _folder_per_class(data: Path) -> Listing:
    named: list[tuple[Path, Part | None]] = [
        (folder, _PARTS.get(folder.name.lower())) for folder in _folders(data)
    ]
    roots = [root for root in named if root[1]] or [(data, None)]
    found = [
        Entry(path=clip, label=folder.name, part=part, origin=str(folder))
        for root, part in roots
        for folder in _folders(root)
        for clip in sorted(folder.iterdir())
        if not clip.name.startswith(".")
    ]
    entries = tuple(entry for entry in found if entry.path.is_dir() or is_clip(entry.path))
    if not any(is_clip(entry.path) for entry in entries):
        raise DataError(f"{data} has no layout that is known; {ACCEPTED}")
    labels = tuple(sorted({folder.name for root, _ in roots for folder in _folders(root)}))
    return Listing(layout="folder per class", labels=labels, entries=entries)


def _folders(path: Path) -> list[Path]:
    return sorted(child for child in path.iterdir() if child.is_dir() and not child.name.startswith("."))
