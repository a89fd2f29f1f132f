"""What goes into the program of one answer, and what does not: one mistake costs one question."""

import ast
import sys

import pytest

from course_utils.errors import CourseError
from course_utils.grading.assignment import assignment_names, load_assignment
from course_utils.grading.found import Answer, Submission
from course_utils.grading.names import needed, statements, undefined
from course_utils.grading.program import barred_modules, preamble, program, undefined_names

NAME = "02_write_an_abstract_trainer"
TRAIN, EVALUATE = "train-one-epoch", "evaluate-model-on-dataloader"


@pytest.fixture(scope="module")
def assignment():
    return load_assignment(NAME)


def handed_in(assignment, text, helpers="", imports="", *, question=TRAIN, modules=()):
    answers = {question: Answer(question, "code", text, "answered", "id")}
    return Submission(None, assignment.name, None, answers, helpers, imports, modules)


def parts(node):
    return {cell.id: cell.source for cell in node.cells}


def names(sources):
    return [part for source in sources for part in statements(source)]


@pytest.mark.parametrize("name", assignment_names())
def test_every_reference_solution_finds_what_it_uses(name):
    assignment = load_assignment(name)
    for question, source in assignment.solutions.items():
        known = {one.answers for one in assignment.questions if one.kind == "code"}
        lacking = undefined_names(assignment, handed_in(assignment, source, question=question), question)
        assert set(lacking) <= known


def test_the_cells_are_named_for_their_parts_and_the_same_answer_gives_the_same_notebook(assignment):
    text = assignment.solutions[TRAIN] + "\nhalf(1)"
    submission = handed_in(assignment, text.replace("samples +=", "samples = samples +"))
    node = program(assignment, submission, TRAIN, "print(train_one_epoch)")
    assert [cell.id for cell in node.cells] == ["preamble", "answer", "tail"]
    assert [cell.metadata["tags"] for cell in node.cells] == [["preamble"], ["answer"], ["tail"]]
    assert node == program(assignment, submission, TRAIN, "print(train_one_epoch)")


def test_the_preamble_defines_and_does_nothing(assignment):
    source = preamble(assignment, ())
    kinds = {type(node).__name__ for node in ast.parse(source).body}
    assert kinds <= {"Import", "ImportFrom", "Assign", "ClassDef", "FunctionDef"}
    assert "class TrainerSetup" in source
    assert "def check_train_one_epoch" in source
    assert "batch_size = 32" in source
    for running in ("Lesson(", "load_dataset(", ".fit()", "print("):
        assert not any(line.startswith(running) or f"= {running}" in line for line in source.split("\n"))


def test_modules_that_may_not_answer_are_not_in_the_preamble(assignment):
    source = preamble(assignment, ("course_utils.training", "course_utils.plots"))
    assert "from course_utils import paths\n" in source
    assert "LibraryTrainer" not in source
    assert "course_utils.training" not in source
    assert "course_utils.training" in preamble(assignment, ())


def test_the_courses_own_answer_is_there_for_the_visible_check_alone():
    assignment = load_assignment("10_attention_out_of_distribution")
    submission = handed_in(assignment, "build_decoder = course_decoder", question="decoder")

    def texts(tail):
        return "\n".join(cell.source for cell in program(assignment, submission, "decoder", tail).cells)

    assert "def course_decoder" in texts("check_decoder(build_decoder)")
    graded = texts("probe(build_decoder)")
    assert "def check_decoder" in graded
    assert not any(f"def {name}" in graded for name in assignment.course_versions)
    assert undefined_names(assignment, submission, "decoder") == ["course_decoder"]


def test_a_class_whose_base_is_not_there_is_left_out(assignment):
    assert "class Witness(nn.Linear)" in preamble(assignment, ())
    assert "class Witness" not in preamble(assignment, ("torch",))
    assert "class TrainerSetup" in preamble(assignment, ("torch",))


def test_what_a_cell_does_stays_out(assignment):
    text = (
        "import math\nSCALE = 2\nnumbers = []\nnumbers.append(1)\n"
        "def train_one_epoch(self):\n    return SCALE, numbers\n"
        "history = train_one_epoch(trainer)\nprint(history)\nplt.show()"
    )
    answer = parts(program(assignment, handed_in(assignment, text), TRAIN, ""))["answer"]
    assert answer == (
        "SCALE = 2\nnumbers = []\nnumbers.append(1)\ndef train_one_epoch(self):\n    return SCALE, numbers"
    )


def test_only_the_helpers_and_imports_that_an_answer_uses_go_in(assignment):
    helpers = (
        "def half(x):\n    return math.floor(x / 2)\nmodel = load('nowhere')\ndef other():\n    return model"
    )
    imports = "import math\nfrom google.colab import drive"
    submission = handed_in(assignment, "def train_one_epoch(self):\n    return half(2), 0", helpers, imports)
    found = parts(program(assignment, submission, TRAIN, ""))
    assert found["imports"] == "import math"
    assert found["helpers"] == "def half(x):\n    return math.floor(x / 2)"
    assert "google" not in "".join(found.values())


