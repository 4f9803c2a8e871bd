//===- Block.cpp - The threads of a block and who of them runs ------------===//
#include "kernels/emulation/Block.h"
#include "kernels/emulation/WarpOps.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>

using namespace mm1::emulation;

static constexpr Lanes kAllLanes = ~Lanes(0);
static constexpr int kMostSharedBytes = 48 << 10;
/// Nobody's bytes in front of shared memory and behind it.
static constexpr int kGuardBytes = 1024;

static bool isSame(Site a, Site b) {
  return a.line == b.line &&
         (a.file == b.file || std::strcmp(a.file, b.file) == 0);
}

/// "sync_block, a.cu:12"
static std::string print(const char *word, Site at) {
  return std::string(word) + ", " + printSite(at);
}

static std::string countThreads(int count) {
  return std::to_string(count) + (count == 1 ? " thread" : " threads");
}

Block::Block(LaunchContext &launch, int index)
    : launch(launch), index(index), numWarps((launch.shape.threads + 31) / 32) {
  for (int w = 0; w < numWarps; ++w) {
    int count = std::min(32, launch.shape.threads - 32 * w);
    warps[w].lanes = kAllLanes >> (32 - count);
    warps[w].fresh = warps[w].lanes;
    markReady(w, warps[w].lanes);
  }
  if (launch.options.order == Order::Reverse)
    lastWarp = numWarps - 1;
  if (launch.options.shadow && launch.kernel->isChecked)
    order = std::make_unique<ThreadOrder>(*launch.options.shadow,
                                          launch.shape.piece, index,
                                          launch.shape.threads);
}

Block::~Block() {
  // Those that never returned are left where they stand.
  if (hasEnded())
    return;
  for (Warp &warp : warps)
    for (Fiber *fiber : warp.fibers)
      if (fiber) {
        fiber->resume = nullptr;
        launch.stacks->give(fiber);
      }
}

//===--------------------------------- Who runs -----------------------------===//

void Block::markReady(int warp, Lanes lanes) {
  warps[warp].ready |= lanes;
  if (lanes)
    readyWarps |= 1u << warp;
}

static int nthLane(Lanes lanes, int n) {
  while (n--)
    lanes &= lanes - 1;
  return std::countr_zero(lanes);
}

/// Takes the next thread from the ready ones. A warp goes on as long as it can,
/// so that its lanes meet soon.
bool Block::pick(int &warp, int &lane) {
  if (!readyWarps)
    return false;
  Order order = launch.options.order;
  if (order == Order::Seeded) {
    if (!(readyWarps >> lastWarp & 1) || launch.random.below(8) == 0)
      lastWarp =
          nthLane(readyWarps, launch.random.below(std::popcount(readyWarps)));
  } else if (!(readyWarps >> lastWarp & 1)) {
    // The next one in this direction, around the end.
    if (order == Order::Forward) {
      uint32_t behind = readyWarps & (kAllLanes << lastWarp);
      lastWarp = std::countr_zero(behind ? behind : readyWarps);
    } else {
      uint32_t before = readyWarps & ((1u << lastWarp) - 1);
      lastWarp = 31 - std::countl_zero(before ? before : readyWarps);
    }
  }
  warp = lastWarp;
  Lanes ready = warps[warp].ready;
  lane = order == Order::Forward ? std::countr_zero(ready)
         : order == Order::Reverse
             ? 31 - std::countl_zero(ready)
             : nthLane(ready, launch.random.below(std::popcount(ready)));
  warps[warp].ready &= ~(1u << lane);
  if (!warps[warp].ready)
    readyWarps &= ~(1u << warp);
  return true;
}

Fiber *Block::bind(Fiber *fiber, int warp, int lane) {
  fiber->thread = 32 * warp + lane;
  fiber->block = this;
  static_cast<ThreadPlace *>(fiber)->block = index;
  fiber->numThreads = launch.shape.threads;
  fiber->warp = warp;
  fiber->lane = lane;
  fiber->hasTriggered = fiber->hasWaited = false;
  fiber->site = {};
  warps[warp].fresh &= ~(1u << lane);
  warps[warp].fibers[lane] = fiber;
  return fiber;
}

