"""From object file and C sources to a library: zig from pip is compiler, linker and libc for every target.

Linux targets link against glibc 2.17's symbols, so that one library runs on everything since 2012. Android has no
libc here to link against: sources are compiled against musl's headers, whose names and layouts agree where the
driver uses them, and linked to empty libraries that carry bionic's names.
"""

import platform
from collections.abc import Sequence
from pathlib import Path

from tsm_edge.export.zig import c_source, darwin_headers, run_zig, zig_cc
from tsm_edge.targets import TargetSpec

__all__ = ["c_source", "link_library", "link_run_tool", "link_tuning_library"]

GLIBC = "2.17"
# 16 KiB: what Android 15 asks for; larger pages than the device's do no harm.
MAX_PAGE_SIZE = 16384
DRIVER_SOURCES = (
    "tsm_info.c",
    "tsm_model.c",
    "tsm_stream.c",
    "tsm_image.c",
    "tsm_view.c",
    "tsm_pixels.c",
    "tsm_cpu.c",
    "tsm_weights.c",
    "tsm_pool.c",
    "tsm_cpus.c",
)
RUN_SOURCES = ("tsm_run.c", "tsm_run_replay.c", "tsm_run_raw.c", "tsm_run_report.c", "tsm_run_device.c")
# iOS gives an app no say in where its threads run.
DARWIN_SOURCES = (*(name for name in DRIVER_SOURCES if name != "tsm_cpus.c"), "tsm_no_cpus.c")
# The entry points of export/android.
JAVA_SOURCES = ("tsm_jni.c", "tsm_jni_step.c")
# For targets that have one, which all have glibc.
GPU_SOURCES = (
    "tsm_gpu.c",
    "tsm_gpu_device.c",
    "tsm_gpu_module.c",
    "tsm_gpu_memory.c",
    "tsm_gpu_frame.c",
    "tsm_gpu_state.c",
    "tsm_gpu_cache.c",
    "tsm_gpu_files.c",
    "tsm_cuda.c",
    "tsm_sha256.c",
)
NO_GPU_SOURCES = ("tsm_no_gpu.c",)
# What the GPU half uses of glibc beside that; its dlopen is in a library of its own before 2.34.
GPU_LIBC = (
    "bcmp",
    "dlerror",
    "dlopen",
    "dlsym",
    "flock",
    "ftruncate",
    "__fxstat",
    "getenv",
    "malloc",
    "memcmp",
    "mkdir",
    "rename",
    "strcmp",
    "strlen",
    "strrchr",
    "unlink",
    "write",
    "__xstat",
)
GPU_FLAGS = ("-ldl",)
# What the driver and compiler-generated code use of bionic; `undefined` in the library and nothing else.
BIONIC_LIBC = (
    "calloc",
    "clock_gettime",
    "close",
    "free",
    "lseek",
    "memcpy",
    "memset",
    "mmap",
    "munmap",
    "open",
    "posix_memalign",
    "pthread_cond_broadcast",
    "pthread_cond_destroy",
    "pthread_cond_init",
    "pthread_cond_wait",
    "pthread_create",
    "pthread_join",
    "pthread_mutex_destroy",
    "pthread_mutex_init",
    "pthread_mutex_lock",
    "pthread_mutex_unlock",
    "read",
    "__sched_cpucount",
    "sched_getaffinity",
    "sched_getcpu",
    "sched_setaffinity",
    "sched_yield",
    "snprintf",
    "strlen",
    "syscall",
    "vsnprintf",
)
# The kernels' own symbols are visible in their object file; the library shows the C interface alone.
EXPORTED = (
    "tsm_abi_version",
    "tsm_status_text",
    "tsm_get_info",
    "tsm_call_name",
    "tsm_metadata_json",
    "tsm_model_*",
    "tsm_stream_*",
    "tsm_image_to_frame",
)
JAVA_EXPORTED = ("Java_dev_tsmedge_Native_*",)
# Plain for ctypes, and as TVM's runtime calls functions, for boards.
TUNING_EXPORTED = ("tsm_tune_*", "__tvm_ffi_*")
C_FLAGS = (
    "-std=c11",
    "-O2",
    "-fPIC",
    "-fvisibility=hidden",
    "-D_GNU_SOURCE",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-g0",
)


def link_library(
    plan_source: Path, kernels: Path, target: TargetSpec, path: Path, *, java: bool | None = None
) -> None:
    """Link `libtsm_model.so`, or archive `libtsm_model.a` where apps load no libraries.

    Args:
        plan_source: The generated plan.
        kernels: The kernels' object file.
        target: Where it will run.
        path: The library to write.
        java: Whether Java finds its entry points in it; None is for Android alone.

    Raises:
        CompileError: zig refused.
    """
    if target.libc == "darwin":
        _archive([plan_source, *_sources((*DARWIN_SOURCES, *NO_GPU_SOURCES))], kernels, target, path)
        return
    has_gpu = target.gpu is not None
    sources, exported = [*DRIVER_SOURCES, *(GPU_SOURCES if has_gpu else NO_GPU_SOURCES)], [*EXPORTED]
    if java or (java is None and target.libc == "bionic"):
        sources += JAVA_SOURCES
        exported += JAVA_EXPORTED
    flags = GPU_FLAGS if has_gpu else ()
    _link_shared([plan_source, *_sources(sources)], kernels, target, path, exported, flags)


