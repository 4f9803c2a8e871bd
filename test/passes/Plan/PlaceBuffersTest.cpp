//===- PlaceBuffersTest.cpp - No two live buffers share bytes -------------===//
#include "passes/Plan/PlaceBuffers.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <random>

using namespace mlir;
using namespace mlir::plan;

namespace {

using Offsets = std::vector<int64_t>;

TEST(PlaceBuffers, ExampleOfTheHeader) {
  // b at 0, a and c behind it, on each other.
  Placement placement =
      placeBuffers({{256, 0, 1}, {512, 1, 2}, {256, 2, 3}}, 0);
  EXPECT_EQ(placement.offsets, (Offsets{512, 0, 512}));
  EXPECT_EQ(placement.end, 768);
}

TEST(PlaceBuffers, TakesTheLowestGapThatFits) {
  // 512 at 64, 256 behind it at 576. The 128 meets the 256 only: it goes under.
  Placement placement =
      placeBuffers({{512, 0, 1}, {256, 1, 3}, {128, 2, 3}}, 64);
  EXPECT_EQ(placement.offsets, (Offsets{64, 576, 64}));
  EXPECT_EQ(placement.end, 832);
  EXPECT_EQ(placeBuffers({}, 192).end, 192);
}

TEST(PlaceBuffers, RandomRangesNeverShareBytes) {
  std::mt19937 random(3);
  auto below = [&](int64_t bound) -> int64_t { return random() % bound; };
  for (int round = 0; round < 200; ++round) {
    std::vector<LiveBuffer> buffers(1 + below(60));
    for (LiveBuffer &buffer : buffers) {
      int64_t first = below(40);
      buffer = {64 * (1 + below(20)), first, first + below(8)};
    }
    Placement placement = placeBuffers(buffers, 128);
    int64_t end = 128;
    for (size_t i = 0; i < buffers.size(); ++i) {
      int64_t at = placement.offsets[i];
      EXPECT_GE(at, 128);
      EXPECT_EQ(at % 64, 0);
      end = std::max(end, at + buffers[i].bytes);
      for (size_t k = 0; k < i; ++k) {
        bool meet = buffers[i].first <= buffers[k].last &&
                    buffers[k].first <= buffers[i].last;
        bool share = at < placement.offsets[k] + buffers[k].bytes &&
                     placement.offsets[k] < at + buffers[i].bytes;
        ASSERT_FALSE(meet && share) << "round " << round;
      }
    }
    EXPECT_EQ(placement.end, end);
  }
}

} // namespace
