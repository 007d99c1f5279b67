"""The classifier: one block a class, whose threads share the features.

y[o] = b[o] + sum_k w[o, k] x[k]
"""

from collections.abc import Sequence

from tsm_edge.export.cuda.call import Context, GpuCall, Logits, Operand, Weights, Work, write_call
from tsm_edge.export.cuda.emitter import Emitter
from tsm_edge.export.layers import Dense, Layer, SaveShift

__all__ = ["NAME", "covers", "lower"]

NAME = "dense"

THREADS = 128


def covers(layer: Layer) -> bool:
    """Any product of a matrix and a vector that the kernels computed."""
    return isinstance(layer, Dense) and not layer.x.planar


def lower(layer: Layer, context: Context, saves: Sequence[SaveShift] = ()) -> GpuCall:
    """Write the kernel for `layer`; logits are float32 whatever the arithmetic."""
    assert isinstance(layer, Dense)
    features, classes = layer.x.size, layer.out.size

    def body(e: Emitter) -> None:
        shared, total = e.shared(THREADS), e.floats(1)
        e.set(total, 0, e.constant(0.0))
        with e.loop(-(-features // THREADS)) as turn:
            k = turn * THREADS + e.thread
            with e.where(k < features if features % THREADS else True):
                product = e.load(e["x"], k) * e.load(e["weights"], e.block[0] * features + k)
                e.set(total, 0, total[0] + product)
        e.set(shared, e.thread, e.as_word(total[0]))
        e.barrier()
        width = THREADS // 2
        while width:
            with e.where(e.thread < width):
                both = e.as_float(shared[e.thread]) + e.as_float(shared[e.thread + width])
                e.set(shared, e.thread, e.as_word(both))
            e.barrier()
            width //= 2
        with e.where(e.equal(e.thread, 0)):
            e.store(e["y"], e.block[0], e.as_float(shared[0]) + e.load(e["bias"], e.block[0]))

    is_last = layer.out.name == context.logits
    operands: dict[str, Operand] = {
        "x": layer.x,
        "weights": context.packed(layer.weight),
        "bias": Weights(layer.bias),
        "y": Logits(classes) if is_last else layer.out,
    }
    element = context.arithmetic.element_bytes
    return write_call(
        context=context,
        rule=NAME,
        symbol=f"dense_{features}_{classes}" + ("_logits" if is_last else ""),
        layer=f"dense {features}->{classes}",
        operands=operands,
        grid=(classes, 1, 1),
        threads=THREADS,
        flop=2 * features * classes,
        work=Work(
            turns=-(-features // THREADS),
            shared_bytes=16 * THREADS * classes,
            loads=2 * features * classes,
            global_bytes=2 * features * classes * element,
            dram_bytes=(features + features * classes) * element + 4 * classes,
        ),
        body=body,
        saves=saves,
    )
