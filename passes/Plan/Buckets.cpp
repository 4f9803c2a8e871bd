//===- Buckets.cpp - Sizes of batches, and what has one place in all of them =//
#include "passes/Plan/Buckets.h"
#include "dialects/Plan/Layout.h"

using namespace mlir;
using namespace mlir::plan;

int64_t Sizes::rowsOf(Rows rows, Bucket bucket) const {
  switch (rows) {
  case Rows::Tokens:
    return bucket.tokens;
  case Rows::Sequences:
    return bucket.sequences;
  case Rows::SequenceBounds:
    return bucket.sequences + 1;
  case Rows::Slots:
    return maxSequences;
  case Rows::Hidden:
    return std::max(maxSequences, maxPrefill);
  }
  return 0;
}

int64_t Sizes::bytesOf(const VirtualBuffer &buffer, Bucket bucket) const {
  return bufferBytes(buffer.type, rowsOf(buffer.rows, bucket), pageColumns);
}

/// `first`, times `factor` each, ..., `most`.
static SmallVector<int64_t> powers(int64_t first, int64_t factor,
                                   int64_t most) {
  SmallVector<int64_t> sizes;
  for (int64_t size = first; size < most; size *= factor)
    sizes.push_back(size);
  sizes.push_back(most);
  return sizes;
}

/// Rows of the largest head bucket when prefill asks for many logits at once.
static constexpr int64_t kManyRows = 64;

SmallVector<Bucket> plan::bucketsOf(EntryKind kind, const Sizes &sizes) {
  SmallVector<Bucket> buckets;
  switch (kind) {
  case EntryKind::Decode:
    for (int64_t size : powers(1, 2, sizes.maxSequences))
      buckets.push_back({size, size});
    break;
  case EntryKind::Prefill:
    for (int64_t size : powers(16, 4, sizes.maxPrefill))
      buckets.push_back({size, std::min(size, sizes.maxSequences)});
    break;
  case EntryKind::Head:
    for (int64_t size : powers(1, 2, sizes.maxSequences))
      buckets.push_back({size, size});
    if (int64_t many = std::min(kManyRows, sizes.maxPrefill);
        many > sizes.maxSequences)
      buckets.push_back({many, sizes.maxSequences});
    break;
  }
  return buckets;
}

FailureOr<int64_t> plan::placePorts(ArrayRef<Draft> drafts, const Sizes &sizes,
                                    Ports &ports) {
  for (const Draft &draft : drafts)
    for (const VirtualBuffer &buffer : draft.buffers) {
      if (buffer.port.empty())
        continue;
      Port &port = ports[buffer.port];
      if (port.type && port.type != buffer.type)
        return emitError(draft.location)
               << "has '" << buffer.port << "' as " << buffer.type
               << ", but another entry has it as " << port.type;
      port.type = buffer.type;
      for (Bucket bucket : bucketsOf(draft.kind, sizes))
        port.bytes = std::max(port.bytes, sizes.bytesOf(buffer, bucket));
    }
  int64_t end = 0;
  for (auto &[name, port] : ports) {
    port.offset = end;
    end += port.bytes;
  }
  return end;
}
