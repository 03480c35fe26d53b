"""Values of jobs over replications: by hand, against numpy, merged in any order, packed, in bounded memory."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import examples

from sim.ground.estimate import EXACT, Pooled
from sim.ground.estimate.bins import Bins
from sim.ground.estimate.pooled import MOST_GROUPS

PROBABILITIES = np.array([0.05, 0.5, 0.9, 0.95, 0.99])


def random(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def brute_force(values, offsets, probabilities):
    """Quantiles without each group and of all, by numpy."""
    runs = [values[first:last] for first, last in itertools.pairwise(offsets)]
    rests = [np.concatenate(runs[:r] + runs[r + 1 :]) if len(runs) > 1 else np.empty(0) for r in range(len(runs))]
    return np.array(
        [
            np.quantile(rest, probabilities) if len(rest) else np.full(len(probabilities), np.nan)
            for rest in [*rests, values]
        ]
    )


def by_bins(values, offsets, probabilities):
    """Do in numpy what the histogram promises: 512 bins an octave, straight from the least to the greatest of a bin."""
    bins = values.view(np.int64) >> 43
    numbers, place = np.unique(bins, return_inverse=True)
    low, high = np.full(len(numbers), np.inf), np.full(len(numbers), -np.inf)
    np.minimum.at(low, place, values)
    np.maximum.at(high, place, values)
    rows = []
    for first, last in [*itertools.pairwise(offsets), (0, 0)]:
        count = np.bincount(np.delete(place, np.s_[first:last]), minlength=len(numbers))
        upto, wanted = np.cumsum(count), probabilities * count.sum()
        at = np.searchsorted(upto, wanted)
        rows.append(low[at] + (high[at] - low[at]) * (wanted - (upto - count)[at]) / count[at])
    return np.array(rows)


def same(a: Pooled, b: Pooled) -> bool:
    one, other = a.pack(), b.pack()
    return one.keys() == other.keys() and all(
        one[key].dtype == other[key].dtype and np.array_equal(one[key], other[key]) for key in one
    )


def whole(values, offsets, **how) -> Pooled:
    made = Pooled(len(offsets) - 1, **how)
    made.add(values, offsets)
    return made


def in_parts(values, offsets, cuts, order, **how) -> Pooled:
    """Add the replications in parts, in some order."""
    made = Pooled(len(offsets) - 1, **how)
    spans = list(itertools.pairwise(cuts))
    for k in order:
        first, last = spans[k]
        part = values[offsets[first] : offsets[last]]
        made.add(part, offsets[first : last + 1] - offsets[first], made.first + first)
    return made


def runs(seed, replications, mean_length, zeros=0.0):
    """Draw replications of some length, with a share of zeros."""
    generator = random(seed)
    offsets = np.concatenate(([0], np.cumsum(generator.poisson(mean_length, replications))))
    values = generator.lognormal(1, 1.5, offsets[-1]) * (generator.random(offsets[-1]) >= zeros)
    return values, offsets


# Exact


runs_of_values = st.lists(st.lists(st.integers(0, 6) | st.floats(0, 100), max_size=12), min_size=1, max_size=6)


@given(runs_of_values)
@examples(300)
def test_exact_quantiles_are_numpys_with_each_replication_left_out(found):
    values = np.array([value for run in found for value in run], dtype=np.float64)
    offsets = np.cumsum([0, *map(len, found)])
    quantiles = Pooled.of(values, offsets).quantiles(PROBABILITIES, len(found))
    np.testing.assert_allclose(quantiles, brute_force(values, offsets, PROBABILITIES), rtol=1e-12, atol=1e-12)


def test_groups_of_replications_by_hand():
    # Left out: replications 0 and 1, then 2 to 4; the medians of 5, 6, 7, 8 and of 1, 2, 3, 4 and of all.
    values, offsets = np.array([1.0, 2, 3, 4, 5, 6, 7, 8]), np.array([0, 3, 4, 5, 5, 8])
    found = Pooled.of(values, offsets).quantiles(np.array([0.5]), 2)
    assert found[:, 0].tolist() == [6.5, 2.5, 4.5]


def test_one_value_and_none():  # fault D04
    one = Pooled.of(np.array([3.0]), np.array([0, 1, 1])).quantiles(np.array([0.5, 0.99]), 2)
    np.testing.assert_array_equal(one, [[np.nan, np.nan], [3, 3], [3, 3]])
    none = Pooled.of(np.empty(0), np.array([0, 0, 0]))
    assert np.isnan(none.quantiles(np.array([0.5]), 2)).all()
    assert none.ends is None


# The histogram


@pytest.mark.parametrize(
    "draw",
    [
        lambda generator, n: generator.exponential(1, n),
        lambda generator, n: generator.lognormal(3, 2, n),
        lambda generator, n: generator.exponential(1, n) * (generator.random(n) < 0.6),  # a wait: many zeros
        lambda generator, n: generator.uniform(1e6, 1.001e6, n),
    ],
)
def test_quantiles_by_bins_are_within_two_per_thousand(draw):
    values = draw(random(4), 120_000)
    offsets = np.array([0, 10_000, 10_001, 40_000, 40_000, 120_000])
    pooled = Pooled.of(values, offsets)
    found, exact = pooled.quantiles(PROBABILITIES, 5), pooled.quantiles(PROBABILITIES, 5, exact=True)
    np.testing.assert_allclose(exact, brute_force(values, offsets, PROBABILITIES), rtol=1e-12)
    np.testing.assert_allclose(found, exact, rtol=0.002, atol=1e-12)
    assert not (found == exact).all()  # it was the histogram
    np.testing.assert_array_equal(whole(values, offsets).quantiles(PROBABILITIES, 5), found)


def test_the_histogram_does_what_it_promises():
    values, offsets = runs(11, 9, 8_000)
    found = whole(values, offsets).quantiles(PROBABILITIES, 9)
    np.testing.assert_allclose(found, by_bins(values, offsets, PROBABILITIES), rtol=1e-12)


def test_equal_values_stay_exact_in_the_histogram():
    values = np.repeat([0.0, 84.1, 3.3, 1e5], [30_000, 10_000, 15_000, 6_000])
    random(5).shuffle(values)
    found = whole(values, np.array([0, 20_000, 61_000])).quantiles(np.array([0.3, 0.5, 0.8, 0.95]), 2)
    assert found[-1].tolist() == [0, 3.3, 84.1, 1e5]


def test_values_outside_the_bins():
    values = np.concatenate([np.full(30_000, 1e-9), np.full(30_000, 5e15)])
    pooled = whole(values, np.array([0, 30_000, 60_000]))
    assert pooled.quantiles(np.array([0.25, 0.75]), 2).tolist() == [[5e15, 5e15], [1e-9, 1e-9], [1e-9, 5e15]]
    assert pooled.ends == (1e-9, 5e15)


def test_values_are_kept_up_to_the_limit_and_counted_beyond():
    values, offsets = np.arange(EXACT + 1.0), np.array([0, EXACT])
    pooled = whole(values[:EXACT], offsets)
    assert pooled.is_exact
    assert pooled.values.tolist() == values[:EXACT].tolist()
    pooled.add(values[EXACT:], np.array([0, 1]))
    assert not pooled.is_exact
    with pytest.raises(LookupError, match="of 50001 values only a histogram is left"):
        _ = pooled.values
    middles, weights = pooled.weighted
    assert weights.sum() == EXACT + 1
    assert (middles * weights).sum() == pytest.approx(values.sum(), rel=1e-4)
    assert whole(values, np.array([0, EXACT + 1]), keep=True).values.tolist() == values.tolist()


# Groups


@pytest.mark.parametrize(
    ("replications", "groups"), [(1, 1), (63, 63), (64, 64), (65, 33), (128, 64), (129, 33), (200, 50), (8000, 63)]
)
def test_how_many_groups_there_are(replications, groups):
    offsets = np.linspace(0, 60_000, replications + 1).astype(np.int64)
    pooled = Pooled.of(random(1).random(60_000), offsets)
    assert pooled.groups == groups <= MOST_GROUPS
    assert Pooled.of(np.ones(3), np.array([0] * replications + [3])).groups == replications


@pytest.mark.parametrize("groups", [33, 32, 11, 2])
def test_groups_of_the_histogram_are_those_of_sorting(groups):
    values, offsets = runs(2, 65, 900)
    pooled = whole(values, offsets, keep=True)
    assert pooled.groups == 33  # replications 0 and 1, 2 and 3, ..., 64
    cuts = np.minimum(2 * (np.arange(groups + 1) * 33 // groups), 65)
    by_hand = by_bins(values, offsets[cuts], PROBABILITIES)
    np.testing.assert_allclose(whole(values, offsets).quantiles(PROBABILITIES, groups), by_hand, rtol=1e-12)
    sorted_ = pooled.quantiles(PROBABILITIES, groups, exact=True)
    np.testing.assert_allclose(sorted_, brute_force(values, offsets[cuts], PROBABILITIES), rtol=1e-12)


# Merging


@given(seed=st.integers(0, 99), cuts=st.sets(st.integers(1, 99), max_size=12), mean=st.sampled_from([3, 490, 505, 700]))
@examples(60)
def test_the_order_of_parts_does_not_matter(seed, cuts, mean):
    values, offsets = runs(seed, 100, mean, zeros=0.2)
    edges = [0, *sorted(cuts), 100]
    order = random(seed).permutation(len(edges) - 1)
    made, straight = in_parts(values, offsets, edges, order), whole(values, offsets)
    assert same(made, straight)
    groups = straight.groups
    np.testing.assert_array_equal(made.quantiles(PROBABILITIES, groups), straight.quantiles(PROBABILITIES, groups))


@pytest.mark.parametrize("mean", [50, 700])
def test_a_replication_in_chunks(mean):
    values, offsets = runs(3, 90, mean)
    made = Pooled(90)
    for r, (first, last) in reversed(list(enumerate(itertools.pairwise(offsets)))):
        for at in range(first, last, 100):
            chunk = values[at : min(at + 100, last)]
            made.add(chunk, np.array([0, len(chunk)]), r)
    assert same(made, whole(values, offsets))


@pytest.mark.parametrize("split", [1, 20, 130])
@pytest.mark.parametrize("mean", [20, 400, 3000])
def test_more_replications_later_are_the_same_as_all_at_once(split, mean):
    values, offsets = runs(7, 150, mean)
    early = whole(values[: offsets[split]], offsets[: split + 1])
    late = whole(values[offsets[split] :], offsets[split:] - offsets[split], first=split)
    joined, straight = Pooled.joined([early, late]), whole(values, offsets)
    groups = straight.groups
    assert joined.groups == groups
    np.testing.assert_array_equal(joined.quantiles(PROBABILITIES, groups), straight.quantiles(PROBABILITIES, groups))
    if not (early.is_exact and late.is_exact):
        assert same(joined, straight)
    merged = Pooled(150)
    merged.merge(late)
    merged.merge(early)
    assert same(merged, straight)


def test_a_histogram_cannot_be_put_elsewhere():
    values, offsets = runs(8, 80, 800)
    with pytest.raises(LookupError, match="a histogram from replication 0 on cannot be put at 80"):
        Pooled.joined([whole(values, offsets), whole(values, offsets)])


def test_measures_together_are_their_values_together():
    values, offsets = runs(9, 30, 4000)
    for parts in (
        [whole(values, offsets), whole(values * 2, offsets)],
        [Pooled.of(values * k, offsets) for k in (1, 2)],
    ):
        together = Pooled.union([*parts, Pooled(30)])
        order = np.argsort(np.tile(np.repeat(np.arange(30), np.diff(offsets)), 2), kind="stable")
        straight = whole(np.concatenate([values, values * 2])[order], offsets * 2)
        np.testing.assert_array_equal(together.quantiles(PROBABILITIES, 30), straight.quantiles(PROBABILITIES, 30))
    assert Pooled.union([Pooled(30), Pooled(30)]).count == 0


# Size


@pytest.mark.parametrize("mean", [0, 10, 2000])
def test_packed_and_taken_back(mean):
    values, offsets = runs(10, 70, mean, zeros=0.3)
    pooled = whole(values, offsets)
    arrays = {key: array.copy() for key, array in pooled.pack().items()}
    assert {array.dtype.kind for array in arrays.values()} <= {"i", "u", "f"}
    back = Pooled.unpack(arrays)
    assert same(back, pooled)
    assert back.is_exact == pooled.is_exact == (mean < 100)
    back.add(values, offsets)
    pooled.add(values, offsets)
    assert same(back, pooled)


def test_its_size_does_not_grow_with_the_values():
    def size(times):
        made, generator = Pooled(64 * times), random(12)
        for first in range(0, 64 * times, 64):
            made.add(generator.uniform(1, 16, 64_000), np.arange(0, 64_001, 1000), first)
        assert made.count == 64_000 * times
        return sum(array.nbytes for array in made.pack().values()), made

    (small, _), (large, made) = size(1), size(20)
    assert large < 1.5 * small < 1e6  # the counts of a bin take two bytes where there are more of them
    assert len(made._bins._low) == 5 * 512  # four octaves and the end: a page each
    assert isinstance(made._bins, Bins)


def test_a_part_of_a_larger_array_does_not_keep_it():
    pooled, large = Pooled(2), np.ones(100_000)
    pooled.add(large[:3], np.array([0, 3]), 0)
    pooled.add(large[:0], np.array([0, 0]), 1)
    assert sum(part.base is not None for _, _, part in pooled._parts) == 0
    assert pooled.offsets.tolist() == [0, 3, 3]
