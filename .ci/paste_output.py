"""Paste what a command prints between the output marks of README.md.

.venv/bin/plan solve problems/enterprise70b.yaml | python .ci/paste_output.py
"""

import re
import sys
from pathlib import Path

BEGIN, END = "<!-- output:begin -->", "<!-- output:end -->"
README = Path(__file__).parents[1] / "README.md"

output = sys.stdin.read().rstrip()
if not output:
    sys.exit("nothing to paste: the command printed nothing")
text = README.read_text(encoding="utf-8")
pasted, found = re.subn(
    f"{BEGIN}.*{END}", lambda _: f"{BEGIN}\n```\n{output}\n```\n{END}", text, count=1, flags=re.DOTALL
)
if not found:
    sys.exit(f"{README} has no {BEGIN} ... {END}")
README.write_text(pasted, encoding="utf-8")
