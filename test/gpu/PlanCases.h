//===- PlanCases.h - Every kernel of a plan, with inputs and answers ------===//
// A plan says step by step what a model does. We follow it on the reference
// evaluator, with batches that an artifact might meet: a prefill of two
// sequences, decode steps behind it, the head. What a launch finds in its
// buffers, weights and states is what its kernel will find on a GPU, rounded as
// it will be there; what the kernel's cluster makes of it in double is the
// answer. So every kernel, whatever it does, gets inputs that make sense:
// positions that follow each other, experts that a router chose, keys that an
// earlier step appended.
//
//   makePlanCases(plan, weights, sink);   // sink(kernelCase) for each kernel
//
// A kernel that several layers launch is recorded at its first launch.
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/Reference/WeightSource.h"
#include "test/gpu/DeviceImage.h"

#include "mlir/IR/BuiltinOps.h"

#include <functional>
#include <string>
#include <vector>

namespace mm1::kit {

/// A block of memory for a kernel, in bytes and in double.
struct CaseArgument {
  int64_t sizeBytes = 0;
  std::vector<std::byte> initial; ///< empty: unwritten
  std::vector<double> expected;   ///< empty: only read
  ElementType element = ElementType::F32;
  double absolute = 0, relative = 0;
};

struct KernelCase {
  std::string name, module, kernel;
  std::string place; ///< "decode_2, layers.0.self_attn/linear"
  int64_t blocks = 0, threads = 0, sharedBytes = 0;
  std::vector<CaseArgument> arguments; ///< the sizes of the step last
  std::string tolerance;
  int64_t movedBytes = 0, flops = 0;
};

/// Told each kernel's case; failure ends the work.
using CaseSink = std::function<mlir::LogicalResult(KernelCase)>;

/// Follows every entry of `plan`, a module at stage plan for a GPU. Reports on
/// the op what the reference evaluator cannot follow, and kernels that no entry
/// launches.
/// \param weights  of the plan's mm1.weight ops
mlir::LogicalResult makePlanCases(mlir::ModuleOp plan,
                                  mlir::mm1::WeightSource &weights,
                                  const CaseSink &sink);

} // namespace mm1::kit
