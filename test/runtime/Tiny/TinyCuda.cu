//===- TinyCuda.cu - Kernels of the tiny model for a GPU ------------------===//
// The same sums in the same order as TinyKernels.cpp, in the words of
// kernels/dp. A block is a task of the cpu's; its first thread does the work.
//===----------------------------------------------------------------------===//
#include "dp/dp.h"
#include "skeletons/step.h"
#include "test/runtime/Tiny/TinyModel.h"

using namespace mm1::tiny;

/// What every kernel does first: waits for those in front, and lets those
/// behind begin. True for the thread that works.
DP_DEVICE bool starts_work() {
  dp::wait_grid();
  dp::trigger_grid();
  return dp::thread() == 0;
}

DP_KERNEL(32)
begin(int *tokens, int *positions, int *starts, int *slots, int *pages,
      dp::i64 *dims, const mm1::StepHeader *block, mm1::SlotState *states) {
  dp::wait_grid();
  dp::trigger_grid();
  skeletons::BeginPorts ports;
  ports.tokens = tokens;
  ports.positions = positions;
  ports.starts = starts;
  ports.slots = slots;
  ports.pages = pages;
  skeletons::begin(ports, dims, block, states);
}
DP_EXPORT(begin)

DP_KERNEL(32)
begin_decode(int *tokens, int *positions, int *starts, int *slots, int *pages,
             int *counts, float *scales, dp::i64 *dims,
             const mm1::StepHeader *block, mm1::SlotState *states) {
  dp::wait_grid();
  dp::trigger_grid();
  skeletons::BeginPorts ports;
  ports.tokens = tokens;
  ports.positions = positions;
  ports.starts = starts;
  ports.slots = slots;
  ports.pages = pages;
  ports.candidate_counts = counts;
  ports.inverse_temperatures = scales;
  skeletons::begin(ports, dims, block, states);
}
DP_EXPORT(begin_decode)

DP_KERNEL(32)
begin_head(int *rows, int *counts, float *scales, dp::i64 *dims,
           const mm1::StepHeader *block, mm1::SlotState *states) {
  dp::wait_grid();
  dp::trigger_grid();
  skeletons::BeginPorts ports;
  ports.rows = rows;
  ports.candidate_counts = counts;
  ports.inverse_temperatures = scales;
  skeletons::begin(ports, dims, block, states);
}
DP_EXPORT(begin_head)

DP_KERNEL(32)
publish(const int *counts, const int *ids, const float *values,
        const float *sums, const dp::i64 *dims, const mm1::StepHeader *block,
        mm1::SlotState *states, mm1::ResultHeader *result) {
  dp::wait_grid();
  dp::trigger_grid();
  skeletons::PublishPorts ports = {counts,           ids,         values, sums,
                                   int(kCandidates), int(kWidth), 2};
  skeletons::publish<int(kCandidates)>(ports, block, states, result);
}
DP_EXPORT(publish)

/// Row t of x is the table's row of token t. A block a token.
DP_KERNEL(32)
embed(const int *tokens, const float *__restrict__ table, float *x,
      const dp::i64 *dims) {
  bool works = starts_work();
  int t = dp::block();
  if (!works || t >= dp::tokens(dims))
    return;
  int token = dp::load(tokens + t);
  for (int i = 0; i < kWidth; ++i)
    dp::store(x + t * kWidth + i, dp::load_weight(table + token * kWidth + i));
}
DP_EXPORT(embed)

/// A block a sequence.
DP_KERNEL(32)
decay(const float *x, const int *slots, const int *starts, const int *positions,
      float *state, float *y, const dp::i64 *dims) {
  bool works = starts_work();
  int b = dp::block();
  if (!works || b >= dp::sequences(dims))
    return;
  float *own = state + dp::load(slots + b) * kSlotFloats;
  int first = dp::load(starts + b), end = dp::load(starts + b + 1);
  float sum = dp::load(positions + first) == 0 ? 0.0f : dp::load(own);
  for (int t = first; t < end; ++t) {
    sum = sum * 0.5f + dp::load(x + t * kWidth);
    dp::store(y + t * kWidth, sum);
  }
  dp::store(own, sum);
}
DP_EXPORT(decay)

