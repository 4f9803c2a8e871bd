//===- grouping.h - Pairs (token, choice) expert by expert ----------------===//
// A counting sort, stable, by one block. Pair r = t * k + j has the expert that
// token t chose as its j-th:
//
//   experts 2 0 2 of pairs 0 1 2, of 3 experts
//   ->  order 1 0 2, offsets 0 1 1 3
//
// Each warp has a stretch of the pairs, and takes 32 of them at a time, twice:
// first it counts how many each expert has, then, when all stretches are
// counted and each expert's part of the order is known, it gives out places.
//
// Cluster
//   kExperts, kChoices, kWarps
//   expert(pair) -> int
//   store_order(place, pair)
//   store_offset(expert, place)   expert from 0 to kExperts
//===----------------------------------------------------------------------===//
#pragma once

#include "skeletons/cluster.h"

namespace skeletons {

/// What the threads of a block tell each other.
template <int experts, int warps> struct GroupingMemory {
  int counts[warps][experts];
  int totals[experts];
  int pairs[warps][32]; ///< experts of those at hand
};

template <typename Cluster> DP_DEVICE constexpr int grouping_shared_bytes() {
  return int(sizeof(GroupingMemory<Cluster::kExperts, Cluster::kWarps>));
}

/// Adds the pairs of [begin, end) to a warp's `counts` by expert, and tells
/// visit(count, pair) what the count was.
template <typename Cluster, typename Visit>
DP_DEVICE void count_pairs(const Cluster &cluster, int begin, int end,
                           int *pairs, int *counts, const Visit &visit) {
  const int lane = dp::lane();
  for (int first = begin; first < end; first += 32) {
    const int size = dp::min(end - first, 32);
    const int expert = lane < size ? cluster.expert(first + lane) : -1;
    pairs[lane] = expert;
    dp::sync_warp();
    int before = 0, behind = 0;
    for (int i = 0; i < size; ++i) {
      before += i < lane && pairs[i] == expert;
      behind += i > lane && pairs[i] == expert;
    }
    const int count = lane < size ? counts[expert] : 0;
    if (lane < size)
      visit(count + before, first + lane);
    dp::sync_warp();
    if (lane < size && behind == 0)
      counts[expert] = count + before + 1;
  }
  dp::sync_warp();
}

template <typename Cluster>
DP_DEVICE void grouping(const Cluster &cluster, int, dp::Shared shared) {
  constexpr int experts = Cluster::kExperts, warps = Cluster::kWarps,
                threads = warps * 32;
  auto &memory =
      *reinterpret_cast<GroupingMemory<experts, warps> *>(shared.bytes);
  const int pairs = dp::tokens(cluster.dims) * Cluster::kChoices;
  const int stretch = ceil_div(pairs, threads) * 32;
  const int begin = dp::min(dp::warp() * stretch, pairs),
            end = dp::min(begin + stretch, pairs);

  for (int i = dp::thread(); i < warps * experts; i += threads)
    memory.counts[i / experts][i % experts] = 0;
  dp::sync_block();
  count_pairs(cluster, begin, end, memory.pairs[dp::warp()],
              memory.counts[dp::warp()], [](int, int) {});
  dp::sync_block();

  // A warp's count becomes that of the stretches before its own.
  for (int expert = dp::thread(); expert < experts; expert += threads) {
    int total = 0;
    for (int warp = 0; warp < warps; ++warp) {
      const int count = memory.counts[warp][expert];
      memory.counts[warp][expert] = total;
      total += count;
    }
    memory.totals[expert] = total;
  }
  dp::sync_block();
  if (dp::thread() == 0) {
    int place = 0;
    for (int expert = 0; expert < experts; ++expert) {
      const int total = memory.totals[expert];
      cluster.store_offset(expert, place);
      memory.totals[expert] = place;
      place += total;
    }
    cluster.store_offset(experts, place);
  }
  dp::sync_block();
  for (int i = dp::thread(); i < warps * experts; i += threads)
    memory.counts[i / experts][i % experts] += memory.totals[i % experts];
  dp::sync_block();
  count_pairs(cluster, begin, end, memory.pairs[dp::warp()],
              memory.counts[dp::warp()],
              [&](int place, int pair) { cluster.store_order(place, pair); });
}

} // namespace skeletons
