//===- MM1Dialect.cpp - Registers the dialect's ops and attributes -------------===//
#include "dialects/MM1/MM1.h"

using namespace mlir;
using namespace mlir::mm1;

#include "dialects/MM1/MM1Dialect.cpp.inc"

void MM1Dialect::initialize() {
  registerAttributes();
  addOperations<
#define GET_OP_LIST
#include "dialects/MM1/MM1Ops.cpp.inc"
      >();
}
