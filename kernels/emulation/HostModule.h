//===- HostModule.h - What kernels on a CPU and their engine say ----------===//
// The text of a CUDA program compiled by a host compiler is a *host module*: a
// shared library that needs nothing but libm, knows no thread and no scheduler,
// and exports one symbol:
//
//   const HostModule *mm1_open_host_module(const EngineFunctions *);
//
// Whoever opens it hands in the engine's functions and gets the kernels.
// kernels/dp/host.h writes the module's half, Engine.h is the other one.
//
//   clang++ -x c++ -std=c++20 -O2 -ffp-contract=off -fPIC -shared
//       -I kernels program.cu -o program.so
//
// With -fsanitize=thread the compiler calls a function at every access to
// memory; host.h defines those functions (libtsan is not linked) and hands them
// to EngineFunctions::access: so a *checked* module is made of the same text.
//
// Everything here is seen by every module, so no standard header is included.
//===----------------------------------------------------------------------===//
#pragma once

namespace mm1::emulation {

/// Raised whenever anything in this file changes.
inline constexpr int kHostModuleVersion = 2;

/// A place in a kernel's text: what reports name.
struct Site {
  const char *file;
  int line;

  /// Of the call, as a default argument.
  static constexpr Site here(const char *file = __builtin_FILE(),
                             int line = __builtin_LINE()) {
    return {file, line};
  }
};

//===------------------------------ Who am I --------------------------------===//

/// What a thread of a kernel knows of itself.
struct ThreadPlace {
  int thread, block, numThreads;
};

/// Every thread has a stack of its own, aligned to its size, and its place (and
/// what else the engine keeps of it) stands in the stack's last page. So a
/// thread finds itself by its stack pointer, without thread-local variables:
/// that is quick, and holds for any number of engines. The place moves by 128
/// bytes from stack to stack, so that they do not fight for a cache set.
inline constexpr unsigned long kStackBytes = 128 << 10, kPlacePage = 4096,
                               kPlaceStep = 128;

/// Only to be called on the stack of a thread.
__attribute__((always_inline)) inline ThreadPlace *currentPlace() {
  auto at = reinterpret_cast<unsigned long>(__builtin_frame_address(0));
  unsigned long stack = at / kStackBytes;
  return reinterpret_cast<ThreadPlace *>(
      (stack + 1) * kStackBytes - kPlacePage +
      stack % (kPlacePage / kPlaceStep) * kPlaceStep);
}

//===---------------------------- What a thread asks ------------------------===//

/// An operation of a whole warp: all 32 lanes come to it, then all go on. The
/// comment says what `values` and `argument` of a lane are; results overwrite
/// the values.
enum class WarpOp : int {
  Sync,         ///< none; the only one that orders memory
  Shuffle,      ///< a word; the lane to take it from
  ShuffleXor,   ///< a word; the bits in which the other lane's number differs
  Sum,          ///< floats; their number. In the order of dp::warp_sum
  Max,          ///< one float
  Ballot,       ///< a word; becomes a bit for each lane whose word was not 0
  LoadMatrix,   ///< LoadMatrixOperand; the number of matrices, negative when
                ///< they are to be transposed
  MoveMatrix,   ///< a word: a row's two elements of an 8 x 8 matrix of 16 bits
  MultiplyBf16, ///< MultiplyOperand
};

/// A lane of ldmatrix.
struct LoadMatrixOperand {
  const void *row; ///< 16 bytes in shared memory
  unsigned *words; ///< one a matrix
};

/// A lane of mma.sync.m16n8k16 with bf16 operands: d += a b.
struct MultiplyOperand {
  float *d;          ///< 4
  const unsigned *a; ///< 4
  const unsigned *b; ///< 2
};

/// Whom an acquire, a release or a fence speaks to.
enum class Scope : int { Gpu, System };

enum class Access : int { Read, Write };

struct EngineFunctions {
  int version; ///< kHostModuleVersion

  void (*warpOp)(WarpOp op, void *values, int argument, Site);
  void (*syncBlock)(Site);
  /// The block's shared memory: `bytes`, the same in all threads.
  unsigned char *(*sharedMemory)(int bytes, Site);
  void (*waitGrid)(Site);
  void (*triggerGrid)(Site);
  /// In a loop that waits for what another block or another GPU writes.
  void (*spinPause)(Site);

  void (*fence)(Scope, Site);
  /// 4 or 8 bytes.
  unsigned long long (*loadAcquire)(const void *, int bytes, Scope, Site);
  void (*storeRelease)(void *, unsigned long long value, int bytes, Scope,
                       Site);
  int (*atomicAdd)(int *, int value, Site);

  /// cp.async of 16 bytes; `bytes` of them (0 or 16) are read, zeros follow.
  void (*copyAsync)(void *to, const void *from, int bytes, Site);
  void (*commitCopies)(Site);
  /// Until at most `pending` of the thread's last groups are under way.
  void (*waitCopies)(int pending, Site);

  void (*initBarrier)(unsigned long long *barrier, int arrivals, Site);
  /// Arrives, and announces `bytes` that copies will bring.
  void (*arriveBarrier)(unsigned long long *barrier, int bytes, Site);
  /// Until the phase of this parity is over.
  void (*waitBarrier)(unsigned long long *barrier, int parity, Site);
  /// cp.async.bulk to shared memory, which the barrier counts.
  void (*copyBulk)(void *to, const void *from, int bytes,
                   unsigned long long *barrier, Site);

  /// Before every access of a checked module.
  void (*access)(const void *, unsigned long bytes, Access, const void *pc);
  /// Ends the launch: what a GPU would fault at.
  void (*fail)(const char *what, Site);
};

//===----------------------------- What a module has ------------------------===//

struct Kernel {
  const char *name;
  /// Runs the kernel as the current thread; arguments[i] is the address of the
  /// i-th parameter's value.
  void (*call)(const void *const *arguments);
  bool isChecked; ///< tells of its accesses
  int threads;    ///< of a block, at most
  int numParameters;
  const int *parameterBytes;
};

struct HostModule {
  int version; ///< kHostModuleVersion
  const Kernel *kernels, *endKernels;
};

using OpenHostModule = const HostModule *(*)(const EngineFunctions *);
inline constexpr const char *kOpenHostModule = "mm1_open_host_module";

} // namespace mm1::emulation
