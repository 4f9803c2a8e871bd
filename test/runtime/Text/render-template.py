"""Renders chat templates as Hugging Face transformers does, with jinja2.

Reads a JSON list of {"template", "messages", "tools"} from the file named first
and prints the JSON list of texts. Exits 77 when jinja2 is absent.
"""

import json
import sys

try:
    from jinja2.sandbox import ImmutableSandboxedEnvironment
except ImportError:
    sys.exit(77)

environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)

with open(sys.argv[1], encoding="utf-8") as file:
    cases = json.load(file)
texts = [
    environment.from_string(case["template"]).render(
        messages=case["messages"], tools=case["tools"], add_generation_prompt=True
    )
    for case in cases
]
json.dump(texts, sys.stdout)
