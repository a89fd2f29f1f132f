"""Notebooks as students hand them in, for the tests of grading: filled in, and as each editor saves them."""

import nbformat

from course_utils.grading.assignment import Assignment

SENTENCES = "It falls, since every gradient is added to the ones before."


def solved(assignment: Assignment) -> nbformat.NotebookNode:
    """Return a copy of the blank with the course's answers in code, and a sentence for each one in words."""
    node = nbformat.from_dict(assignment.blank)
    for cell in node.cells:
        question = cell.metadata.get("question")
        if question in assignment.solutions:
            cell.source = f"{cell.source.splitlines()[0]}\n{assignment.solutions[question]}"
        elif question:
            cell.source = cell.source.replace("*Write your answer here.*", SENTENCES)
    return node


def answer_cell(node: nbformat.NotebookNode, question: str) -> nbformat.NotebookNode:
    return next(cell for cell in node.cells if cell.metadata.get("question") == question)


def place_of(node: nbformat.NotebookNode, question: str) -> int:
    return node.cells.index(answer_cell(node, question))


def by_jupyterlab(node):
    """Outputs and counts; metadata and ids stay."""
    for count, cell in enumerate(cell for cell in node.cells if cell.cell_type == "code"):
        cell.execution_count = count + 1
        cell.outputs = [nbformat.v4.new_output("stream", text="done\n")]
    return node


def by_vscode(node):
    """Metadata reduced to the language; format 4.2, which has no ids."""
    for cell in node.cells:
        cell.metadata = nbformat.from_dict({"vscode": {"languageId": "python"}})
        del cell["id"]
    node.metadata = nbformat.from_dict({"language_info": {"name": "python", "version": "3.11.7"}})
    node.nbformat_minor = 2
    return node


def by_colab(node):
    """Format 4.0; each cell's id in its metadata, in place of what was there."""
    for cell in node.cells:
        cell.metadata = nbformat.from_dict({"id": cell.id, "colab": {"base_uri": "https://localhost:8080/"}})
        del cell["id"]
    node.metadata = nbformat.from_dict({"colab": {"provenance": []}, "kernelspec": {"name": "python3"}})
    node.nbformat_minor = 0
    return node


def by_colab_with_new_ids(node):
    """Colab for a notebook that it made itself: no id is left."""
    node = by_colab(node)
    for number, cell in enumerate(node.cells):
        cell.metadata = nbformat.from_dict({"id": f"Zk3{number:04d}xQ"})
    return node


def by_notebook_3(node):
    """The format of before 2015."""
    return nbformat.convert(node, 3)


EDITORS = (by_jupyterlab, by_vscode, by_colab, by_colab_with_new_ids, by_notebook_3)
