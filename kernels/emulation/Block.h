//===- Block.h - The threads of a block and who of them runs --------------===//
// The engine's inside: what a thread, a warp and a block are while they run.
// Block::run goes on with one thread after the other, from fiber to fiber,
// until none is ready; whoever called it (Launch::advance) finds out what that
// means.
//===----------------------------------------------------------------------===//
#pragma once

#include "kernels/emulation/Engine.h"
#include "kernels/emulation/ThreadOrder.h"

#include <deque>

namespace mm1::emulation {

class Block;

/// A thread that has started. It lies where currentPlace() finds it.
struct Fiber : ThreadPlace {
  int warp, lane;
  bool hasTriggered, hasWaited;
  void *resume; ///< how switchFiber comes back; null when never started
  Block *block;
  // Where it waits, and for what.
  Site site;
  WarpOp op;
  int argument;
  void *values;
  const unsigned long long *barrier;
};
static_assert(sizeof(Fiber) <= kPlaceStep);

inline Fiber *currentFiber() { return static_cast<Fiber *>(currentPlace()); }

/// A set of the lanes of a warp.
using Lanes = uint32_t;

struct Warp {
  Lanes lanes = 0;     ///< those that exist
  Lanes fresh = 0;     ///< not started
  Lanes ready = 0;     ///< could go on; the fresh ones too
  Lanes returned = 0;  ///< have ended
  Lanes atOp = 0;      ///< at an operation of the warp
  Lanes atBarrier = 0; ///< at sync_block
  Lanes atWait = 0;    ///< at wait_grid
  Lanes atCopies = 0;  ///< at mbarrier_wait
  Lanes spinning = 0;  ///< at spin_pause
  Fiber *fibers[32] = {};
};

/// xorshift64*: the same on every machine.
class Random {
public:
  explicit Random(uint64_t seed = 1) : x(seed * 0x9e3779b97f4a7c15ull | 1) {}
  uint32_t below(uint32_t end) {
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    return uint32_t((x * 0x2545f4914f6cdd1dull) >> 33) % end;
  }

private:
  uint64_t x;
};

/// What the blocks of a launch share.
struct LaunchContext {
  const Kernel *kernel = nullptr;
  LaunchShape shape = {};
  EngineOptions options;
  StackPool *stacks = nullptr;
  const void *const *arguments = nullptr;
  Random random;
  std::string error; ///< the launch has failed when there is one
  uint64_t numEvents = 0, numTriggered = 0, numWaited = 0;
  bool gridIsReleased = false;
};

class Block {
public:
  Block(LaunchContext &launch, int index);
  ~Block();

  /// Runs until no thread is ready.
  void run();
  bool hasEnded() const { return numReturned == launch.shape.threads; }
  bool waitsForGrid() const { return numAtWait != 0; }
  bool spins() const { return numSpinning != 0; }
  /// Makes ready those at spin_pause or wait_grid.
  void wake();
  /// Lets a copy of the block's land that nobody waited for yet; false when
  /// there is none.
  bool landCopy();
  /// Adds "[3 threads at sync_block, a.cu:7]" for each place of threads.
  void describe(std::vector<std::pair<std::string, int>> &places) const;

  // What a thread of the block asks, on its own stack (EngineFunctions).
  void warpOp(WarpOp op, void *values, int argument, Site at);
  void syncBlock(Site at);
  unsigned char *sharedMemory(int bytes, Site at);
  void waitGrid(Site at);
  void triggerGrid();
  void spinPause(Site at);
  void copyAsync(void *to, const void *from, int bytes, Site at);
  void commitCopies();
  void waitCopies(int pending);
  void initBarrier(unsigned long long *barrier, int arrivals, Site at);
  void arriveBarrier(unsigned long long *barrier, int bytes, Site at);
  void waitBarrier(unsigned long long *barrier, int parity, Site at);
  void copyBulk(void *to, const void *from, int bytes,
                unsigned long long *barrier, Site at);
  void acquire(const void *p, int bytes, Scope scope, Site at);
  void release(void *p, int bytes, Scope scope, Site at);
  /// Before the current thread's access, or the one of a bulk copy.
  void access(const void *p, size_t bytes, Access access, bool isAtomic,
              bool isBulkCopy = false);
  /// Ends the launch. \param what  goes on behind "thread 3"
  [[noreturn]] void fail(const std::string &what, Site at);

  LaunchContext &launch;

private:
  struct Copy {
    void *to;
    const void *from;
    int bytes, total;
    unsigned long long *barrier;
    SeenPointer issuer = nullptr; ///< what it knew; bulk copies of checked ones
  };
  /// The cp.async of a thread: those not committed, and groups under way.
  struct Copies {
    std::vector<Copy> open;
    std::deque<std::vector<Copy>> groups;
  };
  struct Barrier {
    unsigned long long *address;
    int arrivals, missing, parity;
    int64_t bytes; ///< announced and not yet here
    /// What those who arrived have done: in this phase, and in the last.
    Seen arriving = {};
    SeenPointer arrived = nullptr;
  };

  static void runThread();
  bool pick(int &warp, int &lane);
  Fiber *bind(Fiber *fiber, int warp, int lane);
  Fiber *start(int warp, int lane);
  void leave(Fiber *self);
  void mayLeave(Fiber *self);
  void markReady(int warp, Lanes lanes);
  void setReturned(Fiber *self);
  void land(const Copy &copy);
  Barrier &findBarrier(unsigned long long *address, Site at);
  void completePhase(Barrier &barrier);
  unsigned char *sharedBegin();
  void poison(void *to, int bytes);
  void expectShared(const void *from, int bytes, int multiple, const char *what,
                    Site at);

  int index, numWarps;
  Warp warps[32];
  uint32_t readyWarps = 0;
  int lastWarp = 0;
  int numReturned = 0, numAtBarrier = 0, numAtWait = 0, numSpinning = 0;
  Site barrierSite = {};
  void *scheduler = nullptr;         ///< who called run
  std::vector<unsigned char> shared; ///< between guards
  int sharedBytes = -1;
  std::vector<Copies> copies; ///< by thread; empty when there are none
  std::vector<Copy> bulkCopies;
  std::vector<Barrier> barriers;
  // Of checked kernels.
  std::unique_ptr<ThreadOrder> order;
  std::vector<Shadow::Cell> sharedCells;
};

} // namespace mm1::emulation
