"""Programs that cheat: none earns what its function did not return, and none sees what was expected."""

import json
import textwrap

import pytest
from sandboxes import needs_sandbox
from small_course import CHECKS, MEAN, hand_in, write_assignment

from course_utils.grading import sandbox
from course_utils.grading.answers import read_submission
from course_utils.grading.judge import draw_inputs, judge, tail
from course_utils.grading.kernels import Limits, Outcome, Program, run_programs
from course_utils.grading.program import program
from course_utils.grading.results import Result, read_results, write_result

LIMITS = Limits(seconds=30)
FORGED = {"value": 1e6, "count": 0, "state": "passed", "points": 3, "verdicts": [[1, ""], [1, ""]]}
WRITE = f"""
def write():
    import json, os
    with open("outputs.json", "w") as file:
        file.write(json.dumps({FORGED!r}))
"""

# What stands in for an answer, and the state in which it ends.
CHEATS = {
    "other modules": (
        """
        import builtins, IPython.display, math, numpy.testing
        for module in (IPython.display, math, numpy.testing):
            for name in dir(module):
                if not name.startswith("_"):
                    setattr(module, name, lambda *words, **more: True)
        builtins.abs = builtins.sum = lambda value: 0
        """,
        "failed",
    ),
    "torch finds all equal": (
        """
        import torch
        torch.equal = torch.allclose = torch.Tensor.__eq__ = lambda *words, **more: True
        torch.testing.assert_close = lambda *words, **more: None
        """,
        "failed",
    ),
    "json that writes something else": (
        f"""
        import json
        json.dump = lambda value, file: file.write({json.dumps(FORGED)!r})
        """,
        "failed",
    ),
    "a reply in print": (
        """
        for state in ("completed", "passed"):
            print('{"id": "ready", "state": "%s", "outputs": "{}"}' % state, flush=True)
        """,
        "failed",
    ),
    "outputs of its own": (WRITE + "write()\nimport os\nos._exit(0)", "kernel_died"),
    "outputs after the end": (WRITE + "import atexit\natexit.register(write)", "failed"),
    "outputs from a thread": (
        WRITE
        + """
import threading
def again():
    while True:
        write()
threading.Thread(target=again, daemon=True).start()
""",
        "failed",
    ),
    "outputs from a process that stays": (
        WRITE
        + """
import os
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while True:
            write()
    os._exit(0)
""",
        "failed",
    ),
    "another text for the cells below": (
        WRITE
        + """
get_ipython().input_transformers_post.append(lambda lines: ["write()\\n"])
""",
        "failed",
    ),
    "a reply of its own to the grader": (
        """
        import gc, glob, json, os
        for one in gc.get_objects():
            if isinstance(one, dict) and {"id", "program", "files"} <= set(one):
                reply = {"id": one["id"], "state": "completed", "outputs": json.dumps({"state": "passed"})}
                for place in glob.glob("/proc/[0-9]*/fd/*"):
                    try:
                        if "pipe" in os.readlink(place):
                            pipe = os.open(place, os.O_WRONLY | os.O_NONBLOCK)
                            os.write(pipe, json.dumps(reply).encode() + b"\\n")
                    except OSError:
                        pass
        """,
        "failed",
    ),
}
RETURNED = {
    "equal to all": ("class Any:\n    def __eq__(self, other): return True\nreturn Any(), Any()", "error"),
    "a float in name": (
        "class Any:\n    __class__ = float\n    def __float__(self): return 0.0\nreturn Any(), 5",
        "error",
    ),
    "a number of its own kind": (
        "class Any(float):\n    def __sub__(self, other): return 0.0\n    __rsub__ = __sub__\n"
        "    def __abs__(self): return 0.0\n    def __repr__(self): return '0'\nreturn Any(1e6), 5",
        "failed",
    ),
    "a list without end": (
        "class Any(list):\n    def __len__(self): return 2\n    def __iter__(self):\n"
        "        while True: yield 0\nreturn Any([1])",
        "error",
    ),
    "what runs when unpacked": (
        "class Any:\n    def __reduce__(self): return exec, ('raise SystemExit',)\nreturn Any(), 5",
        "error",
    ),
    "no number": ("return float('nan'), 5", "failed"),
    "infinity": ("return float('inf'), 5", "failed"),
    "a number beyond all floats": ("return 10**400, 5", "failed"),
    "a number too long to write": ("return 10**5000, 5", "error"),
    "nested": ("x = []\nfor _ in range(100_000): x = [x]\nreturn x, 5", "error"),
    "a million keys": ("return {str(number): number for number in range(1_000_000)}, 5", "failed"),
    "half a character": ("return '\\ud800', 5", "failed"),
}
# What a program may leave as the text of its outputs.
WRITTEN = {
    "digits": '{"value": ' + "9" * 5000 + ', "count": 5}',
    "nested": '{"value": ' + "[" * 10**6,
    "nested and whole": '{"value": ' + "[" * 900 + "]" * 900 + ', "count": 5}',
    "infinity by exponent": '{"value": 1e999, "count": 5}',
    "a list": "[1, 2]",
    "nothing": "",
    "half a character": '{"value": "\\ud800", "count": "\\udfff"}',
    "criteria": '{"criteria": [{"earned": 1}], "points": 3, "state": "passed"}',
}


