//===- Target.cpp - The targets there are ---------------------------------===//
#include "passes/Fuse/Target.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mlir::mm1;

static constexpr int64_t kA100Multiprocessors[] = {108};
static constexpr int64_t kH100Multiprocessors[] = {132};

static ArrayRef<std::unique_ptr<Target>> allTargets() {
  // Vendor figures: A100 80 GB, and H200 (an H100 has its multiprocessors and
  // less bandwidth).
  static const auto targets = [] {
    std::vector<std::unique_ptr<Target>> made;
    made.push_back(makeCpuTarget());
    made.push_back(
        makeCudaTarget("sm_80", kA100Multiprocessors, 2.0e12, 19.5e12));
    made.push_back(
        makeCudaTarget("sm_90a", kH100Multiprocessors, 4.8e12, 67e12));
    return made;
  }();
  return targets;
}

bool mm1::isEmulated(StringRef name) { return name.starts_with("emulated:"); }

const Target *mm1::findTarget(StringRef name) {
  bool onlyGPUs = name.consume_front("emulated:");
  if (onlyGPUs && name == "cpu")
    return nullptr;
  for (const std::unique_ptr<Target> &target : allTargets())
    if (target->name() == name)
      return target.get();
  return nullptr;
}

std::string mm1::targetNames() {
  return llvm::join(llvm::map_range(allTargets(),
                                    [](const std::unique_ptr<Target> &target) {
                                      return target->name();
                                    }),
                    ", ");
}

LogicalResult mm1::verifyKernelExists(ClusterOp cluster, const Target &target,
                                      const Bucket &bucket) {
  ClusterView view(cluster, bucket);
  auto refuse = [&](const Refusal &refusal,
                    const Twine &what) -> LogicalResult {
    InFlightDiagnostic diag = refusal.op->emitOpError()
                              << what << ": " << refusal.why;
    diag.attachNote(cluster.getLoc()) << "in this cluster";
    return diag;
  };
  if (std::optional<Refusal> refusal = whyIllegal(view))
    return refuse(*refusal, "cannot be in one kernel with the others");
  if (std::optional<Refusal> refusal = target.accepts(view))
    return refuse(*refusal, "has no kernel on target '" + target.name() + "'");
  return success();
}

FailureOr<const Target *> mm1::getTarget(MLIRContext *context, StringRef name) {
  if (const Target *target = findTarget(name))
    return target;
  return emitError(UnknownLoc::get(context))
         << "unknown target '" << name << "'; known are " << targetNames();
}
