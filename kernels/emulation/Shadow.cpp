//===- Shadow.cpp - Who wrote and read each byte, and what orders them ----===//
#include "kernels/emulation/Shadow.h"
#include "kernels/emulation/ThreadOrder.h"

#include <algorithm>
#include <cstring>

using namespace mm1::emulation;

/// The host, before all pieces.
static constexpr uint32_t kHostInstance = 1;

static Mark hostMark() { return {0, 3, kHostInstance, 0, 0}; }

Shadow::Shadow(Report report, uint32_t mostInstances)
    : report(std::move(report)), mostInstances(mostInstances) {
  pieces.push_back({"the host", {}, {}, {}}); // PieceId 0
  instances = {{0, 0}, {0, 0}};               // none, the host
  nextInstance = 2;
}
Shadow::~Shadow() = default;

std::string mm1::emulation::printSite(Site at) {
  const char *name = std::strrchr(at.file, '/');
  return std::string(name ? name + 1 : at.file) + ":" + std::to_string(at.line);
}

void Shadow::reportLine(const std::string &line) {
  ++numFindings;
  report(line);
}

//===---------------------------------- Memory ------------------------------===//

void Shadow::addRange(const void *begin, size_t bytes) {
  ranges.push_back({reinterpret_cast<uintptr_t>(begin), bytes});
}

bool Shadow::isInRange(uintptr_t at) const {
  return std::any_of(ranges.begin(), ranges.end(), [&](const Range &range) {
    return at - range.begin < range.bytes;
  });
}

void Shadow::addBlock(const void *begin, size_t bytes, bool isWritten) {
  auto at = reinterpret_cast<uintptr_t>(begin);
  Block block = {at, bytes, {}};
  block.pages.resize((bytes + kPageBytes - 1) / kPageBytes);
  if (isWritten)
    for (Page &page : block.pages)
      page.all.write = hostMark();
  if (!isInRange(at))
    addRange(begin, bytes);
  blocks.insert_or_assign(at, std::move(block));
  lastBlock = nullptr;
}

void Shadow::removeBlock(const void *begin) {
  blocks.erase(reinterpret_cast<uintptr_t>(begin));
  lastBlock = nullptr;
}

Shadow::Block *Shadow::find(uintptr_t at) {
  if (lastBlock && at - lastBlock->begin < lastBlock->bytes)
    return lastBlock;
  if (!isInRange(at))
    return nullptr;
  auto it = blocks.upper_bound(at);
  if (it == blocks.begin())
    return nullptr;
  Block &block = std::prev(it)->second;
  lastBlock = &block; // the nearest below, for the message too
  return at - block.begin < block.bytes ? &block : nullptr;
}

void Shadow::markWritten(const void *begin, size_t bytes) {
  access(0, begin, bytes, Access::Write);
}

//===---------------------------------- Pieces ------------------------------===//

PieceId Shadow::begin(Piece piece) {
  if (lastTicks.size() <= piece.moment.lane)
    lastTicks.resize(piece.moment.lane + 1);
  uint32_t &last = lastTicks[piece.moment.lane];
  last = std::max(last, piece.moment.tick);
  pieces.push_back(std::move(piece));
  return PieceId(pieces.size() - 1);
}

void Shadow::end(PieceId piece) {
  pieces[piece].start.clear();
  pieces[piece].waited.clear();
}

PieceId Shadow::beginBehindAll(std::string name) {
  LaneClock clock = lastTicks;
  uint32_t tick = clock.empty() ? 1 : clock[0] + 1;
  return begin({std::move(name), {0, tick}, clock, clock});
}

uint32_t Shadow::beginInstance(PieceId piece, int block) {
  if (nextInstance == mostInstances)
    forgetMarks();
  if (nextInstance == instances.size())
    instances.emplace_back();
  instances[nextInstance] = {piece, block};
  return nextInstance++;
}

/// There are no numbers left: who wrote what is forgotten, that it was is not.
void Shadow::forgetMarks() {
  auto forget = [](Cell &cell) {
    if (!cell.write.isNone())
      cell.write = hostMark();
    cell.reads[0] = cell.reads[1] = {};
  };
  for (auto &[begin, block] : blocks)
    for (Page &page : block.pages) {
      forget(page.all);
      for (size_t i = 0; page.cells && i < kPageCells; ++i)
        forget(page.cells[i]);
    }
  releases.clear();
  nextInstance = 2;
}