/// A block a sequence.
DP_KERNEL(32)
append(const float *x, const int *slots, const int *starts,
       const int *positions, const int *pages, float *kv, const dp::i64 *dims) {
  bool works = starts_work();
  int b = dp::block();
  if (!works || b >= dp::sequences(dims))
    return;
  const int *row = pages + dp::load(slots + b) * dp::page_columns(dims);
  int end = dp::load(starts + b + 1);
  for (int t = dp::load(starts + b); t < end; ++t) {
    int position = dp::load(positions + t);
    int page = dp::load(row + position / kPageTokens);
    dp::store(kv + page * kPageFloats + position % kPageTokens,
              dp::load(x + t * kWidth));
  }
}
DP_EXPORT(append)

/// A block kAttendTokens tokens.
DP_KERNEL(32)
attend(const float *y, const int *slots, const int *starts,
       const int *positions, const int *pages, const float *kv, float *hidden,
       const dp::i64 *dims) {
  bool works = starts_work();
  if (!works)
    return;
  int last =
      dp::min(int(dp::block() + 1) * int(kAttendTokens), int(dp::tokens(dims)));
  for (int t = dp::block() * kAttendTokens; t < last; ++t) {
    int b = 0;
    while (dp::load(starts + b + 1) <= t)
      ++b;
    const int *row = pages + dp::load(slots + b) * dp::page_columns(dims);
    float sum = 0;
    int position = dp::load(positions + t);
    for (int p = 0; p <= position; ++p) {
      int page = dp::load(row + p / kPageTokens);
      sum += float(p + 1) * dp::load(kv + page * kPageFloats + p % kPageTokens);
    }
    dp::store(hidden + t * kWidth, dp::load(y + t * kWidth));
    dp::store(hidden + t * kWidth + 1, sum);
  }
}
DP_EXPORT(attend)

DP_DEVICE void logits_of(const float *hidden, float *logits) {
  float state = dp::load(hidden), sum = dp::load(hidden + 1);
  for (int v = 0; v < kVocab; ++v)
    dp::store(logits + v, state * float(v) + sum);
}

/// A block a row.
DP_KERNEL(32)
head(const float *hidden, const int *rows, float *logits, const dp::i64 *dims) {
  bool works = starts_work();
  int r = dp::block();
  if (works && r < dp::tokens(dims))
    logits_of(hidden + dp::load(rows + r) * kWidth, logits + r * kWidth);
}
DP_EXPORT(head)

/// A block a row.
DP_KERNEL(32)
logits(const float *hidden, float *logits, const dp::i64 *dims) {
  bool works = starts_work();
  int t = dp::block();
  if (works && t < dp::tokens(dims))
    logits_of(hidden + t * kWidth, logits + t * kWidth);
}
DP_EXPORT(logits)

/// The best of a row by logit, the lower id first among equals. A block a row.
DP_KERNEL(32)
top(const float *logits, const unsigned *mask, const int *counts,
    const float *scales, float *values, int *ids, float *sums,
    const dp::i64 *dims) {
  bool works = starts_work();
  int row = dp::block();
  if (!works || row >= dp::tokens(dims))
    return;
  unsigned allowed = dp::load(mask);
  int count = dp::load(counts + row);
  float largest = 0, sum = 0;
  for (int i = 0; i < count; ++i) {
    int best = -1;
    float bestLogit = 0;
    for (int v = 0; v < kVocab; ++v) {
      float logit = dp::load(logits + row * kWidth + v);
      if ((allowed >> v & 1) && (best < 0 || logit > bestLogit)) {
        best = v;
        bestLogit = logit;
      }
    }
    dp::store(ids + row * kCandidates + i, best);
    dp::store(values + row * kWidth + i, bestLogit);
    if (i == 0)
      largest = bestLogit;
    if (best >= 0)
      allowed &= ~(1u << best);
  }
  if (count > 1) {
    unsigned all = dp::load(mask);
    float scale = dp::load(scales + row);
    for (int v = 0; v < kVocab; ++v)
      if (all >> v & 1)
        sum += dp::exp((dp::load(logits + row * kWidth + v) - largest) * scale);
  }
  dp::store(sums + row * 2, largest);
  dp::store(sums + row * 2 + 1, sum);
}
DP_EXPORT(top)

/// What a kernel that is wrong does: writes far outside of all memory.
DP_KERNEL(32) fault(const float *hidden, float *logits, const dp::i64 *dims) {
  if (starts_work())
    dp::store(logits + (dp::i64(1) << 44), dp::load(hidden));
}
DP_EXPORT(fault)
