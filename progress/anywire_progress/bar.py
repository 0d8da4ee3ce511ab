"""A tqdm that reports besides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tqdm as plain

from anywire_progress.job import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator


class tqdm(plain.tqdm):
    """Takes *title*, *url*, *api_key*, *cancellable* and *exit_s* of Progress beside all that tqdm takes."""

    progress: Progress | None = None
    """Until tqdm has found its own arguments good."""
    _is_iterated = False
    """Then Progress counts for itself, ahead of `n`, which tqdm brings up to date now and then; else `n` is what is done."""

    def __init__(self, *args: Any, title: str | None = None, url: str | None = None, **options: Any):
        own = {name: options.pop(name) for name in ("api_key", "cancellable", "exit_s") if name in options}
        super().__init__(*args, **options)
        self.progress = Progress(self.iterable, title or options.get("desc"), self.total, options.get("unit"), url, **own)
        if self.iterable is not None:
            self.iterable = self.progress
        self._tell()

    def __iter__(self) -> Iterator[Any]:
        self._is_iterated = True
        return super().__iter__()

    def update(self, n: float = 1) -> bool | None:
        if self.disable and self.progress.state == "running" and not self._is_iterated:
            self.n += n  # tqdm doesn't count then
        is_displayed = super().update(n)
        self.progress.set(done=None if self._is_iterated else self.n)
        return is_displayed

    def reset(self, total: float | None = None) -> None:
        super().reset(total)
        self._tell()

    def refresh(self, *args: Any, **options: Any) -> Any:
        if self.progress is not None:
            self._tell()
        return super().refresh(*args, **options)

    def close(self) -> None:
        super().close()
        if self.progress is not None and not self._is_iterated:
            self._tell()
            self.progress.close()

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self._tell()
        self.progress.close(error)
        super().__exit__(kind, error, trace)

    def _tell(self) -> None:
        """Raises nothing: tqdm's monitor thread comes by here, too."""
        if self.progress.state != "running":
            return
        if not self._is_iterated:
            self.progress.move_to(self.n)
        said = (getattr(self, "desc", "").rstrip(": "), getattr(self, "postfix", None))
        self.progress.note = ", ".join(part for part in said if part and part != self.progress.title) or None
        is_past = self.total is not None and self.progress.done > self.total  # then tqdm shows none, either
        self.progress.total = None if is_past else self.total
