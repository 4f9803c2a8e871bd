#!/usr/bin/env python3
"""Compares this folder's PyTorch model with mm1c: the ids of a conversation, and the logits of every position.

    pip install torch numpy safetensors
    python3 compare.py --bin ../../build/bin

Two implementations that share nothing but the published description: model.py in double precision, and `mm1c reference`.
Exit code 1 when the ids differ or a logit is off by more than 1e-9 of the largest: both compute in double from the same
weights, and differ in the order of sums only.
"""
import argparse
import json
import os
import random
import subprocess
import sys
import tempfile

import torch
from safetensors.torch import load_file

import data
from model import Model

HERE = os.path.dirname(os.path.abspath(__file__))


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.decode()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default=os.path.join(HERE, "../../build/bin"), help="folder of mm1c and mm1-run")
    parser.add_argument("--checkpoint", default=HERE, help="folder of model.safetensors (default: this one)")
    parser.add_argument("--tokens", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    mm1c, mm1_run = (os.path.join(arguments.bin, name) for name in ("mm1c", "mm1-run"))

    torch.set_default_dtype(torch.float64)
    encoder = data.load_encoder(HERE)
    ids, _ = data.conversation(random.Random(arguments.seed), encoder, arguments.tokens)
    with open(os.path.join(HERE, "config.json"), encoding="utf-8") as file:
        model = Model(json.load(file))
    model.load_state_dict(load_file(os.path.join(arguments.checkpoint, "model.safetensors")))
    with torch.no_grad():
        ours, _ = model(torch.tensor([ids]))

    with tempfile.TemporaryDirectory() as folder:
        path = lambda name: os.path.join(folder, name)
        with open(path("ids.json"), "w", encoding="utf-8") as file:
            json.dump(ids, file)
        run(mm1c, "reference", arguments.checkpoint, "--ids", path("ids.json"), "--output", path("logits.safetensors"))
        theirs = load_file(path("logits.safetensors"))["logits"]
        run(mm1c, "compile", arguments.checkpoint, "--target", "cpu", "--quiet", "-o", path("recall.mm1"))
        result = json.loads(run(mm1_run, "generate", path("recall.mm1"), "--prompt", encoder.decode(ids), "--special",
                                "--max-tokens", "1", "--json"))
    same_ids = result["prompt_ids"] == ids
    error = ((ours[0] - theirs).abs().max() / theirs.abs().max()).item()
    print(f"{len(ids)} tokens; ids {'equal' if same_ids else 'DIFFER'}; largest difference of a logit {error:.3g} of the largest, "
          f"logits from {theirs.min():.2f} to {theirs.max():.2f}")
    sys.exit(0 if same_ids and error <= 1e-9 else 1)


if __name__ == "__main__":
    main()
