"""What a gesture model gets right, as Markdown tables under captions with their conditions."""

from collections.abc import Sequence

from gesture_record import (
    ClipsRecord,
    ClipsView,
    EventsRecord,
    EventsResult,
    FewShotRecord,
    MadeData,
    Measured,
    Network,
    PhotoHandsRecord,
    StreamsRecord,
    StreamsResult,
)
from markdown_tables import markdown

from tsm_edge.export.evaluation import ClassResult

__all__ = ["clips_table", "events_table", "few_shot_table", "photo_hands_table", "streams_table"]

_MADE = ("gestures", "other things")


def clips_table(records: Sequence[ClipsRecord]) -> str:
    """One row a view, then one a class; one pair of tables a record."""
    return "\n\n".join(_clips(record) for record in records)


def streams_table(records: Sequence[StreamsRecord]) -> str:
    """One row a condition, then what false events can be put down to; one table a record."""
    return "\n\n".join(_streams(record) for record in records)


def events_table(records: Sequence[EventsRecord]) -> str:
    """One row for settings, the best before and the published demo's behind; one table a record."""
    return "\n\n".join(_events(record) for record in records)


def few_shot_table(records: Sequence[FewShotRecord]) -> str:
    """One row a class; one table a record."""
    return "\n\n".join(_few_shot(record) for record in records)


def photo_hands_table(records: Sequence[PhotoHandsRecord]) -> str:
    """One row a gesture; one table a record."""
    return "\n\n".join(_photo_hands(record) for record in records)


def _photo_hands(record: PhotoHandsRecord) -> str:
    data = record.data
    caption = (
        f"{_network(record.network)}: {record.top1:.1%} of {record.num_gestures} clips (seed {data.seed}) of "
        f"{record.num_segments} frames, hands from {data.photos} photographs before {data.videos} videos, are read "
        f"right, {record.wrong:.1%} taken for another gesture; of {record.num_quiet} clips of the people alone "
        f"{record.quiet:.1%} are taken for no gesture; {_when(record)}."
    )
    return f"{caption}\n\n{_classes(record.classes)}"


def _few_shot(record: FewShotRecord) -> str:
    learning = "the classifier alone learned" if record.freeze_backbone else "all layers learned"
    people = (
        f"{record.num_people} people, who record at one camera each and are asked there by a model of their own"
        if record.num_people
        else "every clip is of another person in another room"
    )
    caption = (
        f"{record.top1:.1%} of {record.num_tests} {_made(record.data, 'clips')}, from {record.num_per_class} others of "
        f"each class ({people}), each looked at {record.num_views} times: {learning}, in "
        f"{record.train_seconds:.0f} s. Training started from {_network(record.network)}; {_when(record)}."
    )
    return f"{caption}\n\n{_classes(record.classes)}"


def _classes(classes: Sequence[ClassResult]) -> str:
    rows = [
        [each.label, str(each.num_clips), _percent(each.recall), _percent(each.precision), each.taken_for]
        for each in classes
    ]
    return markdown(["class", "clips", "recall", "precision", "others taken for"], rows)


def _clips(record: ClipsRecord) -> str:
    online = record.views[0].network
    caption = (
        f"{_network(online)}: {record.num_clips} {_made(record.data, 'clips')} of {record.num_segments} frames, all "
        f"classes alike often; answers among all {len(online.labels)} classes, among the core gestures alone, and "
        f"within a pair, where guessing gives 50 %. The library compiled for {record.target} differs from PyTorch by "
        f"{record.largest_difference:.0e} of the largest logit at most and gives {record.other_answers} other answers; "
        f"{_when(record)}."
    )
    pairs = list(record.views[0].pairs)
    header = ["view", "core", "of core", "all", *pairs, "all pairs"]
    views = markdown(header, [_view_row(view, pairs) for view in record.views])
    return f"{caption}\n\n{views}\n\n{_classes(record.classes)}"


def _view_row(view: ClipsView, pairs: Sequence[str]) -> list[str]:
    shares = [view.core, view.core_among_core, view.everything, *(view.pairs[name] for name in pairs)]
    return [view.name, *(_percent(share) for share in (*shares, view.all_pairs))]


