"""The browser of the pages' tests serves here too."""

from tests.pages.conftest import browser, visitor

__all__ = ["browser", "visitor"]
