//===- TinyKernels.cpp - Kernels of the tiny model, by hand ---------------===//
// What they compute is in TinyArtifact.h. They follow KernelABI.h as generated
// kernels do: any partition of the tasks gives the same bytes.
#include "runtime/Artifact/KernelABI.h"
#include "test/runtime/Tiny/TinyModel.h"

#include <algorithm>

using namespace mm1;
using namespace mm1::tiny;

/// (tokens, table, x): row t of x is the table's row of token t. Unit tokens.
extern "C" void embed(void *const *buffers, const int64_t *dims, int64_t begin,
                      int64_t end, void *) {
  auto tokens = static_cast<const int32_t *>(buffers[0]);
  auto table = static_cast<const float *>(buffers[1]);
  auto x = static_cast<float *>(buffers[2]);
  for (int64_t t = begin; t < std::min(end, dims[kDimTokens]); ++t)
    for (int64_t i = 0; i < kWidth; ++i)
      x[t * kWidth + i] = table[tokens[t] * kWidth + i];
}

/// (x, slots, starts, positions, state, y): y[t][0] = S after S = S / 2 +
/// x[t][0], where S = 0 before position 0. Unit sequences.
extern "C" void decay(void *const *buffers, const int64_t *, int64_t begin,
                      int64_t end, void *scratch) {
  auto x = static_cast<const float *>(buffers[0]);
  auto slots = static_cast<const int32_t *>(buffers[1]);
  auto starts = static_cast<const int32_t *>(buffers[2]);
  auto positions = static_cast<const int32_t *>(buffers[3]);
  auto y = static_cast<float *>(buffers[5]);
  auto local = static_cast<float *>(scratch);
  for (int64_t b = begin; b < end; ++b) {
    float *state = static_cast<float *>(buffers[4]) + slots[b] * kSlotFloats;
    local[0] = positions[starts[b]] == 0 ? 0 : state[0];
    for (int64_t t = starts[b]; t < starts[b + 1]; ++t) {
      local[0] = local[0] * 0.5f + x[t * kWidth];
      y[t * kWidth] = local[0];
    }
    state[0] = local[0];
  }
}

/// (x, slots, starts, positions, pages, kv): stores x[t][0] at its position.
/// Unit sequences.
extern "C" void append(void *const *buffers, const int64_t *dims, int64_t begin,
                       int64_t end, void *) {
  auto x = static_cast<const float *>(buffers[0]);
  auto slots = static_cast<const int32_t *>(buffers[1]);
  auto starts = static_cast<const int32_t *>(buffers[2]);
  auto positions = static_cast<const int32_t *>(buffers[3]);
  auto pages = static_cast<const int32_t *>(buffers[4]);
  auto kv = static_cast<float *>(buffers[5]);
  for (int64_t b = begin; b < end; ++b)
    for (int64_t t = starts[b]; t < starts[b + 1]; ++t) {
      int64_t page =
          pages[slots[b] * dims[kDimPageColumns] + positions[t] / kPageTokens];
      kv[page * kPageFloats + positions[t] % kPageTokens] = x[t * kWidth];
    }
}

/// (y, slots, starts, positions, pages, kv, hidden): hidden[t] = {y[t][0], sum
/// over the past of (p + 1) * kv(p)}. Unit tokens.
extern "C" void attend(void *const *buffers, const int64_t *dims, int64_t begin,
                       int64_t end, void *) {
  auto y = static_cast<const float *>(buffers[0]);
  auto slots = static_cast<const int32_t *>(buffers[1]);
  auto starts = static_cast<const int32_t *>(buffers[2]);
  auto positions = static_cast<const int32_t *>(buffers[3]);
  auto pages = static_cast<const int32_t *>(buffers[4]);
  auto kv = static_cast<const float *>(buffers[5]);
  auto hidden = static_cast<float *>(buffers[6]);
  int64_t first = begin * kAttendTokens,
          last = std::min(end * kAttendTokens, dims[kDimTokens]);
  for (int64_t t = first; t < last; ++t) {
    int64_t b = 0;
    while (starts[b + 1] <= t)
      ++b;
    float sum = 0;
    for (int64_t p = 0; p <= positions[t]; ++p) {
      int64_t page = pages[slots[b] * dims[kDimPageColumns] + p / kPageTokens];
      sum += float(p + 1) * kv[page * kPageFloats + p % kPageTokens];
    }
    hidden[t * kWidth] = y[t * kWidth];
    hidden[t * kWidth + 1] = sum;
  }
}

/// logits[r][v] = hidden[0] * v + hidden[1] of one row.
static void logitsOf(const float *hidden, float *logits) {
  for (int64_t v = 0; v < kVocab; ++v)
    logits[v] = hidden[0] * float(v) + hidden[1];
}

/// (hidden, rows, logits): of hidden rows `rows`. Unit tokens.
extern "C" void head(void *const *buffers, const int64_t *dims, int64_t begin,
                     int64_t end, void *) {
  auto hidden = static_cast<const float *>(buffers[0]);
  auto rows = static_cast<const int32_t *>(buffers[1]);
  auto logits = static_cast<float *>(buffers[2]);
  for (int64_t r = begin; r < std::min(end, dims[kDimTokens]); ++r)
    logitsOf(hidden + rows[r] * kWidth, logits + r * kWidth);
}

/// (hidden, logits): of all rows. Unit tokens.
extern "C" void logits(void *const *buffers, const int64_t *dims, int64_t begin,
                       int64_t end, void *) {
  auto hidden = static_cast<const float *>(buffers[0]);
  auto logits = static_cast<float *>(buffers[1]);
  for (int64_t t = begin; t < std::min(end, dims[kDimTokens]); ++t)
    logitsOf(hidden + t * kWidth, logits + t * kWidth);
}
