"""The progress of a script on a page of an Anywire server: `for row in track(rows, title="Import", url="http://…")`.

`tqdm`, where tqdm is installed, is a tqdm that reports besides.
"""

from anywire_progress.job import Cancelled, Progress, track

__all__ = ["Cancelled", "Progress", "track"]


def __getattr__(name: str) -> object:
    """Imports tqdm only where it is asked for."""
    if name != "tqdm":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from anywire_progress.bar import tqdm
    except ImportError as error:
        raise AttributeError(f"anywire_progress.tqdm needs tqdm: {error}") from error
    return tqdm
