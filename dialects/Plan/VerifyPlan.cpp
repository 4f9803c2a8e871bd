//===- VerifyPlan.cpp - What all entries of a plan must keep together -----===//
// A session runs prefill, then decode, then head, on the same arena: what one
// leaves in a named buffer another reads. And a step goes through all pipeline
// stages, so each must have the bucket.
//===----------------------------------------------------------------------===//
#include "dialects/Plan/Layout.h"
#include "dialects/Plan/Plan.h"

#include "llvm/ADT/MapVector.h"

#include <map>

using namespace mlir;
using namespace mlir::plan;

LimitsOp plan::getLimits(ModuleOp module) {
  auto found = module.getOps<LimitsOp>();
  return found.empty() ? LimitsOp() : *found.begin();
}

namespace {

/// One stage's ports by name: the largest buffer of each.
using Ports = llvm::MapVector<StringRef, BufferOp>;

/// A name has one offset and one row in all entries.
LogicalResult addPorts(EntryOp entry, Ports &ports) {
  for (BufferOp buffer : entry.getBody().front().getOps<BufferOp>()) {
    if (!buffer.getName())
      continue;
    auto [known, isNew] = ports.insert({*buffer.getName(), buffer});
    if (isNew)
      continue;
    BufferOp other = known->second;
    if (other.getOffset() != buffer.getOffset() ||
        other.getTensorType() != buffer.getTensorType()) {
      InFlightDiagnostic diag =
          buffer.emitOpError()
          << "places '" << *buffer.getName() << "' at " << buffer.getOffset()
          << " as " << buffer.getTensorType()
          << ", but another entry has it at " << other.getOffset() << " as "
          << other.getTensorType();
      diag.attachNote(other.getLoc()) << "the other entry's buffer is here";
      return diag;
    }
    if (buffer.getBytes() > other.getBytes())
      known->second = buffer;
  }
  return success();
}

/// No buffer lies where another entry keeps something with a name.
LogicalResult keepsOff(EntryOp entry, const Ports &ports) {
  for (BufferOp buffer : entry.getBody().front().getOps<BufferOp>())
    for (const auto &[name, port] : ports) {
      BufferOp other = port;
      if ((buffer.getName() && *buffer.getName() == name) ||
          buffer.getEnd() <= static_cast<int64_t>(other.getOffset()) ||
          other.getEnd() <= static_cast<int64_t>(buffer.getOffset()))
        continue;
      InFlightDiagnostic diag = buffer.emitOpError()
                                << "lies on '" << name << "' of another entry";
      diag.attachNote(other.getLoc()) << "'" << name << "' is here";
      return diag;
    }
  return success();
}

using Bucket = std::tuple<EntryKind, int64_t, int64_t>; // kind, tokens, seqs

} // namespace

LogicalResult plan::verifyPlan(ModuleOp module) {
  LimitsOp limits = getLimits(module);
  int64_t stages = limits ? limits.getGridSize(GridAxis::PP) : 1;
  std::map<int64_t, Ports> ports;
  std::map<Bucket, std::map<int64_t, EntryOp>> buckets;
  for (EntryOp entry : module.getOps<EntryOp>()) {
    if (failed(addPorts(entry, ports[entry.getStage()])))
      return failure();
    Bucket bucket{entry.getKind(), entry.getTokens(), entry.getSequences()};
    auto [known, isNew] = buckets[bucket].emplace(entry.getStage(), entry);
    if (!isNew) {
      InFlightDiagnostic diag =
          entry.emitOpError() << "is a second entry for this bucket and stage";
      diag.attachNote(known->second.getLoc()) << "the first is here";
      return diag;
    }
  }
  for (EntryOp entry : module.getOps<EntryOp>())
    if (failed(keepsOff(entry, ports[entry.getStage()])))
      return failure();
  for (auto &[bucket, byStage] : buckets) {
    // The head is the last stage's alone.
    bool isHead = std::get<0>(bucket) == EntryKind::Head;
    int64_t wanted = isHead ? 1 : stages;
    EntryOp entry = byStage.begin()->second;
    if (static_cast<int64_t>(byStage.size()) != wanted ||
        (isHead && static_cast<int64_t>(entry.getStage()) != stages - 1))
      return entry.emitOpError() << "exists in " << byStage.size() << " of "
                                 << stages << " pipeline stages; expects "
                                 << (isHead ? "the last alone" : "all of them");
  }
  return success();
}
