import numpy as np
import pytest

from tsm_edge.errors import DataError
from tsm_edge.export.evaluation.class_groups import ClassGroups, group_result, read_class_groups

# As Assembly101 lays out its actions.csv, in another order than the network's labels.
ACTIONS = """id,action_id,verb_id,noun_id,action_cls,verb_cls,noun_cls
0,1,1,0,remove wheel,remove,wheel
1,0,0,0,attach wheel,attach,wheel
2,2,1,1,remove roof,remove,roof
"""
LABELS = ("attach wheel", "remove wheel", "remove roof")


@pytest.fixture
def actions(tmp_path):
    path = tmp_path / "actions.csv"
    path.write_text(ACTIONS)
    return path


def test_groups_are_found_by_label(actions):
    verbs, nouns = read_class_groups(actions, LABELS)
    assert verbs == ClassGroups(name="verb", names=("attach", "remove"), of_class=(0, 1, 1))
    assert nouns == ClassGroups(name="noun", names=("roof", "wheel"), of_class=(1, 1, 0))
    assert read_class_groups(actions, LABELS[1:])[0].of_class == (0, 0)


def test_a_groups_probability_is_the_sum_of_its_classes(actions):
    verbs, nouns = read_class_groups(actions, LABELS)
    # The best action is "attach wheel"; "remove" has more in all: 0.3 + 0.3 > 0.4.
    probabilities = np.array([[0.4, 0.3, 0.3], [0.2, 0.7, 0.1]], np.float32)
    truth = np.array([1, 1])
    assert group_result(verbs, probabilities, truth).top1 == 1
    assert group_result(verbs, probabilities, np.array([0, 0])).top1 == 0
    result = group_result(nouns, probabilities, np.array([2, 0]))
    assert (result.name, result.num_groups, result.top1, result.top5) == ("noun", 2, 0.5, 1)


@pytest.mark.parametrize(
    "content",
    ["", "action_cls\nattach wheel\n", ACTIONS.replace("remove roof", "remove door"), "a,b\n1,2\n"],
    ids=["empty", "no groups", "other classes", "other columns"],
)
def test_files_that_do_not_group_the_classes_get_one_line(actions, content):
    actions.write_text(content)
    with pytest.raises(
        DataError, match=r"does not group the network's 3 classes; expected a header like"
    ) as error:
        read_class_groups(actions, LABELS)
    assert "\n" not in str(error.value)


def test_a_missing_file_gets_one_line(tmp_path):
    with pytest.raises(DataError, match=r"cannot read groups from .*absent\.csv: No such file"):
        read_class_groups(tmp_path / "absent.csv", LABELS)