/// The fiber of a thread that was picked.
Fiber *Block::start(int warp, int lane) {
  if (!(warps[warp].fresh >> lane & 1))
    return warps[warp].fibers[lane];
  Fiber *fiber = bind(static_cast<Fiber *>(launch.stacks->take()), warp, lane);
  if (!fiber->resume)
    fiber->resume = startOf(fiber, runThread);
  return fiber;
}

/// What a stack runs: thread after thread. One that returns hands its stack on
/// to a fresh thread, without a switch.
void Block::runThread() {
  Fiber *self = currentFiber();
  for (;;) {
    Block &block = *self->block;
    block.launch.kernel->call(block.launch.arguments);
    block.setReturned(self);
    int warp, lane;
    bool isAny = block.pick(warp, lane);
    if (isAny && block.warps[warp].fresh >> lane & 1) {
      block.bind(self, warp, lane);
      continue;
    }
    block.launch.stacks->give(self);
    switchFiber(&self->resume, isAny ? block.warps[warp].fibers[lane]->resume
                                     : block.scheduler);
  }
}

void Block::setReturned(Fiber *self) {
  Warp &warp = warps[self->warp];
  if (numAtBarrier)
    fail("returned while " + countThreads(numAtBarrier) +
             " of its block wait at sync_block",
         barrierSite);
  if (warp.atOp) {
    const Fiber &other = *warp.fibers[std::countr_zero(warp.atOp)];
    fail("returned while " + countThreads(std::popcount(warp.atOp)) +
             " of its warp wait at " + nameOf(other.op),
         other.site);
  }
  warp.returned |= 1u << self->lane;
  warp.fibers[self->lane] = nullptr;
  ++numReturned;
  ++launch.numEvents;
  launch.numTriggered += !self->hasTriggered;
}

void Block::run() {
  int warp, lane;
  if (pick(warp, lane))
    switchFiber(&scheduler, start(warp, lane)->resume);
}

/// Another thread runs, or run() returns, until this one is picked again.
void Block::leave(Fiber *self) {
  int warp, lane;
  if (!pick(warp, lane)) {
    switchFiber(&self->resume, scheduler);
    return;
  }
  Fiber *next = start(warp, lane);
  if (next != self)
    switchFiber(&self->resume, next->resume);
}

/// Where others have just become ready: any of them may be the first.
void Block::mayLeave(Fiber *self) {
  if (launch.options.order != Order::Seeded || launch.random.below(4))
    return;
  markReady(self->warp, 1u << self->lane);
  leave(self);
}

void Block::wake() {
  for (int w = 0; w < numWarps; ++w) {
    markReady(w, warps[w].spinning | warps[w].atWait);
    warps[w].spinning = warps[w].atWait = 0;
  }
  numSpinning = numAtWait = 0;
}

void Block::fail(const std::string &what, Site at) {
  Fiber *self = currentFiber();
  launch.error = std::string(launch.kernel->name) + ", block " +
                 std::to_string(index) + ": thread " +
                 std::to_string(self->thread) + " " +
                 (at.file ? print(what.c_str(), at) : what);
  switchFiber(&self->resume, scheduler);
  std::abort(); // nobody comes back
}

void Block::describe(std::vector<std::pair<std::string, int>> &places) const {
  auto add = [&](const std::string &place, int count) {
    auto it = std::find_if(places.begin(), places.end(),
                           [&](auto &p) { return p.first == place; });
    if (it == places.end())
      it = places.insert(it, {place, 0});
    it->second += count;
  };
  for (int w = 0; w < numWarps; ++w)
    for (int lane = 0; lane < 32; ++lane) {
      const Warp &warp = warps[w];
      const Fiber *fiber = warp.fibers[lane];
      if (!fiber)
        continue;
      Lanes bit = 1u << lane;
      const char *word = warp.atOp & bit        ? nameOf(fiber->op)
                         : warp.atBarrier & bit ? "sync_block"
                         : warp.atWait & bit    ? "wait_grid"
                         : warp.atCopies & bit  ? "mbarrier_wait"
                                                : "spin_pause";
      add("at " + print(word, fiber->site), 1);
    }
  if (numReturned)
    add("returned", numReturned);
}

//===----------------------------- Warps and blocks -------------------------===//

