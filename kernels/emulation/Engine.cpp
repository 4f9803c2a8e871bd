//===- Engine.cpp - Runs kernels of host modules on a CPU -----------------===//
#include "kernels/emulation/Engine.h"
#include "kernels/emulation/Block.h"

#include <algorithm>
#include <cstring>
#include <dlfcn.h>

using namespace mm1;
using namespace mm1::emulation;

//===-------------------------- What threads call ---------------------------===//

namespace {

Block &block() { return *currentFiber()->block; }

unsigned long long loadAcquire(const void *p, int bytes, Scope scope, Site at) {
  block().acquire(p, bytes, scope, at);
  return bytes == 4 ? __atomic_load_n(static_cast<const uint32_t *>(p),
                                      __ATOMIC_ACQUIRE)
                    : __atomic_load_n(static_cast<const uint64_t *>(p),
                                      __ATOMIC_ACQUIRE);
}

void storeRelease(void *p, unsigned long long value, int bytes, Scope scope,
                  Site at) {
  block().release(p, bytes, scope, at);
  if (bytes == 4)
    __atomic_store_n(static_cast<uint32_t *>(p), uint32_t(value),
                     __ATOMIC_RELEASE);
  else
    __atomic_store_n(static_cast<uint64_t *>(p), value, __ATOMIC_RELEASE);
}

int atomicAdd(int *p, int value, Site at) {
  block().acquire(p, 4, Scope::Gpu, at);
  block().release(p, 4, Scope::Gpu, at);
  return __atomic_fetch_add(p, value, __ATOMIC_ACQ_REL);
}

void access(const void *p, unsigned long bytes, Access access, const void *) {
  // Most accesses are to the thread's own stack.
  Fiber *self = currentFiber();
  auto at = reinterpret_cast<uintptr_t>(p),
       own = reinterpret_cast<uintptr_t>(self);
  if ((at ^ own) >= kStackBytes)
    self->block->access(p, bytes, access, false);
}

constexpr EngineFunctions kFunctions = {
    .version = kHostModuleVersion,
    .warpOp = [](WarpOp op, void *values, int argument,
                 Site at) { block().warpOp(op, values, argument, at); },
    .syncBlock = [](Site at) { block().syncBlock(at); },
    .sharedMemory = [](int bytes,
                       Site at) { return block().sharedMemory(bytes, at); },
    .waitGrid = [](Site at) { block().waitGrid(at); },
    .triggerGrid = [](Site) { block().triggerGrid(); },
    .spinPause = [](Site at) { block().spinPause(at); },
    .fence = [](Scope, Site) {},
    .loadAcquire = loadAcquire,
    .storeRelease = storeRelease,
    .atomicAdd = atomicAdd,
    .copyAsync = [](void *to, const void *from, int bytes,
                    Site at) { block().copyAsync(to, from, bytes, at); },
    .commitCopies = [](Site) { block().commitCopies(); },
    .waitCopies = [](int pending, Site) { block().waitCopies(pending); },
    .initBarrier = [](unsigned long long *barrier, int arrivals,
                      Site at) { block().initBarrier(barrier, arrivals, at); },
    .arriveBarrier = [](unsigned long long *barrier, int bytes,
                        Site at) { block().arriveBarrier(barrier, bytes, at); },
    .waitBarrier = [](unsigned long long *barrier, int parity,
                      Site at) { block().waitBarrier(barrier, parity, at); },
    .copyBulk = [](void *to, const void *from, int bytes,
                   unsigned long long *barrier,
                   Site at) { block().copyBulk(to, from, bytes, barrier, at); },
    .access = access,
    .fail = [](const char *what, Site at) { block().fail(what, at); },
};

} // namespace

//===--------------------------------- Modules ------------------------------===//

Expected<ModuleFile> ModuleFile::open(const std::string &path) {
  void *handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle)
    return inputError(path + ": cannot be loaded: " + dlerror());
  std::shared_ptr<void> library(handle, [](void *h) { dlclose(h); });
  auto openModule =
      reinterpret_cast<OpenHostModule>(dlsym(handle, kOpenHostModule));
  if (!openModule)
    return inputError(path + ": is no host module: it has no '" +
                      kOpenHostModule + "'; a program includes dp/dp.h");
  const HostModule *module = openModule(&kFunctions);
  if (module->version != kHostModuleVersion)
    return inputError(path + ": is a host module of version " +
                      std::to_string(module->version) + ", wanted " +
                      std::to_string(kHostModuleVersion) + "; build it again");
  return ModuleFile(std::move(library), module);
}

const Kernel *ModuleFile::find(std::string_view name) const {
  const Kernel *it = std::find_if(
      begin(), end(), [&](const Kernel &k) { return name == k.name; });
  return it == end() ? nullptr : it;
}

//===--------------------------------- Launches -----------------------------===//

struct Launch::State {
  LaunchContext context;
  std::vector<unsigned char> values; // of the parameters
  std::vector<const void *> arguments;
  int numStarted = 0;                         // blocks
  std::vector<std::unique_ptr<Block>> blocks; // in flight

  int nextBlock() const {
    return context.options.order == Order::Reverse
               ? context.shape.blocks - 1 - numStarted
               : numStarted;
  }
};

