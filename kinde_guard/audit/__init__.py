"""The operations of an application, what each requires, and what is wrong with them.

    from kinde_guard.audit import assert_guarded, find_problems, list_operations

For programs beside the command line: nothing is called, the routes are only read.
"""

from kinde_guard.audit.findings import Finding, answering, assert_guarded, find_problems
from kinde_guard.audit.guard_mounts import GuardMount, mounted_guards
from kinde_guard.audit.operations import Kind, Operation, iter_operations, list_operations

__all__ = [
    "Finding",
    "GuardMount",
    "Kind",
    "Operation",
    "answering",
    "assert_guarded",
    "find_problems",
    "iter_operations",
    "list_operations",
    "mounted_guards",
]