void Block::warpOp(WarpOp op, void *values, int argument, Site at) {
  Fiber *self = currentFiber();
  Warp &warp = warps[self->warp];
  if (warp.lanes != kAllLanes)
    fail("is in a warp of " + std::to_string(std::popcount(warp.lanes)) +
             " lanes at " + nameOf(op),
         at);
  if (warp.returned)
    fail("is at " + std::string(nameOf(op)) + ", but thread " +
             std::to_string(32 * self->warp + std::countr_zero(warp.returned)) +
             " of its warp has returned",
         at);
  self->site = at;
  self->op = op;
  self->values = values;
  self->argument = argument;
  warp.atOp |= 1u << self->lane;
  if (warp.atOp != kAllLanes)
    return leave(self);

  void *allValues[32];
  int allArguments[32];
  for (int lane = 0; lane < 32; ++lane) {
    const Fiber &other = *warp.fibers[lane];
    if (other.op != op || !isSame(other.site, at))
      fail("is at " + print(nameOf(op), at) + ", thread " +
               std::to_string(other.thread) + " of its warp at " +
               nameOf(other.op),
           other.site);
    allValues[lane] = other.values;
    allArguments[lane] = other.argument;
  }
  if (op == WarpOp::LoadMatrix)
    for (int lane = 0; lane < 8 * std::abs(argument); ++lane) {
      auto *operand = static_cast<const LoadMatrixOperand *>(allValues[lane]);
      expectShared(operand->row, 16, 16, "ldmatrix", at);
      access(operand->row, 16, Access::Read, false);
    }
  if (op == WarpOp::Sync && order)
    order->meetWarp(32 * self->warp);
  runWarpOp(op, allValues, allArguments);
  ++launch.numEvents;
  warp.atOp = 0;
  markReady(self->warp, kAllLanes & ~(1u << self->lane));
  mayLeave(self);
}

void Block::syncBlock(Site at) {
  Fiber *self = currentFiber();
  if (numReturned)
    fail("is at sync_block, but " + countThreads(numReturned) +
             " of the block returned",
         at);
  if (numAtBarrier == 0)
    barrierSite = at;
  else if (!isSame(at, barrierSite))
    fail("is at " + print("sync_block", at) + ", others of its block at " +
             "sync_block",
         barrierSite);
  self->site = at;
  Lanes bit = 1u << self->lane;
  if (++numAtBarrier < launch.shape.threads) {
    warps[self->warp].atBarrier |= bit;
    return leave(self);
  }
  for (int w = 0; w < numWarps; ++w) {
    markReady(w, warps[w].atBarrier);
    warps[w].atBarrier = 0;
  }
  numAtBarrier = 0;
  ++launch.numEvents;
  if (order)
    order->meet();
  mayLeave(self);
}

unsigned char *Block::sharedMemory(int bytes, Site at) {
  if (bytes < 1 || bytes > kMostSharedBytes)
    fail("asks for " + std::to_string(bytes) +
             " bytes of shared memory, of at most " +
             std::to_string(kMostSharedBytes),
         at);
  if (sharedBytes < 0) {
    sharedBytes = bytes;
    shared.assign(bytes + 2 * kGuardBytes + 128, 0xff);
    if (order)
      sharedCells.assign((bytes + 1) / 2, {});
  }
  if (sharedBytes != bytes)
    fail("asks for " + std::to_string(bytes) +
             " bytes of shared memory, another one for " +
             std::to_string(sharedBytes),
         at);
  return sharedBegin();
}

unsigned char *Block::sharedBegin() {
  if (shared.empty())
    return nullptr;
  auto address = reinterpret_cast<uintptr_t>(shared.data()) + kGuardBytes;
  return shared.data() + kGuardBytes + (-address & 127);
}

//===------------------------------ Other launches --------------------------===//

void Block::waitGrid(Site at) {
  Fiber *self = currentFiber();
  launch.numWaited += !self->hasWaited;
  self->hasWaited = true;
  self->site = at;
  while (!launch.gridIsReleased) {
    warps[self->warp].atWait |= 1u << self->lane;
    ++numAtWait;
    leave(self);
  }
  if (order)
    order->hasWaited[self->thread] = true;
}

void Block::triggerGrid() {
  Fiber *self = currentFiber();
  launch.numTriggered += !self->hasTriggered;
  self->hasTriggered = true;
  ++launch.numEvents;
}

void Block::spinPause(Site at) {
  Fiber *self = currentFiber();
  self->site = at;
  warps[self->warp].spinning |= 1u << self->lane;
  ++numSpinning;
  leave(self);
}

