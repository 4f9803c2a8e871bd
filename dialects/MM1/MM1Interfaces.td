//===- MM1Interfaces.td - What fusion, plan and emitters ask of an op -*- tablegen -*-===//
// Interfaces say what is legal: how far an op reaches into what it reads, what it updates in place, how a row is
// reduced. What one emitter can do with it is the target's to say (passes/Fuse/Target.h).
//===------------------------------------------------------------------------===//
#ifndef MM1_INTERFACES_TD
#define MM1_INTERFACES_TD

include "mlir/IR/OpBase.td"

def MM1_RowOpInterface : OpInterface<"RowOpInterface"> {
  let cppNamespace = "::mlir::mm1";
  let description = [{
    An op that computes on the rows of a batch: whatever may stand in a cluster. It says for each operand what one place
    `[row, (choice,) column]` of its results depends on. From this follows which ops one kernel may hold: a value that is
    reached at its place may stay in a register, one that is reached by rows can be made again by every task that needs
    the row, and one that is reached across the batch needs a launch in between.
  }];
  let methods = [
    InterfaceMethod<"How far the op reaches into this operand", "::mlir::mm1::Reach", "getReach", (ins "unsigned":$operand)>,
    InterfaceMethod<[{
      Most entries of the operand's first dimension that a batch of `tokens` tokens makes the op read: of an embedding
      table one row a token, of experts the chosen ones. Sets the bound on speed.
    }], "int64_t", "getMostRead", (ins "unsigned":$operand, "int64_t":$tokens), [{}], [{
      auto type = ::llvm::cast<::mlir::RankedTensorType>($_op->getOperand(operand).getType());
      return type.getRank() == 0 ? 1 : type.isDynamicDim(0) ? tokens : type.getDimSize(0);
    }]>
  ];
}

def MM1_ScalarBodyOpInterface : OpInterface<"ScalarBodyOpInterface"> {
  let cppNamespace = "::mlir::mm1";
  let description = [{
    An op whose result at one place depends on a few values it can name. It says that dependence once, as `arith`/`math`
    ops; the CPU emitter asks for vectors, the CUDA emitter for scalars that it prints as C++.
  }];
  let methods = [
    InterfaceMethod<[{
      Builds the results at the reader's place, reading operands through it. Float values are f32 (or
      vectors of f32), integers i32; one value per result.
    }], "::llvm::SmallVector<::mlir::Value>", "buildScalarBody",
        (ins "::mlir::ImplicitLocOpBuilder &":$builder, "::mlir::mm1::OperandReader &":$reader)>,
    InterfaceMethod<[{
      True when the body hands numbers on as they are: rounding its results to the operand's type changes nothing.
    }], "bool", "copiesNumbers", (ins), [{}], [{ return false; }]>,
    InterfaceMethod<[{
      A vector body is right only when its lanes start at a multiple of this many columns and stay inside them;
      0 when any lanes will do.
    }], "int64_t", "getLaneGranularity", (ins), [{}], [{ return 0; }]>
  ];
}

def MM1_AnchorOpInterface : OpInterface<"AnchorOpInterface"> {
  let cppNamespace = "::mlir::mm1";
  let description = "An op that decides how its kernel walks over the data.";
  let methods = [
    InterfaceMethod<"What kind of kernel this op needs", "::mlir::mm1::AnchorKind", "getAnchorKind">,
    InterfaceMethod<[{
      Parts of a row (heads) that do not need each other: tasks may make them apart.
    }], "int64_t", "getRowParts", (ins), [{}], [{ return 1; }]>,
    InterfaceMethod<[{
      Stretches of what each part of a row reads (spans of a context) that do
      not need each other: tasks may read them apart.
    }], "int64_t", "getReadParts", (ins), [{}], [{ return 1; }]>
  ];
}

