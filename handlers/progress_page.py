"""`/progress` starts an import, lists the visitor's jobs and shows one (`?job=ID`) to whoever has the link.

Without script a file goes to `/progress/import`, which leads to the page of its job; that loads itself again while the job runs.
"""

import asyncio
from typing import Any

import msgspec

from handlers import job_words
from handlers.form import Failed, Form, FormPage
from handlers.page import WIRED, _
from handlers.run import RunTask
from handlers.upload import FIELD, MAX_FILE_BYTES
from protocol.codes import ProtocolError, Refusal, Unavailable
from protocol.progress import Change, Job
from store.jobs import Made
from tasks.importing import MAX_ROWS

LISTED = 20
REFUSED_LISTED = 50
REFUSED_BYTES = 64 * 1024
READ_S = 1.0
"""What stands in for the script's lists; the page waits for it no longer."""
AGAIN_S = {"running": 3, "stalled": 30}
"""When a page without script loads itself again."""


class ProgressPage(FormPage):
    section = "progress"
    styles = ("parts.css", "progress.css")
    kept = ("job", "transport")
    scripts = (
        *WIRED,
        "errors.js",
        "numbers.js",
        "sentences.js",
        "ask.js",
        "address.js",
        "file-head.js",
        "drop-zone.js",
        "upload.js",
        "sender.js",
        "job-words.js",
        "job-bar.js",
        "job-view.js",
        "job-rows.js",
        "count-by.js",
        "job-list.js",
        "progress.js",
    )

    async def show_page(self, failed: Failed | None) -> None:
        id, job, made, position = self.query("job"), None, None, ""
        if id:
            try:
                made = await self.node.jobs.made(id)
                job, position = await self.node.jobs.get(id)
            except ProtocolError as error:
                self.set_status(error.status)
        try:
            async with asyncio.timeout(READ_S):
                jobs = [shown.job for shown in await self.node.jobs.of_user(self.user.id)]
                refused = await self._refused(job) if job is not None else []
        except (Unavailable, TimeoutError):
            jobs, refused = None, []
        self.show_progress(failed.reason if failed is not None else "", job, made, position, jobs, refused)

    def show_progress(
        self,
        notice: str,
        job: Job | None = None,
        made: Made | None = None,
        position: str = "",
        jobs: list[Job] | None = None,
        refused: list[dict[str, Any]] | None = None,
        once: str = "",
    ) -> None:
        is_mine = made is not None and made.user["id"] == self.user.id
        self.show(
            "progress.html",
            asked=self.query("job"),
            job=job,
            known=None if job is None else {**msgspec.to_builtins(job), "position": position},
            is_mine=is_mine,
            may_cancel=job is not None and not job.is_final and bool(job.cancellable) and (is_mine or job.cancellable == "anyone"),
            jobs=None if jobs is None else [shown for shown in jobs if not job_words.is_report(shown)][:LISTED],
            refused=refused or [],
            again_s=AGAIN_S.get(job.state) if job is not None else None,
            notice=notice,
            words=job_words,
            translate=self.locale.translate,
            there=self.there,
            once=once or self.once(),
            max_bytes=MAX_FILE_BYTES,
            max_rows=MAX_ROWS,
        )

    async def _refused(self, job: Job) -> list[dict[str, Any]]:
        """The first items of its task that were refused. Raises Unavailable."""
        if not job.items:
            return []
        page = await self.node.items.page(job.id, -1, REFUSED_LISTED, REFUSED_BYTES, ok=False)
        return [msgspec.json.decode(item) for item in page.items]

    def there(self, **changed: str) -> str:
        """The link to the page itself, also from the address that takes files."""
        return f"{self.base}progress{self.link_here(**changed)}"

    async def take(self, form: Form) -> str:
        id = self.query("job")
        made = await self.node.jobs.made(id)
        if made.new.cancellable != "anyone" and not (made.new.cancellable and made.user["id"] == self.user.id):
            raise ProtocolError("forbidden")
        await self.node.jobs.update(id, Change(state="cancelled"))
        return self.there()


class ImportForm(RunTask, ProgressPage):
    """Takes the file of a form, as the task's own address takes it; the form's `once` is the id, so that it becomes one job."""

    async def get(self, *arguments: str) -> None:
        self.redirect(self.there(lang=self.query("lang")), status=303)  # from a link of the page that said why not

    async def post(self, name: str) -> None:
        assert self.receiver is not None
        try:
            self.check_token(self.receiver.fields.get("_xsrf", ""))
        except ProtocolError:
            await self.receiver.abort()
            raise
        await super().post(name)

    async def _answer(self, made: Made, after: int) -> None:
        self.redirect(self.there(job=made.id), status=303)

    def refuse(self, error: Refusal) -> None:
        if not hasattr(self, "user") or not self._wants_html():  # it was refused before it was read who asks
            super().refuse(error)
            return
        self.set_status(error.status)
        translate = self.locale.translate
        name = self.receiver.name if self.receiver is not None else ""
        if error.field == FIELD and not name:
            words = translate(_("Choose a file first."))
        elif name:
            words = translate(_("{name} was not imported: {reason}")).format(name=name, reason=self.reason(error))
        else:
            words = translate(_("Nothing was imported: {reason}")).format(reason=self.reason(error))
        self.show_progress(words, once=self.id or "" if isinstance(error, Unavailable) else "")

    def reason(self, error: Refusal) -> str:
        translate = self.locale.translate
        if error.code == "too-large":
            return translate(_("an import takes {most} at most")).format(most=f"{MAX_FILE_BYTES // 2**20} MB")
        if error.code == "id-reused":
            return translate(_("this form has sent another file already. Choose yours again"))
        return job_words.sentence(super().reason(error), translate)
