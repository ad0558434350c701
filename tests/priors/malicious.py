"""Pickles that would run code if anything in them were obeyed: the published ways around pickle scanners, by family.

`families(canary)` gives {name: bytes}. Each, when obeyed, makes the file `canary`. They are written opcode by opcode, because
nobody who means harm uses the pickle module's own idea of what may be said.
"""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from pathlib import Path

PROTO2, PROTO4, STOP, REDUCE, TUPLE1, TUPLE2, TUPLE3 = b"\x80\x02", b"\x80\x04", b".", b"R", b"\x85", b"\x86", b"\x87"
EMPTY, MARK, TUPLE, POP, BUILD, NEWOBJ, STACK_GLOBAL, MEMOIZE = b")", b"(", b"t", b"0", b"b", b"\x81", b"\x93", b"\x94"
DICT, SETITEM, LIST, APPEND, OBJ, NONE = b"}", b"s", b"]", b"a", b"o", b"N"


def text(value: str) -> bytes:
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def name(module: str, attribute: str) -> bytes:
    return f"c{module}\n{attribute}\n".encode()


def stacked(module: str, attribute: str) -> bytes:
    return text(module) + text(attribute) + STACK_GLOBAL


def call(function: bytes, *arguments: bytes) -> bytes:
    return function + MARK + b"".join(arguments) + TUPLE + REDUCE


def root(body: bytes, proto: bytes = PROTO2) -> bytes:
    """As an official pickle: {"G_ema": body}."""
    return proto + DICT + text("G_ema") + body + SETITEM + STOP


