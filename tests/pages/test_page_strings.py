"""Every string that a page can show is there in both languages, and no translation is left over."""

import ast
import csv
import re

import pytest

from handlers import page, pages, stats
from negotiation.verdicts import VERDICTS

TEMPLATE_STRING = re.compile(r'\b_\("((?:[^"\\]|\\.)+)"\)')
PLACEHOLDER = re.compile(r"\{\w+\}|%\(\w+\)s")


def template_strings() -> set[str]:
    return {text for path in (page.ROOT / "templates").glob("*.html") for text in TEMPLATE_STRING.findall(path.read_text(encoding="utf-8"))}


def handler_strings() -> set[str]:
    """The arguments of _(…) in the handlers of pages."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (page.ROOT / "handlers").glob("*.py")]
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_"]
    return {call.args[0].value for call in calls if isinstance(call.args[0], ast.Constant)}


def verdict_strings() -> set[str]:
    return {words for verdict in VERDICTS.values() for words in (verdict.words, verdict.measured) if words}


def script_strings() -> set[str]:
    return set(page.script_strings(tuple(sorted(path.name for path in page.SCRIPTS.glob("*.js")))))


def translations(language: str) -> dict[str, str]:
    with (page.ROOT / "locale" / f"{language}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert all(len(row) == 2 for row in rows)
    assert len({row[0] for row in rows}) == len(rows), "a string is translated twice"
    return dict(rows)


OTHERS = sorted(set(page.LANGUAGES) - {"en"})


@pytest.mark.parametrize("language", OTHERS)
def test_every_string_is_translated_and_none_is_left_over(language):
    shown = template_strings() | handler_strings() | script_strings() | verdict_strings()
    translated = translations(language)
    assert len(shown) > 100
    assert shown - set(translated) == set(), "not translated"
    assert set(translated) - shown == set(), "translated, but shown nowhere"


@pytest.mark.parametrize("language", OTHERS)
def test_translations_are_whole(language):
    for text, translation in translations(language).items():
        assert translation.strip() == translation != ""
        assert sorted(PLACEHOLDER.findall(text)) == sorted(PLACEHOLDER.findall(translation)), text
        assert "<" not in translation


def test_chinese_is_chinese():
    for text, translation in translations("zh").items():
        if re.search("[A-Za-z]", PLACEHOLDER.sub("", text)):
            assert re.search(r"[\u4e00-\u9fff]", translation), text


PAGES = [
    found
    for found in {**vars(pages), **vars(stats)}.values()
    if isinstance(found, type) and issubclass(found, page.Page) and (found.scripts or found.styles)
]


@pytest.mark.parametrize("shown", PAGES, ids=lambda shown: shown.__name__)
def test_every_script_and_style_of_a_page_is_there(shown):
    for name in shown.scripts:
        assert (page.SCRIPTS / name).is_file()
    for name in shown.styles:
        assert (page.STATIC / "css" / name).is_file()


def test_no_script_and_no_style_belongs_to_no_page():
    assert {path.name for path in page.SCRIPTS.glob("*.js")} == {name for shown in PAGES for name in shown.scripts}
    assert {path.name for path in (page.STATIC / "css").glob("*.css")} == {"anywire.css", "plain.css"} | {
        name for shown in PAGES for name in shown.styles
    }


@pytest.mark.parametrize("name", sorted(path.name for path in (page.STATIC / "css").glob("*.css")))
def test_a_style_sheet_is_one_idea(name):
    assert len((page.STATIC / "css" / name).read_text(encoding="utf-8").splitlines()) < 300


def test_templates_show_no_english_of_their_own():
    """Text between tags comes from _(…), but for names and what is the same in every language."""
    allowed = re.compile(r"Anywire|WebSocket|SSE|UTC|#|·|×|[\s:.]|&\w+;")
    for path in (page.ROOT / "templates").glob("*.html"):
        source = re.sub(r"<pre class=\"code\".*?</pre>", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        bare = re.sub(r"\{%.*?%\}|\{\{.*?\}\}", "", source, flags=re.DOTALL)
        for text in re.findall(r">([^<>]*)<", bare):
            assert allowed.sub("", text) == "", f"{path.name}: {text.strip()!r}"
