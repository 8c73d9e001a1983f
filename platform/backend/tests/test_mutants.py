"""The mutants of script/mutants fit the code. Whether tests kill them is a matter of a long run."""

import pytest

from bench.mutants import BACKEND, MUTANTS, Mutant, patched


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_a_mutant_fits_the_code(mutant: Mutant) -> None:
    text = (BACKEND / mutant.file).read_text()
    mistaken = patched(mutant, text)
    assert mistaken != text
    compile(mistaken, mutant.file, "exec")


def test_every_mutant_is_another_one() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 14