def MM1_MatmulOpInterface : OpInterface<"MatmulOpInterface"> {
  let cppNamespace = "::mlir::mm1";
  let description = [{
    Rows times matrices `[N, K]`, or `[E, N, K]` for experts: one product for each matrix, from one read of the rows.
  }];
  let methods = [
    InterfaceMethod<"The activations", "::mlir::Value", "getRows">,
    InterfaceMethod<"The weights, one for each result", "::mlir::OperandRange", "getMatrices">,
    InterfaceMethod<"Their scales, none for float weights", "::mlir::OperandRange", "getMatrixScales">,
    InterfaceMethod<"Matrices of one weight: experts, or 1", "int64_t", "getNumExperts", (ins), [{}], [{ return 1; }]>,
    InterfaceMethod<"Matrices of one weight that a token meets", "int64_t", "getNumChoices", (ins), [{}], [{ return 1; }]>,
    InterfaceMethod<[{
      Makes the op that multiplies the same rows with this op's matrices and then with those of `others`, at the builder's
      place.
    }], "::mlir::Operation *", "mergeWith", (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$location,
                                              "::llvm::ArrayRef<::mlir::mm1::MatmulOpInterface>":$others)>
  ];
  let extraSharedClassDeclaration = [{
    /// The type of matrix `i`.
    ::mlir::RankedTensorType getMatrixType(unsigned i = 0) {
      return ::llvm::cast<::mlir::RankedTensorType>($_op.getMatrices()[i].getType());
    }
    /// Whether the operand of this number is a matrix.
    bool isMatrix(unsigned operand) {
      ::mlir::OperandRange matrices = $_op.getMatrices();
      return !matrices.empty() && operand >= matrices.getBeginOperandIndex() &&
             operand < matrices.getBeginOperandIndex() + matrices.size();
    }
  }];
}

def MM1_RowReductionOpInterface : OpInterface<"RowReductionOpInterface"> {
  let cppNamespace = "::mlir::mm1";
  let description = [{
    An op that needs numbers of a whole row before it can make any place of it: a norm. In three steps, each built on f32
    scalars or vectors:

        sums  = accumulate(x, sums)     for every column of the reduced operand, in a fixed order, from zeros
        sums  = combine(sums, sums')    of lanes, of threads, of ranks, in a fixed order
        stats = finish(sums)            once for each row (or part of it)

    and then `apply` makes the results at a place from the operands and the stats. An op whose result *is* the sum
    (sum_squares) has no `apply`.
  }];
  let methods = [
    InterfaceMethod<"The operand that is reduced, `[T, N]`", "unsigned", "getReducedOperand", (ins), [{}], [{ return 0; }]>,
    InterfaceMethod<"Numbers that are summed for each row", "unsigned", "getNumSums", (ins), [{}], [{ return 1; }]>,
    InterfaceMethod<"Stretches of columns with sums of their own", "int64_t", "getReducedParts", (ins), [{}], [{ return 1; }]>,
    InterfaceMethod<"The sums with `x` in them", "::llvm::SmallVector<::mlir::Value>", "buildAccumulate",
        (ins "::mlir::ImplicitLocOpBuilder &":$builder, "::mlir::Value":$x, "::mlir::ValueRange":$sums)>,
    InterfaceMethod<"The sums of two stretches as those of both", "::llvm::SmallVector<::mlir::Value>", "buildCombine",
        (ins "::mlir::ImplicitLocOpBuilder &":$builder, "::mlir::ValueRange":$sums, "::mlir::ValueRange":$others)>,
    InterfaceMethod<"What `apply` wants to know of a row, scalars", "::llvm::SmallVector<::mlir::Value>", "buildFinish",
        (ins "::mlir::ImplicitLocOpBuilder &":$builder, "::mlir::ValueRange":$sums)>,
    InterfaceMethod<"Whether the finished sums are the result themselves", "bool", "yieldsSums", (ins), [{}], [{ return false; }]>,
    InterfaceMethod<"The results at the reader's place", "::llvm::SmallVector<::mlir::Value>", "buildApply",
        (ins "::mlir::ImplicitLocOpBuilder &":$builder, "::mlir::mm1::OperandReader &":$reader, "::mlir::ValueRange":$stats)>
  ];
}

def MM1_StateUpdateOpInterface : OpInterface<"StateUpdateOpInterface"> {
  let cppNamespace = "::mlir::mm1";
  let description = [{
    An op that makes the next value of a pool of state from its present one. Pools are updated in place: the two values are
    one piece of memory, written by the op whether or not anybody reads the next value.
  }];
  let methods = [
    InterfaceMethod<"The pools: operand and result of each", "::llvm::SmallVector<::mlir::mm1::StateUpdate>", "getStateUpdates">
  ];
}

def MM1_RowLinearOpInterface : OpInterface<"RowLinearOpInterface"> {
  let cppNamespace = "::mlir::mm1";
  let description = [{
    An op with operands that a factor per row passes through: `f(c x) = c f(x)` for a number c of each row, with all other
    operands held. `norm_rows` may move from such an operand behind the op.
  }];
  let methods = [
    InterfaceMethod<"Whether a factor per row passes through this operand", "bool", "isRowLinearIn", (ins "unsigned":$operand)>
  ];
}

#endif // MM1_INTERFACES_TD
