"""Makes the client library short: names of its own that nobody else knows become two letters, and a minifier does the rest."""

import re

import rjsmin

try:
    import minify
except ImportError:  # there is no wheel for this system: the library works the same, and takes half as much again
    minify = None

_PRIVATE = """
PREFERENCE ageMs allowAgain answered arm backOffMs boot canRequest choice closeAll demote denied died disarm dueMs emit emitter errorOf
eventStream failures flush forced forget frames hasState heartbeatMs hide holdS isAlive isArmed isAside isConnected isFetch isFinal
isForeign isHello isHidden isLive isLong isNetwork isOverdue isProven isProvenAtOnce isRefused isRetry isStream isStruck isTimeout
isTransient judge listeners mayRetry mute negotiator noteCut nudge onQuiet outbox outs overdue pageRttMs parsePosition path pauseMs
prepare promised proofMs publisher quietMs rank reasonOf recall receive recheck remembered renewToken restart retryMs rttMs save
sentMs serial settle sinceMs soonest strikes subscriptions suspect timeoutMs timers tries waitS wasUsed
"""
PRIVATE = frozenset(_PRIVATE.split())
"""Properties that neither a page, nor the server, nor the browser knows."""
_LETTERS = "etnriosaufcldvhpmygwbkxjqz"
_STRICT = "'use strict';"


def shortened(source: str) -> str:
    """*source*, an ES5 script in one function, with the same behaviour."""
    once = source.replace(_STRICT, "").replace("{", "{" + _STRICT, 1)
    short = _renamed(once)
    if minify is None:
        return str(rjsmin.jsmin(short))
    minify.config({"js-version": 5})
    return str(minify.string("text/javascript", short))


def _renamed(source: str) -> str:
    """The most frequent ones get the shortest names; no name in the sources begins with an underscore."""
    by_use = sorted(PRIVATE, key=lambda name: (-len(re.findall(rf"\b{name}\b", source)), name))
    letters = [first + second for first in ("", *_LETTERS) for second in _LETTERS]
    short = {name: f"_{letter}" for name, letter in zip(by_use, letters, strict=False)}
    return re.sub(r"\b(?:" + "|".join(sorted(PRIVATE)) + r")\b", lambda match: short[match[0]], source)
