//===- PackRecipe.h - Recipes as work for the packer ----------------------===//
// Turns the weights of a module into tensors of the file and groups of work. A
// group reads each of its rows once and makes one or more tensors of it:
//
//   @w1        sources a, b  stack  quantize         tile    -> integers, tiled
//   @w1.scale  sources a, b  stack  quantize_scales  pad     -> scales, padded
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/Artifact/RowView.h"
#include "compiler/Import/Checkpoint.h"
#include "runtime/Artifact/SafeTensors.h"

#include "mlir/IR/BuiltinOps.h"

#include <vector>

namespace mm1 {

/// How one tensor is made of the rows of its group.
struct PackOutput {
  enum class Kind { Values, Integers, Scales };
  /// Rows one by one, in panels (TileRows.h), or in swizzled tiles with lines in
  /// natural or in fragment order (SwizzleRows.h).
  enum class Layout { Rows, Panels, Lines, Fragments };

  size_t tensor; ///< in PackWork::tensors
  Kind kind = Kind::Values;
  ElementType element; ///< of a row before it is laid out
  Layout layout = Layout::Rows;
  int64_t tileRows = 1;      ///< that are laid out together
  int64_t tileColumns = 1;   ///< of a tile: the depth of a panel, a line
  int64_t storedColumns = 0; ///< of a row, padding counted
};

/// Tensors made of the same rows.
struct PackGroup {
  RowViewPtr rows;
  std::vector<float> made; ///< the memory behind `rows` when a step makes it
  std::vector<PackOutput> outputs;

  /// Matrices [N, K] of rows, and their N. A vector is one row.
  int64_t matrixRows() const {
    auto shape = rows->shape();
    return shape.size() < 2 ? 1 : shape[shape.size() - 2];
  }
};

struct PackWork {
  std::vector<TensorDecl> tensors; ///< in the order of the module
  uint64_t alignment;              ///< packedAlignment()
  std::vector<PackGroup> groups;   ///< in the order of their first tensor
  /// The mapped files of the checkpoint, from their first tensor to their last.
  std::vector<Stretch> mappings;
};

/// The tensors alone: no checkpoint is needed.
std::vector<TensorDecl> packedTensors(mlir::ModuleOp module);

/// Bytes that every tensor's place in the file is a multiple of: the most that
/// the layout of a weight asks for (weightAlignment in Layout.h).
uint64_t packedAlignment(mlir::ModuleOp module);

/// Input error: a source is missing, has no bytes, or has another shape or type
/// than the recipe says; internal error: a recipe that we cannot evaluate.
Expected<PackWork> planPacking(mlir::ModuleOp module,
                               const Checkpoint &checkpoint);

} // namespace mm1