static bool includes(const LaneClock &clock, Moment moment) {
  return moment.tick == 0 ||
         (moment.lane < clock.size() && moment.tick <= clock[moment.lane]);
}

const LaneClock &Shadow::clockOf(const ThreadOrder &order,
                                 uint32_t agent) const {
  const Piece &mine = pieces[order.piece];
  return order.hasWaited[agent] ? mine.waited : mine.start;
}

/// Whether what the mark says happened is behind the agent.
bool Shadow::isBehind(const Mark &mark, const ThreadOrder &order,
                      uint32_t agent) const {
  if (mark.isNone() || mark.instance == kHostInstance || order.piece == 0 ||
      order.isBehind(mark, agent))
    return true;
  PieceId other = instances[mark.instance].piece;
  if (other == order.piece)
    return false;
  const LaneClock *acquired = order.acquiredPieces(agent);
  return includes(clockOf(order, agent), pieces[other].moment) ||
         (acquired && includes(*acquired, pieces[other].moment));
}

void Shadow::passOn(const ThreadOrder &order, uint32_t agent, Seen &all) const {
  all.join(clockOf(order, agent));
  std::erase_if(all.blocks, [&](const auto &entry) {
    PieceId piece = instances[entry.first].piece;
    return piece != order.piece && includes(all.pieces, pieces[piece].moment);
  });
}

//===--------------------------------- Accesses -----------------------------===//

void Shadow::check(Cell &cell, Mark mine, Access access, ThreadOrder &order,
                   uint32_t agent, const char *&what, Mark &other) {
  auto conflicts = [&](const Mark &mark) {
    return !mark.isNone() && (mark.bytes & mine.bytes) &&
           !(mark.isAtomic && mine.isAtomic) && !isBehind(mark, order, agent);
  };
  if (access == Access::Read) {
    if (cell.write.isNone()) {
      what = "reads what nobody wrote";
      cell.write = hostMark(); // once is enough
    } else if (conflicts(cell.write)) {
      what = "reads what was written at the same time";
      other = cell.write;
    }
    Mark *reads = cell.reads;
    if (!reads[0].isNone() && !isBehind(reads[0], order, agent))
      std::swap(reads[0], reads[1]);
    if (!reads[0].isNone() && !isBehind(reads[0], order, agent))
      std::swap(reads[0], reads[1]);
    reads[0] = mine;
    return;
  }
  if (conflicts(cell.write)) {
    what = "writes what was written at the same time";
    other = cell.write;
  }
  for (Mark &read : cell.reads) {
    if (conflicts(read)) {
      what = "writes what was read at the same time";
      other = read;
    }
    read = {};
  }
  cell.write = mine;
}

std::string Shadow::who(Mark mark, Mark seenFrom) const {
  const Instance &at = instances[mark.instance],
                 &from = instances[seenFrom.instance];
  std::string text;
  if (mark.instance == kHostInstance)
    return "the host";
  if (mark.stamp == 0) // a piece without threads
    return "'" + pieces[at.piece].name + "'";
  text = "thread " + std::to_string(mark.agent);
  if (at.piece != from.piece || at.block != from.block)
    text += " of block " + std::to_string(at.block);
  if (at.piece != from.piece)
    text += " of '" + pieces[at.piece].name + "'";
  return text;
}

void Shadow::reportRace(const char *what, Mark mine, Mark other, size_t bytes,
                        const std::string &where, ThreadOrder &order) {
  const Piece &piece = pieces[order.piece];
  std::string line = piece.name;
  if (mine.stamp != 0)
    line += ", block " + std::to_string(order.block) + ": " +
            (mine.agent == order.copyAgent()
                 ? std::string("a bulk copy")
                 : "thread " + std::to_string(mine.agent));
  line += " " + std::string(what);
  if (!other.isNone())
    line += " by " + who(other, mine);
  line += ": " + std::to_string(bytes) + " bytes, " + where;
  PieceId otherPiece = instances[other.instance].piece;
  if (!other.isNone() && otherPiece != order.piece &&
      includes(piece.waited, pieces[otherPiece].moment))
    line += "; the thread is before its wait_grid";
  else if (!other.isNone() && otherPiece != order.piece)
    line += "; nothing orders the two";
  // A bug shows in many places at once; three of them will do.
  ++numFindings;
  if (sameFindings[{order.piece, otherPiece, what}]++ < 3)
    report(line + order.describeLastWord());
}