Launch::Launch(std::unique_ptr<State> state) : state(std::move(state)) {}
Launch::~Launch() = default;

Progress Launch::advance() {
  State &s = *state;
  LaunchContext &context = s.context;
  if (!context.error.empty())
    return Progress::Failed;
  for (;;) {
    if (s.blocks.empty()) {
      if (s.numStarted == context.shape.blocks)
        return Progress::Ended;
      s.blocks.push_back(std::make_unique<Block>(context, s.nextBlock()));
      ++s.numStarted;
    }
    uint64_t before = context.numEvents;
    bool waits = false, spins = false;
    for (std::unique_ptr<Block> &block : s.blocks) {
      if (block->spins())
        block->wake();
      do
        block->run();
      while (context.error.empty() && !block->hasEnded() && block->landCopy());
      if (!context.error.empty())
        return Progress::Failed;
      waits |= block->waitsForGrid();
      spins |= block->spins();
      if (!block->hasEnded() && !block->waitsForGrid() && !block->spins()) {
        context.error =
            std::string(context.kernel->name) + ": deadlock: " + describe();
        return Progress::Failed;
      }
    }
    std::erase_if(s.blocks, [](auto &block) { return block->hasEnded(); });
    if (context.numEvents != before)
      continue;
    if (waits)
      return Progress::Waits;
    // All in flight spin. Perhaps on a block that has not started.
    if (spins && s.numStarted < context.shape.blocks &&
        int(s.blocks.size()) < context.options.residentBlocks) {
      s.blocks.push_back(std::make_unique<Block>(context, s.nextBlock()));
      ++s.numStarted;
      continue;
    }
    if (spins)
      return Progress::Spins;
  }
}

void Launch::releaseGrid() {
  state->context.gridIsReleased = true;
  for (std::unique_ptr<Block> &block : state->blocks)
    block->wake();
}

static uint64_t numThreads(const LaunchShape &shape) {
  return uint64_t(shape.blocks) * shape.threads;
}
bool Launch::hasTriggered() const {
  return state->context.numTriggered == numThreads(state->context.shape);
}
bool Launch::hasWaited() const {
  return state->context.numWaited == numThreads(state->context.shape);
}
uint64_t Launch::numEvents() const { return state->context.numEvents; }
const std::string &Launch::error() const { return state->context.error; }

std::string Launch::describe() const {
  std::vector<std::pair<std::string, int>> places;
  for (const std::unique_ptr<Block> &block : state->blocks)
    block->describe(places);
  std::string text;
  for (const auto &[place, count] : places)
    text += (text.empty() ? "[" : " [") + std::to_string(count) +
            (count == 1 ? " thread " : " threads ") + place + "]";
  return text;
}

//===---------------------------------- Engine ------------------------------===//

struct Engine::State {
  EngineOptions options;
  StackPool stacks;
  uint64_t numLaunches = 0;
};

Engine::Engine(EngineOptions options)
    : state(std::make_unique<State>(options)) {}
Engine::~Engine() = default;

std::unique_ptr<Launch> Engine::start(const Kernel &kernel, LaunchShape shape,
                                      const void *const *arguments) {
  auto launch = std::make_unique<Launch::State>();
  launch->context.kernel = &kernel;
  launch->context.shape = shape;
  launch->context.options = state->options;
  launch->context.stacks = &state->stacks;
  launch->context.random = Random(state->options.seed + state->numLaunches++);
  launch->context.gridIsReleased = !shape.startsEarly;
  if (Shadow *shadow = state->options.shadow; shadow && !shape.piece)
    launch->context.shape.piece = shadow->beginBehindAll(kernel.name);
  // Every value at a multiple of 16 bytes of its own.
  size_t bytes = 0;
  auto place = [&](int i) {
    size_t at = bytes;
    bytes += (kernel.parameterBytes[i] + 15) / 16 * 16;
    return at;
  };
  std::vector<size_t> places(kernel.numParameters);
  for (int i = 0; i < kernel.numParameters; ++i)
    places[i] = place(i);
  launch->values.resize(bytes);
  for (int i = 0; i < kernel.numParameters; ++i) {
    std::memcpy(launch->values.data() + places[i], arguments[i],
                kernel.parameterBytes[i]);
    launch->arguments.push_back(launch->values.data() + places[i]);
  }
  launch->context.arguments = launch->arguments.data();
  if (shape.threads < 1 || shape.threads > kernel.threads || shape.blocks < 1)
    launch->context.error =
        std::string(kernel.name) + ": launched with " +
        std::to_string(shape.blocks) + " blocks of " +
        std::to_string(shape.threads) + " threads; it is for at most " +
        std::to_string(kernel.threads) + " threads, and at least one block";
  return std::unique_ptr<Launch>(new Launch(std::move(launch)));
}

std::string Engine::run(const Kernel &kernel, LaunchShape shape,
                        const void *const *arguments) {
  std::unique_ptr<Launch> launch = start(kernel, shape, arguments);
  launch->releaseGrid();
  Progress progress = launch->advance();
  if (progress == Progress::Spins)
    return std::string(kernel.name) +
           ": all threads spin on what nobody writes: " + launch->describe();
  return launch->error();
}