def families(canary: Path) -> dict[str, bytes]:
    """At least sixty of them."""
    code, shell = f"open({str(canary)!r}, 'w').close()", f"touch {canary}"
    eval_code = f"open({str(canary)!r}, 'w').close() or 1"
    path = text(str(canary))
    found: dict[str, bytes] = {}

    # 1. Plain calls, under every name that the same function has.
    for module, attribute, argument in (
        ("os", "system", shell),
        ("posix", "system", shell),
        ("nt", "system", shell),
        ("os", "popen", shell),
        ("subprocess", "check_output", shell),
        ("subprocess", "getoutput", shell),
        ("commands", "getoutput", shell),
        ("builtins", "eval", eval_code),
        ("builtins", "exec", code),
        ("__builtin__", "eval", eval_code),
        ("__builtin__", "execfile", str(canary)),
        ("pty", "spawn", shell),
        ("platform", "popen", shell),
        ("timeit", "timeit", code),
        ("cProfile", "run", code),
        ("profile", "run", code),
        ("pdb", "run", code),
        ("bdb", "Bdb.run", code),
        ("doctest", "debug_script", code),
        ("trace", "Trace.run", code),
        ("code", "interact", code),
        ("pydoc", "pipepager", shell),
        ("asyncio", "run", shell),
        ("runpy", "run_path", str(canary)),
        ("runpy", "_run_code", code),
        ("imaplib", "IMAP4_stream", shell),
        ("importlib", "import_module", "antigravity"),
        ("idlelib.run", "Executive.runcode", code),
        ("lib2to3.pgen2.pgen", "ParserGenerator", str(canary)),
        ("ctypes", "CDLL", str(canary)),
        ("webbrowser", "open", str(canary)),
        ("pip", "main", "install"),
    ):
        found[f"call {module}.{attribute}"] = root(call(name(module, attribute), text(argument)))

    # 2. STACK_GLOBAL: names made on the stack, from the memo, with dots, with odd spellings.
    found["stack_global"] = root(call(stacked("os", "system"), text(shell)), PROTO4)
    found["stack_global dotted"] = root(call(stacked("collections", "abc.sys.modules"), text(shell)), PROTO4)
    found["stack_global dotted through an allowed module"] = root(
        call(stacked("collections", "_sys.modules.__getitem__"), text("os")), PROTO4
    )
    found["stack_global from the memo"] = root(
        text("system") + MEMOIZE + POP + text("os") + b"h\x00" + STACK_GLOBAL + MARK + text(shell) + TUPLE + REDUCE,
        PROTO4,
    )
    found["stack_global allowed name of another module"] = root(call(stacked("os", "OrderedDict"), text(shell)), PROTO4)
    found["stack_global module that ends like a vendored one"] = root(
        call(stacked("os.torch_utils.persistence", "system"), text(shell)), PROTO4
    )
    found["stack_global homoglyph"] = root(call(stacked("c\u043ellections", "OrderedDict"), text(shell)), PROTO4)
    found["stack_global whitespace"] = root(call(name("os ", "system"), text(shell)))
    found["nested global in a vendored package"] = root(call(stacked("dnnlib.util", "os.system"), text(shell)), PROTO4)

    # 3. Nested reduce and gadgets: getattr, operator, functools, itertools.
    got = call(name("builtins", "getattr"), call(name("builtins", "__import__"), text("os")), text("system"))
    found["getattr of __import__"] = root(call(got, text(shell)))
    found["operator.attrgetter"] = root(call(call(name("operator", "attrgetter"), text("system")), name("os", "path")))
    found["operator.methodcaller"] = root(
        call(call(name("operator", "methodcaller"), text("system"), text(shell)), name("os", "path"))
    )
    found["functools.partial"] = root(call(call(name("functools", "partial"), name("os", "system"), text(shell))))
    found["functools.reduce"] = root(
        call(name("functools", "reduce"), name("os", "system"), LIST + text(shell) + APPEND)
    )
    found["itertools.starmap"] = root(
        call(name("builtins", "list"), call(name("itertools", "starmap"), name("os", "system"), LIST))
    )
    found["map"] = root(
        call(name("builtins", "list"), call(name("builtins", "map"), name("os", "system"), LIST + text(shell) + APPEND))
    )
    found["types.CodeType"] = root(call(name("types", "FunctionType"), call(name("types", "CodeType"), text(code))))
    found["marshal.loads"] = root(call(name("types", "FunctionType"), call(name("marshal", "loads"), text(code))))
    found["allowed call whose argument is a call"] = root(
        call(name("collections", "OrderedDict"), call(name("os", "system"), text(shell)))
    )

    # 4. Ways back into pickle, torch and codecs.
    inner = PROTO2 + call(name("os", "system"), text(shell)) + STOP
    data = text(inner.decode("latin1"))
    found["pickle.loads"] = root(call(name("pickle", "loads"), data))
    found["_pickle.loads"] = root(call(name("_pickle", "loads"), data))
    found["codecs.encode"] = root(call(name("pickle", "loads"), call(name("_codecs", "encode"), data, text("latin1"))))
    found["torch.load"] = root(call(name("torch", "load"), path))
    found["torch.hub.load"] = root(call(name("torch.hub", "load"), path))
    found["torch.serialization"] = root(call(name("torch.serialization", "load"), path))
    found["torch.utils.collect_env.run"] = root(call(name("torch.utils.collect_env", "run"), text(shell)))
    found["torch.jit.unsupported_tensor_ops.execWrapper"] = root(
        call(name("torch.jit.unsupported_tensor_ops", "execWrapper"), text(code), DICT, DICT)
    )
    found["torch._dynamo.guards"] = root(call(name("torch._dynamo.guards.GuardBuilder", "get"), text(eval_code)))
    found["torch._inductor.codecache"] = root(
        call(name("torch._inductor.codecache", "compile_file"), text(shell), text(""), LIST)
    )
    found["torch.fx"] = root(
        call(name("torch.fx.experimental.symbolic_shapes.ShapeEnv", "evaluate_guards_expression"), text(eval_code))
    )
    found["numpy.testing"] = root(call(name("numpy.testing._private.utils", "runstring"), text(code), DICT))
    found["numpy.f2py"] = root(call(name("numpy.f2py.crackfortran", "getlincoef"), text(eval_code), DICT))
    found["numpy.load"] = root(call(name("numpy", "load"), path, NONE, b"\x88"))
    found["_load_from_bytes with a pickle inside"] = root(
        tensor(call(name("torch.storage", "_load_from_bytes"), short_bytes(inner)))
    )

    # 5. Old opcodes: INST, OBJ, and objects built by BUILD and __setstate__.
    found["INST"] = root(MARK + text(shell) + b"ios\nsystem\n")
    found["OBJ"] = root(MARK + name("os", "system") + text(shell) + OBJ)
    found["NEWOBJ"] = root(name("subprocess", "Popen") + MARK + text(shell) + TUPLE + NEWOBJ)
    found["NEWOBJ_EX"] = root(name("subprocess", "Popen") + EMPTY + DICT + b"\x92", PROTO4)
    found["BUILD with __setstate__"] = root(
        name("collections", "OrderedDict")
        + EMPTY
        + REDUCE
        + DICT
        + text("__setstate__")
        + name("os", "system")
        + SETITEM
        + BUILD
        + text(shell)
        + BUILD
    )
    found["BUILD on an allowed function"] = root(
        name("torch._utils", "_rebuild_tensor_v2")
        + NONE
        + DICT
        + text("__call__")
        + name("os", "system")
        + SETITEM
        + TUPLE2
        + BUILD
    )
    found["BUILD on an allowed class"] = root(
        name("collections", "OrderedDict")
        + NONE
        + DICT
        + text("__init__")
        + name("builtins", "exec")
        + SETITEM
        + TUPLE2
        + BUILD
    )
    found["BUILD that replaces find_class"] = root(
        name("builtins", "object") + EMPTY + NEWOBJ + DICT + text("find_class") + name("os", "system") + SETITEM + BUILD
    )
    found["__reduce__ in a module's state"] = root(
        persistent(DICT + text("_modules") + call(name("os", "system"), text(shell)) + SETITEM)
    )
    found["module source that runs"] = root(persistent(DICT, source=code))
    found["APPENDS to an object"] = root(name("os", "system") + EMPTY + REDUCE + MARK + text(shell) + b"e")

    # 6. Memo, persistent ids, extensions, several pickles, broken endings.
    found["memo overwritten"] = root(
        text("safe")
        + b"q\x00"
        + POP
        + name("os", "system")
        + b"q\x00"
        + POP
        + b"h\x00"
        + MARK
        + text(shell)
        + TUPLE
        + REDUCE
    )
    found["memo of a far index"] = root(
        name("os", "system")
        + b"r"
        + struct.pack("<I", 70000)
        + POP
        + b"j"
        + struct.pack("<I", 70000)
        + MARK
        + text(shell)
        + TUPLE
        + REDUCE
    )
    found["persistent id"] = root(text(shell) + b"Q")
    found["persistent id that is a call"] = root(call(name("os", "system"), text(shell)) + b"Q")
    found["persistent id of protocol 0"] = root(f"P{shell}\n".encode())
    found["storage id with a path"] = root(
        MARK
        + text("storage")
        + name("torch", "FloatStorage")
        + text("../" * 8 + "etc/passwd")
        + text("cpu")
        + b"K\x01"
        + TUPLE
        + b"Q"
    )
    found["extension registry"] = root(
        call(name("copyreg", "add_extension"), text("os"), text("system"), b"K\x01")
        + POP
        + b"\x82\x01"
        + MARK
        + text(shell)
        + TUPLE
        + REDUCE
    )
    found["extension code"] = root(b"\x82\x01" + MARK + text(shell) + TUPLE + REDUCE)
    found["call before a broken end"] = PROTO2 + call(name("os", "system"), text(shell)) + b"\xff\xff"
    found["call without STOP"] = PROTO2 + call(name("os", "system"), text(shell))
    found["call thrown away, then a fine dictionary"] = (
        PROTO2 + call(name("os", "system"), text(shell)) + POP + DICT + STOP
    )
    found["protocol 0"] = call(b"cos\nsystem\n", f"S{shell!r}\n".encode()) + STOP
    found["protocol 5 frame"] = b"\x80\x05" + b"\x95" + struct.pack("<Q", len(inner) - 2) + inner[2:]
    found["second pickle"] = pickle.dumps({}) + inner
    found["recursion"] = PROTO2 + MARK * 200_000 + STOP
    found["a list of a billion by doubling"] = root(LIST + b"".join(b"2e" for _ in range(3)), PROTO2)
    found["4 GiB that are not there"] = PROTO4 + b"\x8e" + struct.pack("<Q", 1 << 40) + b"abc" + STOP

    # 7. Torch's containers, with the call inside; as written, compressed, doubled, prefixed, with lying names.
    for label, how in (
        ("zip", {}),
        ("zip compressed", {"compress": True}),
        ("zip with a prefix", {"prefix": b"\x80\x02}."}),
        ("zip with two data.pkl", {"twice": True}),
        ("zip with a path upwards", {"folder": "../x"}),
        ("zip named like a model", {"folder": "archive"}),
    ):
        found[label] = archive(inner, **how)
    found["zip with a code folder"] = archive(inner, extra={"archive/code/__torch__.py": code})
    found["zip whose flag bits lie"] = archive(inner).replace(
        b"PK\x01\x02\x14\x03\x14\x00\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01\x00"
    )
    found["zip of a g_ema with a call"] = archive(
        PROTO2
        + DICT
        + text("g_ema")
        + DICT
        + text("style.1.weight")
        + call(name("os", "system"), text(shell))
        + SETITEM
        + SETITEM
        + STOP
    )
    found["zip that unpacks to 5 GiB"] = bomb()
    magic = pickle.dumps(0x1950A86A20F9469CFC6C, 2)
    found["stream"] = magic + pickle.dumps(1001, 2) + pickle.dumps({"little_endian": True}, 2) + inner
    found["stream in the magic number"] = inner + pickle.dumps(1001, 2)
    found["stream with a call for its system"] = magic + pickle.dumps(1001, 2) + inner
    return found


