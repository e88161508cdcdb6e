"""Memory that is free, back to the system."""

import ctypes


def release_memory() -> None:
    """Gives freed memory back: glibc keeps hundreds of megabytes of what was needed for a moment otherwise."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError, TypeError):
        return  # another C library, which returns memory by itself
