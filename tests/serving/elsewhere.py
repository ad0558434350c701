"""A device that this machine need not have: tensors that say they live on "meta" and refuse to meet the CPU's, as a GPU's do.

Each wraps an ordinary tensor and computes with it, so results must be the CPU's, bit for bit. (A real GPU's kernels differ.)
torch makes no numbers on "meta" out of a Python list, so that lists given as indices or to `new_tensor` are made into tensors here.
"""

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter, tree_map

ELSEWHERE = torch.device("meta")
aten = torch.ops.aten
# A GPU takes indices from the CPU, too.
MAY_MIX = (aten._to_copy.default, aten.copy_.default, aten.index.Tensor, aten.index_put_.default)


class Remote(torch.Tensor):
    @staticmethod
    def __new__(cls, inner):
        layout = {"strides": inner.stride(), "storage_offset": inner.storage_offset()}
        return torch.Tensor._make_wrapper_subclass(cls, inner.shape, dtype=inner.dtype, device=ELSEWHERE, **layout)

    def __init__(self, inner):
        self.inner = inner

    def tolist(self):
        return self.inner.tolist()

    def new_tensor(self, data, *, dtype=None):
        return torch.tensor(data, dtype=dtype or self.dtype).to(ELSEWHERE)

    def __getitem__(self, index):
        return super().__getitem__(_without_lists(index))

    def __setitem__(self, index, value):
        super().__setitem__(_without_lists(index), value)

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        return _compute(function, args, kwargs or {})


class Elsewhere(TorchDispatchMode):
    """While active, what is made on the device or moved to it is a `Remote`."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        return _compute(function, args, kwargs or {})


def _compute(function, args, kwargs):
    tensors = [t for t in tree_iter((args, kwargs)) if isinstance(t, torch.Tensor)]
    remote = any(isinstance(t, Remote) for t in tensors)
    if remote and function not in MAY_MIX:
        strays = [t for t in tensors if not isinstance(t, Remote) and t.ndim > 0]  # a number from the CPU is allowed
        assert not strays, f"{function} mixes devices: {[list(t.shape) for t in strays]} lie on the CPU"
    drawn_by = kwargs.get("generator")
    assert not remote or drawn_by is None, f"{function} is given a generator of the CPU"
    result = function(*tree_map(_inner, args), **tree_map(_inner, kwargs))
    if kwargs.get("device") is not None:
        remote = torch.device(kwargs["device"]) == ELSEWHERE
    if not remote:
        return result
    wrapped = {id(t.inner): t for t in tensors if isinstance(t, Remote)}  # what was written in place stays itself

    def wrap(value):
        return wrapped.get(id(value), None) if id(value) in wrapped else Remote(value)

    if function is aten.copy_.default:
        return args[0]
    return tree_map(lambda v: wrap(v) if isinstance(v, torch.Tensor) else v, result)


def _without_lists(index):
    parts = index if isinstance(index, tuple) else (index,)
    made = tuple(torch.tensor(part) if isinstance(part, list) else part for part in parts)
    return made if isinstance(index, tuple) else made[0]


def _inner(value):
    if isinstance(value, torch.device):
        return torch.device("cpu")
    return value.inner if isinstance(value, Remote) else value
