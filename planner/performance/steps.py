"""The roofline of one deployment with one request class, the features of its engine applied.

The arithmetic of `planner.performance.features`; a deployment without any has the plain steps of
`planner.performance.roofline`.  No measured row is known here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from planner.performance import roofline
from planner.performance.features import HOST_GB_S
from planner.performance.roofline import Physics, Speed
from planner.performance.types import Deployment, Request
from planner.performance.work import work


class Steps:
    """Latencies by number in flight, means, elementwise.

    A prompt has two parts that are not computed: what lies in GPU memory costs nothing, what lies in the memory of
    the host is copied first, which is taken to hold up everything else.  Its last token is always computed.
    """

    def __init__(self, deployment: Deployment, request: Request, physics: Physics, speed: Speed) -> None:
        f = deployment.features
        self._features, self._speed = f, speed
        separate = physics.separate_share if f.chunked_prefill is None else 1.0 - f.chunked_prefill
        ahead = physics.prompts_ahead if f.batching == "continuous" else 1.0
        self._physics = replace(physics, separate_share=separate, prompts_ahead=ahead)
        self.work = work(deployment)
        self.input = max(1.0, request.input_tok)
        self.output = max(1.0, request.output_tok)
        self._longest = max(self.output, deployment.model.context_tok - self.input)
        self._hit_share = min(request.prefix_hit_share + request.offload_hit_share, 1 - 1 / self.input)
        copied_tok = self.input * min(request.offload_hit_share, self._hit_share)
        self._copy_ms = roofline.cached_layers_tok(self.work, copied_tok) * self.work.kv_layer_bytes / HOST_GB_S / 1e6

    def prompt_ms(self) -> Any:
        """Reading one prompt, nothing else running, by the draft too."""
        w, p, s = self.work, self._physics, self._speed
        alone = roofline.prefill_ms(w, p, s, self.input, 1.0, self._hit_share)
        return alone * (1 + self._features.draft_share) + self._copy_ms

    def step_ms(self, in_flight: Any) -> Any:
        """One step: drafting, the model's own tokens, and the prompts that come in meanwhile."""
        w, p, s, f = self.work, self._physics, self._speed, self._features
        drafted = f.speculative.draft_tok if f.speculative else 0
        context = self.input + self.output / 2
        step = roofline.decode_ms(w, p, s, in_flight, context, p.routing_spread, drafted + 1.0)
        if drafted:
            plain = roofline.decode_ms(w, p, s, in_flight, context, p.routing_spread)
            step = step + drafted * f.draft_share * plain
        if f.batching == "static":
            return step
        prompts = np.maximum(in_flight - 1, 0.0) / self.output * self.step_tok
        asked = in_flight * (drafted + 1.0)
        beside = roofline.beside_ms(w, p, s, self.input, asked, prompts, self._hit_share)
        return step + beside * (1 + f.draft_share) + prompts / w.stages * self._copy_ms

    @property
    def step_tok(self) -> float:
        """Tokens per request and step."""
        return self._features.speculative.step_tok if self._features.speculative else 1.0

    def latencies_ms(self, in_flight: Any) -> tuple[Any, Any]:
        """Mean time per output token, and to the first token, a slot being free."""
        step = self.step_ms(in_flight)
        return step / self.step_tok * self._speed.time * self._speed.load, self.ttft_ms(in_flight, step)

    def ttft_ms(self, in_flight: Any, step_ms: Any) -> Any:
        """Mean time to the first token where a step takes so long, and so many may have prompts ahead."""
        return roofline.first_ms(self.work, self._physics, self._speed, in_flight, self.prompt_ms(), step_ms)

    def held_tok(self, in_flight: Any) -> Any:
        """Output tokens until a slot is free again: its own answer, or the longest of its static batch."""
        if self._features.batching == "continuous":
            return self.output
        n = np.arange(1.0, np.max(in_flight) + 2)
        longest = self.output * np.interp(in_flight, n, np.cumsum(1 / n))
        return np.minimum(longest, self._longest)
