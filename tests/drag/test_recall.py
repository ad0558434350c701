"""A face is made more like somebody again, and the handles stay where they are."""

import torch
import torch.nn.functional as F

from portraitist_workers.drag import recall
from portraitist_workers.drag.draggan import draggan
from portraitist_workers.drag.recall import recalled
from portraitist_workers.drag.space import Space
from portraitist_workers.drag.task import Task
from portraitist_workers.faces.identity import load_identity


def test_likeness_rises_and_the_handles_stay(portrait, monkeypatch):
    identity = load_identity()
    with torch.no_grad():
        who = identity(portrait.image)[0]

    def likeness(w):
        return identity(portrait.synthesis(w))[0] @ who

    start = portrait.at("nose")
    task = Task(start, start + torch.tensor([[0.05, 0.0]]))
    space = Space.plain(256)
    *_, last = draggan(portrait.synthesis, portrait.w, task, space=space)
    score = float(likeness(last.w_plus).detach())
    given = portrait.synthesis, portrait.w, task, last, space, likeness
    better = recalled(*given, score + 0.03)
    assert float(likeness(better.w_plus).detach()) > score + 0.02
    assert float(better.left) < float(last.left) + recall.LET and better.ends == last.ends
    assert recalled(*given, score - 0.01) is last  # it is like enough
    monkeypatch.setattr(recall, "LET", -1.0)
    assert recalled(*given, score + 0.03) is last  # negative control: a change that moves the handles is not taken
    many = Task(F.pad(start, (0, 0, 0, 9), value=0.5), F.pad(start, (0, 0, 0, 9), value=0.5))
    assert recalled(portrait.synthesis, portrait.w, many, last, space, likeness, 2.0) is last
