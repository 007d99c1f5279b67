"""Boards and processors. Adding one is one entry here and nothing else; the tests run over this table."""

from typing import Any

from tsm_edge.targets.gpu import JETSON_NANO_GPU, JETSON_ORIN_NANO_GPU
from tsm_edge.targets.spec import TargetSpec

__all__ = ["TARGETS"]

# ARMv8.2 cores of 2018 and later.
DOT_PRODUCTS = ("+neon", "+dotprod", "+fullfp16")


def _aarch64(name: str, cpu: str, description: str, **fields: Any) -> TargetSpec:
    """A 64-bit ARM processor: NEON has 32 registers of 128 bits; the rest is what most of them have."""
    common: dict[str, Any] = {
        "triple": "aarch64-linux-gnu",
        "features": ("+neon",),
        "l1d_bytes": 32 << 10,
        "l2_bytes": 256 << 10,
        "threads": 4,
    }
    return TargetSpec(
        name=name, cpu=cpu, description=description, vector_bits=128, vector_registers=32, **common | fields
    )


def _android(name: str, cpu: str, description: str, **fields: Any) -> TargetSpec:
    return _aarch64(name, cpu, description, triple="aarch64-linux-android", libc="bionic", **fields)


def _galaxy_note8(name: str, cpu: str, description: str, **fields: Any) -> TargetSpec:
    """Galaxy Note8: four big cores either way, ARMv8.0 with NEON."""
    return _android(
        name,
        cpu,
        description,
        l2_bytes=512 << 10,
        latency_target_ms=35.0,  # Lin, Gan and Han, TSM, abstract of the journal version
        device_match=("SM-N950", "SC-01K", "SCV37"),
        **fields,
    )


def _jetson_nano(name: str, description: str, **fields: Any) -> TargetSpec:
    """Jetson Nano: four Cortex-A57 at 1.43 GHz, 32 KiB L1D, 2 MiB shared L2 (NVIDIA's data sheet)."""
    return _aarch64(
        name,
        "cortex-a57",
        description,
        l2_bytes=512 << 10,
        device_match=("Jetson Nano",),
        source="NVIDIA Jetson Nano data sheet DA-09366",
        **fields,
    )


def _jetson_orin_nano(name: str, description: str, **fields: Any) -> TargetSpec:
    return _aarch64(
        name,
        "cortex-a78ae",
        description,
        features=DOT_PRODUCTS,
        l1d_bytes=64 << 10,
        threads=6,
        device_match=("Orin Nano",),
        source="NVIDIA Jetson Orin Nano data sheet DS-11105",
        **fields,
    )


def _x86_64(level: int, vector_bits: int, registers: int, description: str) -> TargetSpec:
    """A psABI microarchitecture level; caches are those of the smallest common cores of that level."""
    return TargetSpec(
        name=f"x86-64-v{level}",
        description=description,
        triple="x86_64-linux-gnu",
        cpu=f"x86-64-v{level}",
        # LLVM keeps to 256 bits at v4, for old cores that slowed down; the kernels ask for 512.
        features=("-prefer-256-bit",) if level == 4 else (),
        vector_bits=vector_bits,
        vector_registers=registers,
        l1d_bytes=32 << 10,
        l2_bytes=512 << 10,
        threads=1,
        source="x86-64 psABI, microarchitecture levels",
    )


_TABLE = (
    _jetson_nano(
        "jetson-nano",
        "NVIDIA Jetson Nano, GPU (else four Cortex-A57)",
        gpu=JETSON_NANO_GPU,
        latency_target_ms=13.0,  # Lin, Gan and Han, TSM, abstract of the journal version: on the Nano's GPU
    ),
    _jetson_nano("jetson-nano-cpu", "NVIDIA Jetson Nano, four Cortex-A57 cores"),
    _jetson_orin_nano(
        "jetson-orin-nano",
        "NVIDIA Jetson Orin Nano, GPU (else six A78AE)",
        gpu=JETSON_ORIN_NANO_GPU,
    ),
    _jetson_orin_nano("jetson-orin-nano-cpu", "NVIDIA Jetson Orin Nano, six Cortex-A78AE cores"),
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
    _android(
        "android-arm64",
        "generic",
        "any 64-bit ARM Android phone (ARMv8.0)",
        source="Android NDK ABI guide, arm64-v8a",
    ),
    _android(
        "android-arm64-dotprod",
        "cortex-a76",
        "Android phone with dot products (ARMv8.2, 2018)",
        features=DOT_PRODUCTS,
        l1d_bytes=64 << 10,
        source="Android NDK ABI guide; Arm Cortex-A76 core manual",
    ),
    _aarch64(
        "ios-arm64",
        "apple-a9",
        "any iPhone with iOS 15 (static library)",
        triple="aarch64-apple-ios15.0",
        libc="darwin",
        threads=2,
        note="compiled and inspected only: never linked into an app and never run",
        source="Apple, devices that iOS 15 runs on: the A9 is the oldest, with two cores; its caches are not published",
    ),
    _aarch64(
        "raspberry-pi-4",
        "cortex-a72",
        "Raspberry Pi 4, four Cortex-A72 cores",
        device_match=("Raspberry Pi 4",),
        source="Raspberry Pi 4 product brief: BCM2711, 1 MiB shared L2",
    ),
    _aarch64(
        "raspberry-pi-5",
        "cortex-a76",
        "Raspberry Pi 5, four Cortex-A76 cores",
        features=DOT_PRODUCTS,
        l1d_bytes=64 << 10,
        l2_bytes=512 << 10,
        device_match=("Raspberry Pi 5",),
        source="Raspberry Pi 5 product brief: BCM2712, 512 KiB L2 a core",
    ),
    _x86_64(2, 128, 16, "x86-64 with SSE4.2 (about 2009 and newer)"),
    _x86_64(3, 256, 16, "x86-64 with AVX2 and FMA (about 2013 and newer)"),
    _x86_64(4, 512, 32, "x86-64 with AVX-512 (servers, Zen 4 and newer)"),
)

TARGETS: dict[str, TargetSpec] = {target.name: target for target in _TABLE}
