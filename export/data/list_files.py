"""Lists of clips: Jester's csv, Something-Something's json, and the lists of the published TSM code."""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from tsm_edge.errors import DataError
from tsm_edge.export.data.clips import VIDEO_SUFFIXES
from tsm_edge.export.data.listing import Entry, Listing, Part

__all__ = ["read_csv_layout", "read_json_layout", "read_list_layout"]

# Lists lie in DATA or one folder below; deeper ones belong to something else.
_DEPTHS = ("*", "*/*")
_PART_NAMES: tuple[tuple[str, Part], ...] = (("train", "train"), ("val", "validation"))


def read_csv_layout(data: Path, only: Path | None = None) -> Listing | None:
    """Jester and Something-Something V1: `*labels.csv`, and `*train.csv`, `*validation.csv` of `id;label`."""
    lists = _part_files(data, ".csv", only, lambda path: ";" in _head(path))
    if not lists:
        return None
    entries = [entry for path, part in lists for entry in _csv_entries(path, part, data)]
    names = _first(data, "labels.csv")
    known = tuple(line.strip() for line in _lines(names)) if names else ()
    labels = tuple(filter(None, known)) or tuple(sorted({str(entry.label) for entry in entries}))
    return Listing(layout="csv lists of `id;label`", labels=labels, entries=tuple(entries))


def read_json_layout(data: Path, only: Path | None = None) -> Listing | None:
    """Something-Something V2: labels by index, and lists of clips with a template that the label is made of."""
    lists = _part_files(data, ".json", only, lambda path: _head(path).lstrip().startswith("["))
    if not lists:
        return None
    entries = [entry for path, part in lists for entry in _json_entries(path, part, data)]
    names = _first(data, "labels.json")
    known = _json_labels(names) if names else ()
    labels = known or tuple(sorted({str(entry.label) for entry in entries}))
    return Listing(layout="json lists of clips", labels=labels, entries=tuple(entries))


def read_list_layout(data: Path, only: Path | None = None) -> Listing | None:
    """Lists of the published code, `path num_frames label`, or of Assembly101's, `path start num_frames label`.

    category.txt names the classes.
    """
    lists = _part_files(data, ".txt", only, lambda path: _list_line(_head(path)) is not None)
    if not lists:
        return None
    entries = [entry for path, part in lists for entry in _list_entries(path, part, data)]
    names = _first(data, "category.txt") or _first(data, "labels.txt")
    labels = tuple(line.strip() for line in _lines(names) if line.strip()) if names else ()
    return Listing(layout="lists of `path num_frames label`", labels=labels, entries=tuple(entries))


def _csv_entries(path: Path, part: Part | None, data: Path) -> Iterator[Entry]:
    for number, row in enumerate(csv.reader(_lines(path), delimiter=";"), start=1):
        if row and row[0].strip():
            label = row[1].strip() if len(row) > 1 else ""
            clip = _clip_path(row[0].strip(), path, data)
            yield Entry(path=clip, label=label, part=part, origin=f"{path}:{number}")


def _json_entries(path: Path, part: Part | None, data: Path) -> Iterator[Entry]:
    for number, item in enumerate(_json(path), start=1):
        fields = item if isinstance(item, dict) else {}
        label = str(fields.get("template") or fields.get("label") or "")
        clip = _clip_path(str(fields.get("id", "")), path, data)
        yield Entry(
            path=clip,
            label=label.replace("[", "").replace("]", ""),
            part=part,
            origin=f"{path}, entry {number}",
        )


def _list_entries(path: Path, part: Part | None, data: Path) -> Iterator[Entry]:
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        origin = f"{path}:{number}"
        fields = _list_line(line)
        if fields is None:
            raise DataError(f"{origin}: {line.strip()[:60]!r} is not `path num_frames label`")
        name, num_frames, label = fields
        clip, first = _clip_path(name, path, data), None
        segment = name.rsplit(maxsplit=1)
        # `path start num_frames label`, unless the number belongs to the path; starts count from 1.
        if len(segment) == 2 and segment[1].isdecimal() and int(segment[1]) > 0 and not clip.exists():
            clip, first = _clip_path(segment[0], path, data), int(segment[1]) - 1
        yield Entry(
            path=clip, label=label, num_frames=num_frames, first_frame=first, part=part, origin=origin
        )


def _list_line(line: str) -> tuple[str, int, int] | None:
    fields = line.split("\n")[0].rsplit(maxsplit=2)
    if len(fields) != 3 or not all(field.isdecimal() for field in fields[1:]):
        return None
    return fields[0], int(fields[1]), int(fields[2])


def _json_labels(path: Path) -> tuple[str, ...]:
    content = _json(path)
    if isinstance(content, list):
        return tuple(map(str, content))
    try:
        return tuple(sorted(content, key=lambda label: int(content[label])))
    except (TypeError, ValueError) as error:
        raise DataError(f"{path} is no object of label to index: {error}; give the data set's own") from error


def _part_files(
    data: Path, suffix: str, only: Path | None, is_list: Callable[[Path], bool]
) -> list[tuple[Path, Part | None]]:
    """The lists of training and validation clips; one list alone has no part."""
    if only is not None:
        return [(only, None)] if is_list(only) else []
    found: list[tuple[Path, Part | None]] = []
    for word, part in _PART_NAMES:
        candidates = [path for path in _files(data, suffix) if word in path.stem.lower() and is_list(path)]
        if len(candidates) > 1:
            names = ", ".join(path.name for path in candidates)
            raise DataError(f"{data} has several {word} lists ({names}); give one file instead of the folder")
        found.extend((path, part) for path in candidates)
    has_parts = any(part == "train" for _, part in found)
    return found if has_parts else [(path, None) for path, _ in found]


def _files(data: Path, suffix: str) -> list[Path]:
    found = (path for pattern in _DEPTHS for path in sorted(data.glob(f"{pattern}{suffix}")))
    return [path for path in found if path.is_file() and not path.name.startswith(".")]


def _first(data: Path, ending: str) -> Path | None:
    suffix = Path(ending).suffix
    return next((path for path in _files(data, suffix) if path.name.endswith(ending)), None)


def _clip_path(name: str, source: Path, data: Path) -> Path:
    """Where a listed clip lies: in DATA, beside its list or a folder below, with or without a video's ending."""
    roots = (data, source.parent, *_subfolders(data))
    for root in dict.fromkeys(roots):
        path = root / name
        if path.exists():
            return path
        for suffix in (".webm", ".mp4", *sorted(VIDEO_SUFFIXES)):
            if (video := root / f"{name}{suffix}").exists():
                return video
    return data / name


def _subfolders(data: Path) -> list[Path]:
    """Cheap enough for each clip only if there are few; a folder of a hundred thousand clips is no place for lists."""
    key = str(data)
    if key not in _SUBFOLDERS:
        _SUBFOLDERS.clear()
        _SUBFOLDERS[key] = sorted(child for child in data.iterdir() if child.is_dir())[:_MOST_SUBFOLDERS]
    return _SUBFOLDERS[key]


_SUBFOLDERS: dict[str, list[Path]] = {}
_MOST_SUBFOLDERS = 16


def _head(path: Path) -> str:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        return file.readline(4096)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise DataError(f"cannot read {path}: {reason}") from error


def _json(path: Path) -> Any:
    try:
        return msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        raise DataError(f"cannot read {path}: {error}") from error
