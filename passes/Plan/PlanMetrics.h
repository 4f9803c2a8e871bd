//===- PlanMetrics.h - What a plan costs ----------------------------------===//
// Read from the IR, so that a golden test can hold the figures:
//
//   module attributes {plan.metrics = {arena_bytes = 98304 : i64,
//       kernels = 14 : i64, launches_per_token = 23 : i64,
//       weight_bytes_per_token = {attention = 98304 : i64, ...}, ...}}
//
// "Per token" is one decode step of one sequence, up to its candidates: the
// smallest entry that decodes. Weight bytes are what kernels read at most; that
// is the bound on speed when memory is.
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/Plan/Plan.h"

#include <map>
#include <string>

namespace mlir::plan {

struct PlanMetrics {
  int64_t kernels = 0;
  int64_t launchesPerToken = 0;
  int64_t collectivesPerToken = 0;
  int64_t copiesPerToken = 0;
  int64_t hostCallsPerToken = 0;
  /// By class: attention, embedding, experts, head, mlp, other, router,
  /// shared_expert.
  std::map<std::string, int64_t> weightBytesPerToken;
  int64_t arenaBytes = 0;      ///< of one rank
  int64_t weightBytes = 0;     ///< all weights as stored
  int64_t stateBytes = 0;      ///< all pools
  int64_t kvBytesPerToken = 0; ///< of one sequence, all layers
  int64_t slotBytes = 0;       ///< lightning state of one sequence, all layers

  int64_t totalWeightBytesPerToken() const {
    int64_t sum = 0;
    for (const auto &[name, bytes] : weightBytesPerToken)
      sum += bytes;
    return sum;
  }
};

/// The figures of a module after mm1-lower-to-plan.
PlanMetrics planMetrics(ModuleOp module);

/// The same as the module attribute `plan.metrics`.
DictionaryAttr toAttribute(const PlanMetrics &metrics, MLIRContext *context);

/// Units of a pool under these limits, spare ones too: slots or pages.
int64_t stateUnits(mm1::StateOp state, LimitsOp limits);

} // namespace mlir::plan
