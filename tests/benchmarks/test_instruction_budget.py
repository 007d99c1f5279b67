"""A frame of the default model executes no more on an emulated Cortex-A57 than the file in benchmarks/results says."""

import pytest

from tsm_edge.bundle import Bundle
from tsm_edge.errors import MissingDependencyError

# Other versions of compiler and libc move a few instructions about.
SLACK = 1.03


@pytest.mark.slow
def test_frame_keeps_to_the_budget(scripts_on_the_path, tmp_path):
    import instruction_plugin
    import instruction_record
    import instructions
    import result_files

    try:
        instruction_plugin.emulator()
    except MissingDependencyError as error:
        pytest.skip(str(error))
    budget = instruction_record.read_instructions(result_files.RESULTS / instructions.BUDGET)
    bundle = Bundle.open(instructions.budget_bundle(tmp_path))
    assert (bundle.manifest.model.name, bundle.manifest.target.name) == (budget.model, budget.target)
    counted = instructions.measure(bundle, 1)
    allowed, found = (sum(record.per_frame.values()) for record in (budget, counted))
    assert found <= SLACK * allowed, f"{found:.0f} instructions; to renew the budget: {budget.command}"
