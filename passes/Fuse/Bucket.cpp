//===- Bucket.cpp - The size of batch that an entry is made for -----------===//
#include "passes/Fuse/Bucket.h"

using namespace mlir;
using namespace mlir::mm1;

FailureOr<Bucket> Bucket::of(func::FuncOp function) {
  auto entry = function->getAttrOfType<StringAttr>(kEntryAttr);
  auto tokens = function->getAttrOfType<IntegerAttr>(kTokensAttr),
       sequences = function->getAttrOfType<IntegerAttr>(kSequencesAttr);
  if (!entry)
    return Bucket{"", 1, 1};
  auto isNumber = [](IntegerAttr attribute) {
    return attribute && attribute.getType().isSignlessInteger(64);
  };
  if (!isNumber(tokens) || !isNumber(sequences) || tokens.getInt() < 1 ||
      sequences.getInt() < 1 || sequences.getInt() > tokens.getInt())
    return function.emitOpError()
           << "is an entry without a bucket: expects '" << kTokensAttr
           << "' and '" << kSequencesAttr
           << "', at least one token of each sequence (mm1-specialize-buckets "
              "sets them)";
  return Bucket{entry.getValue(), tokens.getInt(), sequences.getInt()};
}