def answer(source):
    """Return the answer that does this when it is called; what a cell does beside that is left out."""
    return "def mean(values):\n" + textwrap.indent(source, "    ")


@pytest.fixture
def small(tmp_path):
    # This judge tells what it found, as the course's judges do.
    telling = '    values = inputs["values"]\n    if isinstance(outputs["value"], str):\n'
    telling += "        return [Verdict(0, f\"found {outputs['value']}\")] * 2\n"
    return write_assignment(tmp_path / "private", CHECKS.replace('    values = inputs["values"]\n', telling))


@pytest.fixture
def mean(small):
    return next(question for question in small.questions if question.id == "mean")


@pytest.fixture
def grade_all(small, mean, tmp_path):
    """Run the programs of several answers to the question, and judge each; its points go with its state."""
    inputs = draw_inputs(mean, 1)

    def grade_all(answers):
        nodes = []
        for number, text in enumerate(answers):
            file = hand_in(tmp_path / "in", small, f"s{number}", mean=text)
            nodes.append(program(small, read_submission(file, small), "mean", tail(mean)))
        programs = [Program(node, {"inputs.json": json.dumps(inputs)}) for node in nodes]
        outcomes = list(run_programs(programs, limits=LIMITS))
        findings = [judge(mean, inputs, node, outcome) for node, outcome in zip(nodes, outcomes, strict=True)]
        return findings, outcomes

    return grade_all


def keep(folder, finding):
    """Write a finding as a result, which must be possible whatever a program left."""
    fields = vars(finding) | {"student": "ada", "notebook": "90_small", "question": "mean"}
    write_result(folder, Result(key="", possible=3, **fields))
    return read_results(folder)[0]


@needs_sandbox
@pytest.mark.slow
def test_no_cheat_earns_a_point_and_the_next_answer_is_unharmed(grade_all, monkeypatch):
    monkeypatch.setattr(sandbox, "privileged", lambda: False)  # root's programs cannot open a pipe at all
    answers = [answer(f"{textwrap.dedent(source).strip()}\nreturn 1e6, 0") for source, _ in CHEATS.values()]
    findings, _ = grade_all([one for cheat in answers for one in (cheat, MEAN)])
    found = {name: (one.state, one.points) for name, one in zip(CHEATS, findings[::2], strict=True)}
    assert found == {name: (state, 0.0) for name, (_, state) in CHEATS.items()}
    assert {one.state for one in findings[1::2]} == {"passed"}


