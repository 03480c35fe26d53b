"""Random numbers are numpy's own of their seeds, opened in less time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import examples

from sim.engine.workload.streams import _words, stream

QUANTITIES = ("workload.tuning/arrivals", "x", "")


def of_numpy(seed, replication, quantity):
    sequence = np.random.SeedSequence(seed, spawn_key=(replication, *_words(quantity)))
    return np.random.Generator(np.random.Philox(sequence))


@given(
    seed=st.integers(0, 2**63 - 1) | st.sampled_from([0, 2**32 - 1, 2**32, 2**130]),
    replication=st.integers(0, 10_000_000) | st.just(2**32 - 1),
    quantity=st.sampled_from(QUANTITIES),
)
@examples(200)
def test_a_stream_is_numpys(seed, replication, quantity):
    mine, theirs = stream(seed, replication, quantity), of_numpy(seed, replication, quantity)
    assert mine.bit_generator.state["state"]["key"].tolist() == theirs.bit_generator.state["state"]["key"].tolist()
    assert mine.random(5).tolist() == theirs.random(5).tolist()


def test_a_key_is_of_philox_alone():
    with pytest.raises(ValueError, match="a stream has a key of 2 words of 64 bits"):
        np.random.PCG64(stream(1, 2, "x").bit_generator.seed_seq)


def test_a_key_is_spawned_as_numpys():
    mine, theirs = (make(7, 3, "x").bit_generator.seed_seq for make in (stream, of_numpy))
    for _ in range(2):  # the second children are others than the first
        states = [[child.generate_state(4).tolist() for child in each.spawn(2)] for each in (mine, theirs)]
        assert states[0] == states[1]
