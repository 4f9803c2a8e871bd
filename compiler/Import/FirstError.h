//===- FirstError.h - MLIR's diagnostics as one Error ---------------------===//
// Commands end with one line; MLIR reports through handlers. While a FirstError
// lives, the first error of its context is kept, and the rest is silent.
//
//   FirstError error(&context);
//   auto module = importModel(context, checkpoint, options);
//   if (failed(module))
//     return error.take("import");
//   // "model.layers.3.mlp: 'mm1.linear' op expects ..."
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/Import/ModuleText.h"
#include "runtime/Support/Expected.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Location.h"
#include "mlir/IR/MLIRContext.h"

namespace mm1 {

class FirstError {
public:
  explicit FirstError(mlir::MLIRContext *context)
      : handler(context, [this](mlir::Diagnostic &diagnostic) {
          if (diagnostic.getSeverity() != mlir::DiagnosticSeverity::Error)
            return mlir::failure();
          if (text.empty())
            text = mlir::mm1::describePlace(diagnostic.getLocation()) +
                   diagnostic.str();
          return mlir::success();
        }) {}

  /// The error, as the input's fault, with the place of its op in front; or our
  /// own bug when `phase` failed without saying why.
  Error take(const std::string &phase) const {
    if (text.empty())
      return internalError("phase '" + phase + "' failed without a reason");
    return inputError(text);
  }

private:
  std::string text;
  mlir::ScopedDiagnosticHandler handler;
};

} // namespace mm1