//===-------------------------------- Accesses ------------------------------===//

void Block::access(const void *p, size_t bytes, Access access, bool isAtomic,
                   bool isBulkCopy) {
  if (!order || bytes == 0)
    return;
  Fiber *self = isBulkCopy ? nullptr : currentFiber();
  uint32_t agent = self ? self->thread : order->copyAgent();
  order->lastWord = self ? self->site : Site{};
  const std::string *problem = nullptr;
  std::string text;
  auto offset =
      reinterpret_cast<intptr_t>(p) - reinterpret_cast<intptr_t>(sharedBegin());
  if (sharedBytes >= 0 && offset >= -kGuardBytes &&
      offset < sharedBytes + kGuardBytes) {
    if (offset >= 0 && offset + intptr_t(bytes) <= sharedBytes)
      return order->shadow.accessShared(*order, agent, sharedCells, offset,
                                        bytes, access);
    text = std::string(access == Access::Read ? "reads " : "writes ") +
           std::to_string(bytes) + " bytes at byte " + std::to_string(offset) +
           " of " + std::to_string(sharedBytes) + " of shared memory";
    problem = &text;
  } else {
    problem = order->shadow.access(*order, agent, p, bytes, access, isAtomic);
  }
  if (!problem)
    return;
  if (self)
    fail(*problem + order->describeLastWord(), {});
  launch.error = std::string(launch.kernel->name) + ", block " +
                 std::to_string(index) + ": a bulk copy " + *problem;
}

/// Where data is under way.
void Block::poison(void *to, int bytes) {
  std::memset(to, 0xff, bytes);
  if (order)
    for (int i = 0; i < bytes / 2; ++i)
      sharedCells[(static_cast<unsigned char *>(to) - sharedBegin()) / 2 + i]
          .write = {};
}

void Block::acquire(const void *p, int bytes, Scope scope, Site at) {
  if (!order)
    return;
  Fiber *self = currentFiber();
  self->site = at;
  access(p, bytes, Access::Read, true);
  const Shadow::Released &released = order->shadow.released(p);
  if (released.device == order->shadow.piece(order->piece).device ||
      (scope == Scope::System && released.scope == Scope::System))
    order->acquire(self->thread, released.seen);
}

void Block::release(void *p, int bytes, Scope scope, Site at) {
  ++launch.numEvents;
  if (!order)
    return;
  Fiber *self = currentFiber();
  self->site = at;
  access(p, bytes, Access::Write, true);
  Shadow::Released &released = order->shadow.released(p);
  Seen all = *order->release(self->thread);
  // What was released here before goes on with a read, change and write.
  if (released.seen)
    all.join(*released.seen);
  order->shadow.passOn(*order, self->thread, all);
  released = {std::make_shared<const Seen>(std::move(all)),
              order->shadow.piece(order->piece).device, scope};
}

//===-------------------------------- Copies --------------------------------===//

void Block::expectShared(const void *from, int bytes, int multiple,
                         const char *what, Site at) {
  auto address = reinterpret_cast<uintptr_t>(from),
       begin = reinterpret_cast<uintptr_t>(sharedBegin());
  if (sharedBytes < 0 || address < begin ||
      address + bytes > begin + sharedBytes)
    fail(std::string("gives ") + what + " an address outside of shared memory",
         at);
  if (address % multiple)
    fail(std::string("gives ") + what + " an address that is no multiple of " +
             std::to_string(multiple),
         at);
}

void Block::land(const Copy &copy) {
  bool isBulk = copy.barrier;
  access(copy.from, copy.bytes, Access::Read, false, isBulk);
  access(copy.to, copy.total, Access::Write, false, isBulk);
  std::memcpy(copy.to, copy.from, copy.bytes);
  std::memset(static_cast<char *>(copy.to) + copy.bytes, 0,
              copy.total - copy.bytes);
}

void Block::copyAsync(void *to, const void *from, int bytes, Site at) {
  expectShared(to, 16, 16, "cp_async16", at);
  if (reinterpret_cast<uintptr_t>(from) % 16)
    fail("gives cp_async16 an address that is no multiple of 16", at);
  Copy copy = {to, from, bytes, 16, nullptr};
  if (!launch.options.lateCopies)
    return land(copy);
  access(to, 16, Access::Write, false);
  poison(to, 16);
  copies.resize(launch.shape.threads);
  copies[currentFiber()->thread].open.push_back(copy);
}

