"""Boards and processors. Adding one is one entry here and nothing else; the tests run over this table."""

from typing import Any

from tsm_edge.targets.spec import TargetSpec

__all__ = ["TARGETS"]


def _cortex_a57(name: str, description: str, **fields: Any) -> TargetSpec:
    """Jetson Nano: four Cortex-A57 at 1.43 GHz, 32 KiB L1D, 2 MiB shared L2 (NVIDIA's data sheet)."""
    return TargetSpec(
        name=name,
        description=description,
        triple="aarch64-linux-gnu",
        cpu="cortex-a57",
        features=("+neon",),
        vector_bits=128,
        vector_registers=32,
        l1d_bytes=32 << 10,
        l2_bytes=512 << 10,
        threads=4,
        device_match=("Jetson Nano",),
        source="NVIDIA Jetson Nano data sheet DA-09366",
        **fields,
    )


def _x86_64(level: int, cpu: str, vector_bits: int, registers: int, description: str) -> TargetSpec:
    """A psABI microarchitecture level; caches are those of the smallest common cores of that level."""
    return TargetSpec(
        name=f"x86-64-v{level}",
        description=description,
        triple="x86_64-linux-gnu",
        cpu=cpu,
        # LLVM keeps to 256 bits at v4, for old cores that slowed down; the kernels ask for 512.
        features=("-prefer-256-bit",) if level == 4 else (),
        vector_bits=vector_bits,
        vector_registers=registers,
        l1d_bytes=32 << 10,
        l2_bytes=512 << 10,
        threads=1,
        source="x86-64 psABI, microarchitecture levels",
    )


def _galaxy_note8(name: str, cpu: str, description: str, **fields: Any) -> TargetSpec:
    """Galaxy Note8: four big cores either way, ARMv8.0 with NEON."""
    return TargetSpec(
        name=name,
        description=description,
        triple="aarch64-linux-android",
        cpu=cpu,
        features=("+neon",),
        vector_bits=128,
        vector_registers=32,
        l1d_bytes=32 << 10,
        l2_bytes=512 << 10,
        threads=4,
        libc="bionic",
        latency_target_ms=35.0,  # Lin, Gan and Han, TSM, abstract of the journal version
        device_match=("SM-N950", "SC-01K", "SCV37"),
        **fields,
    )


_TABLE = (
    _cortex_a57(
        "jetson-nano",
        "NVIDIA Jetson Nano (CPU; GPU half to come)",
        latency_target_ms=13.0,  # Lin, Gan and Han, TSM, abstract of the journal version: on the Nano's GPU
        note="the GPU half does not exist yet: this bundle runs on the four Cortex-A57 cores",
    ),
    _cortex_a57("jetson-nano-cpu", "NVIDIA Jetson Nano, four Cortex-A57 cores"),
    TargetSpec(
        name="jetson-orin-nano-cpu",
        description="NVIDIA Jetson Orin Nano, six Cortex-A78AE cores",
        triple="aarch64-linux-gnu",
        cpu="cortex-a78ae",
        features=("+neon", "+dotprod", "+fullfp16"),
        vector_bits=128,
        vector_registers=32,
        l1d_bytes=64 << 10,
        l2_bytes=256 << 10,
        threads=6,
        device_match=("Orin Nano",),
        source="NVIDIA Jetson Orin Nano data sheet DS-11105",
    ),
    _galaxy_note8(
        "galaxy-note8",
        "cortex-a73",
        "Samsung Galaxy Note8, either processor",
        note="scheduled for the Snapdragon 835; runs on the Exynos 8895 as well, both are ARMv8.0",
        source="Samsung SM-N950 specification",
    ),
    _galaxy_note8(
        "galaxy-note8-exynos",
        "exynos-m3",
        "Samsung Galaxy Note8 with Exynos 8895",
        note="LLVM has no model of the Mongoose M2; its successor's is used, the instruction set is the same",
        source="Samsung Exynos 8895 product brief: four Mongoose M2 cores",
    ),
    _galaxy_note8(
        "galaxy-note8-snapdragon",
        "cortex-a73",
        "Samsung Galaxy Note8 with Snapdragon 835",
        source="Qualcomm Snapdragon 835 product brief: Kryo 280 Gold derives from Cortex-A73",
    ),
    TargetSpec(
        name="android-arm64",
        description="any 64-bit ARM Android phone (ARMv8.0)",
        triple="aarch64-linux-android",
        cpu="generic",
        features=("+neon",),
        vector_bits=128,
        vector_registers=32,
        l1d_bytes=32 << 10,
        l2_bytes=256 << 10,
        threads=4,
        libc="bionic",
        source="Android NDK ABI guide, arm64-v8a",
    ),
    TargetSpec(
        name="android-arm64-dotprod",
        description="Android phone with dot products (ARMv8.2, 2018)",
        triple="aarch64-linux-android",
        cpu="cortex-a76",
        features=("+neon", "+dotprod", "+fullfp16"),
        vector_bits=128,
        vector_registers=32,
        l1d_bytes=64 << 10,
        l2_bytes=256 << 10,
        threads=4,
        libc="bionic",
        source="Android NDK ABI guide; Arm Cortex-A76 core manual",
    ),
    TargetSpec(
        name="raspberry-pi-4",
        description="Raspberry Pi 4, four Cortex-A72 cores",
        triple="aarch64-linux-gnu",
        cpu="cortex-a72",
        features=("+neon",),
        vector_bits=128,
        vector_registers=32,
        l1d_bytes=32 << 10,
        l2_bytes=256 << 10,
        threads=4,
        device_match=("Raspberry Pi 4",),
        source="Raspberry Pi 4 product brief: BCM2711, 1 MiB shared L2",
    ),
    TargetSpec(
        name="raspberry-pi-5",
        description="Raspberry Pi 5, four Cortex-A76 cores",
        triple="aarch64-linux-gnu",
        cpu="cortex-a76",
        features=("+neon", "+dotprod", "+fullfp16"),
        vector_bits=128,
        vector_registers=32,
        l1d_bytes=64 << 10,
        l2_bytes=512 << 10,
        threads=4,
        device_match=("Raspberry Pi 5",),
        source="Raspberry Pi 5 product brief: BCM2712, 512 KiB L2 a core",
    ),
    _x86_64(2, "x86-64-v2", 128, 16, "x86-64 with SSE4.2 (about 2009 and newer)"),
    _x86_64(3, "x86-64-v3", 256, 16, "x86-64 with AVX2 and FMA (about 2013 and newer)"),
    _x86_64(4, "x86-64-v4", 512, 32, "x86-64 with AVX-512 (servers, Zen 4 and newer)"),
)

TARGETS: dict[str, TargetSpec] = {target.name: target for target in _TABLE}
