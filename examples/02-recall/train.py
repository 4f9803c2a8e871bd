#!/usr/bin/env python3
"""Trains the model of this folder on conversations of data.py, in an hour or two on two cores.

    pip install torch numpy safetensors
    python3 train.py --output /tmp/recall            # again after an interruption: it goes on where it was
    python3 train.py --output /tmp/recall --export . # write model.safetensors from the last state

Everything follows from --seed: what step N sees depends on the seed and N alone.
"""
import argparse
import json
import math
import os
import random
import sys
import time
from typing import NamedTuple

import torch
from torch.nn import functional as F

import data
from model import Model

HERE = os.path.dirname(os.path.abspath(__file__))
class Stage(NamedTuple):
    """Some steps of a course: conversations of `length` tokens, `rows` of them in a step, of a lesson of data.conversation."""
    steps: int
    length: int
    rows: int
    lesson: int


# Peak learning rate and stages of each course. Short conversations first: recall is learned sooner. The second course is
# for reading the names of tools, which the first has too few of to teach; the third practises that.
COURSES = [
    (3e-3, [Stage(480, 128, 40, 1), Stage(1120, 256, 20, 1), Stage(400, 640, 8, 1), Stage(560, 640, 8, 2), Stage(640, 1280, 4, 2)]),
    (1.5e-3, [Stage(420, 480, 10, 3), Stage(280, 1280, 4, 3)]),
    (1e-3, [Stage(230, 480, 10, 3), Stage(30, 1280, 4, 3)]),
]
STEPS = sum(stage.steps for _, stages in COURSES for stage in stages)


def lesson_of(step):
    """The stage of a step and its learning rate: in each course a linear warm-up over the first hundredth, then a cosine
    down to a fiftieth."""
    for peak, stages in COURSES:
        steps = sum(stage.steps for stage in stages)
        if step < steps:
            break
        step -= steps
    warm = max(steps // 100, 20)
    x = (step - warm) / (steps - warm)
    rate = peak * (step + 1) / warm if step < warm else peak * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * x)))
    for stage in stages:
        if step < stage.steps:
            return stage, rate
        step -= stage.steps


def batch_of(step, stage, encoder, seed):
    """ids [B, T + 1] and kinds of the targets [B, T]: 0 padding, 1 only read, 2 written by the model."""
    ids = torch.zeros(stage.rows, stage.length + 1, dtype=torch.long)
    kind = torch.zeros(stage.rows, stage.length, dtype=torch.long)
    for row in range(stage.rows):
        rng = random.Random(f"{seed}:{step}:{row}")
        numbers, written = data.conversation(rng, encoder, stage.length + 1, stage.lesson)
        ids[row, :len(numbers)] = torch.tensor(numbers)
        kind[row, :len(numbers) - 1] = 1 + torch.tensor(written[1:], dtype=torch.long)
    return ids, kind


def loss_of(model, ids, kind, rest):
    h, balance = model.hidden(ids[:, :-1])
    h, targets, kind = h.flatten(0, 1), ids[:, 1:].flatten(), kind.flatten()
    used = kind > 0
    logits = model.lm_head(h[used])
    each = F.cross_entropy(logits, targets[used], reduction="none")
    written = kind[used] == 2
    answer = each[written].mean()
    right = (logits[written].argmax(-1) == targets[used][written]).float().mean()
    return answer + rest * each[~written].mean() + 0.01 * balance, answer.detach(), right, balance.detach()


def export(model, folder):
    """model.safetensors with the published names: bfloat16, routers float32."""
    from safetensors.torch import save_file
    tensors = {name: weight.detach().to(torch.float32 if "moe.gate." in name else torch.bfloat16).contiguous()
               for name, weight in model.state_dict().items()}
    path = os.path.join(folder, "model.safetensors")
    save_file(tensors, path + ".part", metadata={"format": "pt"})
    os.replace(path + ".part", path)
    print(f"{path}: {sum(t.numel() for t in tensors.values()) / 1e6:.2f} M parameters, {os.path.getsize(path) / 1e6:.2f} MB")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", required=True, help="folder for the state of the training")
    parser.add_argument("--export", help="write model.safetensors into this folder and stop")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rest", type=float, default=0.2, help="weight of what is only read (default %(default)s)")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--stop-after", type=int, default=0, help="steps of this run, for trying out")
    arguments = parser.parse_args()

    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    os.makedirs(arguments.output, exist_ok=True)
    state_path = os.path.join(arguments.output, "state.pt")
    with open(os.path.join(HERE, "config.json"), encoding="utf-8") as file:
        model = Model(json.load(file))
    matrices = [weight for weight in model.parameters() if weight.dim() == 2]
    vectors = [weight for weight in model.parameters() if weight.dim() == 1]
    optimizer = torch.optim.AdamW([{"params": matrices, "weight_decay": 0.05}, {"params": vectors, "weight_decay": 0.0}],
                                  betas=(0.9, 0.98), fused=True)
    first = 0
    if os.path.exists(state_path):
        state = torch.load(state_path)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        first = state["step"]
        print(f"going on from step {first}", file=sys.stderr)
    if arguments.export:
        return export(model, arguments.export)

    def save(step):
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step}, state_path + ".part")
        os.replace(state_path + ".part", state_path)

    encoder = data.load_encoder(HERE)
    log = open(os.path.join(arguments.output, "log.jsonl"), "a", encoding="utf-8")
    started, tokens, sums = time.time(), 0, [0.0] * 4
    last = min(STEPS, first + arguments.stop_after) if arguments.stop_after else STEPS
    for step in range(first, last):
        stage, rate = lesson_of(step)
        ids, kind = batch_of(step, stage, encoder, arguments.seed)
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss, *figures = loss_of(model, ids, kind, arguments.rest)
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        tokens += int((kind > 0).sum())
        sums = [a + float(b) for a, b in zip(sums, (*figures, norm))]
        if (step + 1) % 25 == 0 or step + 1 == last:
            count = (step - first) % 25 + 1
            answer, right, balance, gradient = (value / count for value in sums)
            sums = [0.0] * 4
            seconds = time.time() - started
            left = seconds / (step + 1 - first) * (STEPS - step - 1)
            print(f"step {step + 1}/{STEPS}  loss {answer:.4f}  right {100 * right:.2f} %  balance {balance:.3f}  "
                  f"gradient {gradient:.2f}  {tokens / seconds:.0f} tokens/s  {left / 60:.0f} min left", flush=True)
            log.write(json.dumps({"step": step + 1, "loss": answer, "right": right, "tokens": tokens, "seconds": seconds}) + "\n")
            log.flush()
        if (step + 1) % 250 == 0 or step + 1 == last:
            save(step + 1)
    if last == STEPS:
        export(model, arguments.output)


if __name__ == "__main__":
    main()
