//===- ObjectFile.h - Kernel functions become a shared library -----------===//
// The last step of the CPU target: lowers a module of kernels to LLVM,
// optimises, writes an object file and links it to a library that needs
// nothing, not even libm. The same module gives the same bytes.
//===---------------------------------------------------------------------===//
#pragma once

#include "compiler/Codegen/CPU/CPUTarget.h"

#include "mlir/IR/BuiltinOps.h"

#include <string>

namespace mlir::mm1::cpu {

/// Compiles all functions of `kernels` (which is lowered in place) and links
/// them to the shared library `path`, with ld.lld-22, ld.lld or ld from PATH.
/// Emits an error on the module and fails, without leaving a file behind.
LogicalResult compileToSharedObject(ModuleOp kernels, const CPUTarget &target,
                                    StringRef path);

enum class TextKind { LLVM, Assembly };

/// The optimised LLVM IR or the assembly of `kernels` (lowered in place).
FailureOr<std::string> compileToText(ModuleOp kernels, const CPUTarget &target,
                                     TextKind kind);

} // namespace mlir::mm1::cpu
