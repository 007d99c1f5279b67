"""What measuring a gesture model on made clips and streams leaves behind, as JSON holds it without loss."""

from dataclasses import dataclass
from functools import partial

from record_files import read_record

from tsm_edge.export.evaluation import ClassResult
from tsm_edge.export.evaluation.stream_evaluation import StreamCondition
from tsm_edge.runtime.device import Device
from tsm_edge.specs import SmoothingSpec

__all__ = [
    "ClipsRecord",
    "ClipsView",
    "EventsRecord",
    "EventsResult",
    "FewShotRecord",
    "MadeData",
    "Measured",
    "Network",
    "PhotoHandsRecord",
    "StreamsRecord",
    "StreamsResult",
    "read_clips",
    "read_events",
    "read_few_shot",
    "read_photo_hands",
    "read_streams",
]


@dataclass(frozen=True, kw_only=True)
class Network:
    """Whose weights they were.

    Attributes:
        name: As its spec says.
        file: The checkpoint's name.
        sha256: Of the checkpoint.
        image_size: Pixels of its square frames.
        trained_shift: The shift that it learned with.
        labels: Its classes.
    """

    name: str
    file: str
    sha256: str
    image_size: int
    trained_shift: str
    labels: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class MadeData:
    """Which clips or streams were made; these numbers make them again.

    Attributes:
        world: Of `tsm_edge.export.data.gestures`.
        seed: Of the generator.
        photos: Packaged photographs that were found; without them rooms are all made.
        videos: Packaged videos that were found.
    """

    world: str
    seed: int
    photos: int
    videos: int


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What every record begins with.

    Attributes:
        started_at: Local time with offset, ISO 8601.
        commit: Of the checkout that the code ran from, "-dirty" if changed since; empty outside of one.
        command: That measured.
        versions: Package versions by name.
        device: On which.
        data: What was made; in FewShotRecord clips to learn have twice its seed, clips to ask one more, or people's
            cameras the seed itself.
    """

    started_at: str
    commit: str
    command: str
    versions: dict[str, str]
    device: Device
    data: MadeData


@dataclass(frozen=True, kw_only=True)
class ClipsView:
    """How one network was looked through, and what it got right. Shares are 0 to 1, of clips.

    Attributes:
        name: Such as "online" or "compiled".
        network: Its weights.
        core: Of the core gestures' clips, answers among all classes; None where only the pairs were shown.
        core_among_core: The same, answers among the core gestures.
        everything: Of the clips of all classes, answers among all classes.
        pairs: For each pair that the order of frames tells apart, of its clips, answers among these two.
        all_pairs: The same over all pairs.
    """

    name: str
    network: Network
    core: float | None
    core_among_core: float | None
    everything: float | None
    pairs: dict[str, float]
    all_pairs: float


@dataclass(frozen=True, kw_only=True)
class ClipsRecord(Measured):
    """Made clips through several views of a network.

    Attributes:
        num_clips: All labels that the network knows alike often.
        num_segments: Frames a clip.
        classes: Each class by itself, answers of the online view among all classes.
        views: Several networks, or several ways to run one.
        target: What the compiled view was compiled for.
        largest_difference: Between the compiled view's and the online view's mean logits, of the largest logit.
        other_answers: Clips to which these two give other answers.
    """

    num_clips: int
    num_segments: int
    classes: tuple[ClassResult, ...]
    views: tuple[ClipsView, ...]
    target: str
    largest_difference: float
    other_answers: int

    def view(self, name: str) -> ClipsView | None:
        """The view of that name, if it was looked through."""
        return next((view for view in self.views if view.name == name), None)


@dataclass(frozen=True, kw_only=True)
class StreamsResult:
    """One kind of stream under one condition.

    Attributes:
        kind: "gestures" and "other things" are made; all others are packaged videos, in which nobody gestures.
        fps: Frames a second.
        drop: Part of them that was lost, 0 to 1.
        frames: That reached the network.
        duration_s: Of all streams together.
        happened: Gestures in the streams.
        announced: Gestures that were announced.
        right: Of these, those that match one.
        precision: `right` by `announced`.
        recall: `right` by `happened`.
        median_delay_s: From a stroke's end to its announcement; below zero, it still went on.
        false_per_hour: Announcements an hour that match nothing.
        false: How many, by what they can be put down to.
        recalls: Recall by label.
    """

    kind: str
    fps: float
    drop: float
    frames: int
    duration_s: float
    happened: int
    announced: int
    right: int
    precision: float | None
    recall: float | None
    median_delay_s: float | None
    false_per_hour: float
    false: dict[str, int]
    recalls: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class StreamsRecord(Measured):
    """Long streams through the streaming loop on the compiled library.

    Attributes:
        smoothing: How frames became events.
        interleave: How many memories of the network took turns.
        target: What the library was compiled for.
        num_streams: Made ones.
        num_gestures: In each of them; every fourth has none.
    """

    network: Network
    smoothing: SmoothingSpec
    target: str
    num_streams: int
    num_gestures: int
    results: tuple[StreamsResult, ...]
    interleave: int = 1


@dataclass(frozen=True, kw_only=True)
class EventsResult:
    """Settings that make events of logits, and what came of them on all streams.

    Attributes:
        max_fps: Frames a second that each of the network's memories reads at most.
        interleave: How many memories take turns.
        smoothing: The rules.
        is_fit: Whether they announce in time and seldom wrongly.
        f1: Harmonic mean of precision and recall, 0 to 1.
        precision, recall, median_delay_s, false_per_hour: As StreamsResult has them.
        quiet_false_per_hour: Where nobody gestures.
    """

    max_fps: float
    smoothing: SmoothingSpec
    is_fit: bool
    f1: float
    precision: float | None
    recall: float | None
    median_delay_s: float | None
    false_per_hour: float
    quiet_false_per_hour: float
    interleave: int = 1


@dataclass(frozen=True, kw_only=True)
class EventsRecord(Measured):
    """Settings that make events of logits, the best of a grid.

    Attributes:
        target: What the library was compiled for.
        num_streams: Made ones; every fourth has no gestures.
        num_gestures: In each of the others.
        num_quiet: More streams, of other things alone.
        conditions: Each stream was shown so.
        num_settings: How many were tried.
        best: The first of them, the best before.
        published: The published demo's rules, one for each way of reading.
    """

    network: Network
    target: str
    num_streams: int
    num_gestures: int
    num_quiet: int
    conditions: tuple[StreamCondition, ...]
    num_settings: int
    best: tuple[EventsResult, ...]
    published: tuple[EventsResult, ...]


@dataclass(frozen=True, kw_only=True)
class FewShotRecord(Measured):
    """New gestures learned from few clips.

    Attributes:
        network: What training started from.
        num_people: Who recorded and were asked at one camera each, with a model each; 0 where every clip is of another
            person in another room.
        num_per_class: Clips of each class that were learned.
        num_views: How often each was looked at, augmented.
        freeze_backbone: Whether the classifier alone learned.
        num_tests: Other clips, of all classes together.
        train_seconds: What the user waits for `tsm-edge train`; the median over people.
        top1: Part of these that were read right, 0 to 1.
        classes: Each class by itself.
    """

    network: Network
    num_people: int = 0
    num_per_class: int
    num_views: int
    freeze_backbone: bool
    num_tests: int
    train_seconds: float
    top1: float
    classes: tuple[ClassResult, ...]


@dataclass(frozen=True, kw_only=True)
class PhotoHandsRecord(Measured):
    """Hands of photographs that move before people who were filmed. Shares are 0 to 1.

    Attributes:
        network: That read them.
        num_segments: Frames a clip.
        num_gestures: Clips of gestures.
        top1: Part of these that were read right, among all classes.
        wrong: Part of these that were taken for another gesture.
        num_quiet: Clips of the people alone.
        quiet: Part of these that were taken for no gesture.
        classes: Each gesture by itself.
    """

    network: Network
    num_segments: int
    num_gestures: int
    top1: float
    wrong: float
    num_quiet: int
    quiet: float
    classes: tuple[ClassResult, ...]


read_clips = partial(read_record, kind=ClipsRecord, content="record of made clips", script="gesture_clips.py")

read_streams = partial(
    read_record, kind=StreamsRecord, content="record of streams", script="gesture_streams.py"
)

read_events = partial(
    read_record, kind=EventsRecord, content="record of settings for events", script="gesture_events.py"
)

read_few_shot = partial(read_record, kind=FewShotRecord, content="record of few clips", script="few_shot.py")

read_photo_hands = partial(
    read_record, kind=PhotoHandsRecord, content="record of hands from photographs", script="photo_hands.py"
)
