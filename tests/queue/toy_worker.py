"""What a worker of `test_toy_operation` does: the queue's fakes create a person; the rest goes the way of every operation."""

import fake_operations
from fake_operations import forget, load, side_by_side, warm_ids  # noqa: F401
from toy_operation import ROW

from portraitist import operations as table
from portraitist_workers import operations

table.add(ROW)


def run(request, context):
    return (fake_operations if request.operation == "create" else operations).run(request, context)
