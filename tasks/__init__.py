"""What the server does for a visitor that takes longer than a request."""

from tasks import importing, report

__all__ = ["importing", "report"]
