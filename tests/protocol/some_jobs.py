"""Jobs and updates of every kind, for properties."""

import msgspec
from hypothesis import strategies as st
from msgspec import UNSET

from protocol.progress import FINAL, Change, Job, NewJob

NOW = 1_795_000_000_000


def job(**fields: object) -> Job:
    return msgspec.structs.replace(Job.begin("a", NewJob("Import", total=100), NOW), **fields)


counts = st.one_of(st.integers(0, 12), st.sampled_from([0.5, 2.25, 40, 2**53]))
seqs = st.one_of(st.just(UNSET), st.integers(0, 8))
optional = st.one_of(st.just(UNSET), counts)
texts = st.sampled_from([UNSET, UNSET, None, "a", "b"])


states = st.sampled_from([UNSET, UNSET, UNSET, "running", *FINAL])
changes = st.builds(Change, done=optional, note=texts, state=states, result=texts, seq=seqs)
any_changes = st.builds(Change, done=optional, total=st.one_of(optional, st.none()), note=texts, state=states, result=texts, seq=seqs)
jobs = st.builds(
    lambda done, total, seq: job(total=None, seq=seq).after(Change(done=done, total=total), NOW),
    counts,
    st.one_of(st.none(), counts),
    st.one_of(st.none(), st.integers(0, 8)),
)
