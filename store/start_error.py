"""Why the server can't start: one error type, one table of codes."""

CODES = {
    "mongod-not-found": "no mongod to start, and no URI of one that runs already",
    "mongod-does-not-run": "the mongod that was found can't be executed here",
    "mongod-did-not-start": "mongod ended, or wasn't ready in time, for a reason of its own",
    "folder-in-use": "another server owns the data folder",
    "folder-other-version": "the data folder was written by another major version of MongoDB",
    "folder-not-writable": "the data folder can't be created or written",
    "folder-path-too-long": "no socket can be reached under the data folder's path",
    "disk-full": "too little space is left for the database to start",
    "uri-invalid": "the URI can't be parsed",
    "mongodb-unreachable": "no usable server answers at the URI",
    "not-a-replica-set": "the server at the URI is a standalone mongod",
    "authentication-failed": "the server refuses the user or the password",
    "database-unusable": "the database answers, but refuses what the server needs of it",
    "half-restored": "a backup is being put into the database, or was and didn't come to its end",
    "certificate": "the certificate or its key can't be used",
    "address": "the server can't listen where it was told to",
    "not-authorised": "the user may not write to the database",
}


class StartError(Exception):
    """The server can't start. `code` is a key of CODES; `str()` says what is wrong and what to do, for the person who started it."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        if code not in CODES:
            raise ValueError(f"unknown start error code {code!r}")
