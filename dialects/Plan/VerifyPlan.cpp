//===- VerifyPlan.cpp - What all entries of a plan must keep together -----===//
// A session runs prefill, then decode, then head, on the same arena: what one
// leaves in a named buffer another reads. And ranks that meet in a collective
// must all come to it, in the same order, or they wait for each other for ever.
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

/// One rank's ports by name: the largest buffer of each.
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

/// The collectives of one entry that a set of ranks shares.
SmallVector<CollectiveOp> collectivesOf(EntryOp entry,
                                        ArrayRef<int64_t> ranks) {
  SmallVector<CollectiveOp> shared;
  for (CollectiveOp op : entry.getBody().front().getOps<CollectiveOp>())
    if (op.getRanks() == ranks)
      shared.push_back(op);
  return shared;
}

/// The ranks that `entry` meets agree with it in what they do together, and
/// in how those meetings are interleaved when they share streams.
LogicalResult verifyMeetings(EntryOp entry,
                             const std::map<int64_t, EntryOp> &byRank) {
  llvm::SmallVector<ArrayRef<int64_t>> groups;
  for (CollectiveOp op : entry.getBody().front().getOps<CollectiveOp>())
    if (!llvm::is_contained(groups, op.getRanks()))
      groups.push_back(op.getRanks());
  for (ArrayRef<int64_t> group : groups) {
    SmallVector<CollectiveOp> mine = collectivesOf(entry, group);
    for (int64_t rank : group) {
      auto found = byRank.find(rank);
      if (found == byRank.end())
        return mine.front().emitOpError()
               << "meets rank " << rank << ", which has no such entry";
      EntryOp other = found->second;
      SmallVector<CollectiveOp> theirs = collectivesOf(other, group);
      for (size_t i = 0; i < std::max(mine.size(), theirs.size()); ++i) {
        bool same =
            i < mine.size() && i < theirs.size() &&
            mine[i].getKind() == theirs[i].getKind() &&
            mine[i].getArgs().getTypes() == theirs[i].getArgs().getTypes();
        if (same)
          continue;
        Operation *at =
            i < mine.size() ? mine[i].getOperation() : theirs[i].getOperation();
        InFlightDiagnostic diag = at->emitOpError()
                                  << "is number " << i << " that ranks ["
                                  << group << "] run together, but rank "
                                  << (i < mine.size() ? rank : entry.getRank())
                                  << " runs another there or none";
        diag.attachNote(other.getLoc()) << "the other rank's entry is here";
        return diag;
      }
    }
  }
  return success();
}

} // namespace

LogicalResult plan::verifyPlan(ModuleOp module) {
  auto ranks = module->getAttrOfType<IntegerAttr>("mm1.ranks");
  int64_t numRanks = ranks ? ranks.getInt() : 1;
  std::map<int64_t, Ports> ports;
  std::map<Bucket, std::map<int64_t, EntryOp>> buckets;
  for (EntryOp entry : module.getOps<EntryOp>()) {
    if (failed(addPorts(entry, ports[entry.getRank()])))
      return failure();
    Bucket bucket{entry.getKind(), entry.getTokens(), entry.getSequences()};
    auto [known, isNew] = buckets[bucket].emplace(entry.getRank(), entry);
    if (!isNew) {
      InFlightDiagnostic diag = entry.emitOpError()
                                << "is a second entry for this bucket and rank";
      diag.attachNote(known->second.getLoc()) << "the first is here";
      return diag;
    }
  }
  for (EntryOp entry : module.getOps<EntryOp>())
    if (failed(keepsOff(entry, ports[entry.getRank()])))
      return failure();
  for (auto &[bucket, byRank] : buckets) {
    if (static_cast<int64_t>(byRank.size()) != numRanks)
      return byRank.begin()->second.emitOpError()
             << "exists on " << byRank.size() << " of " << numRanks << " ranks";
    for (auto &[rank, entry] : byRank)
      if (failed(verifyMeetings(entry, byRank)))
        return failure();
  }
  return success();
}
