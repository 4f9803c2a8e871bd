//===- Ports.cpp - Named buffers, which have one place in all buckets -----===//
#include "passes/Plan/Ports.h"
#include "dialects/Plan/Layout.h"

using namespace mlir;
using namespace mlir::plan;
using mm1::Bucket;

int64_t Sizes::rowsOf(Rows rows, const Bucket &bucket) const {
  switch (rows) {
  case Rows::Tokens:
    return bucket.tokens;
  case Rows::Sequences:
    return bucket.sequences;
  case Rows::SequenceBounds:
    return bucket.sequences + 1;
  case Rows::Slots:
    return slots;
  case Rows::Hidden:
    return std::max(maxSequences, maxPrefill);
  }
  return 0;
}

int64_t Sizes::bytesOf(const VirtualBuffer &buffer,
                       const Bucket &bucket) const {
  return bufferBytes(buffer.type, rowsOf(buffer.rows, bucket), pageColumns);
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
      port.bytes = std::max(port.bytes, sizes.bytesOf(buffer, draft.bucket));
    }
  int64_t end = 0;
  for (auto &[name, port] : ports) {
    port.offset = end;
    end += port.bytes;
  }
  return end;
}
