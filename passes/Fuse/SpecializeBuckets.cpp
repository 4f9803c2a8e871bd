//===- SpecializeBuckets.cpp - One function for each size of batch --------===//
// decode, with at most 8 sequences, becomes decode_1, decode_2, decode_4 and
// decode_8: whether pairs of tokens and experts are grouped, a norm is made
// again by every task, and how a context is cut, depend on the size. What must
// not depend on it (rounding points, chunks, order of sums) is in the module
// before this pass. Kernels that come out equal are shared again by the plan.
//===----------------------------------------------------------------------===//
#include "passes/Fuse/Bucket.h"
#include "passes/Passes.h"

#include "llvm/ADT/StringExtras.h"

namespace mlir::mm1 {
#define GEN_PASS_DEF_SPECIALIZEBUCKETS
#include "passes/Passes.h.inc"

namespace {

/// Rows of the largest head bucket: prefill may ask for many logits at once.
constexpr int64_t kManyRows = 64;
/// Sizes are 32-bit numbers in plan.bin, and products of them must stay far
/// from overflow.
constexpr int64_t kMost = int64_t(1) << 24;

/// first, first * factor, ..., most.
SmallVector<int64_t> powers(int64_t first, int64_t factor, int64_t most) {
  SmallVector<int64_t> sizes;
  for (int64_t size = first; size < most; size *= factor)
    sizes.push_back(size);
  sizes.push_back(most);
  return sizes;
}

struct SpecializeBucketsPass
    : impl::SpecializeBucketsBase<SpecializeBucketsPass> {
  using SpecializeBucketsBase::SpecializeBucketsBase;

  void runOnOperation() override {
    if (failed(checkOptions()))
      return signalPassFailure();
    SmallVector<func::FuncOp> functions(getOperation().getOps<func::FuncOp>());
    for (func::FuncOp function : functions)
      if (failed(specialize(function)))
        return signalPassFailure();
  }

  LogicalResult checkOptions() {
    for (auto [name, value] :
         {std::pair<StringRef, int64_t>{"max-sequences", maxSequences},
          {"prefill-tokens", prefillTokens}})
      if (value < 1 || value > kMost)
        return getOperation().emitError()
               << "expects " << name << " between 1 and " << kMost << ", found "
               << value;
    return success();
  }

  LogicalResult specialize(func::FuncOp function) {
    auto entry = function->getAttrOfType<StringAttr>(kEntryAttr);
    if (!entry || function->hasAttr(kTokensAttr))
      return success(); // no entry, or a bucket already
    FailureOr<SmallVector<Bucket>> buckets = bucketsOf(function, entry);
    if (failed(buckets))
      return failure();
    OpBuilder builder(function);
    for (const Bucket &bucket : *buckets) {
      auto clone = cast<func::FuncOp>(builder.clone(*function));
      clone.setSymName(
          (function.getSymName() + "_" + Twine(bucket.tokens)).str());
      clone->setAttr(kTokensAttr, builder.getI64IntegerAttr(bucket.tokens));
      clone->setAttr(kSequencesAttr,
                     builder.getI64IntegerAttr(bucket.sequences));
    }
    function.erase();
    return success();
  }

  FailureOr<SmallVector<Bucket>> bucketsOf(func::FuncOp function,
                                           StringRef entry) {
    SmallVector<Bucket> buckets;
    auto add = [&](int64_t tokens, int64_t sequences) {
      buckets.push_back({entry, tokens, sequences});
    };
    if (entry == "decode") {
      FailureOr<SmallVector<int64_t>> sizes =
          sizesOf("decode-buckets", decodeBuckets, 1, 2, maxSequences);
      if (failed(sizes))
        return failure();
      for (int64_t size : *sizes)
        add(size, size);
    } else if (entry == "prefill") {
      FailureOr<SmallVector<int64_t>> sizes =
          sizesOf("prefill-buckets", prefillBuckets, 16, 4, prefillTokens);
      if (failed(sizes))
        return failure();
      for (int64_t size : *sizes)
        add(size, std::min<int64_t>(size, maxSequences));
    } else if (entry == "head") {
      // The last token of each sequence of a prefill step, or many rows of one.
      for (int64_t size : powers(1, 2, maxSequences))
        add(size, size);
      if (int64_t many = std::min(kManyRows, int64_t(prefillTokens));
          many > maxSequences)
        add(many, maxSequences);
    } else {
      return function.emitOpError()
             << "expects '" << kEntryAttr
             << "' to be decode, prefill or head, found '" << entry << "'";
    }
    return buckets;
  }

  /// The sizes that were asked for, rising and up to `most`; by default powers.
  FailureOr<SmallVector<int64_t>> sizesOf(StringRef option, StringRef asked,
                                          int64_t first, int64_t factor,
                                          int64_t most) {
    if (asked.empty())
      return powers(first, factor, most);
    SmallVector<int64_t> sizes;
    for (StringRef part : llvm::split(asked, ',')) {
      int64_t size;
      if (part.trim().getAsInteger(10, size) || size < 1 || size > most ||
          (!sizes.empty() && size <= sizes.back()))
        return getOperation().emitError()
               << option << ": expects rising numbers from 1 to " << most
               << ", found '" << asked << "'";
      sizes.push_back(size);
    }
    if (sizes.back() != most)
      sizes.push_back(most); // some bucket must hold the largest batch
    return sizes;
  }
};

} // namespace
} // namespace mlir::mm1
