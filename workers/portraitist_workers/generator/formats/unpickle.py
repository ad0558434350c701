"""The pickle machine, without calls: it builds plain data and inert records (`inert.py`), and its work is bounded.

Python's own unpickler hashes whatever is made a key, and copies arguments for every call. Then a few hundred bytes of tuples
within tuples, or one long tuple handed to a million calls, take hours and gigabytes. Here every instruction does work for its
own bytes only, keys are names or small numbers, and the number of instructions has a limit. Those are counts, so they hold
on a loaded machine too.

What an instruction means is Python's public description of the format, `pickletools`.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from pickle import HIGHEST_PROTOCOL, UnpicklingError
from typing import Any, BinaryIO

from .inert import Record, kind_of

MOST = 1_000_000  # instructions; a checkpoint of 1024 px with its optimisers has about 50,000
_LONGEST_NAME = 1000  # characters of a key
_MOST_ARGUMENTS = 16  # torch's own calls have at most 7

_LITERALS = frozenset(
    {
        "INT",
        "BININT",
        "BININT1",
        "BININT2",
        "LONG",
        "LONG1",
        "LONG4",
        "FLOAT",
        "BINFLOAT",
        "STRING",
        "BINSTRING",
        "SHORT_BINSTRING",
        "UNICODE",
        "BINUNICODE",
        "SHORT_BINUNICODE",
        "BINUNICODE8",
        "BINBYTES",
        "SHORT_BINBYTES",
        "BINBYTES8",
    }
)
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_EMPTY: dict[str, Callable[[], Any]] = {
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_SET": list,
}  # a set's items are only kept
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def unpickle(file: BinaryIO, persistent: Callable[[Any], Any] | None = None, *, most: int = MOST) -> Any:
    """The data of one pickle at the file's position, which is then behind it. Old strings are read as latin-1.

    `persistent`: what a persistent id stands for; None: such ids are refused. Raises one of nvidia.BAD_DATA.
    """
    machine = _Machine(persistent)
    for count, (opcode, argument, _) in enumerate(pickletools.genops(file)):
        if count >= most:
            raise UnpicklingError(f"it has more than {most:,} pickle instructions; no weights file needs that many")
        machine.step(opcode.name, argument)
    return machine.pop()  # genops ends behind STOP, or raises


class _Machine:
    def __init__(self, persistent: Callable[[Any], Any] | None) -> None:
        self._persistent = persistent
        self._stack: list[Any] = []
        self._outer: list[list[Any]] = []  # the stacks below each MARK
        self._memo: dict[int, Any] = {}

    def pop(self) -> Any:
        return self._stack.pop()

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    def _marked(self) -> list[Any]:
        """What was pushed since the last MARK."""
        items, self._stack = self._stack, self._outer.pop()
        return items

    def step(self, name: str, argument: Any) -> None:
        """Raises UnpicklingError and, for a stack that does not fit, IndexError and KeyError."""
        if name in _LITERALS:
            return self._push(argument)
        if name in _CONSTANTS:
            return self._push(_CONSTANTS[name])
        if name in _EMPTY:
            return self._push(_EMPTY[name]())
        if name in _TUPLES:
            items = [self.pop() for _ in range(_TUPLES[name])]
            return self._push(tuple(reversed(items)))
        match name:
            case "PROTO":
                if argument > HIGHEST_PROTOCOL:
                    raise UnpicklingError(f"it is a pickle of protocol {argument}, which is not known")
            case "FRAME" | "STOP":
                pass
            case "MARK":
                self._outer.append(self._stack)
                self._stack = []
            case "POP":
                self.pop() if self._stack else self._marked()
            case "POP_MARK":
                self._marked()
            case "DUP":
                self._push(self._stack[-1])
            case "TUPLE" | "FROZENSET":
                self._push(tuple(self._marked()))
            case "LIST":
                self._push(self._marked())
            case "APPEND":
                item = self.pop()
                self._of(list).append(item)
            case "APPENDS" | "ADDITEMS":
                items = self._marked()
                self._of(list).extend(items)
            case "DICT":
                items = self._marked()
                self._push({})
                self._set(items)
            case "SETITEM":
                value, key = self.pop(), self.pop()
                self._set([key, value])
            case "SETITEMS":
                self._set(self._marked())
            case "MEMOIZE":
                self._memo[len(self._memo)] = self._stack[-1]
            case "PUT" | "BINPUT" | "LONG_BINPUT":
                self._memo[_small(argument)] = self._stack[-1]
            case "GET" | "BINGET" | "LONG_BINGET":
                self._push(self._memo[_small(argument)])
            case "GLOBAL":
                self._push(kind_of(*argument.split(" ", 1)))
            case "STACK_GLOBAL":
                attribute, module = self.pop(), self.pop()
                self._push(kind_of(module, attribute))
            case "REDUCE" | "NEWOBJ":
                arguments = self.pop()
                self._push(_call(self.pop(), arguments))
            case "BUILD":
                state, target = self.pop(), self._stack[-1]
                if isinstance(target, Record):
                    target.state = state
                elif not isinstance(target, dict):  # attributes of an OrderedDict or EasyDict are forgotten
                    raise UnpicklingError("it gives attributes to what has none")
            case "PERSID" | "BINPERSID":
                pid = self.pop() if name == "BINPERSID" else argument
                if self._persistent is None:
                    raise UnpicklingError("it refers to objects outside the file")
                self._push(self._persistent(pid))
            case _:
                raise UnpicklingError(f"it uses the pickle instruction {name}, which no weights file needs")

    def _of(self, kind: type) -> Any:
        if type(self._stack[-1]) is not kind:
            raise UnpicklingError(f"it puts items into what is no {kind.__name__}")
        return self._stack[-1]

    def _set(self, items: list[Any]) -> None:
        target = self._of(dict)
        if len(items) % 2:
            raise UnpicklingError("a key of its has no value")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not (isinstance(key, str) and len(key) <= _LONGEST_NAME):
                key = _small(key)
            target[key] = value


def _small(key: Any) -> int:
    if type(key) is not int or not 0 <= key < 2**31:  # others take long to hash, or can be made to collide
        raise UnpicklingError("it uses something as a key that is neither a name nor a small number")
    return key


def _call(kind: Any, arguments: Any) -> Any:
    if not (isinstance(kind, type) and isinstance(arguments, tuple) and len(arguments) <= _MOST_ARGUMENTS):
        raise UnpicklingError("it calls what cannot be called, or with too many arguments")
    if kind is dict:
        if arguments:
            raise UnpicklingError("it makes a dictionary from something else")
        return {}
    return kind(*arguments)
