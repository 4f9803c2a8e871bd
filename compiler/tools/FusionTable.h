//===- FusionTable.h - The decisions of fusion, for people and programs ---===//
// While a FusionTable lives, what fusion passes decide is kept (and not shown
// as remarks). Layers are alike: a decision is printed once, with how often it
// was taken in each entry and why.
//
//   norm-linears
//     taken     {rms_norm} into {linear, silu}, first model.layers.1.self_attn
//                 69 in decode_1: 91.04 us become 88.88 us: ...
//     declined  {rms_norm} into {linear}, first model.layers.0.mlp
//                 80 in prefill_512: 289.48 us become 544.48 us: ...
//===----------------------------------------------------------------------===//
#pragma once

#include "passes/Fuse/ExplainFusion.h"

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace mm1 {

class FusionTable {
public:
  explicit FusionTable(mlir::MLIRContext *context);

  /// The table above.
  std::string text() const;
  /// [{"fusion", "what", "taken", "entry", "count", "why", "first"}, ...], in
  /// the order of the passes; "first" is the name of the first place.
  nlohmann::ordered_json json() const;

private:
  struct Row {
    mlir::mm1::FusionDecision decision;
    std::string first;
    int64_t count;
  };
  void add(const mlir::mm1::FusionDecision &decision, mlir::Location place);
  /// Rows of one fusion together, its taken ones first, and those about the
  /// same ops.
  std::vector<const Row *> sorted() const;

  std::vector<Row> rows;
  mlir::ScopedDiagnosticHandler handler;
};

} // namespace mm1
