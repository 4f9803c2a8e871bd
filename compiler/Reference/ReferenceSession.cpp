//===- ReferenceSession.cpp - One sequence through a model's entries ------===//
#include "compiler/Reference/ReferenceSession.h"
#include "compiler/Import/ImportIR.h"
#include "passes/Fuse/Bucket.h"

using namespace mlir;
using namespace mlir::mm1;

/// `first`, `first` + 1, ...
static Tensor countFrom(int64_t first, int64_t count) {
  Tensor tensor({count});
  std::iota(tensor.values.begin(), tensor.values.end(), first);
  return tensor;
}

static Tensor filled(std::vector<int64_t> shape, double value) {
  Tensor tensor(std::move(shape));
  std::fill(tensor.values.begin(), tensor.values.end(), value);
  return tensor;
}

ReferenceSession::ReferenceSession(ModuleOp module, WeightSource &weights,
                                   int64_t maxTokens)
    : module(module), weights(weights) {
  int64_t numPages = (maxTokens + kPageTokens - 1) / kPageTokens;
  store = StateStore::zero(module, /*slots=*/1, numPages);
  pages = Tensor({1, numPages}, countFrom(0, numPages).values);
}

/// The function of an entry: of its buckets the smallest that holds `tokens`,
/// else the largest.
static func::FuncOp findEntry(ModuleOp module, StringRef entry,
                              int64_t tokens) {
  func::FuncOp best;
  int64_t bestSize = 0;
  for (auto function : module.getOps<func::FuncOp>()) {
    auto kind = function->getAttrOfType<StringAttr>(kEntryAttr);
    if (!kind || kind.getValue() != entry)
      continue;
    auto bucket = function->getAttrOfType<IntegerAttr>(kTokensAttr);
    int64_t size = bucket ? bucket.getInt() : tokens;
    bool isBetter =
        !best || (bestSize < tokens ? size > bestSize
                                    : size >= tokens && size < bestSize);
    if (isBetter) {
      best = function;
      bestSize = size;
    }
  }
  return best;
}

/// \param rows  tokens of the batch, or rows of the head
FailureOr<NamedTensors>
ReferenceSession::run(StringRef entry, NamedTensors inputs, int64_t rows) {
  func::FuncOp function = findEntry(module, entry, rows);
  if (!function)
    return module.emitError() << "has no entry '" << entry << "'";
  // Nobody samples here: one candidate of each row.
  inputs["candidate_counts"] = filled({rows}, 1);
  inputs["inverse_temperatures"] = filled({rows}, 1);
  SmallVector<Tensor> arguments;
  for (auto [i, type] : llvm::enumerate(function.getArgumentTypes())) {
    auto name = function.getArgAttrOfType<StringAttr>(i, "mm1.name");
    if (!name)
      return function.emitOpError()
             << "expects argument " << i << " to have an 'mm1.name'";
    if (name == "vocabulary_mask")
      inputs[name] =
          filled({cast<RankedTensorType>(type).getDimSize(0)}, -1); // all bits
    auto input = inputs.find(name);
    if (input == inputs.end())
      return function.emitOpError() << "has an argument '" << name.getValue()
                                    << "', which a session knows nothing of";
    arguments.push_back(input->second);
  }
  FailureOr<SmallVector<Tensor>> results =
      evaluate(function, arguments, weights, store, observer);
  if (failed(results))
    return failure();
  NamedTensors outputs;
  for (auto [i, result] : llvm::enumerate(*results)) {
    auto name = function.getResultAttrOfType<StringAttr>(i, "mm1.name");
    if (!name)
      return function.emitOpError()
             << "expects result " << i << " to have an 'mm1.name'";
    outputs[name] = std::move(result);
  }
  return outputs;
}

FailureOr<NamedTensors> ReferenceSession::append(StringRef entry,
                                                 ArrayRef<int32_t> ids) {
  auto count = static_cast<int64_t>(ids.size());
  NamedTensors inputs;
  inputs["tokens"] =
      Tensor({count}, std::vector<double>(ids.begin(), ids.end()));
  inputs["positions"] = countFrom(position, count);
  inputs["starts"] = Tensor({2}, {0, static_cast<double>(count)});
  inputs["slots"] = Tensor({1}, {0});
  inputs["pages"] = pages;
  position += count;
  return run(entry, std::move(inputs), count);
}

FailureOr<Tensor> ReferenceSession::logits(const NamedTensors &outputs) {
  if (auto own = outputs.find("logits"); own != outputs.end())
    return own->second;
  Tensor hidden = outputs.lookup("hidden");
  NamedTensors inputs;
  inputs["rows"] = countFrom(0, hidden.dim(0));
  inputs["hidden"] = std::move(hidden);
  int64_t rows = inputs["rows"].dim(0);
  FailureOr<NamedTensors> head = run("head", std::move(inputs), rows);
  if (failed(head))
    return failure();
  return head->lookup("logits");
}