def bombs() -> dict[str, bytes]:
    """Short files that say much: each takes hours or gigabytes when it is hashed, copied, walked through or written down."""
    laugh = EMPTY + b"".join(b"2" + TUPLE2 for _ in range(100))  # 2^100 empty tuples; 200 bytes
    laughs = LIST + b"".join(b"2" + TUPLE2 for _ in range(100))
    many = MARK + b"N" * 100_000 + TUPLE + MEMOIZE + POP

    def module(entries: bytes, class_name: bytes = text("Generator"), kwargs: bytes = DICT) -> bytes:
        state = DICT + text("_modules") + entries + SETITEM + text("_init_kwargs") + kwargs + SETITEM
        meta = DICT + text("class_name") + class_name + SETITEM + text("state") + state + SETITEM
        return call(name("torch_utils.persistence", "_reconstruct_persistent_obj"), meta)

    nested = module(DICT + text("mapping") + NONE + SETITEM)
    for index in range(8):
        again = DICT + b"".join(text(str(i)) + b"h" + bytes([index]) + SETITEM for i in range(100))
        nested += b"q" + bytes([index]) + POP + module(again + text("mapping") + NONE + SETITEM)
    itself = DICT + b"q\x00" + POP + module(b"h\x00") + b"q\x01" + POP + b"h\x00"
    itself += b"".join(text(key) + b"h\x01" + SETITEM for key in ("mapping", "a", "b", "c")) + POP + b"h\x01"
    sizes = DICT + b"".join(text(k) + b"K\x20" + SETITEM for k in ("img_resolution", "z_dim", "w_dim"))
    mapping = DICT + text("mapping") + module(DICT) + SETITEM
    architecture = sizes + text("synthesis_kwargs") + DICT + text("architecture") + laughs + SETITEM + SETITEM
    pairs = sizes + text("synthesis_kwargs") + LIST + laugh + NONE + TUPLE2 + APPEND + SETITEM
    scalar = call(name("numpy.core.multiarray", "scalar"), call(name("numpy", "dtype"), laugh), b"C\x00")
    huge = b"\x8b" + struct.pack("<I", 10_000_000) + b"\x7f" * 10_000_000  # LONG4: a number of 24 million digits
    magic = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps({"little_endian": True}, 2)
    storage = MARK + text("storage") + name("torch", "FloatStorage") + laughs + text("cpu") + b"K\x01" + TUPLE + b"Q"
    return {
        "a key of tuples": PROTO4 + DICT + laugh + NONE + SETITEM + STOP,
        "a dictionary by pairs": PROTO4
        + call(name("collections", "OrderedDict"), LIST + laugh + NONE + TUPLE2 + APPEND)
        + STOP,
        "a set of tuples": PROTO4 + b"\x8f" + MARK + laugh + b"\x90" + STOP,
        "a frozen set of tuples": PROTO4 + MARK + laugh + b"\x91" + STOP,
        "modules within modules": root(nested, PROTO4),
        "a module within itself": root(itself, PROTO4),
        "a class name of lists": archive(PROTO4 + module(DICT, class_name=laughs) + STOP),
        "an architecture of lists": root(module(mapping, kwargs=architecture), PROTO4),
        "arguments by pairs": root(module(mapping, kwargs=pairs), PROTO4),
        "a number's type of tuples": root(
            module(mapping, kwargs=sizes + text("img_resolution") + scalar + SETITEM), PROTO4
        ),
        "a huge number": root(module(mapping, kwargs=sizes + text("img_resolution") + huge + SETITEM), PROTO4),
        "huge numbers as keys": PROTO4 + huge + MEMOIZE + POP + DICT + b"h\x00Ns" * 200_000 + STOP,
        "one long tuple for many calls": PROTO4
        + many
        + (name("torch", "Size") + b"h\x00" + REDUCE + b"r\xff\x00\x00\x00") * 20_000
        + STOP,
        "a memo of far places": PROTO4 + NONE + b"r" + struct.pack("<I", 2**32 - 1) + STOP,
        "too much of everything": PROTO4 + b"N" * 5_000_000 + STOP,
        "a storage named by lists": archive(PROTO2 + storage + STOP),
        "storages counted by tuples": magic + PROTO2 + DICT + STOP + PROTO2 + LIST + laugh + APPEND + STOP,
        "a header of brackets": struct.pack("<Q", 50_000_000) + b'{"a":[' + b"[]," * 16_666_660 + bytes(50_000_000),
    }


