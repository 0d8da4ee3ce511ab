"""Which handler answers which address."""

from typing import Any

import tornado.web

from handlers import pages
from handlers.disconnect import Disconnect
from handlers.history import History
from handlers.jobs import JobCancel, JobItems, JobList, JobOne
from handlers.node import Node
from handlers.ops import Healthz, MetricsText, Readyz
from handlers.poll import LongPoll, ShortPoll
from handlers.presence import WhoIsThere
from handlers.publish import Publish
from handlers.run import RunTask
from handlers.script import Script, ScriptHandler
from handlers.sse import Sse
from handlers.stats import Stats
from handlers.visitor import Me, Negotiate, Report
from handlers.votes import VoteBallot, VoteClose, VoteList, VoteOne
from handlers.websocket import WebSocket


def application(node: Node, script: Script) -> tornado.web.Application:
    routes: list[Any] = [
        (r"/v1/negotiate", Negotiate),
        (r"/v1/websocket", WebSocket),
        (r"/v1/sse", Sse),
        (r"/v1/long-poll", LongPoll),
        (r"/v1/short-poll", ShortPoll),
        (r"/v1/publish", Publish),
        (r"/v1/history", History),
        (r"/v1/presence", WhoIsThere),
        (r"/v1/disconnect", Disconnect),
        (r"/v1/jobs", JobList),
        (r"/v1/jobs/([^/]+)", JobOne),
        (r"/v1/jobs/([^/]+)/cancel", JobCancel),
        (r"/v1/jobs/([^/]+)/items", JobItems),
        (r"/v1/run/([^/]+)", RunTask),
        (r"/v1/votes", VoteList),
        (r"/v1/votes/([^/]+)", VoteOne),
        (r"/v1/votes/([^/]+)/ballot", VoteBallot),
        (r"/v1/votes/([^/]+)/close", VoteClose),
        (r"/v1/me", Me),
        (r"/v1/report", Report),
        (r"/anywire\.js", ScriptHandler, {"script": script}),
        (r"/healthz", Healthz),
        (r"/readyz", Readyz),
        (r"/metrics", MetricsText),
        (r"/stats", Stats),
    ]
    return tornado.web.Application(
        routes + pages.routes(),
        node=node,
        default_handler_class=pages.NotFound,
        log_function=lambda handler: None,
    )
