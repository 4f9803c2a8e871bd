//===- ModuleText.h - Modules as text that people edit --------------------===//
// What mm1c compile --emit=STAGE prints is read again with two places for each
// op: the name of what it is part of, which the text says, and the line it
// stands on, which the reader adds. Errors then read
//
//   fused.mlir:212:10: model.layers.3.self_attn: 'mm1.cluster' op expects ...
//
// Lines belong to one file, so the printer leaves them out again.
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <string>

namespace mlir::mm1 {

/// Reads and verifies the module in the file `path`, or on stdin for "-".
/// Reports what does not parse or verify at its line, and a file that cannot be
/// read.
FailureOr<OwningOpRef<ModuleOp>> readModule(MLIRContext &context,
                                            const std::string &path);

/// The text of a module with the names of its ops' locations.
std::string printModule(ModuleOp module);

/// "model.layers.3.self_attn", or "" where no name is known.
std::string nameOfPlace(Location location);

/// "fused.mlir:212:10: model.layers.3.self_attn: ", as far as it is known.
std::string describePlace(Location location);

} // namespace mlir::mm1
