//===- MM1Attributes.cpp - Parsing, printing and registering attributes --------===//
#include "dialects/MM1/MM1.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::mm1;

#include "dialects/MM1/MM1Enums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/MM1/MM1Attributes.cpp.inc"

using Emit = llvm::function_ref<InFlightDiagnostic()>;

static LogicalResult verifyTileRows(Emit emitError, int64_t rows) { // C1
  if (rows >= 8 && rows <= 256 && rows % 8 == 0)
    return success();
  return emitError() << "a swizzled tile expects a multiple of 8 rows from 8 "
                        "to 256, found rows = "
                     << rows;
}

LogicalResult SwizzleAttr::verify(Emit emitError, int64_t rows, LineOrder) {
  return verifyTileRows(emitError, rows);
}

LogicalResult SwizzledAttr::verify(Emit emitError, int64_t rows, LineOrder) {
  return verifyTileRows(emitError, rows);
}

LogicalResult SwizzledAttr::verifyEncoding(ArrayRef<int64_t> shape,
                                           Type element, Emit emitError) const {
  if (shape.size() < 2 ||
      !(element.isF32() || element.isBF16() || element.isInteger(8))) // C2
    return emitError() << "#mm1.swizzled expects matrices [..., N, K] of f32, "
                          "bf16 or i8, found "
                       << RankedTensorType::get(shape, element);
  if (getOrder() == LineOrder::Fragment && !element.isInteger(8)) // C3
    return emitError() << "#mm1.swizzled expects order = natural for "
                       << element << "; fragment order is of i8";
  return success();
}

void MM1Dialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/MM1/MM1Attributes.cpp.inc"
      >();
}