def short_bytes(data: bytes) -> bytes:
    return b"B" + struct.pack("<I", len(data)) + data  # BINBYTES


def tensor(storage: bytes) -> bytes:
    return call(
        name("torch._utils", "_rebuild_tensor_v2"),
        storage,
        b"K\x00",
        b"K\x01" + TUPLE1,
        b"K\x01" + TUPLE1,
        b"\x89",
        NONE,
    )


def persistent(state: bytes, source: str = "") -> bytes:
    """A module as NVIDIA's files hold it."""
    items = {
        "type": text("class"),
        "version": b"K\x06",
        "module_src": text(source),
        "class_name": text("Generator"),
        "state": state,
    }
    meta = DICT + b"".join(text(k) + v + SETITEM for k, v in items.items())
    return call(name("torch_utils.persistence", "_reconstruct_persistent_obj"), meta)


def archive(
    inner: bytes,
    *,
    compress: bool = False,
    prefix: bytes = b"",
    twice: bool = False,
    folder: str = "archive",
    extra: dict[str, str] | None = None,
) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED) as file:
        file.writestr(f"{folder}/data.pkl", inner)
        if twice:
            file.writestr("other/data.pkl", inner)
        file.writestr(f"{folder}/version", "3")
        for key, value in (extra or {}).items():
            file.writestr(key, value)
    return prefix + buffer.getvalue()


def bomb() -> bytes:
    """Claims 5 GiB in its directory."""
    data = bytearray(archive(pickle.dumps({}), extra={"archive/data/0": "x"}))
    at = data.rindex(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", 0xFFFFFFF0)
    return bytes(data)