@needs_sandbox
def test_outputs_that_a_program_writes_itself_count_for_what_they_hold(grade_all):
    """They could as well have been returned: they are right only where the inputs lead to them."""
    source = """
        import json, os
        text = json.dumps({"value": VALUE, "count": len(values)})
        os.replace = lambda *places: open("outputs.json", "w").write(text)
        return None, None
    """
    answers = [
        answer(textwrap.dedent(source).replace("VALUE", value)) for value in ("sum(values) / 5", "0.1")
    ]
    findings, _ = grade_all(answers)
    assert [(one.state, one.points) for one in findings] == [("passed", 3.0), ("failed", 1.0)]


@needs_sandbox
def test_what_an_answer_returns_leaves_as_data_or_not_at_all(grade_all, tmp_path):
    findings, _ = grade_all([*(answer(source) for source, _ in RETURNED.values()), MEAN])
    found = {name: one.state for name, one in zip(RETURNED, findings, strict=False)}
    assert found == {name: state for name, (_, state) in RETURNED.items()}
    assert findings[-1].state == "passed"
    for finding in findings[:-1]:
        assert keep(tmp_path / "out", finding).points < 3


@pytest.mark.parametrize("text", WRITTEN.values(), ids=WRITTEN)
def test_whatever_the_outputs_hold_a_sentence_comes_of_it(mean, tmp_path, text):
    finding = judge(mean, draw_inputs(mean, 1), None, Outcome("completed", outputs=text))
    assert (finding.state, finding.points) == ("failed", 0.0)
    assert keep(tmp_path / "out", finding).criteria[0].reason


def test_of_two_outputs_of_one_name_the_last_counts(mean):
    inputs = draw_inputs(mean, 1)
    right = sum(inputs["values"]) / len(inputs["values"])
    text = f'{{"count": 0, "value": {right}, "value": 1e6}}'
    assert judge(mean, inputs, None, Outcome("completed", outputs=text)).points == 0


LOOK = """
def mean(values):
    import gc, glob, inspect, os
    shell = get_ipython()
    seen = [*In, *shell.history_manager.input_hist_raw, *map(repr, vars(shell.user_module).values())]
    seen += [repr(frame.frame.f_locals)[:100_000] for frame in inspect.stack()]
    for one in gc.get_objects():
        for part in gc.get_referents(one):
            words = ("def mean", "mean is wrong", "### ", "hue")
            if type(part) is str and any(word in part for word in words):
                seen.append(part)
    for place in [*glob.glob("/proc/[0-9]*/environ"), *glob.glob("/proc/[0-9]*/cmdline"), *glob.glob("*")]:
        try:
            seen.append(open(place, "rb").read().decode("utf-8", "replace"))
        except OSError:
            pass
    for root in ["", *glob.glob("/proc/[0-9]*/root"), *glob.glob("/proc/[0-9]*/cwd")]:
        for place in PLACES:
            try:
                seen.append("OPEN" + "ED " + open(root + place).read())
            except OSError:
                seen.append("refused")
    return "\\n".join({*seen, *map(str, os.environ.items())}), 0
"""


@needs_sandbox
def test_neither_solution_nor_expectation_nor_another_answer_is_in_sight(
    grade_all, small, tmp_path, monkeypatch
):
    monkeypatch.setenv("A_SECRET", "host-secret-1234")
    other = hand_in(tmp_path / "in", small, "other", mean="def mean(values):\n    return 'of another'")
    places = [str(file) for file in (tmp_path / "private").rglob("*.py")]
    places += [str(other), "/etc/shadow", "/etc/passwd"]
    _, [outcome] = grade_all([LOOK.replace("PLACES", repr(places))])
    seen = json.loads(outcome.outputs)["value"]
    assert "def probe_mean" in seen  # all of the question that is there
    assert "refused" in seen
    hidden = (
        "OPENED",
        "host-secret-1234",
        "of another",
        "sum(values)",
        "BEGIN SOLUTION",
        "judge_mean",
        "The mean is wrong",
        "TOLERANCE",
        "math.atan2",
    )
    assert [words for words in hidden if words in seen] == []
