//===- ReferenceCommand.h - Logits of a checkpoint, in double precision ---===//
// mm1c reference CHECKPOINT --ids ids.json --output logits.safetensors
//
// ids.json is a list of token ids, or an object with one under "ids". The file
// written holds one F64 tensor `logits` [T, V]: row t is what the model says
// behind id t.
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/Import/Checkpoint.h"
#include "compiler/Reference/Tensor.h"
#include "runtime/Support/Expected.h"

#include <span>

namespace mm1 {

/// Reads token ids: a JSON list of integers in 0..vocabSize-1, or {"ids":
/// list}; at least one, at most `maxTokens`. Input error naming what else was
/// found.
Expected<std::vector<int32_t>>
readTokenIds(const std::string &path, int64_t vocabSize, int64_t maxTokens);

/// The logits [T, V] of one sequence, with weights as stored (`quant` "none")
/// or as the quantize phase makes them ("int8-experts"); everything else in
/// double. Ids must be in the vocabulary. Input error when the checkpoint
/// cannot be imported or quantised.
Expected<mlir::mm1::Tensor> runReference(const Checkpoint &checkpoint,
                                         std::span<const int32_t> ids,
                                         const std::string &quant);

struct ReferenceArguments {
  std::string checkpoint; ///< folder
  std::string ids;        ///< JSON file
  std::string output;     ///< must not exist yet
  std::string quant = "none";
};
/// mm1c reference.
Status referenceCommand(const ReferenceArguments &arguments);

} // namespace mm1
