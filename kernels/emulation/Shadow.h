//===- Shadow.h - Who wrote and read each byte, and what orders them ------===//
// A checked module (HostModule.h) tells of every access. The shadow of memory
// remembers, for every two bytes, who wrote them last and two who have read
// them since, and names what a GPU would not notice:
//
//   race           two accesses, one of them a write, and nothing between them
//                  that orders one behind the other
//   uninitialised  a read of what nobody wrote
//   bounds         an address in device or shared memory, but in no block of it
//
// Order has two levels, and one shadow serves both:
//
//   pieces of work  kernels and copies, ordered by streams, events and graphs.
//                   A piece is a Moment, the tick-th of its lane, and comes
//                   with a clock that says for each lane how far it had come.
//   threads         of one kernel, ordered by barriers, sync_warp, mbarriers,
//                   acquire and release (ThreadOrder.h).
//
//   Shadow shadow([](const std::string &line) { std::puts(line.c_str()); });
//   shadow.addBlock(x, 4096, /*isWritten=*/false);
//   PieceId copy = shadow.begin({.name = "copy", .moment = {1, 1}});
//   shadow.access(copy, x, 4096, Access::Write);
//   LaneClock clock = {0, 1};
//   PieceId f = shadow.begin({"f", {1, 2}, clock, clock});
//   engine.start(kernel, {.blocks = 4, .threads = 128, .piece = f}, arguments);
//                              // may read x: lane 1 had come to tick 1
//
// The idea: vector clocks (Mattern, 1989), and keeping the last accesses only
// (Flanagan and Freund, FastTrack, 2009). A third reader can push one out, so
// tests go through several orders.
//===----------------------------------------------------------------------===//
#pragma once

#include "kernels/emulation/HostModule.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

namespace mm1::emulation {

class ThreadOrder;
struct Seen;

/// The tick-th piece of work of a lane; tick 0 is before all of them.
struct Moment {
  uint32_t lane = 0, tick = 0;
};
/// By lane: the last tick that has ended.
using LaneClock = std::vector<uint32_t>;

/// "k.cu:12", without folders.
std::string printSite(Site at);

/// A kernel, a copy, a fill.
struct Piece {
  std::string name; ///< in reports
  Moment moment;
  LaneClock start;  ///< what has ended when it starts
  LaneClock waited; ///< what has ended for a thread behind its wait_grid
  int device = 0;   ///< Scope::Gpu orders the threads of one device only
};
using PieceId = uint32_t;

/// An access that the shadow remembers: who (a thread of a block of a piece),
/// when (ThreadOrder's stamp), which of two bytes, and whether it was atomic.
struct Mark {
  uint64_t isAtomic : 1, bytes : 2, instance : 23, agent : 11, stamp : 27;

  bool isNone() const { return instance == 0; }
};

class Shadow {
public:
  using Report = std::function<void(const std::string &)>;

  /// \param report  told each finding, in a line
  /// \param mostInstances  so many blocks are told apart; then who wrote what
  ///                       is forgotten once (for tests, to have it soon)
  explicit Shadow(Report report, uint32_t mostInstances = kMostInstances);
  ~Shadow();
  Shadow(const Shadow &) = delete;

  //===----------------------------- Memory -------------------------------===//

  /// All addresses that device memory may have. An access in there, but not in
  /// a block, is out of bounds; one elsewhere is nobody's concern.
  void addRange(const void *begin, size_t bytes);
  /// A block of device memory, a range of its own when it is in none. What is
  /// written already belongs to the host, and is before all pieces.
  void addBlock(const void *begin, size_t bytes, bool isWritten);
  /// Takes a block away; what lies there is out of bounds from now on.
  void removeBlock(const void *begin);
  /// The host wrote here, before all pieces to come.
  void markWritten(const void *begin, size_t bytes);

  //===----------------------------- Pieces -------------------------------===//

  PieceId begin(Piece piece);
  /// The piece makes no more accesses: its clocks are not needed any more.
  void end(PieceId piece);
  /// A piece behind all others.
  PieceId beginBehindAll(std::string name);
  /// The clock at which all pieces so far have ended.
  const LaneClock &everything() const { return lastTicks; }

  /// An access of a piece that is no kernel.
  void access(PieceId piece, const void *p, size_t bytes, Access access);

  /// How many findings there were; of those that are alike three are reported.
  size_t numReports() const { return numFindings; }

  //===------------------- For the threads of a kernel --------------------===//

  /// A block of a launch gets a number of its own.
  uint32_t beginInstance(PieceId piece, int block);

  /// An access of a thread to device memory.
  /// \returns what is wrong with the address, or null
  const std::string *access(ThreadOrder &order, uint32_t agent, const void *p,
                            size_t bytes, Access access, bool isAtomic);

  /// The same for shared memory, whose cells are the block's.
  struct Cell {
    Mark write = {}, reads[2] = {};
  };
  void accessShared(ThreadOrder &order, uint32_t agent,
                    std::vector<Cell> &cells, size_t offset, size_t bytes,
                    Access access);

  /// What a release to this address has shown to who acquires it.
  struct Released {
    std::shared_ptr<const Seen> seen;
    int device;
    Scope scope;
  };
  Released &released(const void *p) { return releases[p]; }
  /// What the thread passes on with a release: `all`, less what is behind it as
  /// a whole, which its clock says.
  void passOn(const ThreadOrder &order, uint32_t agent, Seen &all) const;
  const Piece &piece(PieceId id) const { return pieces[id]; }
  PieceId pieceOf(uint32_t instance) const { return instances[instance].piece; }

private:
  static constexpr uint32_t kMostInstances = 1u << 23; ///< as Mark holds
  static constexpr size_t kPageBytes = 4096, kPageCells = kPageBytes / 2;
  /// All cells of a page are equal until one is used alone.
  struct Page {
    Cell all;
    std::unique_ptr<Cell[]> cells;
  };
  struct Block {
    uintptr_t begin;
    size_t bytes;
    std::vector<Page> pages;
  };
  struct Instance {
    PieceId piece;
    int block;
  };
  struct Range {
    uintptr_t begin;
    size_t bytes;
  };

  void reportLine(const std::string &line);
  Block *find(uintptr_t at);
  bool isInRange(uintptr_t at) const;
  bool isBehind(const Mark &mark, const ThreadOrder &order,
                uint32_t agent) const;
  const LaneClock &clockOf(const ThreadOrder &order, uint32_t agent) const;
  void check(Cell &cell, Mark mine, Access access, ThreadOrder &order,
             uint32_t agent, const char *&what, Mark &other);
  void reportRace(const char *what, Mark mine, Mark other, size_t bytes,
                  const std::string &where, ThreadOrder &order);
  std::string who(Mark mark, Mark seenFrom) const;
  void forgetMarks();

  Report report;
  size_t numFindings = 0;
  /// How often a piece did this with what another one did.
  std::map<std::tuple<PieceId, PieceId, const char *>, size_t> sameFindings;
  std::vector<Range> ranges;
  std::map<uintptr_t, Block> blocks;
  Block *lastBlock = nullptr;
  std::string problem;
  std::vector<Piece> pieces;
  std::vector<Instance> instances; ///< a ring; numbers of old ones come again
  uint32_t nextInstance, mostInstances;
  LaneClock lastTicks;
  std::map<const void *, Released> releases;
};

} // namespace mm1::emulation
