"""How much of a product one block and one thread compute.

    y[p, o] = sum_k x[p, k] w[k, o]        p < pixels, o < channels, k < depth

A thread keeps a tile of `thread_pixels` x `thread_channels` sums in registers; threads side by side make a block's
tile, and several groups of a block can share the depth, each summing a part of it.
"""

from dataclasses import dataclass

__all__ = ["Tile"]

# Words that one load from shared memory brings.
VECTOR = 4


@dataclass(frozen=True)
class Tile:
    """One block's share of a product.

    Attributes:
        thread_pixels, thread_channels: Sums of one thread.
        rows, columns: Threads along pixels and channels.
        step: How much of the depth lies in shared memory at once.
        groups: Parts of the block that share the depth.
        per_word: Channels in a register.
    """

    thread_pixels: int
    thread_channels: int
    rows: int
    columns: int
    step: int
    groups: int
    per_word: int

    @property
    def pixels(self) -> int:
        """Of a block."""
        return self.thread_pixels * self.rows

    @property
    def channels(self) -> int:
        """Of a block."""
        return self.thread_channels * self.columns

    @property
    def group_threads(self) -> int:
        """Threads that share one part of the depth."""
        return self.rows * self.columns

    @property
    def threads(self) -> int:
        """Of a block."""
        return self.group_threads * self.groups

    @property
    def thread_words(self) -> int:
        """Registers that hold one pixel's sums."""
        return self.thread_channels // self.per_word

    @property
    def vector(self) -> int:
        """Words of one load of weights."""
        return next(words for words in (4, 2, 1) if self.thread_words % words == 0)

    @property
    def slot(self) -> int:
        """Inputs of one load: four words."""
        return VECTOR * self.per_word

    @property
    def slots(self) -> int:
        """Loads for one pixel's inputs in a step."""
        return self.step // self.slot

    @property
    def line(self) -> int:
        """Words from one pixel to the next in shared memory: an odd number of vectors, so that eight follow no bank."""
        return VECTOR * (self.slots | 1)

    @property
    def input_words(self) -> int:
        """Of one step of one group."""
        return self.pixels * self.line

    @property
    def weight_words(self) -> int:
        """Of one step of one group."""
        return self.step * self.channels // self.per_word

    def shared_words(self, steps: int) -> int:
        """Shared memory for a group's `steps`, two of them at a time, or for adding up the groups' sums."""
        stages = min(steps, 2)
        sums = self.pixels * self.channels if self.groups > 1 else 0
        return max(self.groups * stages * (self.input_words + self.weight_words), sums)

    @property
    def symbol(self) -> str:
        """Part of a kernel's name."""
        return (
            f"t{self.thread_pixels}x{self.thread_channels}_{self.rows}x{self.columns}"
            f"_d{self.step}g{self.groups}"
        )
