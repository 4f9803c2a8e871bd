//===- PlaceBuffers.cpp - First fit by size -------------------------------===//
#include "passes/Plan/PlaceBuffers.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>
#include <numeric>

using namespace mlir::plan;

Placement mlir::plan::placeBuffers(llvm::ArrayRef<LiveBuffer> buffers,
                                   int64_t base) {
  std::vector<uint32_t> bySize(buffers.size());
  std::iota(bySize.begin(), bySize.end(), 0);
  llvm::sort(bySize, [&](uint32_t a, uint32_t b) {
    return std::pair(-buffers[a].bytes, a) < std::pair(-buffers[b].bytes, b);
  });

  Placement placement{std::vector<int64_t>(buffers.size(), base), base};
  std::vector<uint32_t> placed; // by offset
  for (uint32_t index : bySize) {
    const LiveBuffer &buffer = buffers[index];
    int64_t at = base;
    for (uint32_t otherIndex : placed) {
      const LiveBuffer &other = buffers[otherIndex];
      int64_t otherAt = placement.offsets[otherIndex];
      if (other.last < buffer.first || buffer.last < other.first)
        continue;
      if (otherAt - at >= buffer.bytes)
        break; // the gap in front of it is wide enough
      at = std::max(at, otherAt + other.bytes);
    }
    placement.offsets[index] = at;
    placement.end = std::max(placement.end, at + buffer.bytes);
    auto behind = std::upper_bound(placed.begin(), placed.end(), at,
                                   [&](int64_t offset, uint32_t other) {
                                     return offset < placement.offsets[other];
                                   });
    placed.insert(behind, index);
  }
  return placement;
}
