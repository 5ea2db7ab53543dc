"""The process's memory: what it held at most, and how the C library keeps what a step gives back."""

import ctypes
import platform
import resource
from pathlib import Path

# Names and numbers of malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4


def keep_memory() -> bool:
    """Let freed memory stay with this process, as it is between two steps; say whether the C library can.

    glibc gives blocks of 32 MB and more back to the system at once, and the next step asks for them again. Where many
    rows go through the model that costs some 5% of a step (nine runs of 32 rows on MiniLM: 2.57 s and 2.43 s), and
    nothing where few do. Another C library is left as it is.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    library = ctypes.CDLL(None)
    return bool(library.mallopt(_M_MMAP_MAX, 0) and library.mallopt(_M_TRIM_THRESHOLD, -1))


def peak_memory() -> int:
    """Return the most bytes of memory that this process has held since it started."""
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return 1024 * int(line.split()[1])
    # On Linux this is never less than what the parent held, whose count a started process inherits.
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if platform.system() == "Darwin" else 1024 * most