void Block::commitCopies() {
  copies.resize(launch.shape.threads);
  Copies &mine = copies[currentFiber()->thread];
  mine.groups.push_back(std::move(mine.open));
  mine.open.clear();
}

void Block::waitCopies(int pending) {
  copies.resize(launch.shape.threads);
  Copies &mine = copies[currentFiber()->thread];
  for (; int(mine.groups.size()) > pending; mine.groups.pop_front())
    for (const Copy &copy : mine.groups.front())
      land(copy);
}

Block::Barrier &Block::findBarrier(unsigned long long *address, Site at) {
  for (Barrier &barrier : barriers)
    if (barrier.address == address)
      return barrier;
  fail("is at an mbarrier that was not initialised", at);
}

void Block::initBarrier(unsigned long long *address, int arrivals, Site at) {
  expectShared(address, 8, 8, "mbarrier_init", at);
  if (arrivals < 1)
    fail("initialises an mbarrier for " + std::to_string(arrivals) +
             " arrivals",
         at);
  std::erase_if(barriers,
                [&](const Barrier &b) { return b.address == address; });
  barriers.push_back({address, arrivals, arrivals, 0, 0});
}

void Block::completePhase(Barrier &barrier) {
  if (barrier.missing || barrier.bytes)
    return;
  barrier.parity ^= 1;
  if (order) {
    barrier.arrived = std::make_shared<const Seen>(barrier.arriving);
    barrier.arriving = {};
  }
  barrier.missing = barrier.arrivals;
  ++launch.numEvents;
  for (int w = 0; w < numWarps; ++w)
    for (Lanes lanes = warps[w].atCopies; lanes; lanes &= lanes - 1) {
      int lane = std::countr_zero(lanes);
      if (warps[w].fibers[lane]->barrier != barrier.address)
        continue;
      warps[w].atCopies &= ~(1u << lane);
      markReady(w, 1u << lane);
    }
}

void Block::arriveBarrier(unsigned long long *address, int bytes, Site at) {
  Barrier &barrier = findBarrier(address, at);
  if (barrier.missing == 0)
    fail("arrives at an mbarrier at which all " +
             std::to_string(barrier.arrivals) + " have arrived",
         at);
  barrier.bytes += bytes;
  --barrier.missing;
  if (order)
    barrier.arriving.join(*order->release(currentFiber()->thread));
  completePhase(barrier);
}

void Block::waitBarrier(unsigned long long *address, int parity, Site at) {
  Fiber *self = currentFiber();
  self->site = at;
  while (findBarrier(address, at).parity == parity) {
    self->barrier = address;
    warps[self->warp].atCopies |= 1u << self->lane;
    leave(self);
  }
  if (order)
    order->acquire(self->thread, findBarrier(address, at).arrived);
}

void Block::copyBulk(void *to, const void *from, int bytes,
                     unsigned long long *barrier, Site at) {
  if (bytes < 1 || bytes % 16)
    fail("copies " + std::to_string(bytes) +
             " bytes with cp_async_bulk, which does multiples of 16",
         at);
  expectShared(to, bytes, 16, "cp_async_bulk", at);
  if (reinterpret_cast<uintptr_t>(from) % 16)
    fail("gives cp_async_bulk an address that is no multiple of 16", at);
  findBarrier(barrier, at);
  Copy copy = {to, from, bytes, bytes, barrier};
  if (order)
    copy.issuer = order->release(currentFiber()->thread);
  bulkCopies.push_back(std::move(copy));
  if (launch.options.lateCopies)
    poison(to, bytes);
  else
    landCopy();
}

bool Block::landCopy() {
  if (bulkCopies.empty())
    return false;
  size_t i = launch.options.order == Order::Seeded
                 ? launch.random.below(bulkCopies.size())
                 : 0;
  Copy copy = bulkCopies[i];
  bulkCopies.erase(bulkCopies.begin() + i);
  if (order)
    order->copyKnows(copy.issuer);
  land(copy);
  for (Barrier &barrier : barriers)
    if (barrier.address == copy.barrier) {
      barrier.bytes -= copy.bytes;
      if (order)
        barrier.arriving.join(*order->release(order->copyAgent()));
      completePhase(barrier);
    }
  ++launch.numEvents;
  return true;
}
