"""Selenium for drivers of the old JSON wire protocol, such as PhantomJS has: as much of it as the tests use."""

from typing import Any

from selenium.webdriver.common.options import ArgOptions
from selenium.webdriver.remote.client_config import ClientConfig
from selenium.webdriver.remote.command import Command
from selenium.webdriver.remote.remote_connection import RemoteConnection

PHANTOM = "phantomExecute"
"""Runs a script beside the page instead of in it."""


class JsonWire(RemoteConnection):
    """Says W3C's commands in the older words."""

    def __init__(self, url: str, capabilities: dict[str, Any]):
        super().__init__(client_config=ClientConfig(remote_server_addr=url))
        self._capabilities = capabilities
        self._commands = {**self._commands, PHANTOM: ("POST", "/session/$sessionId/phantom/execute")}

    def execute(self, command: str, params: dict[str, Any]) -> dict[str, Any]:
        if command != Command.NEW_SESSION:
            return super().execute(command, params)
        answer = super().execute(command, {"desiredCapabilities": self._capabilities})
        return {"value": {"sessionId": answer["sessionId"], "capabilities": answer["value"]}}


class Nothing(ArgOptions):
    @property
    def default_capabilities(self) -> dict[str, Any]:
        return {}
