"""aiconfigurator's answers beside ours, for `plan estimate --aiconfigurator`.  No plan uses them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from planner.cli.answering import answer_console, watched
from planner.outputs.page import Line, Page
from planner.performance.aiconfigurator import Answer, ask
from planner.performance.estimate import Estimate


def second_opinion(found: Estimate) -> dict[int, Answer | str]:
    """What aiconfigurator says at each number in flight of the curve: an answer, or why it has none."""
    d, r = found.deployment, found.request
    if d.pp > 1 or d.part is not None:
        what = "pipeline stages are" if d.pp > 1 else "parts of GPUs are"
        return dict.fromkeys((p.concurrency for p in found.points), f"{what} not asked")

    def one(n: int) -> Answer | str:
        return ask(
            d.model, d.gpu, engine=d.engine, precision=d.precision, kv_precision=d.kv_precision, tp=d.tp,
            input_tok=r.input_tok, output_tok=r.output_tok, concurrency=n,
        )  # fmt: skip

    def every(report: Any) -> dict[int, Answer | str]:
        report("asking aiconfigurator", None, None)
        return {p.concurrency: one(p.concurrency) for p in found.points}

    return watched(every)


def plain(answer: Answer | str) -> dict[str, Any]:
    """An answer as values, or the reason why there is none."""
    return {"refused": answer} if isinstance(answer, str) else asdict(answer)


def show_second_opinion(others: dict[int, Answer | str], found: Estimate) -> None:
    """aiconfigurator's answers beside ours, and in a sentence why it has none."""
    page = Page(answer_console())
    ours = {p.concurrency: p for p in found.points}
    answers = {n: a for n, a in others.items() if not isinstance(a, str)}
    if answers:
        lines = [
            Line(
                f"{n:,}",
                (f"{a.tpot_ms:.3g}", f"{ours[n].tpot_ms:.3g}", f"{a.ttft_ms:,.0f}", f"{ours[n].ttft_ms:,.0f}"),
            )
            for n, a in answers.items()
        ]
        version = next(iter(answers.values())).version
        page.table(f"aiconfigurator, engine {version}", ("TPOT ms", "ours", "TTFT ms", "ours"), lines)
        page.say("Modeled from its own kernel measurements; a second opinion, no plan uses it.")
    for reason in dict.fromkeys(a for a in others.values() if isinstance(a, str)):
        page.say(f"aiconfigurator: {reason.removeprefix('aiconfigurator: ')}", hang=2)