const std::string *Shadow::access(ThreadOrder &order, uint32_t agent,
                                  const void *p, size_t bytes, Access access,
                                  bool isAtomic) {
  auto at = reinterpret_cast<uintptr_t>(p);
  Block *block = find(at);
  if (!block || at + bytes > block->begin + block->bytes) {
    if (!block && !isInRange(at))
      return nullptr;
    problem = access == Access::Read ? "reads " : "writes ";
    problem += std::to_string(bytes) + " bytes out of bounds";
    if (lastBlock && at >= lastBlock->begin)
      problem += ", at byte " + std::to_string(at - lastBlock->begin) +
                 " of a block of " + std::to_string(lastBlock->bytes);
    return &problem;
  }
  size_t offset = at - block->begin;
  Mark mine = order.mark(agent, isAtomic);
  const char *what = nullptr;
  Mark other = {};
  for (size_t i = offset / 2; i <= (offset + bytes - 1) / 2; ++i) {
    Page &page = block->pages[i / kPageCells];
    if (!page.cells) {
      page.cells = std::make_unique<Cell[]>(kPageCells);
      std::fill_n(page.cells.get(), kPageCells, page.all);
    }
    mine.bytes =
        (2 * i >= offset ? 1 : 0) | (2 * i + 1 < offset + bytes ? 2 : 0);
    check(page.cells[i % kPageCells], mine, access, order, agent, what, other);
  }
  if (what)
    reportRace(what, mine, other, bytes,
               "at byte " + std::to_string(offset) + " of a block of " +
                   std::to_string(block->bytes),
               order);
  return nullptr;
}

void Shadow::accessShared(ThreadOrder &order, uint32_t agent,
                          std::vector<Cell> &cells, size_t offset, size_t bytes,
                          Access access) {
  Mark mine = order.mark(agent, false);
  const char *what = nullptr;
  Mark other = {};
  for (size_t i = offset / 2; i <= (offset + bytes - 1) / 2; ++i) {
    mine.bytes =
        (2 * i >= offset ? 1 : 0) | (2 * i + 1 < offset + bytes ? 2 : 0);
    check(cells[i], mine, access, order, agent, what, other);
  }
  if (what)
    reportRace(what, mine, other, bytes,
               "at byte " + std::to_string(offset) + " of shared memory",
               order);
}

void Shadow::access(PieceId piece, const void *p, size_t bytes, Access access) {
  if (bytes == 0)
    return;
  auto at = reinterpret_cast<uintptr_t>(p);
  Block *block = find(at);
  if (!block && !isInRange(at))
    return;
  ThreadOrder order(*this, piece, 0, 0);
  // As a mark: an agent at stamp 0. It waits for nothing.
  Mark mine = piece == 0 ? hostMark() : order.mark(0, false);
  mine.stamp = 0;
  auto where = [&](size_t offset) {
    return "at byte " + std::to_string(offset) + " of a block of " +
           std::to_string(lastBlock->bytes);
  };
  if (!block || at + bytes > block->begin + block->bytes) {
    reportLine(pieces[piece].name +
               (access == Access::Read ? " reads " : " writes ") +
               std::to_string(bytes) + " bytes out of bounds" +
               (lastBlock ? ", " + where(at - lastBlock->begin) : ""));
    return;
  }
  size_t offset = at - block->begin, end = offset + bytes;
  const char *what = nullptr;
  Mark other = {};
  for (size_t i = offset / 2; i <= (end - 1) / 2;) {
    Page &page = block->pages[i / kPageCells];
    size_t pageEnd = (i / kPageCells + 1) * kPageCells;
    bool isWhole =
        i % kPageCells == 0 && (end / 2 >= pageEnd || end == block->bytes);
    mine.bytes = 3;
    if (isWhole && !page.cells) {
      check(page.all, mine, access, order, 0, what, other);
      i = pageEnd;
      continue;
    }
    if (!page.cells) {
      page.cells = std::make_unique<Cell[]>(kPageCells);
      std::fill_n(page.cells.get(), kPageCells, page.all);
    }
    for (; i < pageEnd && i <= (end - 1) / 2; ++i) {
      mine.bytes = (2 * i >= offset ? 1 : 0) | (2 * i + 1 < end ? 2 : 0);
      check(page.cells[i % kPageCells], mine, access, order, 0, what, other);
    }
    if (isWhole && access == Access::Write) {
      page.all = {};
      page.all.write = mine;
      page.cells.reset();
    }
  }
  if (what)
    reportRace(what, mine, other, bytes, where(offset), order);
}
