//===- ThreadOrder.h - What orders the threads of a kernel ----------------===//
// A block counts the events that order anything: its stamp. An access bears the
// stamp of its moment; an event shows to others all that bears a smaller one.
//
//   stamp 1   thread 3 writes x
//   barrier   everything up to stamp 1 is behind all threads; the stamp is 2
//   stamp 2   thread 5 reads x: 1 is not above the barrier's stamp, so ordered
//
// A barrier orders all, so the block keeps one number for it. What a thread
// knows beyond that (from sync_warp, an mbarrier, an acquire) is a Seen: agent
// by agent of its own block, and the same of others. Agents are the threads,
// and one more for the bulk copies of the block.
//===----------------------------------------------------------------------===//
#pragma once

#include "kernels/emulation/Shadow.h"

#include <algorithm>

namespace mm1::emulation {

/// By agent: the stamp up to which its accesses are behind. Agents that are not
/// in it have `all`.
struct AgentStamps {
  uint32_t all = 0;
  std::vector<uint32_t> agents;

  bool includes(uint32_t agent, uint32_t stamp) const {
    return stamp <= all || (agent < agents.size() && stamp <= agents[agent]);
  }
  void join(const AgentStamps &other) {
    all = std::max(all, other.all);
    if (agents.size() < other.agents.size())
      agents.resize(other.agents.size());
    for (size_t i = 0; i < other.agents.size(); ++i)
      agents[i] = std::max(agents[i], other.agents[i]);
  }
  void add(uint32_t agent, uint32_t stamp) {
    if (agents.size() <= agent)
      agents.resize(agent + 1);
    agents[agent] = std::max(agents[agent], stamp);
  }
};

/// What somebody knows to have happened: by instance of a block, and whole
/// pieces of work, where it is passed on from one kernel to another.
struct Seen {
  std::map<uint32_t, AgentStamps> blocks;
  LaneClock pieces;

  void join(const Seen &other) {
    for (const auto &[instance, stamps] : other.blocks)
      blocks[instance].join(stamps);
    join(other.pieces);
  }
  void join(const LaneClock &other) {
    if (pieces.size() < other.size())
      pieces.resize(other.size());
    for (size_t i = 0; i < other.size(); ++i)
      pieces[i] = std::max(pieces[i], other[i]);
  }
};
using SeenPointer = std::shared_ptr<const Seen>;

/// Of a block.
class ThreadOrder {
public:
  ThreadOrder(Shadow &shadow, PieceId piece, int block, int numThreads)
      : shadow(shadow), piece(piece),
        instance(shadow.beginInstance(piece, block)), block(block),
        numThreads(numThreads), seen(numThreads + 1),
        hasWaited(numThreads + 1) {}

  /// The agent of bulk copies.
  uint32_t copyAgent() const { return numThreads; }

  Mark mark(uint32_t agent, bool isAtomic) const {
    return {isAtomic, 3, instance, agent, stamp};
  }
  /// Whether an access of this kernel is behind `agent`.
  bool isBehind(const Mark &mark, uint32_t agent) const {
    if (mark.instance == instance &&
        (mark.agent == agent ||
         (agent != copyAgent() && mark.stamp <= barrierStamp)))
      return true;
    if (!seen[agent])
      return false;
    auto it = seen[agent]->blocks.find(mark.instance);
    return it != seen[agent]->blocks.end() &&
           it->second.includes(mark.agent, mark.stamp);
  }

  /// The pieces that whoever `agent` acquired from had behind it.
  const LaneClock *acquiredPieces(uint32_t agent) const {
    return seen[agent] ? &seen[agent]->pieces : nullptr;
  }

  /// All threads meet.
  void meet() {
    SeenPointer joined = joinSeen(0, numThreads);
    // What they knew of their own block is behind the barrier anyway.
    if (joined && joined->blocks.count(instance)) {
      Seen others = *joined;
      others.blocks.erase(instance);
      joined = others.blocks.empty() && others.pieces.empty()
                   ? nullptr
                   : std::make_shared<const Seen>(others);
    }
    std::fill(seen.begin(), seen.begin() + numThreads, joined);
    barrierStamp = stamp++;
  }
  /// The 32 threads from `first` on meet.
  void meetWarp(uint32_t first) {
    Seen joined;
    if (SeenPointer all = joinSeen(first, first + 32))
      joined = *all;
    AgentStamps &own = joined.blocks[instance];
    for (uint32_t agent = first; agent < first + 32; ++agent)
      own.add(agent, stamp);
    auto pointer = std::make_shared<const Seen>(std::move(joined));
    std::fill(seen.begin() + first, seen.begin() + first + 32, pointer);
    ++stamp;
  }
  /// All that `agent` has done and knows; what it does from now on is not in
  /// it.
  SeenPointer release(uint32_t agent) {
    auto all = std::make_shared<Seen>();
    if (seen[agent])
      *all = *seen[agent];
    AgentStamps &own = all->blocks[instance];
    if (agent != copyAgent())
      own.all = std::max(own.all, barrierStamp);
    own.add(agent, stamp++);
    return all;
  }
  /// `agent` knows all that `other` holds.
  void acquire(uint32_t agent, const SeenPointer &other) {
    if (!other || seen[agent] == other)
      return;
    if (!seen[agent]) {
      seen[agent] = other;
      return;
    }
    auto all = std::make_shared<Seen>(*seen[agent]);
    all->join(*other);
    seen[agent] = std::move(all);
  }

  /// A bulk copy is behind what its issuer knew: that and no barrier since.
  void copyKnows(const SeenPointer &issuer) { seen[copyAgent()] = issuer; }

  Shadow &shadow;
  const PieceId piece;
  const uint32_t instance;
  const int block;
  Site lastWord = {}; ///< of the thread at hand, for reports
  std::string describeLastWord() const {
    return lastWord.file ? "; its last word is at " + printSite(lastWord) : "";
  }

private:
  SeenPointer joinSeen(uint32_t begin, uint32_t end) const {
    SeenPointer joined;
    for (uint32_t agent = begin; agent < end; ++agent) {
      if (!seen[agent] || seen[agent] == joined)
        continue;
      if (!joined) {
        joined = seen[agent];
        continue;
      }
      auto both = std::make_shared<Seen>(*joined);
      both->join(*seen[agent]);
      joined = std::move(both);
    }
    return joined;
  }

  const uint32_t numThreads;
  uint32_t stamp = 1, barrierStamp = 0;
  std::vector<SeenPointer> seen; // by agent

public:
  std::vector<bool> hasWaited; ///< by agent: is behind its wait_grid
};

} // namespace mm1::emulation
