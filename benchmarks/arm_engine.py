"""Stream frames through an engine: what runs inside the ARM root, which has numpy and the engines alone.

    python arm_engine.py ENGINE MODEL INPUTS LOGITS COUNT

ENGINE is `onnxruntime` (MODEL is an ONNX file), `ncnn` (MODEL is what the names of its two files begin with) or
`nothing`, which gives back what it gets: the cost of the loop. INPUTS is an .npz file: `frames` (T, 1, 3, H, W), and
the first shift buffers `arr_0`, `arr_1`, ... COUNT frames, from the first one again after the last, on one thread;
LOGITS gets those of all.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

# Frame and shift buffers in; logits and next shift buffers out.
Infer = Callable[[Sequence[Any]], Sequence[Any]]


def onnxruntime_engine(model: str) -> Infer:
    """ONNX Runtime with its default optimisations."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    return lambda arrays: session.run(None, dict(zip(names, arrays, strict=True)))


def ncnn_engine(model: str) -> Infer:
    """The ncnn engine, held to float32."""
    import ncnn

    net = ncnn.Net()
    net.opt.num_threads = 1
    for option in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_packed", "bf16_storage"):
        setattr(net.opt, f"use_{option}", False)
    if net.load_param(f"{model}.param") or net.load_model(f"{model}.bin"):
        raise SystemExit(f"ncnn cannot load {model}")

    def infer(arrays: Sequence[Any]) -> Sequence[Any]:
        with net.create_extractor() as extractor:
            for index, array in enumerate(arrays):
                extractor.input(f"in{index}", ncnn.Mat(array, batch_index=0))
            outputs = [extractor.extract(f"out{index}")[1] for index in range(len(arrays))]
            return [np.array(output.numpy(batch_index=0)) for output in outputs]

    return infer


ENGINES: dict[str, Callable[[str], Infer]] = {
    "onnxruntime": onnxruntime_engine,
    "ncnn": ncnn_engine,
    "nothing": lambda model: lambda arrays: arrays,
}


def main(engine: str, model: str, inputs: str, logits: str, count: str) -> None:
    """Load, stream, save."""
    with np.load(inputs) as file:
        frames = file["frames"]
        buffers: Sequence[Any] = [file[f"arr_{index}"] for index in range(len(file.files) - 1)]
    infer = ENGINES[engine](model)
    answers = []
    for index in range(int(count)):
        answer, *buffers = infer([frames[index % len(frames)], *buffers])
        answers.append(answer)
    np.save(logits, np.stack([answer.reshape(-1) for answer in answers]))


if __name__ == "__main__":
    main(*sys.argv[1:])
