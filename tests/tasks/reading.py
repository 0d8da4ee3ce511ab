"""Reading records out of bytes, and values to make them of."""

import tempfile

import pytest
from hypothesis import strategies as st

from tasks.records import RowError
from tasks.registry import TaskError

BOM = b"\xef\xbb\xbf"

names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=8).filter(
    lambda name: name == name.strip()
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def read(reader, content: bytes) -> list:
    """The records; of refused ones the code."""
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        return [row.code if isinstance(row, RowError) else row for row in reader(file)]


def messages(reader, content: bytes) -> list[str]:
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        return [row.message for row in reader(file) if isinstance(row, RowError)]


def refusal(reader, content: bytes) -> str:
    with pytest.raises(TaskError) as refused:
        read(reader, content)
    return refused.value.code
