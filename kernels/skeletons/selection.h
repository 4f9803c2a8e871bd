//===- selection.h - The largest logits of a row --------------------------===//
// mm1.top_candidates: a block for each row. Logits are compared as 64-bit keys
// that order ids as candidates stand, so that no two are equal: by falling
// logit (NaN last), and by rising id (runtime/Support/Candidates.h).
//
//   1  each thread finds the best key of its columns; the count-th best of
//      these is a limit that no candidate is behind
//   2  each thread keeps its keys up to the limit: of logits in no order some
//      few more than are asked for. The sum is made on the way.
//   3  a key's place in the list is the number of better ones
//
//   logits 1 9 4 2 8 0 by 3 threads, 2 wanted:
//   bests 2 9 8, limit 8;  keys up to it 9 8;  places 0 1
//
// A thread that finds more than it can keep (rows in an unlucky order) gives it
// up for the block: the list is then made one by one, each the best behind the
// one before.
//
// Cluster
//   kPer, kWarps, kColumns, kCandidates   columns: ids of the vocabulary
//   logit(row, id) -> float
//   mask(word) -> unsigned                id counts: bit id % 32 of word id / 32
//   count(row) -> int, inverse_temperature(row) -> float
//   store_candidate(row, place, id, logit)
//   clear_candidate(row, place)           zeros behind a row's logits; needed
//                                         where kCandidates is not a multiple
//                                         of 32
//   store_sums(row, largest, sum), clear_sums(row, column)
//===----------------------------------------------------------------------===//
#pragma once

#include "skeletons/row_sums.h"

