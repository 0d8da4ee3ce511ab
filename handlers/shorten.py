"""Makes the client library short: names of its own that nobody else knows become a letter or two, and a minifier does the rest."""

import re

import rjsmin

try:
    import minify
except ImportError:  # there is no wheel for this system: the library works the same, and takes half as much again
    minify = None

_PRIVATE = """
PREFERENCE ageMs allowAgain answered arm backOffMs boot canRequest choice clear closeAll dataBlock demote denied died disarm
dueMs emit emitter endpoint errorOf eventStream failures fetcher filter find flush forced forget frames getCookies hasState
heartbeatMs heed hide holdS inUse isAlive isArmed isAside isConnected isFetch isFinal isForeign isHello isHidden isLive isLong
isNetwork isOverdue isProven isProvenAtOnce isRefused isRetry isStream isStruck isTimeout isTransient judge keys listen
listeners mark mayRetry memory mute namesOf needs negotiator noteCut nudge onQuiet outbox outs overdue pageRttMs parsePosition
patienceMs pauseMs post prepare promised proofMs publisher quietMs rank reasonOf recall receive recheck remembered remove
renewToken reset restart retryMs root rttMs save say scriptFolder scripts seen sentMs serial setCookie settle sinceMs soon
soonest spared start strikes subscriptions suspect sync timeoutMs timers tries waitS wasUsed watch why
"""
PRIVATE = frozenset(_PRIVATE.split())
"""Properties that neither a page, nor the server, nor the browser knows."""
_LETTERS = "etnriosaufcldvhpmygwbkxjqz"
_RESERVED = {"as", "do", "if", "in", "is", "of"}
"""Words of the language, of this version or a later one."""
_STRICT = "'use strict';"


def shortened(source: str) -> str:
    """*source*, an ES5 script in one function, with the same behaviour."""
    once = source.replace(_STRICT, "").replace("{", "{" + _STRICT, 1)
    short = _renamed(str(rjsmin.jsmin(once)))
    if minify is None:
        return short
    minify.config({"js-version": 5})
    for _ in range(2):  # the second time it finds what the first has made possible
        short = str(minify.string("text/javascript", short))
    return short


def _renamed(source: str) -> str:
    """The most frequent ones get the shortest names that are no words of the sources."""
    by_use = sorted(PRIVATE, key=lambda name: (-len(re.findall(rf"\b{name}\b", source)), name))
    taken = _RESERVED | set(re.findall(r"\w+", source))
    letters = [first + second for first in ("", *_LETTERS) for second in _LETTERS + _LETTERS.upper()]
    short = dict(zip(by_use, (name for name in letters if name not in taken), strict=False))
    return re.sub(r"\b(?:" + "|".join(sorted(PRIVATE)) + r")\b", lambda match: short[match[0]], source)