def _streams(record: StreamsRecord) -> str:
    rules = record.smoothing
    in_turn = record.interleave > 1
    smoothed = f"Read by {record.interleave} memories in turn, smoothed" if in_turn else "Smoothed"
    caption = (
        f"{_network(record.network)}, compiled for {record.target}: {record.num_streams} "
        f"{_made(record.data, 'streams')}, {record.num_gestures} gestures in each and none in every fourth, and "
        "packaged videos without gestures, played to and fro, mirrored and nearer. A gesture is announced rightly from "
        "its stroke's beginning, a sign from when the hand is up, to a second after the stroke's end. "
        f"{smoothed} over {rules.window_s or rules.window} "
        f"{'s' if rules.window_s else 'frames'}, threshold {rules.threshold:g}, pause {rules.pause_s:g} s; "
        f"{_when(record)}."
    )
    header = [
        "stream",
        "frames/s",
        "lost",
        "minutes",
        "gestures",
        "precision",
        "recall",
        "median delay s",
        "false a minute",
        "most of them",
    ]
    return f"{caption}\n\n{markdown(header, [_stream_row(result) for result in record.results])}"


def _stream_row(result: StreamsResult) -> list[str]:
    has_gestures = result.happened > 0
    reasons = [f"{reason} ({count})" for reason, count in list(result.false.items())[:2]]
    name = f"made, {result.kind}" if result.kind in _MADE else f"{result.kind}, a real video"
    return [
        name,
        f"{result.fps:g}",
        f"{result.drop:.0%}" if result.drop else "",
        f"{result.duration_s / 60:.1f}",
        str(result.happened or ""),
        _percent(result.precision) if has_gestures else "",
        _percent(result.recall) if has_gestures else "",
        "" if result.median_delay_s is None else f"{result.median_delay_s:+.2f}",
        f"{result.false_per_hour / 60:.2f}",
        ", ".join(reasons) if has_gestures else "",
    ]


def _events(record: EventsRecord) -> str:
    shown = " and ".join(
        f"at {each.fps:g} frames a second{f', {each.drop:.0%} of them lost' if each.drop else ''}"
        for each in record.conditions
    )
    caption = (
        f"{_network(record.network)}, compiled for {record.target}: the first of {record.num_settings} settings on "
        f"{record.num_streams} {_made(record.data, 'streams')}, {record.num_gestures} gestures in each and none in "
        f"every fourth, and on {record.num_quiet} of other things, {shown}. Before the others come those that announce "
        "in time and seldom wrongly; below, the published demo's rules, twelve logits and two wins; "
        f"{_when(record)}."
    )
    header = [
        "frames/s read", "memories", "window s", "hysteresis s", "threshold", "pause s", "F1", "precision", "recall",
        "median delay s", "false a minute", "of other things",
    ]  # fmt: skip
    return (
        f"{caption}\n\n{markdown(header, [_event_row(each) for each in (*record.best, *record.published)])}"
    )


def _event_row(result: EventsResult) -> list[str]:
    rules = result.smoothing
    window = f"{rules.window_s:g}" if rules.window_s else f"{rules.window} frames"
    hysteresis = f"{rules.hysteresis_s:g}" if rules.window_s else f"{rules.hysteresis} frames"
    return [
        f"{result.max_fps:g}",
        str(result.interleave),
        window,
        hysteresis,
        f"{rules.threshold:g}",
        f"{rules.pause_s:g}",
        _percent(result.f1),
        _percent(result.precision),
        _percent(result.recall),
        "" if result.median_delay_s is None else f"{result.median_delay_s:+.2f}",
        f"{result.false_per_hour / 60:.2f}",
        f"{result.quiet_false_per_hour / 60:.2f}",
    ]


def _network(network: Network) -> str:
    return f"{network.name}, {network.image_size} pixels (sha256 {network.sha256[:12]})"


def _made(data: MadeData, what: str) -> str:
    rooms = "" if data.photos else ", no packaged photographs"
    return f"made {what} of the world {data.world} (seed {data.seed}{rooms})"


def _when(record: Measured) -> str:
    return f"{record.started_at[:10]}, `{record.command}`"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"