namespace skeletons {

/// A place in the order of candidates; less is better.
using CandidateKey = unsigned long long;

/// Behind all keys.
constexpr CandidateKey kNoCandidate = ~CandidateKey(0);

DP_DEVICE CandidateKey candidate_key(float logit, int id) {
  // -0 equals 0.
  const dp::u32 bits = dp::to_bits(logit == 0.0f ? 0.0f : logit);
  const dp::u32 ascending =
      logit != logit ? 0u : (bits & 0x80000000u ? ~bits : bits | 0x80000000u);
  return (CandidateKey(~ascending) << 32) | dp::u32(id);
}
DP_DEVICE int id_of(CandidateKey key) { return int(key & 0xffffffffu); }

/// Keys up to the limit that a thread can keep.
constexpr int kMostKeptKeys = 8;

/// What the threads of a block tell each other.
template <int threads> struct SelectionMemory {
  CandidateKey bests[threads];
  CandidateKey kept[threads * kMostKeptKeys];
  CandidateKey limit, largest;
  int numKept[threads];
  int isNaN[threads];
  float partials[RowSums<threads / 32, 1>::kPartials];
};

template <typename Cluster> DP_DEVICE constexpr int selection_shared_bytes() {
  return int(sizeof(SelectionMemory<Cluster::kWarps * 32>));
}

/// One row, by all threads of a block.
template <typename Cluster> struct Selection {
  static constexpr int kThreads = Cluster::kWarps * 32,
                       kCandidates = Cluster::kCandidates;
  using Sums = RowSums<Cluster::kWarps, 1>;

  const Cluster &cluster;
  const int row;
  SelectionMemory<kThreads> &memory;

  /// visit(step, id, logit) for each of the thread's ids that count, in rising
  /// order; `step` counts its columns.
  template <typename Visit>
  DP_METHOD void for_each_id(const Visit &visit) const {
    constexpr int batch = 4; // loads under way at once
    DP_NO_UNROLL
    for (int first = 0; first < Cluster::kColumns; first += batch * kThreads) {
      float logits[batch];
      bool counts[batch];
      DP_UNROLL
      for (int i = 0; i < batch; ++i) {
        const int id = first + i * kThreads + dp::thread();
        counts[i] = id < Cluster::kColumns;
        logits[i] = 0.0f;
        if (counts[i]) {
          logits[i] = cluster.logit(row, id);
          counts[i] = (cluster.mask(id / 32) >> (id % 32) & 1u) != 0;
        }
      }
      DP_UNROLL
      for (int i = 0; i < batch; ++i)
        if (counts[i])
          visit(first / kThreads + i, first + i * kThreads + dp::thread(),
                logits[i]);
    }
  }

  /// Step 1. Returns whether a logit is NaN.
  DP_METHOD bool find_limit(int count) const {
    CandidateKey best = kNoCandidate;
    bool isNaN = false;
    for_each_id([&](int, int id, float logit) {
      const CandidateKey key = candidate_key(logit, id);
      best = key < best ? key : best;
      isNaN = isNaN || logit != logit;
    });
    memory.bests[dp::thread()] = best;
    memory.isNaN[dp::thread()] = isNaN;
    if (dp::thread() == 0)
      memory.limit = memory.largest = kNoCandidate;
    dp::sync_block();
    int better = 0, numNaN = 0;
    DP_NO_UNROLL
    for (int i = 0; i < kThreads; ++i) {
      better += memory.bests[i] < best;
      numNaN += memory.isNaN[i];
    }
    if (best != kNoCandidate && better == 0)
      memory.largest = best;
    if (best != kNoCandidate && better == count - 1)
      memory.limit = best;
    dp::sync_block();
    return numNaN != 0;
  }

  /// Step 2. Returns the sum of the weights; `memory` has the keys.
  DP_METHOD float keep(float largest, float scale) const {
    const CandidateKey limit = memory.limit;
    int size = 0;
    Sums sums;
    for_each_id([&](int step, int id, float logit) {
      float &sum = sums.chain(0, step);
      sum = sum + dp::exp((logit - largest) * scale);
      const CandidateKey key = candidate_key(logit, id);
      if (key <= limit) {
        if (size < kMostKeptKeys)
          memory.kept[size * kThreads + dp::thread()] = key;
        ++size;
      }
    });
    memory.numKept[dp::thread()] = size;
    sums.finish(memory.partials);
    return Sums::total(memory.partials, 0);
  }

  DP_METHOD void store(int place, CandidateKey key) const {
    cluster.store_candidate(row, place, id_of(key),
                            cluster.logit(row, id_of(key)));
  }

  /// Step 3. Returns how many were stored, or -1 when a thread had no room.
  DP_METHOD int store_kept(int count) const {
    int total = 0, most = 0;
    DP_NO_UNROLL
    for (int i = 0; i < kThreads; ++i) {
      total += memory.numKept[i];
      most = dp::max(most, memory.numKept[i]);
    }
    if (most > kMostKeptKeys)
      return -1;
    for (int i = 0; i < memory.numKept[dp::thread()]; ++i) {
      const CandidateKey key = memory.kept[i * kThreads + dp::thread()];
      int better = 0;
      DP_NO_UNROLL
      for (int other = 0; other < kThreads; ++other)
        for (int j = 0; j < memory.numKept[other]; ++j)
          better += memory.kept[j * kThreads + other] < key;
      if (better < count)
        store(better, key);
    }
    return dp::min(total, count);
  }

  /// The list one by one. Returns how many were stored.
  DP_METHOD int store_one_by_one(int count) const {
    CandidateKey last = 0; // less than any key
    for (int place = 0; place < count; ++place) {
      CandidateKey best = kNoCandidate;
      for_each_id([&](int, int id, float logit) {
        const CandidateKey key = candidate_key(logit, id);
        best = key > last && key < best ? key : best;
      });
      dp::sync_block(); // the bests before have been read
      memory.bests[dp::thread()] = best;
      dp::sync_block();
      DP_NO_UNROLL
      for (int i = 0; i < kThreads; ++i)
        best = memory.bests[i] < best ? memory.bests[i] : best;
      if (best == kNoCandidate)
        return place;
      if (dp::thread() == 0)
        store(place, best);
      last = best;
    }
    return count;
  }

  DP_METHOD void run() const {
    const int count = dp::max(1, dp::min(cluster.count(row), kCandidates));
    const bool hasNaN = find_limit(count);
    const CandidateKey first = memory.largest;
    const bool isEmpty = first == kNoCandidate;
    float largest = dp::from_bits(0xff800000u), sum = 0.0f;
    int stored = 0;
    if (!isEmpty)
      largest = cluster.logit(row, id_of(first));
    if (count == 1 && !isEmpty) {
      if (dp::thread() == 0)
        store(0, first);
      stored = 1;
    } else if (!isEmpty) {
      sum = keep(largest, cluster.inverse_temperature(row));
      stored = store_kept(count);
      if (stored < 0)
        stored = store_one_by_one(count);
    }
    for (int place = stored + dp::thread(); place < kCandidates;
         place += kThreads)
      cluster.store_candidate(row, place, -1, 0.0f);
    if constexpr (kCandidates < padded(kCandidates))
      for (int place = kCandidates + dp::thread(); place < padded(kCandidates);
           place += kThreads)
        cluster.clear_candidate(row, place);
    if (dp::thread() == 0)
      cluster.store_sums(row, largest,
                         hasNaN ? dp::from_bits(0x7fc00000u) : sum);
    constexpr int sums = 2;
    for (int column = sums + dp::thread(); column < padded(sums);
         column += kThreads)
      cluster.clear_sums(row, column);
  }
};

template <typename Cluster>
DP_DEVICE void selection(const Cluster &cluster, int task, dp::Shared shared) {
  auto &memory =
      *reinterpret_cast<SelectionMemory<Cluster::kWarps * 32> *>(shared.bytes);
  const int end = dp::min((task + 1) * Cluster::kPer, dp::tokens(cluster.dims));
  for (int row = task * Cluster::kPer; row < end; ++row) {
    if (row != task * Cluster::kPer)
      dp::sync_block(); // the row before has left the memory
    Selection<Cluster>{cluster, row, memory}.run();
  }
}

} // namespace skeletons
