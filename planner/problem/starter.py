"""The text of a first problem file, for `plan init`: short, commented, and solvable as it stands."""

from __future__ import annotations

import json

_TEXT = """\
# What must be served, and what may be bought.  `plan solve <this file>` finds the cheapest fleet.
# Every key is explained in docs/problem-file.md; what is left out has a default.
name: @name@

workloads:
  chat:
    models: [llama-3.1-8b]          # any of these will do; `plan catalog list models` shows all
    traffic:
      peak_req_s: 5                 # mean requests/s in the busiest hour; or requests_day, tokens_month ...
      shape: office-hours           # when they arrive; `plan catalog list shapes` shows all
      input_tok: 1000               # mean prompt length [tokens]; or lengths: <histogram>, or trace: <CSV>
      output_tok: 250               # mean answer length [tokens]
    slo:                            # leave out what does not matter
      ttft_ms: 1000                 # time to first token, queueing included
      tpot_ms: 50                   # time per output token after the first

# A second workload that may wait for cheap hours:
#  summaries:
#    models: [llama-3.1-8b]
#    traffic: {tokens_month: 500_000_000, input_tok: 3000, output_tok: 300}
#    interruptible: true            # may run on spot machines
#    deferrable: {hours_of_day: 20-06}

procurement:
  max_term_months: 12               # longest commitment to consider; 0 for none
#  where:
#    providers: [aws, lambda]       # default: all in the catalog
#    continents: [EU]

# What has a latency objective goes on when a machine fails: each pool keeps a spare.  To do without:
#resilience: {machine: false}

#budget: {usd_month: 5000}
"""


def starter_text(name: str) -> str:
    """A commented problem file of this name: a chat of Llama 3.1 8B in office hours."""
    return _TEXT.replace("@name@", json.dumps(name, ensure_ascii=False))