def link_tuning_library(source: Path, kernels: Path, target: TargetSpec, path: Path) -> None:
    """Link a library that measures the kernels that it holds; see csrc/tsm_tune.h.

    Args:
        source: The generated table of candidates.
        kernels: Their object file.
        target: Where it will run.
        path: The library to write.

    Raises:
        CompileError: zig refused.
    """
    _link_shared([source, *_sources(["tsm_tune.c"])], kernels, target, path, TUNING_EXPORTED)


def _link_shared(
    sources: Sequence[Path],
    kernels: Path,
    target: TargetSpec,
    path: Path,
    exported: Sequence[str],
    flags: Sequence[str] = (),
) -> None:
    """A shared library that shows these names alone; the first source's folder is for files on the way."""
    script = sources[0].parent / "exports.map"
    script.write_text(f"{{ global: {'; '.join(exported)}; local: *; }};\n")
    if target.libc == "bionic":
        _link_bionic(sources, kernels, target, path, script)
        return
    zig_cc(
        f"{target.architecture}-linux-gnu.{GLIBC}",
        [
            *C_FLAGS,
            "-shared",
            f"-Wl,--version-script={script}",
            "-Wl,-z,defs",
            "-s",
            f"-Wl,-soname,{path.name}",
            *flags,
        ],
        [*sources, kernels],
        path,
    )


def link_run_tool(
    plan_source: Path,
    kernels: Path,
    target: TargetSpec,
    path: Path,
    *,
    symbols: bool = False,
    alone: bool = False,
) -> None:
    """Link `tsm-run`: static with musl, so that it needs nothing but the kernel, on Linux and Android alike.

    For a Linux of this machine's own architecture glibc does, and zig need not build musl first. A target with a GPU
    has glibc as well: a static program cannot load the GPU's driver.

    Args:
        plan_source: The generated plan.
        kernels: The kernels' object file.
        target: Where it will run.
        path: The program to write.
        symbols: Keep the functions' names, for tools that look into the program.
        alone: Leave a GPU aside and be static, for emulators, which have no libraries of the target.

    Raises:
        CompileError: zig refused.
    """
    native = target.libc == "gnu" and target.architecture == platform.machine()
    has_gpu = target.gpu is not None and not alone
    glibc = has_gpu or (native and not alone)
    flags = [*([] if symbols else ["-s"]), *(GPU_FLAGS if has_gpu else []), *([] if glibc else ["-static"])]
    zig_cc(
        f"{target.architecture}-linux-{f'gnu.{GLIBC}' if glibc else 'musl'}",
        [*C_FLAGS, *flags],
        [
            plan_source,
            *_sources((*DRIVER_SOURCES, *(GPU_SOURCES if has_gpu else NO_GPU_SOURCES), *RUN_SOURCES)),
            kernels,
        ],
        path,
    )
    path.chmod(0o755)


def _link_bionic(
    sources: Sequence[Path], kernels: Path, target: TargetSpec, path: Path, script: Path
) -> None:
    work = script.parent
    objects = []
    for source in sources:
        objects.append(work / f"{source.stem}.o")
        zig_cc(f"{target.architecture}-linux-musl", [*C_FLAGS, "-c"], [source], objects[-1])
    libc = _empty_library(work, target)
    options = ["-shared", "--gc-sections", "--hash-style=both", "-z", f"max-page-size={MAX_PAGE_SIZE}", "-s"]
    checks = ["--no-undefined", "-z", "text", f"--version-script={script}", f"-soname={path.name}"]
    run_zig(["ld.lld", *options, *checks, "-o", path, *objects, kernels, libc])


def _archive(sources: Sequence[Path], kernels: Path, target: TargetSpec, path: Path) -> None:
    """A static library of Mach-O objects; nobody links them here."""
    work = sources[0].parent
    system, version = target.triple.rpartition("-")[2].partition("ios")[1:]
    objects = []
    for source in sources:
        objects.append(work / f"{source.stem}.o")
        flags = [*C_FLAGS, *darwin_headers(), "-c"]
        zig_cc(f"{target.architecture}-{system}.{version}", flags, [source], objects[-1])
    run_zig(["ar", "--format=darwin", "rcsD", path, *objects, kernels])


def _empty_library(work: Path, target: TargetSpec) -> Path:
    """A libc.so that has bionic's names and no code: only its names matter to the linker."""
    source = work / "bionic.c"
    source.write_text("".join(f"void {name}(void) {{}}\n" for name in BIONIC_LIBC))
    compiled, library = work / "bionic.o", work / "libc.so"
    zig_cc(
        f"{target.architecture}-linux-musl",
        ["-c", "-fPIC", "-ffreestanding", "-fno-builtin", "-w"],
        [source],
        compiled,
    )
    run_zig(["ld.lld", "-shared", "-soname=libc.so", "-o", library, compiled])
    return library


def _sources(names: Sequence[str]) -> list[Path]:
    return [c_source(name) for name in names]
