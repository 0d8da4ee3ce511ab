"""The documents: complete where they list something, and without a broken link."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from handlers.application import application
from handlers.script import Script
from negotiation.authorize import authorize
from negotiation.identity import User
from negotiation.transports import TRANSPORTS
from negotiation.verdicts import VERDICTS
from protocol import frames
from protocol.codes import CODES, ProtocolError
from settings import Settings
from store.start_error import CODES as START_ERRORS

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
REQUIREMENTS = [ROOT / "requirements" / f"{name}.txt" for name in ("server", "embedded", "test")]
"""constraints.txt holds what these bring along, which nobody chose."""

COMMANDS = ("Subscribe", "Unsubscribe", "Publish", "Signal", "Ping")


@cache
def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def section(name: str, heading: str) -> str:
    """What stands below *heading*, up to the next heading of the same or a higher level."""
    lines = text(name).splitlines()
    start = next(i for i, line in enumerate(lines) if line.lstrip("#").strip() == heading and line.startswith("#"))
    level = len(lines[start]) - len(lines[start].lstrip("#"))
    end = next((i for i in range(start + 1, len(lines)) if re.match(rf"#{{1,{level}}} ", lines[i])), len(lines))
    return "\n".join(lines[start:end])


def rows(part: str) -> dict[str, list[str]]:
    """The table rows of *part* that begin with code: the code to the other cells. One row may begin with several."""
    found = {}
    for line in part.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| `"):
            found.update(dict.fromkeys(re.findall(r"`([^`]+)`", cells[0]), cells[1:]))
    return found


# what is listed


def shown(value: object) -> str:
    """A default as the table has it."""
    if value is None or value == ():
        return "unset"
    if isinstance(value, tuple):
        return f"`{','.join(value)}`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def test_every_setting_has_a_row_with_its_default():
    documented = {name: cells[0] for name, cells in rows(text("docs/settings.md")).items() if name.startswith("ANYWIRE_")}
    assert documented == {f"ANYWIRE_{name.upper()}": shown(field.default) for name, field in Settings.model_fields.items()}


def test_every_route_is_in_the_table_of_endpoints():
    documented = set(
        re.findall(r"`(?:GET|POST|PUT|PATCH) (/[^`]*)`|`(/[a-z]+)`", section("docs/protocol.md", "Endpoints").split("\n\n")[2])
    )
    paths = {path or other for path, other in documented}
    samples = {path.replace("…", "x.js").replace("ROOM", "lobby") for path in paths}
    routes = [rule.matcher.regex for rule in application(None, Script(b"", b"", "")).wildcard_router.rules]
    assert [route.pattern for route in routes if not any(route.fullmatch(sample) for sample in samples)] == []
    assert [sample for sample in samples if not any(route.fullmatch(sample) for route in routes)] == []


NOT_EVENTS = {"idleSession"}
"""Of what the database is asked."""


def event_types() -> set[str]:
    """The values of `"type"` in every dict of the code that makes events, and the types that a message is encoded with."""
    found: set[str] = set()
    for path in [*ROOT.glob("handlers/*.py"), *ROOT.glob("protocol/*.py"), *ROOT.glob("store/*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Dict) and path.parent.name != "store":  # what that says to MongoDB has types, too
                for key, value in zip(node.keys, node.values, strict=True):
                    if isinstance(key, ast.Constant) and key.value == "type" and isinstance(value, ast.Constant):
                        found.update({str(value.value)} - NOT_EVENTS)
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("encode_message", "encode_messages"):
                found.update(str(part.value) for part in ast.walk(node.args[0]) if isinstance(part, ast.Constant))
    return found


def test_every_event_type_has_a_row():
    made = event_types()
    assert {"hello", "subscribed", "message", "state", "signal", "ping", "ack", "error", "goaway"} <= made  # or the search itself is broken
    assert made - set(rows(section("docs/protocol.md", "Events"))) == set()


def test_every_command_is_shown():
    part = section("docs/protocol.md", "Commands on a WebSocket")
    for line in re.findall(r"^\{.*\}$", part, re.M):
        frames.parse_command(line)
    shown = set(re.findall(r'"type":"(\w+)"', part))
    assert shown == {getattr(frames, name).__struct_config__.tag for name in COMMANDS}


def test_every_error_code_has_a_row_with_its_status():
    documented = {code: cells[:2] for code, cells in rows(section("docs/protocol.md", "Errors")).items()}
    assert documented == {name: [str(code.status), "yes" if code.retry else "no"] for name, code in CODES.items()}


def test_every_verdict_has_a_row():
    documented = {code: cells[0] for code, cells in rows(section("docs/protocol.md", "Verdicts")).items()}
    assert documented == {code: "yes" if verdict.is_fault else "no" for code, verdict in VERDICTS.items()}
    assert set(rows(section("docs/client.md", "Verdicts"))) == set(VERDICTS)
    for document in ("docs/protocol.md", "docs/client.md"):
        told = {code: cells[-1] for code, cells in rows(section(document, "Verdicts")).items()}
        assert {code for code, meaning in told.items() if "Ms`" in meaning} == {code for code in VERDICTS if VERDICTS[code].field}
        assert all(f"`{verdict.field}`" in told[code] for code, verdict in VERDICTS.items() if verdict.field)


def test_every_word_of_the_client_for_a_failure_is_a_verdict():
    said = set(re.findall(r"why: '([a-z-]+)'", "".join(path.read_text() for path in (ROOT / "static/js").glob("*.js"))))
    assert said and said - set(VERDICTS) == set()
    head = text("static/js/verdicts.js").partition("(function")[0]  # lists all of them, two columns a line
    listed = set(re.findall(r"(?:^//|\s)\s{2,}([a-z-]+)(?=\s{2})", head, re.MULTILINE))
    assert len(listed) > 10 and listed - set(VERDICTS) == set()


def test_every_reason_that_stops_a_start_has_a_row():
    assert set(rows(section("docs/settings.md", "What can stop a start"))) == set(START_ERRORS)


def test_every_transport_has_a_row_of_each_table():
    assert list(rows(section("README.md", "Which transport").split("###")[0])) == list(TRANSPORTS)
    assert list(rows(section("README.md", "What the browser's developer tools show"))) == list(TRANSPORTS)


def test_every_dependency_has_a_reason():
    names = [re.match(r"[\w.-]+", line)[0] for path in REQUIREMENTS for line in path.read_text().splitlines() if "==" in line]
    assert len(names) > 10
    reasons = rows(section("README.md", "Dependencies"))
    assert [name for name in names if not reasons.get(name, [""])[0]] == []
    assert set(reasons) - set(names) == set()  # nothing is justified that isn't used


@pytest.mark.parametrize("channel", ["chat:x", "user:u_0123456789abcdef", "room:x", "job:x", "vote:x", "news:x"])
def test_the_table_of_rights_is_true(channel: str):
    kind = channel.partition(":")[0]
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in section("docs/protocol.md", "Who may do what").splitlines()]
    read, write = next(row[1:] for row in table if f"`{kind}:" in row[0] or (kind == "news" and row[0] == "any other kind"))
    visitor = User("u_0123456789abcdef", "Guest")
    stranger = User("u_fedcba9876543210", "Guest")
    backend = User("backend", "", backend=True)

    def may(user: User, action: str) -> bool:
        try:
            authorize(user, action, channel)
        except ProtocolError:
            return False
        return True

    meanings = {
        "anyone": [True, True, True],
        "any visitor": [True, True, True],
        "the user with this id": [True, False, True],
        "the API key": [False, False, True],
        "who knows the id": [True, True, True],
        "nobody: `forbidden`": [False, False, False],
    }
    assert [may(user, "read") for user in (visitor, stranger, backend)] == meanings[read]
    assert [may(user, "write") for user in (visitor, stranger, backend)] == meanings[write]


# links and lines


def anchors(path: Path) -> set[str]:
    """Those that a Markdown renderer gives to the headings: lower case, spaces to dashes, no punctuation."""
    headings = re.findall(r"^#+ (.+)$", without_code(path), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def without_code(path: Path) -> str:
    return re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path):
    prose = without_code(document)
    targets = re.findall(r"\]\(([^)\s]+)\)", prose) + re.findall(r"^\[[^\]]+\]: (\S+)$", prose, re.M)
    broken = []
    for target in targets:
        name, _, anchor = target.partition("#")
        path = (document.parent / name).resolve() if name else document
        if re.match(r"https?://", target):
            continue
        if not path.exists() or (anchor and anchor not in anchors(path)) or ROOT not in path.parents:
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_that_is_named_exists(document: Path):
    folders = "protocol|negotiation|store|handlers|static|templates|locale|tests|bench|deploy|docs|requirements"
    named = re.findall(rf"`((?:{folders})/[\w./-]*)`|`(\w+\.py)`", document.read_text(encoding="utf-8"))
    assert [path or other for path, other in named if not (ROOT / (path or other)).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_no_line_names_a_path_of_some_machine(document: Path):
    lines = document.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if re.search(r"(?<![\w/.])/(home|root|tmp|var|usr|opt|etc|work|Users|mnt)/", line)] == []
    assert [line for line in lines if re.search(r"\bTODO\b|\bFIXME\b", line)] == []


def test_the_documents_are_there():
    assert {"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "protocol.md", "settings.md", "architecture.md", "client.md"} <= {
        path.name for path in DOCUMENTS
    }
    assert text("LICENSE").strip().startswith("Apache License") and "END OF TERMS AND CONDITIONS" in text("LICENSE")
