//===- MM1Interfaces.td - What fusion and the emitters ask of an op -*- tablegen -*-===//
#ifndef MM1_INTERFACES_TD
#define MM1_INTERFACES_TD

include "mlir/IR/OpBase.td"

def MM1_ScalarBodyOpInterface : OpInterface<"ScalarBodyOpInterface"> {
  let cppNamespace = "::mlir::mm1";
  let description = [{
    An op whose result at one place `[row, (inner,) column]` depends on a few values it can name.
    It says that dependence once, as `arith`/`math` ops; the CPU emitter asks for vectors, the CUDA
    emitter for scalars that it prints as C++.
  }];
  let methods = [
    InterfaceMethod<[{
      Builds the results at the reader's place, reading operands through it. Float values are f32 (or
      vectors of f32), integers i32; one value per result.
    }], "::llvm::SmallVector<::mlir::Value>", "buildScalarBody",
        (ins "::mlir::ImplicitLocOpBuilder &":$builder, "::mlir::mm1::OperandReader &":$reader)>,
    InterfaceMethod<[{
      True when the body reads this operand at its own place only, so that the value may still be in a
      register where it was made: the operand's producer can take this op as its epilogue.
    }], "bool", "readsInPlace", (ins "unsigned":$operand)>,
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
  let description = [{
    An op that decides how its kernel walks over the data. A cluster has at most one.
  }];
  let methods = [
    InterfaceMethod<"What kind of kernel this op needs", "::mlir::mm1::AnchorKind", "getAnchorKind">,
    InterfaceMethod<[{
      True when the kernel can make this operand itself, from ops with scalar bodies, instead of
      reading it from memory.
    }], "bool", "takesPrologue", (ins "unsigned":$operand)>,
    InterfaceMethod<[{
      True when ops with scalar bodies can eat this result while it is still in registers.
    }], "bool", "takesEpilogue", (ins "unsigned":$result)>,
    InterfaceMethod<[{
      True when the kernel can also write out what its prologue makes, for other readers: it visits each place once.
    }], "bool", "storesPrologue", (ins), [{}], [{
      return $_op.getAnchorKind() == ::mlir::mm1::AnchorKind::RowReduction;
    }]>
  ];
}

#endif // MM1_INTERFACES_TD
