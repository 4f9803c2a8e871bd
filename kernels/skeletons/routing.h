//===- routing.h - The choice of experts ----------------------------------===//
// The k experts with the largest logits, the lower number first among equals,
// and of each exp(l - largest) over the sum of the chosen k (the denominator of
// the softmax over all experts cancels):
//
//   logits 1 3 3 0, k = 2   ->   ids 1 2, weights 0.5 0.5
//
// A warp makes a row's choice, and all its lanes have it: a kernel that needs
// it makes it again, with the same bits. Ids are in range whatever the logits
// are: NaN counts as the smallest float, and gives a NaN weight when chosen.
//
// Cluster
//   kExperts, kChoices           of one router; kChoices <= kExperts
//   logit(row, expert) -> float
// and of a kernel of its own, whose task is `kPer` rows, a warp each in turn:
//   kPer, kWarps
//   store_choice(row, choice, id, weight)
//   clear_choice(row, choice)    zeros behind a row's weights; needed where
//                                kChoices is not a multiple of 32
//===----------------------------------------------------------------------===//
#pragma once

#include "skeletons/cluster.h"

namespace skeletons {

template <int choices> struct Choice {
  int ids[choices];
  float weights[choices];
};

/// What row `row` chooses. All lanes of a warp must call it, for one row.
template <typename Cluster>
DP_DEVICE Choice<Cluster::kChoices> choose_experts(const Cluster &cluster,
                                                   int row) {
  constexpr int experts = Cluster::kExperts, choices = Cluster::kChoices,
                kept = ceil_div(experts, 32);
  constexpr float lowest = -3.402823466e+38f;
  const float struck = dp::from_bits(0xff800000u); // less than any key
  float keys[kept];
  DP_UNROLL
  for (int i = 0; i < kept; ++i) {
    const int expert = i * 32 + dp::lane();
    keys[i] = struck;
    if (expert < experts) {
      const float x = cluster.logit(row, expert);
      keys[i] = x > lowest ? x : lowest;
    }
  }

  Choice<choices> choice;
  float largest = 0.0f, sum = 0.0f;
  DP_UNROLL
  for (int j = 0; j < choices; ++j) {
    float best = keys[0];
    DP_UNROLL
    for (int i = 1; i < kept; ++i)
      best = keys[i] > best ? keys[i] : best;
    best = dp::warp_max(best);
    // The lowest number among equals is the largest of the negated ones.
    float negated = -float(experts);
    DP_UNROLL
    for (int i = kept - 1; i >= 0; --i)
      negated = keys[i] == best ? -float(i * 32 + dp::lane()) : negated;
    const int id = -int(dp::warp_max(negated));
    DP_UNROLL
    for (int i = 0; i < kept; ++i)
      keys[i] = i * 32 + dp::lane() == id ? struck : keys[i];

    const float logit = cluster.logit(row, id);
    largest = j == 0 ? logit : largest;
    choice.ids[j] = id;
    choice.weights[j] = dp::exp(logit - largest);
    sum = j == 0 ? choice.weights[j] : sum + choice.weights[j];
  }
  DP_UNROLL
  for (int j = 0; j < choices; ++j)
    choice.weights[j] = choice.weights[j] / sum;
  return choice;
}

/// Writes down what a row chose. All lanes of a warp must call it.
template <typename Cluster>
DP_DEVICE void store_choices(const Cluster &cluster, int row,
                             const Choice<Cluster::kChoices> &choice) {
  constexpr int choices = Cluster::kChoices;
  DP_UNROLL
  for (int j = 0; j < choices; ++j)
    if (dp::lane() == j % 32)
      cluster.store_choice(row, j, choice.ids[j], choice.weights[j]);
  if constexpr (choices < padded(choices))
    for (int j = choices + dp::lane(); j < padded(choices); j += 32)
      cluster.clear_choice(row, j);
}

template <typename Cluster>
DP_DEVICE void routing(const Cluster &cluster, int task, dp::Shared) {
  const int end = dp::min((task + 1) * Cluster::kPer, dp::tokens(cluster.dims));
  for (int row = task * Cluster::kPer + dp::warp(); row < end;
       row += Cluster::kWarps)
    store_choices(cluster, row, choose_experts(cluster, row));
}

} // namespace skeletons
