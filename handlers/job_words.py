"""A job's state in words, as job-words.js and numbers.js say it, for pages without script."""

import functools
import math
import re
from collections.abc import Callable

from handlers.page import _, script_strings
from handlers.said import utc
from protocol.progress import Job

Translate = Callable[[str], str]

STATES = {"running": _("running"), "stalled": _("stalled"), "done": _("done"), "failed": _("failed"), "cancelled": _("cancelled")}
UNITS = {"rows": _("rows"), "groups": _("groups"), "items": _("items")}
"""What the server itself names; what somebody's script names is shown as it is."""
TITLES = {"Import": _("Import"), "Report": _("Report")}


def title(job: Job, translate: Translate) -> str:
    return translate(TITLES[job.title]) if job.title in TITLES else job.title


def is_report(job: Job) -> bool:
    """A report is a job, too, but nobody's work."""
    return job.unit == "groups" and job.title == "Report"


def number(value: float) -> str:
    return f"{round(value, 1) if value < 100 else round(value):,}".removesuffix(".0")


def facts(job: Job, translate: Translate) -> str:
    """How far it is, how fast, and how long it will take."""
    found = []
    if job.state != "done" or job.done != job.total:
        found.append(_count(job, translate))
    if job.state == "running" and job.rate:
        pace = _("{count} a minute") if job.rate < 1 else _("{count} a second")
        found.append(translate(pace).format(count=number(job.rate * 60 if job.rate < 1 else job.rate)))
    if job.state == "running" and job.eta is not None:
        found.append(translate(_("{time} left")).format(time=_about(job.eta, translate)))
    return " · ".join(fact for fact in found if fact)


def when(job: Job, translate: Translate) -> str:
    """When the state became what it is."""
    words = {"running": _("since {time}"), "stalled": _("nothing heard since {time}")}.get(job.state, _("at {time}"))
    return translate(words).format(time=utc(job.started if job.state == "running" else job.updated).strftime("%Y-%m-%d %H:%M:%S UTC"))


def end(job: Job, translate: Translate) -> str:
    """What became of it; empty before its end."""
    time = _duration((job.updated - job.started) / 1000, translate)
    result = job.result if isinstance(job.result, dict) else {}
    if job.state == "done" and "imported" in result:
        words = translate(_("{imported} rows imported and {refused} refused in {time}."))
        return words.format(imported=number(result["imported"]), refused=number(result["refused"]), time=time)
    words = {"done": _("Done in {time}."), "failed": _("It failed after {time}."), "cancelled": _("Cancelled after {time}.")}.get(
        job.state, ""
    )
    stays = " " + translate(_("What was imported until then stays.")) if job.state == "cancelled" and job.items else ""
    return translate(words).format(time=time) + stays if words else ""


def _count(job: Job, translate: Translate) -> str:
    if job.total is None:
        count = number(job.done) if job.done else ""
    else:
        count = translate(_("{done} of {total}")).format(done=number(job.done), total=number(job.total))
    if not count or not job.unit:
        return count
    return translate(_("{count} {unit}")).format(count=count, unit=translate(UNITS[job.unit]) if job.unit in UNITS else job.unit)


def _duration(seconds: float, translate: Translate) -> str:
    minutes = math.floor(seconds / 60)
    if minutes < 1:
        return translate(_("{count} s")).format(count=number(seconds if seconds < 10 else round(seconds)))
    if minutes < 60:
        return translate(_("{minutes} min {seconds} s")).format(minutes=minutes, seconds=math.floor(seconds % 60))
    return translate(_("{hours} h {minutes} min")).format(hours=number(minutes // 60), minutes=minutes % 60)


def _about(seconds: float, translate: Translate) -> str:
    """A guess, and worded as one."""
    if seconds < 4:
        return translate(_("a few seconds"))
    if 50 <= seconds < 90:
        return translate(_("about a minute"))
    for below, unit, words in (
        (50, 5, _("about {count} seconds")),
        (5400, 60, _("about {count} minutes")),
        (129_600, 3600, _("about {count} hours")),
        (math.inf, 86_400, _("about {count} days")),
    ):
        if seconds < below:
            return translate(words).format(count=math.ceil(seconds / 5) * 5 if unit == 5 else round(seconds / unit))
    raise AssertionError("every time is below infinity")


# What the server says in English of a row or a file: the sentences with {names} for what varies, as the script knows them.


@functools.cache
def _sentences() -> tuple[tuple[re.Pattern[str], str], ...]:
    found = [text for text in script_strings(("sentences.js",)) if not text.startswith("Line ")]
    return tuple((re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.*?)", re.escape(text)), re.DOTALL), text) for text in found)


def sentence(said: str, translate: Translate) -> str:
    """*said* in the visitor's language, if it is known; else as it is."""
    if line := re.fullmatch(r"Line (\d+): (.*)", said, re.DOTALL):
        return translate(_("Line {line}: {what}")).format(line=line[1], what=sentence(line[2], translate))
    for pattern, text in _sentences():
        if found := pattern.fullmatch(said):
            return re.sub(r"\{(\w+)\}", lambda name: found[name[1]], translate(text))
    return said
