//===- MM1Attributes.cpp - Parsing, printing and registering attributes --------===//
#include "dialects/MM1/MM1.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::mm1;

#include "dialects/MM1/MM1Enums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/MM1/MM1Attributes.cpp.inc"

void MM1Dialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/MM1/MM1Attributes.cpp.inc"
      >();
}
