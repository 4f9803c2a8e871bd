//===- MM1.h - The mm1 dialect: blocks of hybrid MoE / lightning-attention models -===//
// Start reading at MM1Ops.td. MM1Attributes.td has the recipes, MM1Interfaces.td what fusion and the emitters ask.
//===-------------------------------------------------------------------------------===//
#pragma once

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/IR/TensorEncoding.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace mlir::mm1 {

/// Gives the values that an op's scalar body reads, at one place `[row, (inner,) column]`: scalars, or vectors of
/// `lanes()` consecutive columns. Floats arrive as f32 whatever they are stored in, integers as i32.
class OperandReader {
public:
  virtual ~OperandReader() = default;

  /// 1 for scalars, else the length of the vectors.
  virtual int64_t lanes() const = 0;
  /// The place's (first) column, an `index`.
  virtual Value column() = 0;

  /// operand[row, (inner,) column]
  virtual Value here(unsigned operand) = 0;
  /// operand[row, (inner,) other column]
  virtual Value at(unsigned operand, Value column) = 0;
  /// operand[row, j, column]: the operand has one dimension more than the result.
  virtual Value inner(unsigned operand, int64_t j) = 0;
  /// operand[other row, column], `row` an i32
  virtual Value gather(unsigned operand, Value row) = 0;
  /// operand[column]: rank 1, one value per column
  virtual Value perColumn(unsigned operand) = 0;
  /// operand[row] or operand[row, 0]: always a scalar, the same for all columns
  virtual Value perRow(unsigned operand) = 0;
  /// operand[row, j]: always a scalar
  virtual Value perRowInner(unsigned operand, int64_t j) = 0;
};

/// A pool of state that an op updates in place: the operand with its present
/// value, and the result that is its next one.
struct StateUpdate {
  unsigned operand, result;
};

} // namespace mlir::mm1

#include "dialects/MM1/MM1Dialect.h.inc"
#include "dialects/MM1/MM1Enums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/MM1/MM1Attributes.h.inc"
#include "dialects/MM1/MM1Interfaces.h.inc"
#define GET_OP_CLASSES
#include "dialects/MM1/MM1Ops.h.inc"