def test_helpers_that_are_not_python_cost_only_who_uses_them(assignment):
    helpers = "def half(x:\n    return x / 2"
    alone = handed_in(assignment, "def train_one_epoch(self):\n    return 0, 0", helpers)
    assert "helpers" not in parts(program(assignment, alone, TRAIN, ""))
    using = handed_in(assignment, "def train_one_epoch(self):\n    return half(0), 0", helpers)
    assert parts(program(assignment, using, TRAIN, ""))["helpers"] == helpers


def test_an_answer_that_is_not_python_goes_in_as_it_is(assignment):
    submission = handed_in(assignment, "def train_one_epoch(self:", "x = 1")
    assert parts(program(assignment, submission, TRAIN, ""))["answer"] == "def train_one_epoch(self:"
    with pytest.raises(SyntaxError):
        undefined_names(assignment, submission, TRAIN)


def test_an_answer_under_another_name_goes_in_whole(assignment):
    submission = handed_in(assignment, "def train(self):\n    return 0, 0")
    assert "def train(self)" in parts(program(assignment, submission, TRAIN, ""))["answer"]


def test_what_a_question_needs_is_the_courses_version(assignment):
    needing = assignment.question(EVALUATE).model_copy(update={"needs": (TRAIN,)})
    changed = type(assignment)(
        assignment.name, assignment.blank, (assignment.questions[0], needing), assignment.solutions
    )
    submission = handed_in(changed, assignment.solutions[EVALUATE], question=EVALUATE)
    found = parts(program(changed, submission, EVALUATE, ""))
    assert found["needs"] == assignment.solutions[TRAIN]
    assert list(found) == ["preamble", "needs", "answer"]


def test_undefined_names_are_named_and_defined_ones_are_not(assignment):
    text = (
        "def train_one_epoch(self):\n    with torch.no_grad() as _:\n"
        "        total = [x for x in self.batches]\n"
        "    try:\n        pass\n    except ValueError as error:\n        print(error)\n"
        "    return normalise(total), trainer.run(lambda y: y + 1)"
    )
    assert undefined_names(assignment, handed_in(assignment, text), TRAIN) == ["normalise", "trainer"]


def test_modules_that_may_not_answer_are_found_wherever_they_are_imported(assignment):
    barred = assignment.question(TRAIN).model_copy(update={"without": ("course_utils.training", "captum")})
    changed = type(assignment)(assignment.name, assignment.blank, (barred,), assignment.solutions)
    for text, imports, expected in [
        ("def train_one_epoch(self):\n    from captum.attr import Saliency", "", ["captum.attr.Saliency"]),
        ("def train_one_epoch(self):\n    return c.attr", "import captum as c", ["captum"]),
        ("def train_one_epoch(self):\n    return LibraryTrainer", "", ["course_utils.training.Trainer"]),
        ("def train_one_epoch(self):\n    return 1", "import captum", []),
    ]:
        assert barred_modules(changed, handed_in(changed, text, "", imports), TRAIN) == expected


def test_a_folders_modules_can_be_imported(assignment, tmp_path, monkeypatch):
    modules = (("loops.sums", "def add(a, b):\n    return a + b\n"), ("main", "from loops.sums import add\n"))
    text = "def train_one_epoch(self):\n    return add(1, 2), 0"
    submission = handed_in(assignment, text, "", "from main import add", modules=modules)
    found = parts(program(assignment, submission, TRAIN, ""))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", list(sys.path))
    space = {}
    exec(found["imports"] + "\n" + found["answer"], space)
    assert space["train_one_epoch"](None) == (3, 0)


def test_needed_follows_names_through_classes_decorators_and_globals():
    source = (
        "import functools\nLIMIT = 3\ncount = 0\ndef unused():\n    return other\n"
        "def limited(f):\n    @functools.wraps(f)\n    def inner(*a):\n        return f(*a)\n"
        "    return inner\n"
        "class Base:\n    size = LIMIT\nclass Model(Base):\n    @limited\n    def go(self):\n"
        "        global count\n        count += 1\n        return count\n"
        "Model.extra = lambda self: 1\nif __name__ == '__main__':\n    count = 9\n"
    )
    kept = needed(statements(source), {"Model"})
    text = "\n".join(part.text for part in kept)
    assert "unused" not in text
    assert "__main__" not in text
    for there in ("import functools", "LIMIT = 3", "count = 0", "Model.extra"):
        assert there in text
    assert undefined(kept, ()) == []


def test_statements_on_one_line_are_taken_apart():
    parts = statements("a = 1; b = 2\nif a: b = 3\n")
    assert [part.text for part in parts] == ["a = 1", "b = 2", "if a: b = 3"]


def test_an_unknown_notebook_or_question_is_named_with_those_there_are(assignment):
    with pytest.raises(CourseError, match="There are: 01_build_the_dataset"):
        load_assignment("99_nothing")
    with pytest.raises(CourseError, match="There are: train-one-epoch"):
        assignment.question("nothing")
