"""A tqdm that reports besides."""

from __future__ import annotations

from typing import Any

import tqdm as plain

from anywire_progress.job import Progress


class tqdm(plain.tqdm):
    """Takes *title*, *url*, *api_key*, *cancellable* and *exit_s* of Progress beside all that tqdm takes."""

    progress: Progress | None = None
    """Until tqdm has found its own arguments good."""

    def __init__(self, *args: Any, title: str | None = None, url: str | None = None, **options: Any):
        own = {name: options.pop(name) for name in ("api_key", "cancellable", "exit_s") if name in options}
        super().__init__(*args, **options)
        self.progress = Progress(self.iterable, title or options.get("desc"), self.total, options.get("unit"), url, **own)
        if self.iterable is not None:
            self.iterable = self.progress

    def update(self, n: float = 1) -> bool | None:
        if self.iterable is None:
            self.progress.update(n or 0)
        return super().update(n)

    def refresh(self, *args: Any, **options: Any) -> Any:
        if self.progress is not None:
            said = (getattr(self, "desc", "").rstrip(": "), getattr(self, "postfix", None))
            self.progress.note = ", ".join(part for part in said if part and part != self.progress.title) or None
            self.progress.total = self.total
        return super().refresh(*args, **options)

    def close(self) -> None:
        super().close()
        if self.progress is not None and self.iterable is None:
            self.progress.close()

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self.progress.close(error)
        super().__exit__(kind, error, trace)
